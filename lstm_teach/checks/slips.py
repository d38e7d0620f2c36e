"""The first slips of a beginner, told from the line that failed and the values there.

A slip has a name, and in the catalogue the sentence that helps. Nothing is told from the words of
an error.
"""

from __future__ import annotations

import ast
import builtins
import dis
import linecache
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence, unpack_sequence
from torch.utils._pytree import tree_leaves

from lstm_teach.checks.mistake import said

Slip = tuple[str, dict[str, Any]]
"""Its name, and what fills in the holes of its sentence."""

_NOTHING = object()
_PRODUCTS = ("matmul", "mm", "dot")
_JOINERS = ("cat", "concat", "concatenate")
_CUTTERS = ("chunk", "split", "tensor_split")


@dataclass(frozen=True)
class Place:
    """The line that failed.

    Attributes:
        nodes: the syntax of that line, in the order of its run, without the block that it opens.
        reached: in whose methods the error rose, such as a module's `forward`.
        given: the arguments of the function around it that are still what came in.
        frame: where its values are.
    """

    nodes: tuple[ast.AST, ...]
    reached: tuple[Any, ...]
    given: set[str]
    frame: FrameType

    def value(self, node: ast.AST) -> Any:
        """What a name, an attribute or an item is there; nothing for what would run code."""
        with suppress(Exception):
            match node:
                case ast.Name(name):
                    names = {**vars(builtins), **self.frame.f_globals, **self.frame.f_locals}
                    return names[name]
                case ast.Constant(value):
                    return value
                case ast.Tuple(parts) | ast.List(parts):
                    return [self.value(part) for part in parts]
                case ast.Attribute(owner, name):
                    return getattr(self.value(owner), name)
                case ast.Subscript(whole, index):
                    return self.value(whole)[self.value(index)]
        return _NOTHING

    def rose_in(self, module: nn.Module) -> bool:
        """Whether the error rose in a method of this module."""
        return any(one is module for one in self.reached)

    def refuses(self, error: BaseException, first: bool) -> bool:
        """Whether this error of the line's own turns down what came in: an `assert`, a `raise`, a
        shape that is taken apart into so many names, or so a tensor handed to the `first` frame."""
        for node in self.nodes:
            match node:
                case ast.Assert() | ast.Raise():
                    return True
                case ast.Assign(
                    [ast.Tuple()],
                    ast.Attribute(attr="shape") | ast.Call(ast.Attribute(attr="size")),
                ):
                    return isinstance(error, ValueError)
                case ast.Assign([ast.Tuple()], ast.Name(n) as one) if first and n in self.given:
                    return isinstance(error, ValueError) and bool(_shape(self.value(one)))
        return False

    def missing(self) -> dict[str, str]:
        """The `name` of what the line asks its own object for before another `method` has set it;
        empty where there is none."""
        own = self.frame.f_locals.get("self")
        asked = (
            n for n in self.nodes if isinstance(n, ast.Attribute) and self.value(n.value) is own
        )
        for name in [node.attr for node in asked if not hasattr(own, node.attr)]:
            for method, function in _functions(type(own)).items():
                elsewhere = method not in ("__init__", self.frame.f_code.co_name)
                if elsewhere and name in _set_by(function):
                    return {"name": name, "method": method}
        return {}

    def blank(self) -> bool:
        """Whether the line trips over a `...` that is still to be filled in, here or in a stub."""
        slices = [node.slice for node in self.nodes if isinstance(node, ast.Subscript)]
        inside = {id(part) for one in slices for part in ast.walk(one)}
        return any(
            _is_stub(self.value(node.func))
            if isinstance(node, ast.Call)
            else self.value(node) is ... and id(node) not in inside
            for node in self.nodes
        )


def _is_stub(function: Any) -> bool:
    """Whether a function of the learner's returns `...`, or has no other body."""
    code = getattr(function, "__code__", None)
    around = _around(code, code.co_firstlineno) if isinstance(code, CodeType) else []
    match [node for node in around if isinstance(node, ast.FunctionDef)]:
        case [*_, ast.FunctionDef(body=[*_, ast.Return(value) | ast.Expr(value)])]:
            values = getattr(value, "elts", [value])
            return any(isinstance(part, ast.Constant) and part.value is ... for part in values)
    return False


def _around(code: CodeType, line: int) -> list[ast.stmt]:
    """The statements in which a line stands, from outside in; none where there is no source."""
    return _statements("".join(linecache.getlines(code.co_filename)), line)


@lru_cache(maxsize=64)  # a check runs into one error many times
def _statements(source: str, line: int) -> list[ast.stmt]:
    try:
        nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    except (SyntaxError, ValueError):
        return []
    return [node for node in nodes if node.lineno <= line <= (node.end_lineno or line)]


def place_of(frame: FrameType, line: int, reached: Sequence[Any] = ()) -> Place | None:
    """The syntax and the values of a line, or None where its source is not known."""
    around = _around(frame.f_code, line)
    statements = [node for node in around if node.lineno == line] or around[-1:]
    nodes = tuple(node for statement in statements for node in _own_nodes(statement))
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    inside = [node for function in functions[-1:] for node in ast.walk(function)]
    stored = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    given = {n.arg for n in inside if isinstance(n, ast.arg)} - stored
    return Place(nodes, tuple(reached), given, frame) if nodes else None


