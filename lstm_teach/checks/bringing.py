"""Code as it is: finding what a learner brought, its weights, and how it wants to be called.

A `Caller` is the one thing that runs a learner's code: `callers` gives every way to call it that
its signature allows. `owned` finds its weights wherever they are kept; each shares its memory.
"""

from __future__ import annotations

import copy
import inspect
import math
import re
import sys
import time
import types
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import partial
from itertools import chain, product
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map

from lstm_teach.checks.mistake import said, told
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import run_in_time
from lstm_teach.undisturbed import undisturbed

Sizes = tuple[int, int]
Way = Callable[[dict[str, Any]], tuple[tuple[Any, ...], dict[str, Any]]]
"""Turns what is given by name into positional and keyword arguments."""

BUDGET = 1.0
"""Seconds after which no further call is begun that the verdict can do without."""

_DEPTH = 6
_DRAWN = 65_521
_BEHIND = ("_torchdynamo_orig_callable", "_orig_mod")
_THE_MODULE_ITSELF = ("forward", "__call__", "_wrapped_call_impl")
_INPUT = re.compile(
    r"in(put|_?features|_?dim|_?size|_?sz|_?channels|$)|n_?(in|x|inputs?|features?)$|num_(in|fea)"
    r"|x_?(dim|size)|dim_in|emb|d_in|idim|ninp|fea|vec|[DIFi]$"
)
_HIDDEN = re.compile(
    r"(.*_)?hid|h_?(dim|size)|n_?(h|hid|hidden|units|a)$|num_unit|units?$|out_?(feat|dim|size)"
    r"|(state|cell|rnn|lstm)_(dim|size)|d_h|[Hh]$"
)
_OUTPUT = re.compile(
    r"o$|n_?(y|o|out|outputs|classes)$|out(put)?_?(size|dim|features|sz)s?$"
    r"|num_(class|out|label|tag)|(vocab|tagset|target|label)_?(size|dim)?$|dim_out|d_out"
)
_SIZE = re.compile(r"size|dim|num|\bn_|units|feat|^[DH]$")
_NO_SIZES = re.compile(r"`(KeyError|(Type|Attribute)Error: .*\bint\b)")
_OTHER_ARGUMENTS = {"bias": True, "device": "cpu", "dtype": None, "dropout": 0.0, "num_layers": 1}
BEGINS = {
    "x": re.compile(r"x|inp|i$", re.I),
    "h": re.compile(r"h|a$|a_?(prev|t)|short|(prev|old|last)_?[ha]", re.I),
    "c": re.compile(
        r"(c|st?)($|_|\d)|c(ell|prev|old|last|[txyn]\d*$)|long|(prev|old|last)_?(c|s$)", re.I
    ),
}
STATE = re.compile(r"_?(h|c|a|state|init|prev|s\d?$|carry|mem|zero)", re.IGNORECASE)
_STATE_NAMES = "h", "c", "state"
_NO_STATE = re.compile(r".*(mask|msk|len|valid|train|teacher)", re.IGNORECASE)
_RUNS = re.compile(r"step|forward|call|run|cell")
_READS = re.compile(r"(?!.*(step|cell|back))(.*_)?(forward|run)(_|$)")
_WEIGHT = {
    "b": re.compile(r"b(ias)?(_|$|ih|hh|[xh])", re.IGNORECASE),
    "x": re.compile(r"(w|weight|kernel)s?_?(x|ih|xh|i2h|in|x2h|i|lstm|all)?$", re.IGNORECASE),
    "h": re.compile(r"(w|weight|u|kernel)s?_?(h|hh|h2h|hr|rec)$|u$|recurrent", re.IGNORECASE),
}
_OF_A_GATE = {
    "b": re.compile(r"b(ias)?_?[ifgoc]$", re.IGNORECASE),
    "x": re.compile(r"(w|weight)_?x?_?[ifgoc]$", re.IGNORECASE),
    "h": re.compile(r"((w|weight)_?h|u|r)_?[ifgoc]$", re.IGNORECASE),
}
_REGISTRY = re.compile("_(parameters|buffers|modules)$|hook")
IN_FLOAT32 = "It was run in float32, because float64 raises an error in your code."


