"""Which shape comes out of nn.LSTM: move a control and see."""

import html
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ..figures.drawing import count
from ..figures.palette import axis_kind, css
from ..figures.unrolled import HEIGHT, draw_unrolled, run
from ..shapes import Shape, parameter_shapes, predict_shapes
from .picture import PANEL, Explorer, Picture, constructor, number, refusal, switch


class ShapeExplorer(Explorer):
    """Every argument that changes a shape, the drawing of what it changes, and the code."""

    preview = ({"num_layers": 2, "bidirectional": True}, {"batch_first": True})

    def __init__(self) -> None:
        """Start at the example with ten words, three sentences and four layers."""
        controls = {
            "seq_len": number("seq_len", 10, 1, 30),
            "batch": number("batch", 3, 1, 8),
            "input_size": number("input_size", 100, 1, 200),
            "hidden_size": number("hidden_size", 20, 1, 64),
            "num_layers": number("num_layers", 4, 1, 4),
            "proj_size": number("proj_size", 0, 0, 64),
            **{name: switch(name) for name in ("bidirectional", "batch_first", "unbatched")},
            "parameters": switch("show parameters"),
        }
        super().__init__(controls)

    def look(
        self, seq_len: int, batch: int, unbatched: bool, parameters: bool, **options: Any
    ) -> Picture:
        """Build the nn.LSTM, run it, and show what came out."""
        code = constructor(options)
        try:
            lstm = ZeroLSTM(**options)
        except ValueError as error:
            why = "A projection makes h smaller: lower proj_size, or raise hidden_size above it."
            panel = f'<div style="{PANEL}"><pre>{html.escape(code)}</pre></div>'
            return refusal(code, error, why, HEIGHT, panel)
        leading = [batch, seq_len] if lstm.batch_first else [seq_len, batch]
        x = torch.zeros(*([seq_len] if unbatched else leading), lstm.input_size)
        output, (h_n, c_n) = run(lstm, x)
        names, named = predict_shapes(lstm, x.shape), parameter_shapes(lstm)
        code += f"\noutput, (h_n, c_n) = lstm(torch.randn({', '.join(map(str, x.shape))}))"
        tensors = [
            ("input", x, names.input, "what you give it"),
            ("output", output, names.output, "every step of the last layer"),
            ("h_n", h_n, names.h_n, "h of every layer, where it ends"),
            ("c_n", c_n, names.c_n, "c of every layer, where it ends"),
        ]
        weights = [(k, w, named[k], f"{w.numel():,}") for k, w in lstm.named_parameters()]
        all_of_them = _table(f"{len(weights)} parameter tensors", "numbers", weights)
        numbers = sum(weight.numel() for _, weight, *_ in weights)
        details = (
            f'<div class="lstm-shapes" style="{PANEL}">{_table("tensor", "what it holds", tensors)}'
            f'<pre style="margin:8px 0;background:{css("panel")};color:inherit;padding:6px">'
            f"{html.escape(code)}</pre>{all_of_them * parameters}</div>"
        )
        directions = "both directions" if lstm.bidirectional else "one direction"
        words = (
            f"`output` is {list(output.shape)}: every step of the last layer. `h_n` is "
            f"{list(h_n.shape)} and `c_n` is {list(c_n.shape)}: the end of "
            f"{count(lstm.num_layers, 'layer')} in {directions}. The model has {numbers:,} "
            "parameters."
        )
        unused = f" `unbatched`: x is one sample without a batch axis, so batch={batch} is unused."
        drawing = draw_unrolled(lstm, x, (output, (h_n, c_n)))
        if parameters:
            words += " They stand below, tensor by tensor."
            drawing.label(838, 50, f"parameters {numbers:,}", bold=True, mono=True)
        return Picture(drawing, words + unused * unbatched, details)


class ZeroLSTM(nn.LSTM):
    """An nn.LSTM full of zeros: no shape depends on its weights, and drawing them takes long."""

    def reset_parameters(self) -> None:
        """Fill the weights with zeros."""
        for weight in self.parameters():
            nn.init.zeros_(weight)


def _table(what: str, more: str, rows: Iterable[tuple[str, Tensor, Shape, str]]) -> str:
    """Tensors by name, each with its shape, the axes in their colours, and one thing more."""
    lines = ["".join(f"<th scope='col'>{head}</th>" for head in (what, "shape", more))]
    for name, tensor, shape, words in rows:
        sizes = ", ".join(
            f'<b style="color:{css(axis_kind(axis))}">{size} {axis}</b>'
            for axis, size in zip(shape.names, tensor.shape, strict=True)
        )
        lines.append(f"<th scope='row'>{name}</th><td>[{sizes}]</td><td>{words}</td>")
    return f"<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
