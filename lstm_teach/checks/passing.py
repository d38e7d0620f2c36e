"""Leaving out parts of a module, to judge the rest: what stands in front, norms, and what stands
behind h, such as a linear layer, since what that reads is h."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lstm_teach.checks.bringing import signature_of

_NORM = re.compile(r".*(layer|batch|group|instance|rms)_?norm", re.IGNORECASE)


def _is_norm(part: nn.Module) -> bool:
    """Whether it normalises, by the name of its class, which may be the learner's own."""
    return bool(_NORM.match(getattr(part, "original_name", type(part).__name__)))


def _parts(code: Any) -> dict[str, nn.Module]:
    """The parts of a module at any depth, by name."""
    parts = code.named_modules() if isinstance(code, nn.Module) else ()
    return {name: part for name, part in parts if name}


def has_norms(code: Any, run: Callable[[], Any] | None = None) -> bool:
    """Whether it is a module with norms, and meets one of them in this run, where one is given."""
    norms = {name: part for name, part in _parts(code).items() if _is_norm(part)}
    scripted = isinstance(code, torch.jit.ScriptModule)  # which takes no hooks
    if run is None or scripted or not norms:
        return bool(norms)
    called: list[str] = []
    with noting(norms, lambda name, *_: called.append(name)):
        run()
    return bool(called)


@contextmanager
def passed_by(code: Any, norms: bool) -> Iterator[dict[str, nn.Module]]:
    """Let x go past what stands in front of torch's own cells, such as an embedding, or past the
    norms. It yields what is passed by, by its name."""
    parts, found = _parts(code), {}
    cells = [each for each in (code, *parts.values()) if isinstance(each, (nn.LSTM, nn.LSTMCell))]
    with ExitStack() as put_back:
        for name, part in parts.items():
            passed = isinstance(part, nn.Embedding) or (norms and _is_norm(part))
            if isinstance(part, nn.Linear) and cells:
                in_front = part.in_features not in (cells[0].input_size, cells[-1].hidden_size)
                passed = in_front and part.out_features == cells[0].input_size
            if passed:
                found[name] = part
                part.forward = lambda x: x  # type: ignore[method-assign]
                put_back.callback(part.__dict__.pop, "forward", None)
        yield found


@contextmanager
def noting(
    parts: Mapping[Any, nn.Module], note: Callable[..., None], after: bool = False
) -> Iterator[None]:
    """Meanwhile `note` hears the name of each of these parts that is called, and the arguments;
    where it hears so `after` the call, also what came back."""

    def noted(name: Any, _: Any, args: Any, kwargs: Any, *back: Any) -> None:
        if args or kwargs:
            note(name, [*args, *kwargs.values()], *back)

    kind = "register_forward_hook" if after else "register_forward_pre_hook"
    with ExitStack() as hooks:
        for name, part in parts.items():
            hook = getattr(part, kind)(partial(noted, name), with_kwargs=True)
            hooks.enter_context(hook)
        yield


class Head(NamedTuple):
    """The first part of a module that stands behind h, whether it is called at each step, and the
    names of the weights that stand there."""

    name: str
    each_step: bool
    weights: frozenset[str]


@torch.enable_grad()  # type: ignore[untyped-decorator]
def head_of(module: nn.Module, names: Iterable[str], run: Callable[[], Any]) -> Head | None:
    """The head of a module with weights of these names, which `run` runs; None where h comes out
    as it is.

    A part stands behind h where no weight of its own reaches what it reads, and no other weight but
    those of parts that stand behind h, too. The weights of a gate reach what it reads, by h; those
    of a layer that is not wired right may not, but they have the shape of others.
    """
    recurrent = nn.RNNBase, nn.RNNCellBase, torch.jit.ScriptModule
    others = {n: p for n, p in _parts(module).items() if not isinstance(p, recurrent)}
    parts = {n: part for n, part in others.items() if [*part.parameters(recurse=False)]}
    calls: list[tuple[str, Tensor]] = []
    with noting(parts, lambda name, given: calls.append((name, given[0]))):
        run()
    wanted, known = {*names}, module.named_parameters()
    weights = {n: weight for n, weight in known if n in wanted and weight.requires_grad}
    each, behind, head = [*weights.values()], set[str](), None
    for name in dict.fromkeys(name for name, _ in reversed(calls)):
        reads = [x for own, x in calls if own == name]
        if not all(isinstance(x, Tensor) and x.requires_grad for x in reads):
            break
        try:
            sums = [x.sum() for x in reads]
            slopes = torch.autograd.grad(sums, each, retain_graph=True, allow_unused=True)
        except RuntimeError:  # what it has read was changed in place
            break
        free = {n for n, slope in zip(weights, slopes, strict=True) if slope is None}
        own = {f"{name}.{n}" for n, _ in parts[name].named_parameters(recurse=False)}
        shapes = {weight.shape for n, weight in weights.items() if n not in free}
        if not own <= free or any(weights[n].shape in shapes for n in own if weights[n].dim() > 1):
            break
        behind |= own
        if free <= behind:
            head = Head(name, len(reads) > 1, frozenset(free))
    return head


def before(head: Head, module: nn.Module, run: Callable[..., Any]) -> Callable[..., Any]:
    """The same code, which returns what its head reads in place of the first thing it returns."""

    def called(*args: Any, **kwargs: Any) -> Any:
        reads: list[Tensor] = []
        with noting({"": module.get_submodule(head.name)}, lambda _, given: reads.append(given[0])):
            result = run(*args, **kwargs)
        others = result[1:] if isinstance(result, tuple) else ()
        return (reads if head.each_step else reads[-1]), *others

    called.__signature__ = signature_of(run)  # type: ignore[attr-defined]
    return called