def _own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """A statement and its nodes, each after its parts, without the statements inside it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield from _own_nodes(child)
    yield statement


def slip_in(place: Place) -> tuple[str, str]:
    """The name of the slip that was made in this place, and its sentence; both empty where none is
    known."""
    kinds = (_with_a_tuple, _with_a_module, _with_a_product, _without_dim, _one_too_far)
    found = (slip for node in place.nodes for slips in kinds for slip in slips(place, node))
    for name, holes in chain(found, _around_the_line(place)):
        return name, said(name, **holes)
    return "", ""


def _shape(value: Any) -> list[int]:
    """The shape of a tensor or an array; empty for anything else."""
    shape = getattr(value, "shape", ())
    return [*shape] if isinstance(shape, tuple) else []


def _returned(value: Any) -> str:
    """What it is of all that a recurrent module returns; "" for anything else."""
    match value if type(value) is tuple else None:  # not what the check has handed over
        case tuple((Tensor(), Tensor())):
            return "pair"
        case tuple((Tensor(), tuple((Tensor(), Tensor())))):
            return "output_and_pair"
    return ""


def _with_a_tuple(place: Place, node: ast.AST) -> Iterator[Slip]:
    """What is no tensor, used as one: a packed sequence, and what a recurrent module returns."""
    used: list[ast.expr] = []
    match node:
        case ast.Call(_, [argument, *_]):
            used = [argument]
        case ast.Subscript(owner) if isinstance(place.value(owner), PackedSequence):
            used = [owner]
        case ast.BinOp(left, _, right):
            used = [left, right]
        case ast.Attribute(owner):
            used = [owner]
    taker = place.value(node.func) if isinstance(node, ast.Call) else None
    is_field = isinstance(node, ast.Attribute) and node.attr in PackedSequence._fields
    unpacks = any(taker is one for one in (pad_packed_sequence, unpack_sequence))
    for part in used:
        value, name = place.value(part), ast.unparse(part)
        if isinstance(value, PackedSequence) and not (is_field or unpacks):
            promised, held = int(value.batch_sizes.sum()), len(value.data)
            is_known = not isinstance(node, ast.Call) or callable(taker)
            if promised > held:
                yield "packed_too_long", {"name": name, "promised": promised, "held": held}
            elif is_known and not isinstance(taker, nn.RNNBase):
                yield "packed", {"name": name}
        if kind := _returned(value):
            yield kind, {"name": name}
        elif isinstance(node, ast.Call) and isinstance(value, list) and any(map(_returned, value)):
            yield "list_of_pairs", {"name": name}


def _with_a_module(place: Place, node: Any) -> Iterator[Slip]:
    """How one of torch's modules is called, and how it was made."""
    module = place.value(node.func) if isinstance(node, ast.Call) else None
    if not isinstance(module, nn.Module) or not node.args:
        return
    given, name = [*map(place.value, node.args)], ast.unparse(node.func)
    shape = _shape(given[0])
    failed = place.rose_in(module)
    if failed and isinstance(module, nn.Linear) and shape and shape[-1] != module.in_features:
        holes = {"layer": name, "x": ast.unparse(node.args[0]), "width": shape[-1]}
        owner = place.frame.f_locals.get("self")
        layers = owner.modules() if isinstance(owner, nn.Module) else ()
        wide = [2 * m.hidden_size for m in layers if isinstance(m, nn.RNNBase) and m.bidirectional]
        two = "_of_two" * (shape[-1] == 2 * module.in_features and shape[-1] in wide)
        yield f"linear{two}", {**holes, "made": module.in_features}
    for layer, after in pairwise(module if isinstance(module, nn.Sequential) else ()):
        kind = type(layer).__name__
        is_torchs = isinstance(layer, nn.RNNBase) and type(layer) is getattr(nn, kind, None)
        if is_torchs and place.rose_in(after):
            yield "in_sequential", {"name": name, "kind": kind}
    if failed and isinstance(module, nn.RNNBase) and len(shape) == 3:
        rows, batch = module.num_layers * (1 + module.bidirectional), 1 - module.batch_first
        states = [s for s in map(_shape, tree_leaves(given[1:])) if len(s) == 3 and s[0] == rows]
        if any(s[1] == shape[1 - batch] != shape[batch] for s in states):
            holes = {"layer": name, "flag": module.batch_first, "axis": batch, "shape": shape}
            yield "state_of_time", {**holes, "count": shape[1 - batch], "other": 1 - batch}
    if not isinstance(module, nn.RNNCellBase | nn.RNNBase):
        return
    match given:
        case [_, Tensor(), _] | [list() | tuple(), Tensor(), *_]:
            yield "exchanged", {"cell": name}
    width, code, values = [0, *shape][-1], place.frame.f_code, place.frame.f_locals
    arguments = map(values.get, code.co_varnames[: code.co_argcount])
    handed = any(one is module or (isinstance(one, list) and module in one) for one in arguments)
    if width == module.hidden_size != module.input_size and not handed:
        kind = type(module).__name__
        yield "sizes", {"width": width, "kind": kind, "input_size": module.input_size}


