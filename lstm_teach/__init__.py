"""See what PyTorch's nn.LSTM and nn.LSTMCell do, and what is wrong with your own.

The names below are loaded when they are first used, so a checker in a script or a test suite
never imports matplotlib or ipywidgets.
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
    "ShapeExplorer": "explorers.shape",
    "ShapeQuiz": "explorers.quiz",
    "GateExplorer": "explorers.gates",
    "LoopExplorer": "explorers.loop",
    "StackExplorer": "explorers.stack",
    "LayoutExplorer": "explorers.layout",
    "InfluenceExplorer": "explorers.influence",
    "Picture": "explorers.picture",
    "draw_unrolled": "figures.unrolled",
    "check_shape": "checks.shape",
    "check_cell": "checks.cell",
    "check_lstm": "checks.lstm",
    "check_stack": "checks.stack",
    "check_layout": "checks.layout",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
