"""Drawings of what torch computed, described once and drawn twice.

To read: `drawing` (what a picture is made of), `palette` (its colours), `svg` and `raster` (the two
renderers), `cards` (stacks of cards in columns and rows), then any picture.
"""
