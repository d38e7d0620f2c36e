"""The models and the training loop of the last notebook, which writes them out word for word.

They stand here so that each of its sections runs alone; a test holds the two texts together.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from lstm_teach.cells import State

with contextlib.redirect_stdout(io.StringIO()):  # importing `this` prints it
    import this

ZEN = codecs.decode(this.s, "rot13")

Window = tuple[Tensor, Tensor]


def read_text(path: str | Path, encoding: str = "utf-8-sig") -> str:
    """The text of a file, its line ends as "\\n"; the default reads UTF-8 with or without a mark.

    Raises:
        ValueError: the file is empty, or its bytes are not of this encoding.
        OSError: there is no such file.
    """
    try:
        text = Path(path).read_text(encoding)
    except UnicodeError as error:
        raise ValueError(
            f"{Path(path).name} is not {encoding}: {error}. If you know what it is, say so: "
            'read_text(path, encoding="latin-1"), for instance.'
        ) from None
    if not text:
        raise ValueError(f"{Path(path).name} is empty: there is nothing to learn from.")
    return text


class Cell(nn.Module):
    """One step of an LSTM, with parameters of its own, named and arranged as nn.LSTMCell's."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        """Draw the parameters as nn.LSTMCell does."""
        super().__init__()
        self.hidden_size = hidden_size
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden_size, input_size))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden_size, hidden_size))
        self.bias_ih = nn.Parameter(torch.empty(4 * hidden_size))
        self.bias_hh = nn.Parameter(torch.empty(4 * hidden_size))
        for weight in self.parameters():
            nn.init.uniform_(weight, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, x: Tensor, state: State | None = None) -> State:
        """Go one step: x `[batch, input_size]`, h and c `[batch, hidden_size]`, to (h, c)."""
        zeros = x.new_zeros(len(x), self.hidden_size)
        h, c = state or (zeros, zeros)
        gates = x @ self.weight_ih.T + self.bias_ih + h @ self.weight_hh.T + self.bias_hh
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


def run_stack(
    cells: Sequence[Any] | nn.ModuleList, x: Tensor, states: Any = None
) -> tuple[Tensor, list[State]]:
    """Run cells over x `[seq_len, batch, input_size]`: h goes up, (h, c) goes to the next step."""
    states = list(states) if states else [None] * len(cells)
    output = []
    for below in x:
        for layer, cell in enumerate(cells):
            h, c = cell(below, states[layer])
            states[layer] = (h, c)
            below = h
        output.append(below)
    return torch.stack(output), states


class OwnLSTM(nn.Module):
    """An nn.LSTM with batch_first=True, made of one Cell for each layer."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1) -> None:
        """Make the cells, the lowest first."""
        super().__init__()
        self.input_size, self.hidden_size = input_size, hidden_size
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.cells = nn.ModuleList(Cell(size, hidden_size) for size in sizes)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Run x `[batch, seq_len, input_size]`; h and c are `[num_layers, batch, hidden_size]`."""
        states = None
        if state is not None:
            h_0, c_0 = state
            states = [(h_0[k], c_0[k]) for k in range(len(self.cells))]
        output, states = run_stack(self.cells, x.transpose(0, 1), states)
        h_n = torch.stack([h for h, c in states])
        c_n = torch.stack([c for h, c in states])
        return output.transpose(0, 1), (h_n, c_n)


def to_torch(own: OwnLSTM) -> nn.LSTM:
    """An nn.LSTM with copies of the weights."""
    lstm = nn.LSTM(own.input_size, own.hidden_size, len(own.cells), batch_first=True)
    named = [(k, each) for k, cell in enumerate(own.cells) for each in cell.named_parameters()]
    lstm.load_state_dict({f"{name}_l{k}": weight for k, (name, weight) in named})
    return lstm


class Writer(nn.Module):
    """A score for each symbol that may come next, at every step."""

    def __init__(self, lstm: nn.LSTM | OwnLSTM, num_symbols: int) -> None:
        """Put an embedding below `lstm` and a readout above it."""
        super().__init__()
        self.embedding = nn.Embedding(num_symbols, lstm.input_size)
        self.lstm = lstm
        self.readout = nn.Linear(lstm.hidden_size, num_symbols)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Score what follows x, `[batch, seq_len]`: `[batch, seq_len, num_symbols]`."""
        output, state = self.lstm(self.embedding(x), state)
        return self.readout(output), state


def encode(text: str, symbols: Sequence[str]) -> Tensor:
    """The place of each character of the text in `symbols`, `[len(text)]`.

    Raises:
        ValueError: a character is not among the symbols.
    """
    place = {symbol: k for k, symbol in enumerate(symbols)}
    unknown = sorted(set(text) - set(place))
    if unknown:
        raise ValueError(f"The model has never seen {unknown[0]!r}: start with what it has read.")
    return torch.tensor([place[symbol] for symbol in text])


def windows(text: str, batch: int = 9, seq_len: int = 19) -> list[Window]:
    """Cut a text into `batch` streams, and these into windows, each followed by its next one.

    Each is a pair of x and y `[batch, seq_len]`; y[b, t] is the symbol that follows x[b, t].

    Raises:
        ValueError: the text is too short for one window.
    """
    count = (len(text) - 1) // (batch * seq_len)
    if count < 1:
        raise ValueError(f"{len(text)} characters are too few: {batch * seq_len + 1} are needed.")
    tokens = encode(text, sorted(set(text)))
    length = count * seq_len
    x = tokens[: batch * length].view(batch, length)
    y = tokens[1 : batch * length + 1].view(batch, length)
    return list(zip(x.split(seq_len, dim=1), y.split(seq_len, dim=1), strict=True))


def train(
    model: nn.Module,
    pairs: Sequence[Window],
    steps: int = 300,
    name: str = "training",
    show: Callable[[list[float]], None] | None = None,
) -> list[float]:
    """Train on the windows in turn, the state carried and detached; returns each step's loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.007)
    losses: list[float] = []
    bar = "{desc}: {percentage:3.0f}% |{bar:30}|"
    for step in tqdm(range(steps), name, file=sys.stdout, bar_format=bar):
        x, y = pairs[step % len(pairs)]
        if step % len(pairs) == 0:
            state = None
        scores, (h, c) = model(x, state)
        state = (h.detach(), c.detach())
        loss = cross_entropy(scores.flatten(0, 1), y.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if show and step % 20 == 19:
            show(losses)
    return losses


def write(
    model: nn.Module,
    symbols: Sequence[str],
    start: str,
    length: int = 200,
    temperature: float = 0.0,
    seed: int = 0,
) -> str:
    """Let a model go on from `start`: each symbol it writes is the next one that it reads.

    Args:
        model: x `[batch, seq_len]` and a state, to scores `[batch, seq_len, num_symbols]` of
            `symbols`, and a state.
        symbols: what the scores stand for.
        start: what to go on from, one symbol or more.
        length: how many symbols to write.
        temperature: what to divide the scores by before one is drawn; 0 takes the likeliest.
        seed: where the drawing of symbols starts.
    """
    dice = torch.Generator().manual_seed(seed)
    x, state = encode(start, symbols).unsqueeze(0), None
    with torch.no_grad():
        for _ in range(length):
            scores, state = model(x, state)
            if temperature == 0:
                x = scores[:, -1].argmax(dim=1, keepdim=True)
            else:
                chances = (scores[:, -1] / temperature).softmax(dim=1)
                x = torch.multinomial(chances, 1, generator=dice)
            start += symbols[int(x)]
    return start
