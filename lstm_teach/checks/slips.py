"""The first slips of a beginner, told from the line that failed and the values there.

A slip is a row: whether it was made in this place, and the sentence that helps. Nothing is told
from the words of an error.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType, UnionType
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

_NOTHING = object()
_MAKERS = ("zeros", "ones", "full", "randn", "rand", "empty", "new_zeros", "view", "reshape")
_PRODUCTS = ("matmul", "mm", "dot")
_JOINERS = ("cat", "concat", "concatenate")
_CUTTERS = ("chunk", "split", "tensor_split")
WITHOUT_DIM = "cuts along the first axis, which is the batch"
"""Stands in the sentence for a line that cuts a batch of gates along its samples."""


@dataclass(frozen=True)
class Place:
    """The line that failed.

    Attributes:
        nodes: the syntax of that line, without the block that it opens.
        function: the syntax of the function around it, or of the whole file.
        frame: where its values are.
    """

    nodes: tuple[ast.AST, ...]
    function: ast.AST
    frame: FrameType

    def value(self, node: ast.AST) -> Any:
        """What a name, an attribute or an item is there; nothing for what would run code."""
        try:
            if isinstance(node, ast.Name):
                names = {**vars(builtins), **self.frame.f_globals, **self.frame.f_locals}
                return names[node.id]
            if isinstance(node, ast.Constant):
                return node.value
            if isinstance(node, ast.Tuple | ast.List):
                return [self.value(part) for part in node.elts]
            if isinstance(node, ast.Attribute):
                return getattr(self.value(node.value), node.attr)
            if isinstance(node, ast.Subscript):
                return self.value(node.value)[self.value(node.slice)]
        except Exception:
            return _NOTHING
        return _NOTHING

    def shape(self, node: ast.AST) -> tuple[int, ...]:
        """The shape of a tensor or an array; () for anything else."""
        shape = getattr(self.value(node), "shape", ())
        return tuple(shape) if isinstance(shape, tuple) else ()

    def sizes(self, node: ast.AST) -> set[int]:
        """The sizes of the axes of a tensor or an array, or of a pair of them such as (h, c)."""
        value = self.value(node)
        parts = value if isinstance(value, tuple | list) else [value]
        shapes = [getattr(part, "shape", ()) for part in parts]
        return {size for shape in shapes if isinstance(shape, tuple) for size in shape}

    def refuses(self, error: BaseException) -> bool:
        """Whether this error of the line's own turns down what came in: an `assert`, a `raise`, or
        a shape that is taken apart into so many names."""
        for node in self.nodes:
            match node:
                case ast.Assert() | ast.Raise():
                    return True
                case ast.Assign(
                    [ast.Tuple()],
                    ast.Attribute(attr="shape") | ast.Call(ast.Attribute(attr="size")),
                ):
                    return isinstance(error, ValueError)
        return False

    def blank(self) -> bool:
        """Whether the line trips over a `...` that is still to be filled in, here or in a stub."""
        if any(_is_stub(self.value(n.func)) for n in self.nodes if isinstance(n, ast.Call)):
            return True
        slices = {
            id(part)
            for node in self.nodes
            if isinstance(node, ast.Subscript)
            for part in ast.walk(node.slice)
        }
        return any(self.value(node) is ... for node in self.nodes if id(node) not in slices)


def _is_stub(function: Any) -> bool:
    """Whether a function of the learner's returns `...`, or has no other body."""
    if not inspect.isfunction(function):
        return False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError):  # a wrapper may have no source
        return False
    last = tree.body[0].body[-1] if isinstance(tree.body[0], ast.FunctionDef) else None
    value = last.value if isinstance(last, ast.Return | ast.Expr) else None
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return any(isinstance(part, ast.Constant) and part.value is ... for part in values)


@lru_cache(maxsize=64)  # a check runs into one error many times
def _around(source: str, line: int) -> tuple[ast.Module, list[ast.stmt]]:
    """The syntax of a file, and the statements in which a line stands, from outside in."""
    tree = ast.parse(source)
    statements = (node for node in ast.walk(tree) if isinstance(node, ast.stmt))
    return tree, [n for n in statements if n.lineno <= line <= (n.end_lineno or line)]


def place_of(frame: FrameType, line: int) -> Place | None:
    """The syntax and the values of a line, or None where its source is not known."""
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree, around = _around(source, line)
    except (SyntaxError, ValueError):
        return None
    if not around:
        return None
    statements = [node for node in around if node.lineno == line] or around[-1:]
    nodes = tuple(node for statement in statements for node in _own_nodes(statement))
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    return Place(nodes, functions[-1] if functions else tree, frame)