def unwrapped(code: Any) -> Any:
    """What stands behind torch.compile, DataParallel and a module's bound forward."""
    for _ in range(_DEPTH):
        for name in _BEHIND:
            code = getattr(code, name, code)
        if isinstance(code, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            code = code.module
        owner = getattr(code, "__self__", None)
        if isinstance(owner, nn.Module) and getattr(code, "__name__", "") in _THE_MODULE_ITSELF:
            code = owner
    return code


def methods(code: Any) -> dict[str, Any]:
    """The public methods of an object or a class that a learner wrote, by name."""
    kind = code if isinstance(code, type) else type(code)
    own = [n for one in kind.__mro__ if not one.__module__.startswith("torch") for n in vars(one)]
    public = [n for n in own if not n.startswith("_") and callable(getattr(kind, n))]
    return {name: getattr(code, name) for name in public}


def runs(code: Any) -> Any:
    """What runs it: an object that cannot be called has `forward`, or one public method, or one
    that is called so."""
    if callable(code) and not without_forward(code):
        return code
    public = methods(code)
    named = [name for name in public if len(public) == 1 or _READS.match(name)]
    named = ["forward"] if "forward" in public else named
    return public[named[0]] if len(named) == 1 else code


def without_forward(code: Any) -> bool:
    """Whether it is a module, or a class of one, whose `forward` is still to be written."""
    return getattr(getattr(code, "forward", None), "__name__", "") == "_forward_unimplemented"


def signature_of(code: Any) -> inspect.Signature:
    """What a function takes, or `forward` of a module; anything, where it does not tell."""
    itself = isinstance(code, type) or without_forward(code)  # which may have its own `__call__`
    with suppress(TypeError, ValueError):
        return inspect.signature(code if itself else getattr(code, "forward", code))
    return inspect.signature(lambda *args: None)


def _single(signature: inspect.Signature) -> list[str]:
    """The arguments that are no `*args` or `**kwargs`."""
    return [name for name, p in signature.parameters.items() if "VAR" not in p.kind.name]


def required(signature: inspect.Signature) -> list[str]:
    """The arguments that have to be given."""
    parameters = signature.parameters
    return [n for n in _single(signature) if parameters[n].default is parameters[n].empty]


def is_maker(code: Any) -> bool:
    """Whether it makes what is to be checked: a class, or a function of two sizes by name."""
    if not isinstance(code, types.FunctionType):
        return isinstance(code, type)
    sizes = required(signature_of(code))
    return all(map(_SIZE.search, sizes)) and {*named_sizes(signature_of(code))} == {*sizes}


def needed(code: Any) -> int:
    """How many arguments code cannot do without; -1 where it takes any."""
    signature = signature_of(code)
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values())
    return -1 if takes_any else len(required(signature))


def named_sizes(signature: inspect.Signature) -> tuple[str, str]:
    """Which arguments are input_size and hidden_size; of two, one name tells both."""
    names = _single(signature)
    hidden = next(filter(_HIDDEN.match, names), "")
    inputs = next((name for name in names if _INPUT.match(name) and name != hidden), "")
    known = {inputs, hidden, *_OTHER_ARGUMENTS}
    left = [n for n in required(signature) if n not in known and (hidden or inputs)]
    return inputs or "".join(left[:1]), hidden or "".join(left[:1])


def told_to(cls: Callable[..., Any], sizes: Sizes) -> tuple[int | None, int]:
    """Of these sizes those that a class is told: of a hidden_size alone, it finds the other."""
    x, h = named_sizes(signature_of(cls))
    return (None if h and not x else sizes[0]), sizes[1]


