"""See what PyTorch's nn.LSTM and nn.LSTMCell do, and what is wrong with your own.

The names below are loaded when they are first used, so a checker in a script or a test suite
needs torch alone. Explorers and drawings need more: pip install 'lstm_teach[lab]'.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "Shape": "shapes",
    "ShapeError": "shapes",
    "predict_shapes": "shapes",
    "parameter_shapes": "shapes",
    "lstm_step": "cells",
    "trace": "cells",
    "cell_from_layer": "cells",
    "run_cells": "cells",
    "influence": "layouts",
    "Report": "checks.report",
    "use": "language",
    "ShapeExplorer": "explorers.shape",
    "ShapeQuiz": "explorers.quiz",
    "GateExplorer": "explorers.gates",
    "LoopExplorer": "explorers.loop",
    "StackExplorer": "explorers.stack",
    "LayoutExplorer": "explorers.layout",
    "InfluenceExplorer": "explorers.influence",
    "WritingExplorer": "explorers.writing",
    "Picture": "explorers.picture",
    "draw_unrolled": "explorers.picture",
    "draw_loop": "explorers.loop",
    "draw_curves": "explorers.curves",
    "draw_losses": "explorers.curves",
    "check_shape": "checks.shape",
    "check_shape_rule": "checks.shape",
    "check_cell": "checks.cell",
    "check_lstm": "checks.lstm",
    "check_stack": "checks.stack",
    "check_layout": "checks.layout",
    "check_last_state": "checks.last_state",
    "check_words": "checks.words",
    "ZEN": "writing",
    "Cell": "writing",
    "OwnLSTM": "writing",
    "Writer": "writing",
    "encode": "writing",
    "read_text": "writing",
    "run_stack": "writing",
    "train": "writing",
    "windows": "writing",
    "write": "writing",
    "word_grid": "layouts",
}

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
