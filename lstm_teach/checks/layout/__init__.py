"""Does a model walk along time, and does each sample keep to itself? Asked of any module.

The model runs about a dozen times, each time with one sample or one time step of x replaced. What
then changes at the recurrent layers' inputs and at the output shows which samples and steps reach
which rows; gradients show what the output reads. Each known mistake is a rule over these tables.

Read `check` first, then in the order of a run: `given` (what is said, from `mistakes.txt`; axes by
name, x and what stands for it), `calling` (how a model is run, what it returns, what its layers
meet), `tables` (what reaches what), `mistakes` (the rules).
"""

from lstm_teach.checks.layout.check import check_last_state, check_layout

__all__ = ["check_last_state", "check_layout"]
