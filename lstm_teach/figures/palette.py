"""One colour for each axis, the same in figures, tables and text."""

INK = "#1b1b1b"
MUTED = "#5f5f5f"
FAINT = "#c9c9c9"
PAPER = "#ffffff"

# Chosen so that every pair stays apart for the three kinds of colour blindness, and each has a
# contrast of at least 4.5:1 on PAPER.
AXIS_COLORS = {
    "seq_len": "#0069d2",
    "batch": "#b84a00",
    "features": "#00694b",
    "layers": "#5b1a66",
}

# The same four hues, pale enough to write on in the colour itself, at 4.5:1 too.
AXIS_TINTS = {
    "seq_len": "#e6f1fc",
    "batch": "#fdeee4",
    "features": "#d9efe7",
    "layers": "#ece0ef",
}


def axis_kind(name: str) -> str:
    """Which of the four kinds of axis a name stands for.

    Sizes of vectors (input_size, hidden_size, proj_size and their multiples) are all "features".
    """
    if name in ("seq_len", "time"):
        return "seq_len"
    if name == "batch":
        return "batch"
    return "layers" if "num_layers" in name else "features"


def axis_color(name: str) -> str:
    """The colour of the axis of that name."""
    return AXIS_COLORS[axis_kind(name)]
