"""A module to try: making it, its sizes, a copy of it, and other values for its parameters."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice, product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from lstm_teach.checks.cell.calls import BUDGET, Caller, signature_of
from lstm_teach.checks.cell.equations import normals
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.undisturbed import undisturbed

Sizes = tuple[int, int]

TRIED: Sizes = 5, 4
"""input_size and hidden_size where the module leaves the choice to the check."""

_INPUT_NAMES = (
    "input_size input_dim in_features in_dim n_in n_input n_inputs num_inputs input_sz in_size "
    "nx n_x dim_in in_channels embed_size embedding_dim x_dim d_in input_features idim ninp D I F"
)
_HIDDEN_NAMES = (
    "hidden_size hidden_dim out_features hid_dim n_hidden n_hid num_hiddens hidden_sz hid_size "
    "nh n_h nhid units num_units hidden h_dim state_size d_hidden hidden_features hdim cell_size H"
)
_OTHER_ARGUMENTS = {"bias": True, "device": "cpu", "dtype": None, "dropout": 0.0}


def build(cell: type[nn.Module], input_size: int, hidden_size: int) -> Any:
    """An instance of a learner's class, or a report on why there is none."""
    signature = signature_of(cell)
    known = {
        **dict.fromkeys(_INPUT_NAMES.split(), input_size),
        **dict.fromkeys(_HIDDEN_NAMES.split(), hidden_size),
        **_OTHER_ARGUMENTS,
    }
    by_name = {
        name: known[name]
        for name, parameter in signature.parameters.items()
        if name in known and (name not in _OTHER_ARGUMENTS or parameter.default is parameter.empty)
    }
    ways: list[tuple[tuple[int, ...], dict[str, Any]]] = [((input_size, hidden_size), {})]
    if len(by_name) > 1:
        ways.insert(0, ((), by_name))
    for args, kwargs in ways:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return run_in_time(cell, *args, **kwargs)
    return Report(
        "raises",
        f"The check makes your class as `{cell.__name__}(input_size, hidden_size)`, but it takes "
        f"`{signature}`. Give the check an instance: `check_cell({cell.__name__}(...))`.",
    )


def find_sizes(
    module: nn.Module, caller: Caller, input_size: int | None, hidden_size: int | None
) -> Sizes | Report:
    """For which sizes a module was made: told, by attributes, or by trying what fits."""
    told = _told(module, input_size, hidden_size)
    tried = [*_likely(module, told)]
    if all(told) and not input_size:  # such an attribute may count x and h together
        tried += [(x - h, h) for x, h in tried if x > h]
    failed: list[Report] = []
    ran: list[Sizes] = []
    for x, h in tried:
        found = caller.raw(x=torch.zeros(3, x), h=torch.zeros(3, h), c=torch.zeros(3, h))
        if not isinstance(found, Report):
            if _widths(found) == {h}:
                return x, h
            ran.append((x, h))
        elif found.verdict == "not_attempted":
            return found
        else:
            failed.append(found)
        if caller.in_a_hurry():
            break
    if ran:
        return ran[0]
    if all(told):
        return _with_projection(module, caller, tried[0], failed[0])
    where = f"\nThe first try said: {failed[0].message}" if failed else ""
    return Report(
        failed[0].verdict if failed and not [*module.parameters()] else "unrecognised",
        "The check could not find out for which sizes your module was made: its attributes do not "
        "tell both `input_size` and `hidden_size`, and no sizes taken from its parameters fit. "
        f"Pass them: `check_cell(cell, input_size=..., hidden_size=...)`.{where}",
    )


def reads_a_sequence(module: nn.Module, input_size: int | None, hidden_size: int | None) -> bool:
    """Whether a module takes an x of three axes, and hands back every step beside a state."""
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    told, start = _told(module, input_size, hidden_size), time.perf_counter()
    for (x, h), batch in product(islice(_likely(module, told), 8), (11, 13)):
        empty = torch.zeros(batch, h, dtype=dtype)
        for state in [(), ((empty, empty),), ((empty[None], empty[None]),)]:
            match run_in_time(module, torch.zeros(13, 11, x, dtype=dtype), *state):
                case [Tensor(shape=(13, 11, _)), [Tensor() as last, *_]]:
                    if not {13, 11} <= {*last.shape}:
                        return True
            if time.perf_counter() - start > BUDGET:
                return False
    return False


