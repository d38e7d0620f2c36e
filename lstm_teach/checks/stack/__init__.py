"""Is this a stack of LSTM cells, and if not, what went wrong?"""

from lstm_teach.checks.stack.check import check_stack

__all__ = ["check_stack"]
