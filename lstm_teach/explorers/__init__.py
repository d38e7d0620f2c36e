"""Ipywidgets controls around the figures."""
