"""Which axis is time: sentences laid out in words, and the inputs that reach an output."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from lstm_teach.undisturbed import undisturbed

SENTENCES = (
    "the small dog ran after its big red ball today",
    "nobody remembers where we left our old umbrella",
    "rain is falling again",
)
"""Three sentences of 10, 8 and 4 words; no word comes twice, so a word tells its place."""

PAD = "·"
"""What stands in the table after the end of a short sentence."""


@dataclass(frozen=True)
class Words:
    """A tensor whose entries are read as words.

    Indexing, ``transpose``, ``t``, ``permute``, ``view``, ``reshape``, ``flip`` and
    ``contiguous`` are torch's own, done on the ids, so the words go where the numbers go.

    Attributes:
        ids: a tensor of word numbers of any shape; 0 is the pad.
        vocabulary: the word of each number.
    """

    ids: torch.Tensor
    vocabulary: tuple[str, ...]

    @property
    def shape(self) -> torch.Size:
        """The shape of the tensor of ids."""
        return self.ids.shape

    def __getitem__(self, index: Any) -> Words:
        """Index as a tensor is indexed: ``words[0]``, ``words[:, 0]``, ``words[..., -1]``."""
        return Words(self.ids[index], self.vocabulary)

    def __len__(self) -> int:
        """The length of the first axis."""
        return len(self.ids)

    def __iter__(self) -> Iterator[Words]:
        """Walk along the first axis, as ``for x_t in x`` does."""
        return (self[place] for place in range(len(self)))

    def transpose(self, first: int, second: int) -> Words:
        """Swap two axes; every word keeps its sentence."""
        return Words(self.ids.transpose(first, second), self.vocabulary)

    def t(self) -> Words:
        """Swap the two axes of a table."""
        return Words(self.ids.t(), self.vocabulary)

    def permute(self, *axes: int) -> Words:
        """Put the axes in another order."""
        return Words(self.ids.permute(*axes), self.vocabulary)

    def view(self, *shape: int) -> Words:
        """Cut the same row of words in memory into another shape; raises as torch does."""
        return Words(self.ids.view(*shape), self.vocabulary)

    def reshape(self, *shape: int) -> Words:
        """As ``view``, with a copy where the words do not lie in a row."""
        return Words(self.ids.reshape(*shape), self.vocabulary)

    def flip(self, *axes: int) -> Words:
        """Turn axes round."""
        return Words(self.ids.flip(*axes), self.vocabulary)

    def contiguous(self) -> Words:
        """The same words, laid in memory in the order in which they are read."""
        return Words(self.ids.contiguous(), self.vocabulary)

    def tolist(self) -> Any:
        """Nested lists of words; one word alone is a string."""
        return _words(self.ids.tolist(), self.vocabulary)

    def brackets(self) -> str:
        """The words in nested brackets, one line for each innermost bracket."""
        shown = self.tolist()
        widest = max((len(self.vocabulary[number]) for number in self.ids.flatten()), default=0)
        return _brackets(shown, widest, 0)

    def table(self, rows: str = "axis 0", columns: str = "axis 1") -> str:
        """The words as an HTML table, at most two axes, with both axes named.

        Args:
            rows: what the first axis is, such as "batch".
            columns: what the second axis is, such as "seq_len".

        Raises:
            ValueError: there are more than two axes.
        """
        if self.ids.dim() > 2:
            raise ValueError(f"A table has two axes; these words have {self.ids.dim()}.")
        table = self.ids.reshape(1, -1) if self.ids.dim() < 2 else self.ids
        head = "".join(f'<th scope="col">{place}</th>' for place in range(table.shape[1]))
        corner = html.escape(f"{rows} ↓ {columns} →")
        lines = [f'<tr><th scope="col">{corner}</th>{head}</tr>']
        for place, row in enumerate(Words(table, self.vocabulary).tolist()):
            cells = "".join(f"<td>{html.escape(word)}</td>" for word in row)
            lines.append(f'<tr><th scope="row">{place}</th>{cells}</tr>')
        return f"<table>{''.join(lines)}</table>"

    def __str__(self) -> str:
        """The words in nested brackets."""
        return self.brackets()

    __repr__ = __str__


def word_grid(sentences: Sequence[str] = SENTENCES, batch_first: bool = False) -> Words:
    """Lay sentences out as a padded batch of words.

    Args:
        sentences: the sentences, split at white space.
        batch_first: the layout: False gives [seq_len, batch], True gives [batch, seq_len].

    Returns:
        The words; their ``ids`` are the tensor of token numbers, with 0 as the pad.
    """
    split = [sentence.split() for sentence in sentences]
    vocabulary = (PAD, *dict.fromkeys(word for words in split for word in words))
    number = {word: place for place, word in enumerate(vocabulary)}
    rows = [torch.tensor([number[word] for word in words], dtype=torch.long) for words in split]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=batch_first)
    return Words(ids, vocabulary)


def lengths_of(sentences: Sequence[str] = SENTENCES) -> list[int]:
    """The number of words of each sentence: what ``pack_padded_sequence`` wants to know."""
    return [len(sentence.split()) for sentence in sentences]


def influence(model: nn.Module, x: torch.Tensor, output_index: Any) -> torch.Tensor:
    """How strongly each position of x reaches one position of the output.

    The idea is Karpathy's: make the loss depend on one example's output alone, run the
    backward pass to the input, and see where the gradient is not zero
    (https://karpathy.github.io/2019/04/25/recipe/, "use backprop to chart dependencies").
    One forward and one backward pass, in evaluation mode; for integer tokens the gradient is
    taken where they leave their embedding. Where no gradient gets through (a front end under
    no_grad, tokens that meet no embedding) each position is changed in turn instead, which
    takes one forward pass a position. The model is left as it was.

    Args:
        model: any module; of several outputs, the first float tensor is taken.
        x: float input [first, second, ...] or integer tokens [first, second].
        output_index: indexes the output as a tensor is indexed: ``(t, b)``, ``b``, ``-1``.

    Returns:
        A tensor [first, second] of strengths, zero exactly where x does not reach; [first]
        for an x with one axis.

    Raises:
        IndexError: output_index does not fit the output.
        ValueError: the model returns no float tensor.
    """
    with undisturbed(model) as rewind:
        rewind()
        strengths = _by_gradient(model, x, output_index)
        if strengths is None:
            strengths = _by_change(model, x, output_index, rewind)
    return strengths


def first_float_tensor(outputs: Any) -> torch.Tensor:
    """The first float tensor in a tensor, tuple, list, dictionary or packed sequence.

    Raises:
        ValueError: there is none.
    """
    for tensor in _tensors(outputs):
        if tensor.is_floating_point():
            return tensor
    raise ValueError("The model returns no float tensor, so there is nothing to look at.")


def _by_gradient(model: nn.Module, x: torch.Tensor, output_index: Any) -> torch.Tensor | None:
    with torch.enable_grad(), _embedding_taps(model, x) as taps:
        leaf = x.detach().clone()
        if leaf.is_floating_point():
            leaf.requires_grad_()
        part = first_float_tensor(model(leaf))[output_index]
        if not part.requires_grad:
            return None
        sources = [leaf] if leaf.requires_grad else []
        sources += [tap for tap, _ in taps]
        # Not a plain sum: the rows of a softmax sum to one whatever the input is.
        weights = torch.cos(torch.arange(part.numel(), device=part.device)).reshape(part.shape)
        gradients = torch.autograd.grad(
            part, sources, weights.to(part.dtype), allow_unused=True, materialize_grads=False
        )
    if leaf.requires_grad and gradients[0] is not None:
        return _strengths(gradients[0], x)
    flat = torch.zeros(x.numel(), device=x.device)
    for gradient, (_, places) in zip(gradients[-len(taps) :], taps, strict=False):
        if places is None:
            return None
        if gradient is not None:
            strength = gradient.detach().float().flatten(places.dim()).pow(2).sum(-1)
            flat.index_add_(0, places.flatten().to(x.device), strength.flatten())
    return _strengths(flat.sqrt().reshape(x.shape), x) if taps else None


def _by_change(model: nn.Module, x: torch.Tensor, output_index: Any, rewind: Any) -> torch.Tensor:
    """The strength of each position as the change of the output when another takes its place."""
    lead = x.shape[: min(2, x.dim())]
    strengths = torch.zeros(lead)
    rows = x.detach().clone().reshape(lead.numel(), -1)
    with torch.no_grad():
        rewind()
        before = first_float_tensor(model(rows.reshape(x.shape)))[output_index].clone()
        for place in range(lead.numel()):
            other = next((row for row in rows if not torch.equal(row, rows[place])), None)
            changed = rows.clone()
            changed[place] = rows[place] + 1 if other is None else other
            rewind()
            after = first_float_tensor(model(changed.reshape(x.shape)))[output_index]
            strengths.view(-1)[place] = (after - before).norm()
    return strengths


@contextmanager
def _embedding_taps(
    model: nn.Module, x: torch.Tensor
) -> Iterator[list[tuple[torch.Tensor, torch.Tensor | None]]]:
    """Add a zero with a gradient to what leaves each embedding; yield it with x's places."""
    taps: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def tap(_: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros_like(output, requires_grad=True)
        taps.append((zeros, _places(inputs[0], x)))
        return output + zeros

    embeddings = [m for m in model.modules() if isinstance(m, nn.Embedding)]
    handles = [embedding.register_forward_hook(tap) for embedding in embeddings]
    try:
        yield taps
    finally:
        for handle in handles:
            handle.remove()


def _places(tokens: torch.Tensor, x: torch.Tensor) -> torch.Tensor | None:
    """Which flat place of x each token comes from, or None where that cannot be told.

    Follows views (slices, steps of a loop) back to the tensor that they show, and knows that
    tensor as x or as x with its first two axes swapped.
    """
    base = tokens if tokens._base is None else tokens._base
    numbers = torch.arange(x.numel(), device=x.device).reshape(x.shape)
    orders = [(x, numbers)]
    if x.dim() >= 2:
        orders.append((x.transpose(0, 1), numbers.transpose(0, 1)))
    for values, places in orders:
        if base.numel() == x.numel() and torch.equal(
            base.reshape(-1).to(x.dtype), values.reshape(-1)
        ):
            offset = tokens.storage_offset() - base.storage_offset()
            if not base.is_contiguous():
                return places.reshape(tokens.shape) if tokens.shape == base.shape else None
            flat = places.reshape(-1)
            return flat.as_strided(tokens.shape, tokens.stride(), offset)
    return None


def _strengths(gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    lead = min(2, x.dim())
    rows = gradient.detach().reshape(*x.shape[:lead], -1)
    return torch.linalg.vector_norm(rows, dim=-1)


def _tensors(value: Any) -> Iterable[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, nn.utils.rnn.PackedSequence):
        yield nn.utils.rnn.pad_packed_sequence(value)[0]
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _tensors(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _tensors(part)
    elif hasattr(value, "__dict__") and not isinstance(value, nn.Module):
        yield from _tensors(list(vars(value).values()))


def _words(numbers: Any, vocabulary: tuple[str, ...]) -> Any:
    if isinstance(numbers, list):
        return [_words(number, vocabulary) for number in numbers]
    return vocabulary[numbers]


def _brackets(shown: Any, widest: int, depth: int) -> str:
    if isinstance(shown, str):
        return shown
    if not shown or isinstance(shown[0], str):
        return f"[{'  '.join(word.ljust(widest) for word in shown).rstrip()}]"
    inner = (",\n" + " " * (depth + 1)).join(_brackets(part, widest, depth + 1) for part in shown)
    return f"[{inner}]"
