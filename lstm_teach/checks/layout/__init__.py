"""Does a model walk along time, and does each sample keep to itself? Asked of any module.

The model runs about fifteen times, each time with one sample or one time step of x changed.
What then changes at the recurrent layers' inputs and at the output shows which samples and
steps reach which rows; gradients show what the output reads. Each known mistake is a rule
over that, in three tables.

Read `check` first, then in the order of a run: `probe` (x and its changes), `calling` (what
forward wants and returns), `record` (what the layers meet), `walk` and `measure` (what reaches
what), `judge` (do samples mix, and where), `before`, `after` and `unused` (the tables of
mistakes), `wording` (the report).
"""

from lstm_teach.checks.layout.check import check_layout

__all__ = ["check_layout"]
