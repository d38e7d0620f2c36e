"""Which axis is time: sentences laid out in words, and the inputs that reach an output."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from lstm_teach.language import in_the_readers_language
from lstm_teach.undisturbed import undisturbed
from lstm_teach.words import PAD, SENTENCES, Words, lengths_of, word_grid

__all__ = ["PAD", "SENTENCES", "Words", "influence", "lengths_of", "word_grid"]


@in_the_readers_language
def influence(model: nn.Module, x: torch.Tensor, output_index: Any) -> torch.Tensor:
    """How strongly each position of x reaches one position of the output.

    The idea is Karpathy's: make the loss depend on one example's output alone, run the
    backward pass to the input, and see where the gradient is not zero
    (https://karpathy.github.io/2019/04/25/recipe/, "use backprop to chart dependencies").
    One forward and one backward pass, in evaluation mode; for integer tokens the gradient is
    taken where they leave their embedding. Where no gradient gets through (a front end under
    no_grad, a rounding, tokens that meet no embedding or in parts) each position is changed in turn
    instead, which takes one forward pass a position. The model is left as it was.

    Args:
        model: any module; of several outputs, the first float tensor is taken.
        x: float input [first, second, ...] or integer tokens [first, second].
        output_index: indexes the output as a tensor is indexed: ``(t, b)``, ``b``, ``-1``.

    Returns:
        A tensor [first, second] of strengths on x's device, zero exactly where x does not reach;
        [first] for an x with one axis.

    Raises:
        TypeError: model is no module, x is no tensor of numbers, or forward wants more than x.
        IndexError: output_index does not fit the output.
        ValueError: x is empty, the model returns no float tensor, or it gives NaN or infinity.
    """
    _refuse(model, x)
    with undisturbed(model) as rewind:
        strengths = _by_gradient(model, x, output_index)
        if strengths is None or not strengths.any() or not strengths.isfinite().all():
            strengths = _by_change(model, x, output_index, rewind)
    if not strengths.isfinite().all():
        raise ValueError(
            "The model gives NaN or infinity for this x, so no strength can be told. Look for NaN "
            "in x (`x.isnan().any()`) and in the weights."
        )
    return strengths


def _refuse(model: Any, x: Any) -> None:
    """Raise what is wrong with the arguments of `influence`, in a sentence."""
    if isinstance(model, type):
        raise TypeError(
            f"`{model.__name__}` is a class. Give an instance: `{model.__name__}(...)`."
        )
    if not isinstance(model, nn.Module):
        raise TypeError(f"The model is a {type(model).__name__}, and an `nn.Module` is wanted.")
    if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError("The model has lazy layers without weights. Run it once: `model(x)`.")
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x is a {type(x).__name__}, and a tensor is wanted: `torch.as_tensor(x)`.")
    if x.dtype is torch.bool or x.is_complex():
        raise TypeError(f"x holds {x.dtype}; floats or whole numbers are wanted: `x.float()`.")
    if x.dim() == 0 or x.numel() == 0:
        raise ValueError(f"x has the shape {list(x.shape)}, and no position to look at.")
    try:
        signature = inspect.signature(model.forward)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(x)
    except TypeError as error:
        raise TypeError(
            f"`{type(model).__name__}.forward` does not go with x alone: {error}. Put the model "
            "into a small `nn.Module` whose `forward(self, x)` gives it all that it wants."
        ) from None


def _at(output: torch.Tensor, index: Any) -> torch.Tensor:
    """An output at an index, or an IndexError that says what it should fit."""
    given = f"output_index {index!r} does not fit the output, which is {list(output.shape)}"
    try:
        part = output[index]
    except (IndexError, TypeError, ValueError, RuntimeError) as error:
        raise IndexError(f"{given}: {error}") from None
    if part.numel() == 0:
        raise IndexError(f"{given}: it takes nothing.")
    return part


def weights_like(part: torch.Tensor) -> torch.Tensor:
    """Weights by which to sum, since the rows of a softmax sum to one whatever the input is."""
    return torch.cos(torch.arange(part.numel(), device=part.device)).reshape(part.shape).to(part)


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
        # A clone may be changed in place, which a leaf may not.
        given = leaf.clone() if leaf.requires_grad else leaf
        part = _at(first_float_tensor(model(given)), output_index)
        if not part.requires_grad:
            return None
        sources = [leaf] if leaf.requires_grad else []
        sources += [tap for tap, _ in taps]
        if not sources:
            return None
        # Summed here, because grad's own weights import SymPy: 34 MiB for a learner's kernel.
        total = (part * weights_like(part)).sum()
        try:
            gradients = torch.autograd.grad(total, sources, allow_unused=True)
        except RuntimeError:  # Some graphs refuse this, such as a re-entrant checkpoint.
            return None
    if leaf.requires_grad and gradients[0] is not None:
        return _strengths(gradients[0], x)
    flat, got_through = torch.zeros(x.numel(), device=x.device), False
    for gradient, (_, places) in zip(gradients[-len(taps) :], taps, strict=False):
        if places is None:
            return None
        if gradient is not None:
            got_through = True
            strength = gradient.detach().float().flatten(places.dim()).pow(2).sum(-1)
            flat.index_add_(0, places.flatten().to(x.device), strength.flatten().to(x.device))
    return _strengths(flat.sqrt().reshape(x.shape), x) if got_through else None


def _by_change(
    model: nn.Module, x: torch.Tensor, output_index: Any, rewind: Callable[[], None]
) -> torch.Tensor:
    """The strength of each position as the change of the output when another takes its place."""
    lead = x.shape[: min(2, x.dim())]
    strengths = torch.zeros(lead, device=x.device)
    rows = x.detach().clone().reshape(lead.numel(), -1)
    with torch.no_grad():
        rewind()
        before = _at(first_float_tensor(model(rows.clone().reshape(x.shape))), output_index).clone()
        for place in range(lead.numel()):
            other = next((row for row in rows if not torch.equal(row, rows[place])), None)
            changed = rows.clone()
            changed[place] = (rows[place] - 1).abs() if other is None else other
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
    """Which flat place of x each token comes from; None of what is not x, or x turned."""
    numbers = torch.arange(x.numel(), device=x.device).reshape(x.shape)
    orders = [(x, numbers)]
    if x.dim() >= 2:
        orders.append((x.transpose(0, 1), numbers.transpose(0, 1)))
    for values, places in orders:
        if torch.equal(tokens.reshape(-1).to(x), values.reshape(-1)):
            return places.reshape(tokens.shape)
    return None


def _strengths(gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    lead = min(2, x.dim())
    rows = gradient.detach().reshape(*x.shape[:lead], -1)
    return torch.linalg.vector_norm(rows, dim=-1)


def parts_of(value: Any) -> list[Any]:
    """What a dictionary, list, tuple or plain object holds; nothing of anything else."""
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, (list, tuple)):
        return list(value)
    is_plain = hasattr(value, "__dict__") and not isinstance(value, nn.Module)
    return list(vars(value).values()) if is_plain else []


def _tensors(value: Any) -> Iterable[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, nn.utils.rnn.PackedSequence):
        yield nn.utils.rnn.pad_packed_sequence(value)[0]
    else:
        for part in parts_of(value):
            yield from _tensors(part)
