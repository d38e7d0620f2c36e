"""Which shape comes out of nn.LSTM: move a control and see."""

from __future__ import annotations

import html
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..figures.layout import draw_refusal
from ..figures.palette import axis_kind, css
from ..figures.unrolled import HEIGHT, draw_unrolled
from ..shapes import Shape, parameter_shapes, predict_shapes
from .base import PANEL, Explorer, View, switch, whole_number

CELL = 'style="text-align:left;padding:3px 14px 3px 0;vertical-align:top"'


class ShapeExplorer(Explorer):
    """Every argument that changes a shape, the drawing of what it changes, and the code."""

    preview = ({"num_layers": 2, "bidirectional": True}, {"batch_first": True})

    def __init__(self) -> None:
        """Start at the example with ten words, three sentences and four layers."""
        super().__init__(
            {
                "seq_len": whole_number("seq_len", 10, 1, 30),
                "batch": whole_number("batch", 3, 1, 8),
                "input_size": whole_number("input_size", 100, 1, 200),
                "hidden_size": whole_number("hidden_size", 20, 1, 64),
                "num_layers": whole_number("num_layers", 4, 1, 4),
                "proj_size": whole_number("proj_size", 0, 0, 64),
                "bidirectional": switch("bidirectional"),
                "batch_first": switch("batch_first"),
                "unbatched": switch("unbatched"),
            }
        )

    def look(self, **values: Any) -> View:
        """Build the nn.LSTM, run it, and show what came out."""
        seq_len, batch, unbatched = (values.pop(name) for name in ("seq_len", "batch", "unbatched"))
        code = _code(values)
        try:
            lstm = _Zeros(**values)
        except ValueError as error:
            return _refusal(f"{type(error).__name__}: {error}", code)
        leading = [batch, seq_len] if lstm.batch_first else [seq_len, batch]
        x = torch.zeros(*([seq_len] if unbatched else leading), lstm.input_size)
        with torch.no_grad(), warnings.catch_warnings():
            # PyTorch says once that projections run without oneDNN; no shape depends on it.
            warnings.simplefilter("ignore")
            output, (h_n, c_n) = lstm(x)
        names = predict_shapes(lstm, x.shape)
        code += f"\noutput, (h_n, c_n) = lstm(torch.randn({', '.join(map(str, x.shape))}))"
        rows = [
            ("input", x, names.input, "what you give it"),
            ("output", output, names.output, "every step of the last layer"),
            ("h_n", h_n, names.h_n, "h of every layer, where it ends"),
            ("c_n", c_n, names.c_n, "c of every layer, where it ends"),
        ]
        words = _words(lstm, output, h_n, c_n)
        if unbatched:
            words += (
                f" `unbatched`: x is one sample without a batch axis, so batch={batch} is unused."
            )
        drawing = draw_unrolled(lstm, x, (output, (h_n, c_n)))
        return View(drawing, words, _details(rows, lstm, code))


class _Zeros(nn.LSTM):
    """An nn.LSTM full of zeros: no shape depends on its weights, and drawing them takes long."""

    def reset_parameters(self) -> None:
        for weight in self.parameters():
            nn.init.zeros_(weight)


def _code(values: dict[str, Any]) -> str:
    """The constructor call, with the defaults left out."""
    defaults = {"num_layers": 1, "proj_size": 0, "bidirectional": False, "batch_first": False}
    given = {name: value for name, value in values.items() if defaults.get(name) != value}
    return f"lstm = nn.LSTM({', '.join(f'{name}={value}' for name, value in given.items())})"


def _words(lstm: nn.LSTM, output: Tensor, h_n: Tensor, c_n: Tensor) -> str:
    count = sum(parameter.numel() for parameter in lstm.parameters())
    directions = "both directions" if lstm.bidirectional else "one direction"
    layers = f"{lstm.num_layers} layer{'s' if lstm.num_layers > 1 else ''}"
    return (
        f"`output` is {list(output.shape)}: every step of the last layer. "
        f"`h_n` is {list(h_n.shape)} and `c_n` is {list(c_n.shape)}: "
        f"the end of {layers} in {directions}. The model has {count:,} parameters."
    )


def _refusal(error: str, code: str) -> View:
    """What is shown where PyTorch itself refuses to build the model."""
    words = (
        f"PyTorch would say: `{error}`. The projection is there to make h smaller: "
        "lower proj_size, or raise hidden_size above it."
    )
    return View(draw_refusal(code, error, HEIGHT), words, _panel(f"<pre>{html.escape(code)}</pre>"))


def _details(rows: Sequence[tuple[str, Tensor, Shape, str]], lstm: nn.LSTM, code: str) -> str:
    """The tensors, the parameters, and the code that makes them."""
    tensors = "".join(
        f"<tr><th scope='row' {CELL}><code>{name}</code></th>"
        f"<td {CELL}>{_named(tensor.shape, shape.names)}</td><td {CELL}>{words}</td></tr>"
        for name, tensor, shape, words in rows
    )
    named = parameter_shapes(lstm)
    weights = "".join(
        f"<tr><th scope='row' {CELL}><code>{name}</code></th>"
        f"<td {CELL}>{_named(weight.shape, named[name].names)}</td>"
        f"<td {CELL}>{weight.numel():,}</td></tr>"
        for name, weight in lstm.named_parameters()
    )
    head = f"<tr><th scope='col' {CELL}>{{}}</th><th scope='col' {CELL}>shape</th>"
    return _panel(
        f"<table>{head.format('tensor')}<th scope='col' {CELL}>what it holds</th></tr>"
        f"{tensors}</table>"
        f'<pre style="margin:8px 0;background:{css("panel")};color:inherit;padding:6px">'
        f"{html.escape(code)}</pre>"
        f"<details><summary>{len(named)} parameter tensors</summary><table>"
        f"{head.format('parameter')}<th scope='col' {CELL}>numbers</th></tr>{weights}</table>"
        "</details>"
    )


def _named(sizes: Sequence[int], axes: Sequence[str]) -> str:
    """A shape as HTML, each axis with its name in its colour."""
    parts = (
        f'<span style="color:{css(axis_kind(axis))}"><b>{size}</b> {axis}</span>'
        for axis, size in zip(axes, sizes, strict=True)
    )
    return f"[{', '.join(parts)}]"


def _panel(content: str) -> str:
    return f'<div style="{PANEL}">{content}</div>'
