"""See what PyTorch's nn.LSTM and nn.LSTMCell do, and what is wrong with your own.

The names below are loaded when they are first used, so a checker in a script or a test suite
needs torch alone. Explorers and drawings need more: pip install 'lstm_teach[lab]'.
"""

from importlib import import_module
from typing import Any

_HOMES = {
    "shapes": "Shape ShapeError predict_shapes parameter_shapes",
    "cells": "lstm_step trace cell_from_layer run_cells",
    "layouts": "influence word_grid",
    "language": "use",
    "writing": "ZEN Cell OwnLSTM Writer encode read_text run_stack train windows write",
    "checks.report": "Report",
    "checks.shape": "check_shape check_shape_rule",
    "checks.cell": "check_cell",
    "checks.lstm": "check_lstm",
    "checks.stack": "check_stack",
    "checks.layout": "check_layout check_last_state",
    "checks.words": "check_words",
    "explorers.shape": "ShapeExplorer",
    "explorers.quiz": "ShapeQuiz",
    "explorers.gates": "GateExplorer",
    "explorers.loop": "LoopExplorer draw_loop",
    "explorers.stack": "StackExplorer",
    "explorers.layout": "LayoutExplorer",
    "explorers.influence": "InfluenceExplorer",
    "explorers.writing": "WritingExplorer",
    "explorers.picture": "Picture draw_unrolled",
    "explorers.curves": "draw_curves draw_losses",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

# What torch does not bring.
_OF_THE_LAB = {"IPython", "PIL", "ipywidgets", "matplotlib", "numpy", "tqdm"}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        home = import_module(f"{__name__}.{_HOME[name]}")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _OF_THE_LAB:
            raise
        raise ModuleNotFoundError(
            f"{name} needs {missing}, which is not installed here. "
            "This installs all that the lessons need: pip install 'lstm_teach[lab]'",
            name=error.name,
        ) from None
    value = getattr(home, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
