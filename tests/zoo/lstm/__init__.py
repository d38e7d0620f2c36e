"""Whole LSTMs, right and wrong."""
