"""Stacks of LSTM cells."""
