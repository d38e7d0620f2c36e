"""Does a model walk along time, and does each sample keep to itself? Asked of any module."""

from lstm_teach.checks.layout.check import check_layout

__all__ = ["check_layout"]
