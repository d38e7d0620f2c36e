"""Is this a stack of LSTM cells, and if not, what went wrong?

The learner's function is run on stacks of one, two and three layers with large random weights,
and held against nn.LSTMCell called layer by layer. Where it differs, every known mistake is run
as well, and the verdict is the one that gives the same numbers, in whatever form they came back.
A module that owns its cells is a whole LSTM, which `check_lstm` judges by the same mistakes.

Read `mistakes` (a stack as equations) and `mistakes.txt` (the known ones), then `check`.
"""

from lstm_teach.checks.stack.check import check_stack

__all__ = ["check_stack"]
