"""Is this an LSTM cell, and if not, what went wrong?

One engine for functions and modules: a function is a module whose four weights are known. Read
`equations` (a wrong cell is a table of parts with a part changed), `mistakes` (the catalogue: those
parts, and all words), `step` (how a step is called), `reading` (what can be read off it), `forms`
(far from zero: which equations), `sources` (near zero: which rows of which parameter), `judge` (the
verdict), `check` (what was given).

    judge(Eye(step, weights, (input_size, hidden_size)), few, own)   # few: x, h, c of 3 samples

judges whatever a `Step` can call, also what stands in a whole LSTM: `step` gives (h, c), `weights`
are what it owns, in place, and `own` their values under the same names as the learner left them.
Its Report's `lstm` is an nn.LSTM with those, where the step is right.
"""

from lstm_teach.checks.cell.check import check_cell

__all__ = ["check_cell"]
