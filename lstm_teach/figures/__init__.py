"""Matplotlib drawings of what torch computed: explicit figures, one colour for each axis."""
