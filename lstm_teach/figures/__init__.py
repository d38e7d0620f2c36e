"""Described once, drawn twice: `drawing`, `palette`, `svg`, `raster`; then `cards`, `unrolled`."""