def _own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """A statement and its nodes, without the statements inside it."""
    yield statement
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield from _own_nodes(child)


Found = dict[str, Any] | None
Finder = Callable[[Place, Any], Found]
SLIPS: list[tuple[type | UnionType, Finder, str]] = []
"""What node each slip is made in, what tells it and fills in the braces, and the sentence."""


def _slip(kind: type | UnionType, sentence: str) -> Callable[[Finder], Finder]:
    """Keep a slip in the table; the first that is found is told."""

    def keep(find: Finder) -> Finder:
        SLIPS.append((kind, find, sentence))
        return find

    return keep


def helped(place: Place | None) -> str:
    """The sentence for the slip that was made in this place; "" where none is known."""
    if place is None:
        return ""
    for kind, find, sentence in SLIPS:
        for node in place.nodes:
            found = find(place, node) if isinstance(node, kind) else None
            if found is not None:
                return sentence.format(**found)
    return ""


def _calls(node: ast.AST, names: tuple[str, ...]) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", "")) in names


@_slip(
    ast.Name,
    "`{name}` is packed: it has no time axis to index. First unpack it, "
    "`output, lengths = pad_packed_sequence({name})`.",
)
def _packed(place: Place, node: ast.Name) -> Found:
    return {"name": node.id} if isinstance(place.value(node), PackedSequence) else None


@_slip(ast.Call, "The order is x first, then h and c as one pair: `{cell}(x, (h, c))`.")
def _exchanged(place: Place, node: ast.Call) -> Found:
    cell, first, second, *_ = *map(place.value, (node.func, *node.args[:2])), None, None
    apart = isinstance(first, tuple | list) or len(node.args) == 3
    recurrent = isinstance(cell, nn.RNNCellBase | nn.RNNBase) and isinstance(second, Tensor)
    return {"cell": ast.unparse(node.func)} if recurrent and apart else None


_RETURNED = {
    "cell": "a pair (h, c), as a cell returns it. Take it apart: `h, c = cell(x, (h, c))`",
    "lstm": "all that nn.LSTM returns. Take it apart: `output, (h_n, c_n) = lstm(x)`",
}


def _returned(value: Any) -> str:
    """Which kind of recurrent module returns such a tuple; "" for anything else."""
    if not isinstance(value, tuple) or len(value) != 2 or not isinstance(value[0], Tensor):
        return ""
    return "cell" if isinstance(value[1], Tensor) else "lstm" if _returned(value[1]) else ""


@_slip(
    ast.BinOp | ast.Attribute | ast.Call,
    "`{name}` {what}, and go on with the tensor that you need.",
)
def _pair_passed_up(place: Place, node: Any) -> Found:
    called = isinstance(node, ast.Call)
    used: list[ast.AST] = node.args[:1] if called else list(ast.iter_child_nodes(node))
    for part in used:
        value = place.value(part)
        if kind := _returned(value):
            return {"name": ast.unparse(part), "what": f"is {_RETURNED[kind]}"}
        if called and isinstance(value, list) and any(map(_returned, value)):
            return {"name": ast.unparse(part), "what": f"holds {_RETURNED['cell']}"}
    return None


@_slip(
    ast.Call,
    "x is {width} wide here, and this nn.{kind} was made with input_size={input_size}, "
    "hidden_size={width}. input_size comes first when it is made.",
)
def _made_the_other_way_round(place: Place, node: ast.Call) -> Found:
    cell = place.value(node.func)
    if not isinstance(cell, nn.RNNCellBase | nn.RNNBase) or not node.args:
        return None
    width = (place.shape(node.args[0]) or (0,))[-1]
    found = {"width": width, "kind": type(cell).__name__, "input_size": cell.input_size}
    code = place.frame.f_code
    arguments = map(place.frame.f_locals.get, code.co_varnames[: code.co_argcount])
    handed = any(one is cell or (isinstance(one, list) and cell in one) for one in arguments)
    return found if width == cell.hidden_size != cell.input_size and not handed else None


def _operands(place: Place, node: Any, operator: type[ast.operator]) -> Found:
    """Both sides of an operator, with their shapes, where they are tensors or arrays."""
    sides: list[ast.expr] = []
    if isinstance(node, ast.BinOp):
        sides = [node.left, node.right] if isinstance(node.op, operator) else []
    elif operator is ast.MatMult and _calls(node, _PRODUCTS):
        method = len(node.args) == 1 and isinstance(node.func, ast.Attribute)
        sides = [node.func.value, *node.args] if method else node.args
    shapes = [list(place.shape(side)) for side in sides]
    if len(sides) != 2 or not all(shapes):
        return None
    a, b = map(ast.unparse, sides)
    return {"a": a, "b": b, "one": shapes[0], "two": shapes[1]}