def make(cls: Callable[..., Any], input_size: int, hidden_size: int) -> Any:
    """An instance of a learner's class, which takes two sizes, in any order where their names tell
    it; or a report on why there is none."""
    signature = signature_of(cls)
    x, h = named_sizes(signature)
    wanted = [name for name in required(signature) if name not in (x, h)]
    others: dict[str, Any] = {n: _OTHER_ARGUMENTS[n] for n in wanted if n in _OTHER_ARGUMENTS}
    made_up = [name for name in wanted if name not in others and _OUTPUT.match(name)]
    others |= dict.fromkeys(made_up, 2 * hidden_size + 3)
    named = bool(_INPUT.match(x) and _HIDDEN.match(h))
    ways: list[Any] = [((), {x: input_size, h: hidden_size, **others})] * bool(x and h)
    if h and not x:
        ways = [((), {h: hidden_size, **others})]
    elif not made_up:
        ways.append(((input_size, hidden_size), others))
    failed = ""
    for args, kwargs in (*ways, ((), {})):
        with suppress(TypeError):
            signature.bind(*args, **kwargs)
            made = run_in_time(cls, *args, **kwargs)
            error = made.message if isinstance(made, Report) else ""
            failed = f"\n{said('of_two_sizes')} {error}" if error and (args or kwargs) else failed
            if _NO_SIZES.match(error) or (error and made_up):
                break
            # What a line raises and does not depend on the sizes is no matter of them.
            turned = run_in_time(cls, *args[::-1], **kwargs) if args and error else None
            same = isinstance(turned, Report) and turned.message == error and turned.judged
            verdict = getattr(made, "verdict", "")
            by_python = verdict == "cannot_check" and not made.reached  # it takes other arguments
            if named or same or not (args or kwargs) or not (by_python or verdict == "raises"):
                return made
    name = getattr(cls, "__name__", "YourClass")
    of_weights = next(with_weights(cls, (input_size, hidden_size)), None)
    if of_weights is not None:
        return run_in_time(of_weights)
    report = told("other_sizes", name=name, signature=signature)
    return replace(report, message=report.message + failed)


def with_weights(function: Any, sizes: Sizes) -> Iterator[partial[Any]]:
    """A function that is handed its weights, or a class that is made of them, with weights: in
    PyTorch's layout, or turned."""
    signature, is_class = signature_of(function), isinstance(function, type)
    is_function = isinstance(function, (types.FunctionType, types.MethodType))
    names = [*signature.parameters][not is_class :] if is_function or is_class else []
    for kinds, each in ((_WEIGHT, 1), (_OF_A_GATE, 4)):
        part_of = {n: part for n in names for part, like in kinds.items() if like.match(n)}
        many = Counter(part_of.values())
        if (many["x"] and many["h"]) or many["x"] == each:
            break
    else:
        return
    # Those of x and h may be one, with the bias in it.
    wides = [sizes[0]] if many["h"] else [sum(sizes), sum(sizes) + 1]
    kept = signature.replace(
        parameters=[p for p in signature.parameters.values() if p.name not in part_of]
    )

    def handed(*args: Any, **kwargs: Any) -> Any:
        weights = {name: kwargs.pop(name) for name in part_of}
        return function(**kept.bind(*args, **kwargs).arguments, **weights)

    codes = (getattr(one, "__code__", None) for one in (function, *vars(function).values()))
    likely = any({"np", "numpy"} & {*code.co_names} for code in codes if code)
    either = likely, not likely  # those in NumPy are turned, mostly
    for numpy, turned, wide, upright in product(either, either, wides, (False, True)):
        if (numpy and "numpy" not in sys.modules) or (upright and not many["b"]):
            continue  # torch does without NumPy, and some code without biases
        order, rows = -1 if turned else 1, 4 // each * sizes[1]
        shapes = {"x": (rows, wide), "h": (rows, sizes[1]), "b": (rows,) + (1,) * upright}
        weights = {n: torch.ones(shapes[part][::order]).double() for n, part in part_of.items()}
        run = partial(handed, **{n: t.numpy() if numpy else t for n, t in weights.items()})
        run.__signature__ = kept  # type: ignore[attr-defined]
        yield run


def without_a_layout(failed: list[Report], net: str, code: Any) -> Report | None:
    """The report that code runs with no layout of its weights, where it raised so; with the error
    of the one with which it gets furthest."""
    furthest = max(failed, key=lambda one: one.reached, default=None)
    if furthest is None or not furthest.reached:
        return None
    line = likely_call(code, net, "(h, c)")[1]
    return told("own_layout", error=furthest.message, net=net, line=line)


