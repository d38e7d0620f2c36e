"""Drawings of what torch computed, described once and drawn twice.

To read: `drawing` (what a picture is made of), `palette` (its colours), `svg` and `raster` (the
renderers), `cards` (cells in columns and rows), then `unrolled`, the one picture.
"""
