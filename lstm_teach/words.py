"""A batch of real sentences, laid out and indexed as a tensor is, but read as words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

SENTENCES = (
    "the small dog ran after its big red ball today",
    "nobody remembers where we left our old umbrella",
    "rain is falling again",
)
"""Three sentences of 10, 8 and 4 words; no word comes twice, so a word tells its place."""

PAD = "·"
"""What stands in the table after the end of a short sentence."""

_LOOKS = ("transpose", "t", "permute", "view", "reshape", "flip", "contiguous")


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
        """Walk along the first axis, as ``for xt in x`` does."""
        return (self[place] for place in range(len(self)))

    def __getattr__(self, name: str) -> Callable[..., Words]:
        """One of torch's ways to look at a tensor, done on the ids; raises as torch does."""
        if name not in _LOOKS:
            raise AttributeError(f"Words have no {name!r}; their tensor, .ids, may have.")
        look = getattr(self.ids, name)
        return lambda *axes: Words(look(*axes), self.vocabulary)

    def tolist(self) -> Any:
        """Nested lists of words; one word alone is a string."""
        if self.ids.dim() == 0:
            return self.vocabulary[self.ids]
        return [part.tolist() for part in self]

    def __repr__(self) -> str:
        """The words in nested brackets, one line for each innermost bracket."""
        widest = max((len(self.vocabulary[number]) for number in self.ids.flatten()), default=0)
        return _brackets(self.tolist(), widest, 0)


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


def _brackets(shown: Any, widest: int, depth: int) -> str:
    if isinstance(shown, str):
        return shown
    if not shown or isinstance(shown[0], str):
        return f"[{'  '.join(word.ljust(widest) for word in shown).rstrip()}]"
    inner = (",\n" + " " * (depth + 1)).join(_brackets(part, widest, depth + 1) for part in shown)
    return f"[{inner}]"