@contextmanager
def to_try(code: Any, dtype: torch.dtype, call: Any, itself: bool = False) -> Iterator[Any]:
    """A deep copy in this dtype, on the CPU and in evaluation mode; or, where there can be none or
    where it is asked for, the thing `itself`. What it shares with the copy, it and its `call`, is
    put back afterwards. Meanwhile new tensors are made on the CPU.
    """
    torch.set_default_device(None)
    copied = code
    with suppress(Exception):
        copied = code if itself else copy.deepcopy(code)
    owner = getattr(copied, "__self__", copied)
    memory = {tensor.data_ptr() for tensor in owned(copied).values()} - {0}
    shared = [tensor for tensor in owned(code).values() if tensor.data_ptr() in memory]
    kept = [(tensor, tensor.clone()) for tensor in (*shared, *owned(call).values())]
    with ExitStack() as put_back:
        if copied is code and isinstance(code, nn.Module):
            put_back.enter_context(undisturbed(code))
        elif isinstance(owner, nn.Module) and not shared:  # as a copy shares what it closes over
            owner.to(dtype).cpu().eval()
        for tensor, values in kept:
            put_back.callback(tensor.copy_, values)
        yield copied


def owned(*code: Any) -> dict[str, Tensor]:
    """Every weight of what a learner brought, by its dotted name; each shares its memory."""
    return {
        name: value.detach() if isinstance(value, Tensor) else torch.from_numpy(value)
        for name, value in _inside(code)
    }


def loose(module: nn.Module, weights: Mapping[str, Tensor]) -> list[str]:
    """The names of weights that no optimiser finds, since the module does not know them."""
    known = {parameter.data_ptr() for parameter in module.parameters()}
    return [name for name, weight in weights.items() if weight.data_ptr() not in known]


def has_buffers(weights: Mapping[str, Tensor], used: set[str]) -> bool:
    """Whether a matrix that is not used has the shape of one that is, as a gradient has."""
    shapes = {weights[name].shape for name in used}
    idle = (weight.shape for name, weight in weights.items() if name not in used)
    return any(min(shape, default=0) > 1 and shape in shapes for shape in idle)


def unused(names: Iterable[str]) -> list[str]:
    """The sentence that no h depends on these weights, if there are any."""
    named = [f"`{name}`" for name in names]
    some = [*named[:4], *["others"] * (len(named) > 4)]
    return [said("unused", names=listed(some))] if named else []


def speaks_numpy(*code: Any) -> bool:
    """Whether all the weights that the code owns are NumPy arrays, and there are some."""
    return {isinstance(value, Tensor) for _, value in _inside(code)} == {False}


def _inside(code: tuple[Any, ...]) -> list[tuple[str, Any]]:
    """The floating point tensors and arrays in code that are no buffers, each once, by name."""
    seen: set[int] = set()

    def look(value: Any, name: str, depth: int) -> Iterator[tuple[str, Any]]:
        if id(value) in seen or depth < 0:
            return
        seen.add(id(value))
        if isinstance(value, Tensor):
            as_weight = isinstance(value, nn.Parameter) or value.dim() > 0
            if value.is_floating_point() and not is_lazy(value) and as_weight:
                yield name, value
        elif hasattr(value, "__array_interface__"):
            if value.dtype.kind == "f" and value.ndim and value.flags.writeable:
                with suppress(TypeError, ValueError):  # what torch cannot share
                    torch.from_numpy(value)
                    yield name, value
        else:
            if isinstance(value, nn.Module):
                seen.update(id(buffer) for buffer in value.buffers())
            for key, part in _parts(value).items():
                deeper = not isinstance(part, nn.Module)
                yield from look(part, f"{name}.{key}".strip("."), depth - deeper)

    return [found for one in code for found in look(one, "", _DEPTH)]