def _told(
    module: nn.Module, input_size: int | None, hidden_size: int | None
) -> tuple[int | None, int | None]:
    return (
        input_size or _attribute(module, _INPUT_NAMES),
        hidden_size or _attribute(module, _HIDDEN_NAMES),
    )


def _attribute(module: nn.Module, names: str) -> int | None:
    values = [getattr(module, name, None) for name in names.split()]
    return next((v for v in values if type(v) is int and v > 0), None)


def _likely(module: nn.Module, told: tuple[int | None, int | None]) -> Iterator[Sizes]:
    """Sizes worth a try; four gates side by side, the usual layout, first."""
    wide = sorted({d for p in module.parameters() if not is_lazy(p) for d in p.shape if d > 0})
    quarters = [d // 4 for d in wide if d % 4 == 0]
    hidden = [*(d for d in quarters if d in wide), *quarters, *wide[::-1], TRIED[1]]
    for h in [told[1]] if told[1] else list(dict.fromkeys(hidden))[:12]:
        inputs = [*wide[::-1], *(d - h for d in wide if d > h), TRIED[0]]
        for x in [told[0]] if told[0] else list(dict.fromkeys(inputs))[:24]:
            yield x, h


def _widths(found: Any) -> set[int]:
    """The sizes of the last axes in what a step returned; none where it is no pair of tensors."""
    parts = found if isinstance(found, (tuple, list)) else [found]
    shapes = [getattr(part, "shape", ()) for part in parts]
    return {shape[-1] if shape else 0 for shape in shapes}


def _with_projection(module: nn.Module, caller: Caller, sizes: Sizes, failed: Report) -> Report:
    """What to say where the told sizes do not fit: h may be narrower than c."""
    x, hidden = sizes
    for narrow in {d for p in module.parameters() if not is_lazy(p) for d in p.shape if d < hidden}:
        found = caller.raw(x=torch.zeros(3, x), h=torch.zeros(3, narrow), c=torch.zeros(3, hidden))
        if not isinstance(found, Report) and _widths(found) == {narrow, hidden}:
            return Report(
                "unrecognised",
                f"Your cell's h has {narrow} features and its c has {hidden}: that is an LSTM with "
                "a projection (nn.LSTM's proj_size), a variant. nn.LSTMCell has none, so this "
                "check cannot judge the rest of it.",
            )
    return failed


@contextmanager
def a_copy(cell: nn.Module) -> Iterator[nn.Module]:
    """A deep copy in float64, or the module itself, put back afterwards, where it has none."""
    try:
        module = copy.deepcopy(cell).double()
    except Exception:
        with undisturbed(cell):
            yield cell
    else:
        yield module.eval()


def redraw(module: nn.Module, sizes: tuple[int, int], seed: int = 5) -> None:
    """Give a module large random parameters; its own may be tiny, saturating or never set."""
    normal, spread = normals(seed), 2 / sum(sizes) ** 0.5
    for tensor in weights(module, sizes[1]):
        if tensor.dim():
            tensor.copy_(normal(*tensor.shape) * (spread if tensor.numel() > 4 * sizes[1] else 1))


def weights(module: nn.Module, hidden_size: int) -> list[Tensor]:
    """The parameters, and the tensors that should have been parameters."""
    return [*module.parameters(), *plain_tensors(module, hidden_size)]


def plain_tensors(module: nn.Module, hidden_size: int) -> list[Tensor]:
    """Tensors kept as attributes, or in a list or dictionary, that have the shape of weights."""
    known = {p.untyped_storage().data_ptr() for p in module.parameters()}
    kept = {
        id(tensor): tensor
        for part in module.modules()
        for name, value in vars(part).items()
        if name not in ("_parameters", "_buffers", "_modules")
        for tensor in _inside(value)
        if _like_a_weight(tensor, hidden_size)
    }
    return [t for t in kept.values() if t.untyped_storage().data_ptr() not in known]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, (list, tuple)) else (value,)


def _like_a_weight(value: Any, hidden_size: int) -> bool:
    return (
        isinstance(value, Tensor)
        and not isinstance(value, nn.Parameter)
        and value.is_floating_point()
        and value.numel() > 1
        and any(size % hidden_size == 0 for size in value.shape)
    )