def _with_a_product(place: Place, node: ast.AST) -> Iterator[Slip]:
    """`@` and `*` on tensors or arrays of shapes that do not fit."""
    match node:
        case ast.BinOp(left, ast.MatMult() | ast.Mult(), right):
            sides = [left, right]
        case ast.Call(ast.Name(n) | ast.Attribute(_, n) as called, args) if args and n in _PRODUCTS:
            sides = [getattr(called, "value", called), *args][-2:]
        case _:
            return
    (a, b), (one, two) = map(ast.unparse, sides), (_shape(place.value(side)) for side in sides)
    holes = {"a": a, "b": b, "one": one, "two": two}
    if not (one and two):
        return
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        fit = all(m == n or 1 in (m, n) for m, n in zip(one, two, strict=False))
        if len(one) == len(two) == 2 and not fit and one[1] in two:
            yield "number_by_number", {**holes, "turned": ".T" * (one[1] == two[1])}
    elif one == two != two[::-1]:
        yield "product_of_gates", holes
    elif len(two) == 2 and one[-1] == two[1] != two[0]:
        yield "no_transpose", {**holes, "turned": b[:-2] if b.endswith(".T") else f"{b}.T"}


def _without_dim(place: Place, node: ast.AST) -> Iterator[Slip]:
    """What is joined or cut along the batch, where no axis is told."""
    match node:
        case ast.Call(ast.Name(name) | ast.Attribute(_, name), [joined], []) if name in _JOINERS:
            parts = place.value(joined)
            shapes = [*map(_shape, parts)] if isinstance(parts, list) else []
            alike = len({tuple(shape[:-1]) for shape in shapes}) == 1
            if alike and any(shape != shapes[0] for shape in shapes):
                yield "joined_without_dim", {"shapes": " and ".join(map(str, shapes))}
        case ast.Call(ast.Attribute(owner, name), [*cut, count], []) if name in _CUTTERS:
            if len(cut) == isinstance(place.value(owner), ModuleType):
                yield "cut_without_dim", {"name": name, "count": ast.unparse(count)}


def _one_too_far(place: Place, node: ast.AST) -> Iterator[Slip]:
    """An index that goes up to the size of its axis, as lengths do."""
    match node:
        case ast.Subscript(whole, index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
        case _:
            return
    values = [0 if isinstance(part, ast.Slice) else place.value(part) for part in parts]
    if any(one is None or one is ... or getattr(one, "dtype", 0) is torch.bool for one in values):
        return  # these take none of the axes, or several
    pairs = zip(parts, values, _shape(place.value(whole)), strict=False)
    for axis, (part, value, size) in enumerate(pairs):
        if isinstance(value, Tensor) and value.dtype is torch.long and (value == size).any():
            names = {"index": ast.unparse(part), "whole": ast.unparse(whole)}
            yield "one_too_far", {**names, "axis": axis, "size": size, "last": size - 1}


def _around_the_line(place: Place) -> Iterator[Slip]:
    """What was written elsewhere in the module, and is met here."""
    own = place.frame.f_locals.get("self")
    if name := misspelt_init(type(own)):
        yield "misspelt_init", {"name": name}
    if isinstance(own, nn.Module) and "_modules" not in vars(own):
        yield "no_super", {}
    for name, value in vars(own).items() if isinstance(own, nn.Module) else ():
        if isinstance(value, list | tuple) and any(isinstance(part, nn.Module) for part in value):
            yield "plain_list", {"name": name}


def _functions(cls: type) -> dict[str, FunctionType]:
    """The methods that stand in a class itself."""
    return {name: f for name, f in vars(cls).items() if isinstance(f, FunctionType)}


def _set_by(method: FunctionType) -> set[str]:
    """The names that a method sets of its own object."""
    own, found = method.__code__.co_varnames[:1], set()
    for step, to in pairwise(dis.get_instructions(method)):
        loaded = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if to.opname == "STORE_ATTR" and loaded[-1:] == own:
            found.add(to.argval)
    return found


def misspelt_init(cls: type) -> str:
    """The method that was to be `__init__`, which has nearly its name, and which nobody calls."""
    own, kinds = _functions(cls), [k for k in cls.__mro__ if not k.__module__.startswith("torch")]
    all_own = [getattr(f, "__func__", f) for kind in kinds for f in vars(kind).values()]
    codes = [f.__code__ for f in all_own if isinstance(f, FunctionType)]
    called = {name for code in codes for name in code.co_names} | {"__init__"}
    # Within a class, Python puts its name before one that begins with two underscores alone.
    names = {name: name.removeprefix(f"_{cls.__name__.lstrip('_')}") for name in own}
    near = (n for k, n in names.items() if k not in called and n.strip("_") in ("init", "int"))
    has_one = any(code.co_name == "__init__" for code in codes)
    return "" if has_one else next((n for n in near if n.startswith("_")), "")
