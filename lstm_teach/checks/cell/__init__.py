"""Is this an LSTM cell, and if not, what went wrong?

A function is given random weights, and what it returns is held against the equations, and
where it differs, against every known mistake. An nn.Module has weights of its own, laid out as
it likes. So its parameters are redrawn, and f, i, g and o are read off its behaviour alone.

Read `check` (what was given), then for a function `equations` (as a table of parts), `mistakes`
and `ways` (the parts that each changes), `function` (the verdict). For a module `reading` (how a
gate is read, with the fits of `fit`), `findings` and `anatomy` (what it says), `kinds` (other
kinds of cell), `parameters` (which parameter feeds which gate), `module` (the verdict). `calls`
and `returned` run the learner's code, `subject` makes a module to try.
"""

from lstm_teach.checks.cell.check import check_cell

__all__ = ["check_cell"]
