"""Ipywidgets controls around the figures. To read: `picture`, `base`, then any explorer."""
