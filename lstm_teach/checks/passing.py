"""The parts of a module: leaving out some, such as its norms, and noting what others read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import nn

_NORMS = nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._BatchNorm


def has_norms(code: Any) -> bool:
    """Whether it is a module with norms."""
    return isinstance(code, nn.Module) and any(isinstance(p, _NORMS) for p in code.modules())


@contextmanager
def passed_by(code: Any, norms: bool) -> Iterator[dict[str, nn.Module]]:
    """Let x go past what stands in front of torch's own cells, such as an embedding, or past the
    norms. It yields what is passed by, by its name."""
    parts = dict(code.named_modules()) if isinstance(code, nn.Module) else {}
    cells = [part for part in parts.values() if isinstance(part, (nn.LSTM, nn.LSTMCell))]
    found = {}
    for name, part in parts.items():
        passed = isinstance(part, nn.Embedding) or (norms and isinstance(part, _NORMS))
        if isinstance(part, nn.Linear) and cells and name:
            in_front = part.in_features not in (cells[0].input_size, cells[-1].hidden_size)
            passed = in_front and part.out_features == cells[0].input_size
        if passed:
            found[name] = part
            part.forward = lambda x: x  # type: ignore[method-assign]
    try:
        yield found
    finally:
        for part in found.values():
            part.__dict__.pop("forward", None)


@contextmanager
def noting(
    parts: Mapping[Any, nn.Module], note: Callable[..., None], after: bool = False
) -> Iterator[None]:
    """Meanwhile `note` hears the name of each of these parts that is called, and the arguments;
    where it hears so `after` the call, also what came back."""

    def hook(name: Any) -> Callable[..., None]:
        def noted(_: Any, args: Any, kwargs: Any, *back: Any) -> None:
            if args or kwargs:
                note(name, [*args, *kwargs.values()], *back)

        return noted

    kind = "register_forward_hook" if after else "register_forward_pre_hook"
    handles = [getattr(part, kind)(hook(name), with_kwargs=True) for name, part in parts.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
