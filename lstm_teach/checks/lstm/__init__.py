"""Is this a whole LSTM, and if not, what went wrong?

The learner's code is called in every usual way until one runs. What stands in front of x or behind
h is left out. Which axis is time is seen by replacing one step of one sample. Then the weights are
drawn anew, and every way to give them the roles of an LSTM's weights is run and compared; in the
way that agrees they are an nn.LSTM's. Where none does, every known mistake is run likewise.

Read `forms` (how it is called, and what comes back), `roles` (which weight does what),
`mistakes.txt` and `mistakes` (of a whole layer), `check` (all is found, in this order).
"""

from lstm_teach.checks.lstm.check import check_lstm

__all__ = ["check_lstm"]
