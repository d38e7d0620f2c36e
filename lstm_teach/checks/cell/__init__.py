"""Is this an LSTM cell, and if not, what went wrong?

One engine for functions and modules: a function is a module whose four weights are known. Read
`equations` (a wrong cell is a table of parts with a part changed) and `mistakes.txt` (those parts,
and all words), `reading` (how a step is called, and what can be read off it), `sources` (near zero:
which block of which parameter), `judge` (far from zero: which equations; the verdict), `check`
(what was given).
"""

from lstm_teach.checks.cell.check import check_cell

__all__ = ["check_cell"]