def _parts(value: Any) -> Mapping[Any, Any]:
    """What stands in an object, a container or a function, by name."""
    if isinstance(value, nn.Module):
        own = {name: part for name, part in vars(value).items() if not _REGISTRY.search(name)}
        return dict(value.named_parameters()) | own | dict(value.named_children())
    if isinstance(value, (dict, list, tuple)):
        return value if isinstance(value, dict) else dict(enumerate(value))
    if isinstance(value, types.MethodType):
        return {"": value.__self__}
    if isinstance(value, partial):
        names = signature_of(value.func).parameters
        return {**dict(zip(names, value.args, strict=False)), **value.keywords, "": value.func}
    if isinstance(value, types.FunctionType):
        globals_ = {name: value.__globals__.get(name) for name in _names(value.__code__)}
        return {**globals_, **inspect.getclosurevars(value).nonlocals}
    return {} if isinstance(value, (type, types.ModuleType)) else getattr(value, "__dict__", {})


def _names(code: types.CodeType) -> list[str]:
    """The globals that code may use, also in the comprehensions and functions inside it."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return [*code.co_names, *chain.from_iterable(map(_names, inner))]


def normals(seed: int) -> Any:
    """A source of normal random tensors in float64, the same on every machine: normal(*shape)."""
    source = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        # Much is drawn once and repeated; no two rows begin at the same place of a prime length.
        count = math.prod(shape)
        drawn = torch.randn(min(count, _DRAWN), generator=source, dtype=torch.float64, device="cpu")
        return drawn.repeat(-(-count // _DRAWN))[:count].view(shape)

    return normal


def redraw(weights: Mapping[str, Tensor], sizes: Sizes, seed: int = 5) -> None:
    """Large random values, in place; a module's own may be tiny, saturating or never set."""
    normal, spread = normals(seed), 2 / sum(sizes) ** 0.5
    with torch.no_grad():
        for tensor in weights.values():
            wide = spread if tensor.numel() > 4 * sizes[1] else 1.0
            tensor.copy_(normal(*tensor.shape)).mul_(wide)


