"""One question about a shape: a module, an input, and the tensor asked about."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from lstm_teach.shape_hints import Sizes
from lstm_teach.shapes import LSTMShapes, Shape

SEQUENCE = ("output",)
STATE = ("h_n", "c_n", "h_0", "c_0")
HIDDEN = ("h_n", "h_0")
MEMORY = ("c_n", "c_0")


@dataclass(frozen=True)
class Question:
    """One nn.LSTM, one input and the tensor asked about, in PyTorch's words.

    Attributes:
        lstm: the module.
        shapes: all the right shapes.
        which: the tensor asked about.
    """

    lstm: nn.LSTM
    shapes: LSTMShapes
    which: str

    @property
    def right(self) -> Shape:
        """The right shape of the tensor asked about."""
        return getattr(self.shapes, self.which)

    @property
    def layers(self) -> int:
        """num_layers."""
        return self.lstm.num_layers

    @property
    def directions(self) -> int:
        """num_directions: 2 if bidirectional, else 1."""
        return 2 if self.lstm.bidirectional else 1

    @property
    def width(self) -> int:
        """How wide one layer and direction of this tensor is: hidden_size, or proj_size for h."""
        if self.which in MEMORY:
            return self.lstm.hidden_size
        return self.lstm.proj_size or self.lstm.hidden_size

    @property
    def seq_len(self) -> int:
        """The number of time steps."""
        return self.shapes.input[self.shapes.input.names.index("seq_len")]

    @property
    def batch(self) -> Sizes:
        """The batch as the axes it makes: one size, or none for an unbatched input."""
        return self.shapes.h_n[1:-1]

    def sequence(self, seq_len: Sizes, batch: Sizes, features: Sizes) -> Sizes:
        """The axes of an output in the order of this module."""
        steps = (*batch, *seq_len) if self.lstm.batch_first else (*seq_len, *batch)
        return (*steps, *features)

    def like_right(self, features: int, layers: int | None = None) -> Sizes:
        """The right shape with another last axis and, for a state, another first one."""
        if self.which in SEQUENCE:
            return (*self.right[:-1], features)
        return (self.right[0] if layers is None else layers, *self.batch, features)

    def words(self) -> dict[str, object]:
        """The numbers of this question, and phrases made of them, for an explanation to use."""
        layers = f"num_layers, {self.layers}"
        if self.directions == 2:
            layers = f"num_layers * num_directions, {self.layers} * 2 = {2 * self.layers}"
        first, second, *_ = self.shapes.input.names
        return {
            "which": self.which,
            "batch_first": self.lstm.batch_first,
            "other_batch_first": not self.lstm.batch_first,
            "order": f"[{first}, {second}, ...]",
            "seq_len": self.seq_len,
            "batch": ", ".join(map(str, self.batch)),
            "layers": layers,
            "input_size": self.lstm.input_size,
            "hidden_size": self.lstm.hidden_size,
            "proj_size": self.lstm.proj_size,
            "width": self.width,
            "width_name": "hidden_size" if self.width == self.lstm.hidden_size else "proj_size",
            "both_directions": f"2 * {self.width} = {2 * self.width}",
            "each_direction": " in each direction" if self.directions == 2 else "",
        }
