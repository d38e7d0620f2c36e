"""Is this an LSTM cell, and if not, what went wrong?"""

from lstm_teach.checks.cell.check import check_cell

__all__ = ["check_cell"]