def likely_sizes(
    code: Any, input_size: int | None = None, hidden_size: int | None = None, call: Any = None
) -> Iterator[Sizes]:
    """Pairs (input_size, hidden_size) worth a try: as told, by attributes, from the weights."""
    told = hidden_size or next(iter(attributes(code, _HIDDEN)), None)
    own: list[Any] = [input_size] if input_size else attributes(code, _INPUT)
    known = [(x, told) for x in own or [None]]
    shapes = [tuple(tensor.shape) for tensor in owned(code, call).values()]
    wide = sorted({d for shape in shapes for d in shape if d > 0}, reverse=True)
    quarters = sorted(d // 4 for d in wide if d % 4 == 0)
    square = [shape[0] for shape in shapes if len(shape) == 2 and shape[0] == shape[1]]
    hidden = [*square, *(d for d in quarters if d in wide), *quarters, *wide, 4]
    # The 1 of a bias [hidden_size, 1] would fit by broadcasting.
    hidden.sort(key=lambda size: size == 1 and all(shape[0] > 1 for shape in shapes if shape))
    tried: dict[Sizes, None] = {}
    for x_told, h_told in known if all(known[0]) else (known[0], (input_size, hidden_size)):
        for h in [h_told] if h_told else list(dict.fromkeys(hidden))[:12]:
            inputs = [*wide, *sorted(d - h for d in wide if d > h), 5]
            if x_told:  # it may count x and h together
                inputs = [x_told] if input_size or x_told <= h else [x_told, x_told - h]
            tried |= {(x, h): None for x in list(dict.fromkeys(inputs))[:24]}
    yield from tried


def attributes(code: Any, pattern: re.Pattern[str]) -> list[int]:
    """The sizes that an object tells in attributes of such names."""
    owner = getattr(code, "__self__", code)
    names = filter(pattern.match, ("input_size", "hidden_size", *getattr(owner, "__dict__", {})))
    values = (getattr(owner, name, None) for name in names)
    return [*dict.fromkeys(value for value in values if type(value) is int and value > 0)]


@dataclass
class Caller:
    """Calls a learner's `code`, its arguments handed over by `arrange` in this `dtype`.

    It may be given `numpy` arrays, and other `axes` than "rows", a batch first: "layers" for an
    axis of layers before it in h and c, "columns" for a batch last; for one sample at a time "one"
    without an axis for it, "column" with one that stands last, "row" with one that stands first,
    "list" for Python's lists. `named` is "h c" or "c h", the order of the arguments that are called
    so. Whatever the verdict, the `remarks` are worth saying, and the arguments that a call changed
    in place. `spent` is the seconds in the learner's code so far.
    """

    code: Callable[..., Any]
    arrange: Way
    numpy: bool = False
    axes: str = "rows"
    remarks: list[str] = field(default_factory=list)
    named: str = ""
    dtype: torch.dtype = torch.float64
    spent: float = 0.0
    changed_inputs: dict[str, None] = field(default_factory=dict)

    def raw(self, **given: Tensor) -> Any:
        """What the learner's code returns, as tensors with a batch first; or a report."""
        tensors = {name: tensor.to(self.dtype, copy=True) for name, tensor in given.items()}
        if self.axes == "columns":
            tensors |= {n: t.mT.contiguous() for n, t in tensors.items() if n in BEGINS}
        if self.axes == "layers":
            tensors |= {n: t[None] for n, t in tensors.items() if n in "hc"}
        before = {name: t.clone() for name, t in tensors.items()}
        things = {n: t.numpy() if self.numpy else t for n, t in tensors.items()}

        called: Any = partial(self._call, things)
        called.__name__ = getattr(self.code, "__name__", type(self.code).__name__)
        start = time.perf_counter()
        result = run_in_time(called)
        self.spent += time.perf_counter() - start
        changed = (name for name, t in tensors.items() if not torch.equal(t, before[name]))
        self.changed_inputs |= dict.fromkeys(changed)
        return result

    def _call(self, things: dict[str, Any]) -> Any:
        torch.set_default_dtype(self.dtype)
        lay, back, results = _AXES[self.axes], partial(_tensor, self.axes), []
        for k in range(len(things["x"])) if lay else [...]:
            given = {n: lay(t[k]) if lay and n in BEGINS else t for n, t in things.items()}
            args, kwargs = self.arrange(given)
            result = self.code(*args, **kwargs)
            results.append(
                tree_map(back, result, is_leaf=lambda one: _of_numbers(one) or _has_names(one))
            )
        return tree_map(_stacked, *results) if lay else results[0]

    def in_a_hurry(self) -> bool:
        """Whether the learner's code is so slow that the rest of the check is left out."""
        return self.spent > BUDGET

    def report(self, report: Report) -> Report:
        """A report with what was noticed beside the verdict."""
        notes = [report.message, *self.remarks]
        if self.changed_inputs:
            names = listed(f"`{name}`" for name in self.changed_inputs)
            notes.append(said("in_place", names=names))
        if self.dtype == torch.float32:
            notes.append(IN_FLOAT32)
        late = (said("slow"),) if self.in_a_hurry() else ()
        return replace(report, message="\n".join(notes), not_checked=(*report.not_checked, *late))


def callers(
    code: Callable[..., Any], call: Callable[..., Any] | None, forms: Iterable[str]
) -> Iterator[Caller]:
    """Every way to call the code that its signature allows, the likeliest first.

    Args:
        code: what is called.
        call: how to call it, `call(code, x, h, c)`, where the learner tells it.
        forms: names of what is handed over, with spaces between; "state" stands for (h, c).
    """
    taken = partial(call, code) if call else code
    ways, numpy = [*_ways(signature_of(taken), forms)], speaks_numpy(code, call)
    for in_numpy, axes in product((numpy, not numpy), _AXES):
        if axes == "row" and not in_numpy:
            continue  # in torch what runs on a batch of one alone mixes its samples
        for way, notes, named in ways:
            names = [*notes, axes, *["numpy"] * in_numpy]
            # What is said of each that is unusual stands in the catalogue by its name.
            remarks = [said(name) for name in names if name not in ("pair", "rows")]
            yield Caller(taken, way, in_numpy, axes, remarks, named)


def _ways(
    signature: inspect.Signature, forms: Iterable[str]
) -> Iterator[tuple[Way, list[str], str]]:
    """Each goes to the parameter of its name, x, h and c also to one of the first three that only
    begins so; what is left goes in order. A state is a pair, then one tensor."""
    single, wanted = _single(signature), {*required(signature)}
    known = [form.split() for form in forms]
    own = {name: name for names in known for name in names if name in single} | by_name(single)
    if not {"h", "c"} <= own.keys():  # one of them alone may be the pair
        own = {name: parameter for name, parameter in own.items() if name not in "hc"}
    named = " ".join(sorted("hc", key=lambda name: single.index(own[name]))) if "c" in own else ""
    free = [parameter for parameter in single if parameter not in own.values()]
    for names in known:
        rest = [name for name in names if name not in own]
        placed = {own[name]: name for name in names if name in own}
        placed |= zip(free, rest, strict=False)
        left = rest[len(free) :]
        # An option that is no weight by its name, such as a mask, is handed none.
        odd = {p for p, n in placed.items() if n[1:2] == "_" and not (p in wanted or _is_weight(p))}
        odd |= {p for p, n in placed.items() if n in _STATE_NAMES and _NO_STATE.match(p)}
        no_room = left and len(single) == len(signature.parameters)
        if wanted - placed.keys() or odd or no_room or ("state" in names and named):
            continue
        in_order = [placed[parameter] for parameter in single if parameter in placed] + left
        notes = [] if in_order == names else ["by_name"]
        for note, state in _STATES.items() if "state" in names else [("pair", None)]:
            yield partial(_arranged, signature, placed, left, state), [note, *notes], named


def _arranged(
    signature: inspect.Signature,
    placed: dict[str, str],
    left: list[str],
    joined: Callable[[Any, Any], Any] | None,
    given: dict[str, Any],
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What is given by name as arguments: by parameter, and what a star takes."""
    things = {**given, "state": joined(given["h"], given["c"])} if joined else given
    bound = signature.bind_partial()
    bound.arguments |= {parameter: things[name] for parameter, name in placed.items()}
    rest = {name: things[name] for name in left}
    if any(p.kind is p.VAR_POSITIONAL for p in signature.parameters.values()):
        return (*bound.args, *rest.values()), bound.kwargs
    return bound.args, bound.kwargs | rest


def _is_weight(name: str) -> bool:
    return any(like.match(name) for like in _WEIGHT.values())


def by_name(parameters: list[str]) -> dict[str, str]:
    """Which of the first three, weights apart, begin as x, h and c do: for x the first, for a state
    the last."""
    first = [name for name in parameters if not _is_weight(name)][:3]
    like = {part: [*filter(begins.match, first)] for part, begins in BEGINS.items()}
    return {part: found[0 if part == "x" else -1] for part, found in like.items() if found}


def steps_alone(code: Any) -> bool:
    """Whether it is a module without `forward` that has another method to run it."""
    return without_forward(code) and any(map(_RUNS.match, methods(code)))


def likely_call(code: Any, net: str, state: str = "") -> tuple[list[str], str]:
    """What code takes, and how to call it, such as `net.step(x, (h, c), parameters)`; "..." where
    x and a state are all that it takes, for such calls have been tried.

    Where its state is one argument, `state` stands there, if not its own name.
    """
    name = ""
    if without_forward(code) or not callable(code):
        public = methods(code)
        name = min(public, key=lambda n: (not _READS.match(n), not _RUNS.match(n)), default="")
        code, name = public.get(name, lambda: None), f".{name}" * bool(name)
    names = required(signature_of(code))
    like = {part: [*filter(begins.match, names)] for part, begins in BEGINS.items()}
    own = {found[0]: part for part, found in like.items() if found}
    if "x" not in own.values():  # the first that is no state
        no_x = [n for n in names if n in own or n.startswith("param") or _is_weight(n)]
        left = [n for n in names if n not in no_x]
        own |= {parameter: "x" for parameter in left[:1]}
    if not (state and {"h", "c"} <= {*own.values()}):
        own = {parameter: "x" for parameter, part in own.items() if part == "x"}
        states = [n for n in names if STATE.match(n) and n not in own and not _SIZE.search(n)]
        own |= {n: state or n for n in states}
        own |= {n: "h" for n in states if state and re.fullmatch("[ha]_?(0|prev)?", n)}
        own |= dict(zip(states, "hc", strict=True)) if state and len(states) == 2 else {}
    line = f"{net}{name}({', '.join(own.get(name, name) for name in names)})"
    return names, line if {*names} - own.keys() else "..."


class Pair(tuple[Any, Any]):
    """A state, to be taken apart, or asked by a name or a key that begins as h or c do; and no
    array, as NumPy would make of it."""

    def __array__(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise TypeError("this is a tuple (h, c), and no array")

    def __getitem__(self, key: Any) -> Any:
        """A part by its place or its name."""
        places = [n for n in "hc" if isinstance(key, str) and BEGINS[n].match(key)]
        return super().__getitem__("hc".index(places[0]) if places else key)

    def __getattr__(self, name: str) -> Any:
        """A part by its name."""
        try:
            return self[name]
        except TypeError:
            raise AttributeError(f"'tuple' object has no attribute {name!r}") from None


Pair.__name__ = "tuple"  # what an error calls it


def _as_one(join: Callable[..., Tensor], h: Any, c: Any) -> Any:
    """h and c as one tensor, or as one array."""
    both = join([torch.as_tensor(h), torch.as_tensor(c)])
    return both if isinstance(h, Tensor) else both.numpy()


_STATES: dict[str, Callable[[Any, Any], Any]] = {
    "pair": lambda h, c: Pair((h, c)),
    "one_tensor": partial(_as_one, partial(torch.cat, dim=-1)),
    "stacked": partial(_as_one, torch.stack),
}
_AXES: dict[str, Callable[[Any], Any] | None] = {
    "rows": None,
    "layers": None,
    "columns": None,
    # Of one sample at a time, how it is handed over.
    "one": lambda sample: sample,
    "column": lambda sample: sample[:, None],
    "row": lambda sample: sample[None],
    "list": lambda sample: sample.tolist(),
}


def _has_names(part: Any) -> bool:
    """Whether its parts have names, as those of a dataclass or a NamedTuple."""
    return not isinstance(part, type) and (is_dataclass(part) or hasattr(part, "_fields"))


def _of_numbers(part: Any) -> bool:
    """Whether it is a list of numbers, as a vector in Python's own lists."""
    return type(part) is list and all(
        isinstance(one, float) or getattr(one, "shape", None) == () for one in part
    )


def _tensor(axes: str, part: Any) -> Any:
    """An array as a tensor; a copy, for the cell may keep what it returned."""
    if _has_names(part):
        names = getattr(part, "_fields", None) or [one.name for one in fields(part)]
        # h before c, wherever it stands
        names = sorted(names, key=lambda name: not BEGINS["h"].match(name))
        named = {name: _tensor(axes, getattr(part, name)) for name in names}
        return tuple(named.values()) if isinstance(part, tuple) and len(named) == 2 else named
    if isinstance(part, Pair):
        return tuple(_tensor(axes, one) for one in part)
    if _of_numbers(part) and part:
        part = torch.stack([*map(torch.as_tensor, part)])
    if not hasattr(part, "__array__"):
        return part
    part = tensor_of(part)
    if axes == "layers" and part.dim() == 3 and len(part) == 1:
        return part[0]
    if (axes == "column" and part.shape[1:] == (1,)) or (axes == "row" and part.shape[:1] == (1,)):
        return part.flatten()
    return part.mT if axes == "columns" and part.dim() == 2 else part


def tensor_of(value: Any) -> Tensor:
    """A copy of numbers as a tensor; of an array, whose steps may go backward, one in order."""
    return torch.as_tensor(value.copy() if hasattr(value, "__array_interface__") else value).clone()


def _stacked(*parts: Any) -> Any:
    """The results for single samples as one for all."""
    alike = len({getattr(part, "shape", None) for part in parts}) == 1
    return torch.stack(parts) if alike and isinstance(parts[0], Tensor) else parts[0]


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: a, b and c."""
    return " and ".join(", ".join(names).rsplit(", ", 1))
