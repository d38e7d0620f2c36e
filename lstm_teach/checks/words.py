"""Are these the words that an index takes out of a batch of words?"""

from __future__ import annotations

from typing import Any

from lstm_teach.checks.mistake import Mistake
from lstm_teach.checks.report import Report
from lstm_teach.words import PAD, Words

# Of each: whether the axes are swapped, and how far the index is shifted.
MISTAKES = (
    Mistake(
        "time_batch_swapped",
        "that is a whole sentence, `x[:, {index}]`",
        "A plain index takes from the first axis, and x is {shape}: its first axis is time.",
        "`x[{index}]` is one word of each sentence",
        (True, 0),
    ),
    *(
        Mistake(
            "unrecognised",
            headline,
            "The axis is right. Counting starts at 0.",
            "`x[{index}]` is word number {after} of each sentence",
            (False, shift),
        )
        for headline, shift in (
            ("that is `x[{before}]`, one position too early", -1),
            ("that is `x[{after}]`, one position too far", 1),
        )
    ),
)


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
        return Report(
            "not_attempted",
            'Write the words as a list, such as `["dog", "cat"]`, then run the check again.',
        )
    right = _as_words(words[index])
    if given == right:
        return Report(
            "ok",
            f"`x[{index}]` takes from the first axis, time: word {index} of each sentence, "
            "counted from 0.",
        )
    places: dict[str, Any] = {"index": index, "before": index - 1, "after": index + 1}
    for mistake in MISTAKES:
        swapped, shift = mistake.how
        table = words.transpose(0, 1) if swapped else words
        if 0 <= index + shift < len(table) and given == _as_words(table[index + shift]):
            return mistake.report(**places, shape=list(words.shape))
    expected = right or []
    counted = f"`x[{index}]` has {len(expected)} words, one of each sentence; you gave {len(given)}"
    if len(given) == len(expected):
        wrong = next(
            k for k, pair in enumerate(zip(given, expected, strict=True)) if len({*pair}) > 1
        )
        counted = f"`{given[wrong]}` is not word {index} of sentence {wrong}"
    return Report(
        "unrecognised",
        "Take the same position of every sentence, counted from 0.",
        headline=counted,
    )


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
