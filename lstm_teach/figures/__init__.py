"""Drawings of what torch computed, described once and drawn twice.

To read: `drawing`, its colours in `palette`, the renderers `svg` and `raster`, `cards`, `unrolled`.
"""
