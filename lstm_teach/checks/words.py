"""Are these the words that an index takes out of a batch of words?"""

from __future__ import annotations

from typing import Any

from lstm_teach.checks.mistake import told
from lstm_teach.checks.report import Report
from lstm_teach.words import PAD, Words


def check_words(answer: Any, words: Words, index: int) -> Report:
    """Hold predicted words against what ``words[index]`` takes.

    Args:
        answer: the predicted words: a list, a tuple, one string, or `Words` of one axis.
        words: the batch, [seq_len, batch].
        index: the index on its first axis.

    Returns:
        A report: "ok", "not_attempted", "time_batch_swapped" or "unrecognised".
    """
    given = _as_words(answer)
    if given is None:
        return told("words_asked")
    expected = _as_words(words[index]) or []
    if given == expected:
        return told("words_right", index=index)
    mistaken = {
        "words_swapped": (words.transpose(0, 1), index),
        "words_too_early": (words, index - 1),
        "words_too_far": (words, index + 1),
    }
    for name, (table, at) in mistaken.items():
        if 0 <= at < len(table) and given == _as_words(table[at]):
            places = {"index": index, "before": index - 1, "after": index + 1}
            return told(name, **places, shape=list(words.shape))
    counted = f"`x[{index}]` has {len(expected)} words, one of each sentence; you gave {len(given)}"
    if len(given) == len(expected):
        pairs = enumerate(zip(given, expected, strict=True))
        wrong = next(k for k, (one, other) in pairs if one != other)
        counted = f"`{given[wrong]}` is not word {index} of sentence {wrong}"
    return told("words_other", seen=counted)


def _as_words(answer: Any) -> list[str] | None:
    """An answer as a list of words without pads; None where it is no list of words."""
    if isinstance(answer, Words):
        answer = answer.tolist()
    if isinstance(answer, str):
        answer = answer.replace(",", " ").split()
    if not isinstance(answer, (list, tuple)) or not answer:
        return None
    if all(isinstance(part, (list, tuple)) for part in answer):  # brackets around brackets
        answer = [word for part in answer for word in part]
    words = [str(word).strip().lower() for word in answer]
    return [word for word in words if word not in (PAD, "")]
