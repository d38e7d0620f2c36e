"""Every colour of the pictures by name, for light and for dark pages; one for each axis."""

AXES = ("seq_len", "batch", "features", "layers")

# (light, dark). The four axes stay apart for the three kinds of colour blindness, and each has a
# contrast of at least 4.5:1 on "paper" and on its own pale hue.
COLORS = {
    "ink": ("#1b1b1b", "#ebebeb"),
    "muted": ("#5f5f5f", "#b4b4b4"),
    "faint": ("#c9c9c9", "#565656"),
    "paper": ("#ffffff", "#111111"),
    "panel": ("#f4f4f4", "#1f1f1f"),
    "seq_len": ("#0069d2", "#4ea3ff"),
    "batch": ("#b84a00", "#ff9d5c"),
    "features": ("#00694b", "#35c794"),
    "layers": ("#5b1a66", "#e9c3f7"),
    "pale seq_len": ("#e6f1fc", "#10283f"),
    "pale batch": ("#fdeee4", "#3a2413"),
    "pale features": ("#d9efe7", "#0f2f24"),
    "pale layers": ("#ece0ef", "#33223a"),
    # Sentences are no axis, so they have hues of their own, the third one's is that of paper; a
    # number stands with each.
    "sentence 0": ("#fff1c2", "#443700"),
    "sentence 1": ("#e2e2e2", "#3d3d3d"),
    "edge 0": ("#8a6d00", "#d9b63f"),
}
STRONGEST = 0.5  # of an axis's colour below words, so that ink is easy to read on any page
LIGHT, DARK = ({name: pair[place] for name, pair in COLORS.items()} for place in (0, 1))

# Where a page says that it is dark: JupyterLab, VS Code, Colab and what copies them.
DARK_PAGES = (
    "[data-jp-theme-light=false]",
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
    "html[theme=dark]",
    "html[data-theme=dark]",
)


def css(name: str) -> str:
    """The CSS variable of a colour."""
    return f"var(--lstm-{name.replace(' ', '-')})"


def _variables(colors: dict[str, str]) -> str:
    return "".join(f"{css(name)[4:-1]}:{color};" for name, color in colors.items())


STYLE = (
    f"<style>.lstm-figure{{{_variables(LIGHT)}}}"
    f"{','.join(f'{page} .lstm-figure' for page in DARK_PAGES)}{{{_variables(DARK)}}}"
    # A theme of JupyterLab knows its own paper.
    "[data-jp-theme-light] .lstm-figure{--lstm-paper:var(--jp-layout-color0)}"
    ".lstm-figure{color:var(--lstm-ink)}.lstm-figure svg{background:var(--lstm-paper)}"
    ".lstm-figure text{white-space:pre}.lstm-figure table{color:inherit}"
    ".lstm-mono{font-family:var(--jp-code-font-family,Menlo,Consolas,monospace)}"
    # So many cells that a style of each takes a page long to read.
    ".lstm-shapes th,.lstm-shapes td{text-align:left;padding:3px 14px 3px 0;vertical-align:top}"
    ".lstm-shapes th[scope=row]{font-family:var(--jp-code-font-family,monospace)}"
    "</style>"
)


def axis_kind(name: str) -> str:
    """Which of the four kinds of axis a name stands for.

    Sizes of vectors (input_size, hidden_size, proj_size and their multiples) are all "features".
    """
    kinds = {"seq_len": "seq_len", "time": "seq_len", "batch": "batch"}
    return kinds.get(name, "layers" if "num_layers" in name else "features")