@_slip(
    ast.BinOp | ast.Call,
    "`@` multiplies matrices. Gates act number by number, on equal shapes, here {one}: "
    "`{a} * {b}`.",
)
def _product_of_gates(place: Place, node: ast.AST) -> Found:
    found = _operands(place, node, ast.MatMult)
    return found if found and found["one"] == found["two"] != found["two"][::-1] else None


@_slip(
    ast.BinOp | ast.Call,
    "`{b}` is {two}, and `{a}` is {one}. In `@` the inner sizes must be equal: `{a} @ {turned}`.",
)
def _no_transpose(place: Place, node: ast.AST) -> Found:
    found = _operands(place, node, ast.MatMult)
    if not found or len(found["two"]) != 2 or found["one"][-1] == found["two"][0]:
        return None
    b = found["b"]
    turned = b[:-2] if b.endswith(".T") else f"{b}.T"
    return found | {"turned": turned} if found["one"][-1] == found["two"][1] else None


@_slip(
    ast.BinOp,
    "`*` multiplies number by number, and {one} does not fit {two}. A matrix product is "
    "`{a} @ {b}{turned}`.",
)
def _number_by_number(place: Place, node: ast.AST) -> Found:
    found = _operands(place, node, ast.Mult)
    if not found or not len(found["one"]) == len(found["two"]) == 2:
        return None
    one, two = found["one"], found["two"]
    fit = all(a == b or 1 in (a, b) for a, b in zip(one, two, strict=True))
    return found | {"turned": ".T" * (one[1] == two[1])} if not fit and one[1] in two else None


@_slip(
    ast.Call,
    "Without `dim`, `cat` joins along the first axis, which is the batch. {shapes} fit side by "
    "side: `dim=1`, or `dim=-1`.",
)
def _cat_without_dim(place: Place, node: ast.Call) -> Found:
    alone = _calls(node, _JOINERS) and len(node.args) == 1 and not node.keywords
    parts = place.value(node.args[0]) if alone else None
    shapes = [list(getattr(p, "shape", ())) for p in parts] if isinstance(parts, list) else []
    alike = all(shape[:-1] == shapes[0][:-1] for shape in shapes)
    differ = any(shape != shapes[0] for shape in shapes)
    return {"shapes": " and ".join(map(str, shapes))} if alike and differ else None


@_slip(
    ast.Call,
    f"Alone it {WITHOUT_DIM}. The four gates lie side by side: `{{name}}({{count}}, dim=1)`.",
)
def _cut_without_dim(place: Place, node: ast.Call) -> Found:
    method = isinstance(node.func, ast.Attribute) and _calls(node, _CUTTERS)
    if not method or node.keywords or len(node.args) != 1:
        return None
    return {"name": node.func.attr, "count": ast.unparse(node.args[0])}  # type: ignore[attr-defined]


@_slip(
    ast.AST,
    "`self.{name}` is a plain list, so the module does not know its parts: they are not moved, "
    "converted or trained with it. Use `nn.ModuleList(...)`.",
)
def _plain_list(place: Place, node: ast.AST) -> Found:
    own = place.frame.f_locals.get("self")
    for name, value in vars(own).items() if isinstance(own, nn.Module) else ():
        if isinstance(value, list | tuple) and any(isinstance(part, nn.Module) for part in value):
            return {"name": name}
    return None


@_slip(
    ast.Call | ast.BinOp,
    "Line {line} has a fixed size in it, {size}: `{code}`. Take sizes from what comes in, such "
    "as `x.shape[1]`, or from the cell, `cell.hidden_size`.",
)
def _fixed_size(place: Place, node: ast.AST) -> Found:
    """A number in `torch.zeros(3, 20)` and the like that no argument has, and this line meets."""
    if not isinstance(place.function, ast.FunctionDef):
        return None
    inside = list(ast.walk(place.function))
    met = {size for part in ast.walk(node) for size in place.sizes(part)}
    own = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    given = {each.arg for each in place.function.args.args} - own
    values = [place.frame.f_locals.get(name) for name in given]
    fit = {1} | {size for value in values for size in getattr(value, "shape", ())}
    for call in inside:
        if not isinstance(call, ast.Call) or not _calls(call, _MAKERS):
            continue
        given_to_it = [*call.args, *(keyword.value for keyword in call.keywords)]
        for part in (one for each in given_to_it for one in getattr(each, "elts", [each])):
            size = part.value if isinstance(part, ast.Constant) else None
            if type(size) is int and size > 0 and size not in fit and (size in met or call is node):
                line = getattr(call, "lineno", 0)
                return {"size": size, "code": ast.unparse(call), "line": line}
    return None
