"""Which axis is time: sentences laid out in words, and the inputs that reach an output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, pad_sequence

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
    if not isinstance(model, nn.Module):
        raise TypeError(f"The model is a {type(model).__name__}, and no instance of an nn.Module.")
    if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        raise ValueError("The model has lazy layers without weights. Run it once: `model(x)`.")
    if not isinstance(x, torch.Tensor):
        raise TypeError(f"x is a {type(x).__name__}, and a tensor is wanted: `torch.as_tensor(x)`.")
    if x.dtype is torch.bool or x.is_complex():
        raise TypeError(f"x holds {x.dtype}; floats or whole numbers are wanted: `x.float()`.")
    if x.dim() == 0 or x.numel() == 0:
        raise ValueError(f"x has the shape {list(x.shape)}, and no position to look at.")


def _part(outputs: Any, index: Any) -> torch.Tensor:
    """What stands at an index of the first float tensor, or an error that says what is wrong."""
    output = next((o for _, o in output_tensors(outputs) if o.is_floating_point()), None)
    if output is None:
        raise ValueError("The model returns no float tensor, so there is nothing to look at.")
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


def _by_gradient(model: nn.Module, x: torch.Tensor, output_index: Any) -> torch.Tensor | None:
    """The strengths by one backward pass, to x or to what leaves its embedding; None where no
    gradient can be had."""
    taps: list[tuple[torch.Tensor, torch.Tensor | None]] = []

    def tap(_: nn.Module, inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
        zeros = torch.zeros_like(output, requires_grad=True)
        taps.append((zeros, _places(inputs[0], x)))
        return output + zeros

    with torch.enable_grad(), ExitStack() as hooks:
        for module in model.modules():
            if isinstance(module, nn.Embedding):
                hooks.enter_context(module.register_forward_hook(tap))
        leaf = x.detach().clone().requires_grad_(x.is_floating_point())
        # A clone may be changed in place, which a leaf may not.
        part = _part(model(leaf.clone()), output_index)
        sources = [leaf] * leaf.requires_grad + [zeros for zeros, _ in taps]
        # Summed here, because grad's own weights import SymPy: 34 MiB for a learner's kernel.
        total = (part * weights_like(part)).sum()
        try:
            gradients = torch.autograd.grad(total, sources, allow_unused=True)
        except RuntimeError:  # No graph, or one that refuses this, as a re-entrant checkpoint's.
            return None
    if leaf.requires_grad and gradients[0] is not None:
        return _strengths(gradients[0], x)
    squares = torch.zeros(x.numel(), device=x.device)
    for gradient, (_, places) in zip(gradients[int(leaf.requires_grad) :], taps, strict=True):
        if places is None:
            return None
        if gradient is not None:
            square = gradient.detach().float().flatten(places.dim()).pow(2).sum(-1)
            squares.index_add_(0, places.flatten().to(x.device), square.flatten().to(x.device))
    return _strengths(squares.sqrt(), x)


def _by_change(
    model: nn.Module, x: torch.Tensor, output_index: Any, rewind: Callable[[], None]
) -> torch.Tensor:
    """The strength of each position as the change of the output when another takes its place."""
    lead = x.shape[:2]
    strengths = torch.zeros(lead, device=x.device)
    rows = x.detach().clone().reshape(lead.numel(), -1)
    with torch.no_grad():
        rewind()
        before = _part(model(rows.clone().reshape(x.shape)), output_index).clone()
        for place in range(lead.numel()):
            other = next((row for row in rows if not torch.equal(row, rows[place])), None)
            changed = rows.clone()
            changed[place] = (rows[place] - 1).abs() if other is None else other
            rewind()
            after = _part(model(changed.reshape(x.shape)), output_index)
            strengths.view(-1)[place] = (after - before).norm()
    return strengths


def _places(tokens: torch.Tensor, x: torch.Tensor) -> torch.Tensor | None:
    """Which flat place of x each token comes from; None of what is not x, or x turned."""
    places = torch.arange(x.numel(), device=x.device).reshape(x.shape)
    for axis in (0, min(1, x.dim() - 1)):
        if torch.equal(tokens.reshape(-1).to(x), x.transpose(0, axis).reshape(-1)):
            return places.transpose(0, axis).reshape(tokens.shape)
    return None


def _strengths(gradient: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(gradient.detach().reshape(*x.shape[:2], -1), dim=-1)


def output_tensors(
    outputs: Any, axes: Sequence[str] = (), batch: int = 0, name: str = ""
) -> list[tuple[str, torch.Tensor]]:
    """Every tensor that a model returned in tuples, lists, dictionaries and objects, with the name
    by which the learner reaches it: ``[0]``, ``['logits']``, ``.logits``.

    The leading axes of the output say where a list's own axis goes, and the number of samples tells
    a list of heads from a list of steps.
    """
    if isinstance(outputs, torch.Tensor):
        return [(name, outputs)]
    if isinstance(outputs, PackedSequence):
        return [(name, pad_packed_sequence(outputs, batch_first=axes[:1] == ["batch"])[0])]
    if type(outputs) is list and len(outputs) > 1 and all(map(torch.is_tensor, outputs)):
        # One number a sample, where it is what comes first; else numbers for something else.
        is_scores = name in ("", "[0]") and all(one.dim() == 0 for one in outputs)
        is_scores &= len(outputs) == batch
        joined = torch.stack(outputs) if is_scores else _joined(outputs, axes, batch)
        if joined is not None:
            return [(name, joined)]
    form = "{}[{!r}]"
    if isinstance(outputs, (list, tuple)):
        parts: Any = enumerate(outputs)
    elif isinstance(outputs, Mapping):
        parts = outputs.items()
    else:
        is_plain = hasattr(outputs, "__dict__") and not isinstance(outputs, nn.Module)
        parts, form = (vars(outputs) if is_plain else {}).items(), "{}.{}"
    named = [(form.format(name, key), part) for key, part in parts]
    return [found for own, part in named for found in output_tensors(part, axes, batch, own)]


def _joined(parts: list[torch.Tensor], axes: Sequence[str], batch: int) -> torch.Tensor | None:
    """A list of one tensor a sample, or one a time step, as one tensor; None for heads."""
    shapes, first = {part.shape for part in parts}, parts[0].shape
    place = [name for name in axes if name != "time"].index("batch") if "batch" in axes else 0
    has_batch = len(shapes) == 1 and first[place : place + 1] == (batch,)
    if len(parts) == batch and not has_batch and first and len({s[1:] for s in shapes}) == 1:
        return pad_sequence(parts, batch_first=True).movedim(0, axes.index("batch"))
    if has_batch and (len(parts) == batch or ("time" in axes and len(parts) > 2)):
        return torch.stack(parts, dim=axes.index("time") if "time" in axes else 0)
    return None
