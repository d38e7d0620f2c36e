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
from types import FrameType
from typing import Any

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

_NOTHING = object()
_MAKERS = ("zeros", "ones", "full", "randn", "rand", "empty", "new_zeros", "view", "reshape")
_JOINERS = ("cat", "concat", "concatenate")


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
    except (OSError, SyntaxError):
        return False
    last = tree.body[0].body[-1] if isinstance(tree.body[0], ast.FunctionDef) else None
    value = last.value if isinstance(last, ast.Return | ast.Expr) else None
    values = value.elts if isinstance(value, ast.Tuple) else [value]
    return any(isinstance(part, ast.Constant) and part.value is ... for part in values)


def place_of(frame: FrameType, line: int) -> Place | None:
    """The syntax and the values of a line, or None where its source is not known."""
    source = "".join(linecache.getlines(frame.f_code.co_filename, frame.f_globals))
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    around: list[ast.AST] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or line)
    ]
    if not around:
        return None
    statement = around[-1]
    functions = [node for node in around if isinstance(node, ast.FunctionDef)]
    return Place(tuple(_own_nodes(statement)), functions[-1] if functions else tree, frame)


def _own_nodes(statement: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a statement, without the statements inside it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt):
            yield child
            yield from _own_nodes(child)


def helped(place: Place | None) -> str:
    """The sentence for the slip that was made in this place; "" where none is known."""
    if place is None:
        return ""
    for find, sentence in SLIPS:
        for node in place.nodes:
            found = find(place, node)
            if found is not None:
                return sentence.format(**found)
    return ""


Found = dict[str, Any] | None


def _operands(place: Place, node: ast.AST, operator: type[ast.operator]) -> Found:
    """Both sides of an operator, with their shapes, where they are tensors or arrays."""
    left: ast.AST
    right: ast.AST
    if isinstance(node, ast.BinOp) and isinstance(node.op, operator):
        left, right = node.left, node.right
    elif operator is ast.MatMult and isinstance(node, ast.Call) and len(node.args) == 2:
        left, right = node.args
        if not _calls(node, ("matmul", "mm", "dot")):
            return None
    else:
        return None
    one, two = place.shape(left), place.shape(right)
    if not one or not two:
        return None
    return {"a": ast.unparse(left), "b": ast.unparse(right), "one": list(one), "two": list(two)}


def _calls(node: ast.AST, names: tuple[str, ...]) -> bool:
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", "")) in names


def _is_pair(value: Any) -> bool:
    pair = isinstance(value, tuple) and len(value) == 2
    return pair and all(isinstance(part, Tensor) for part in value)


def _no_transpose(place: Place, node: ast.AST) -> Found:
    found = _operands(place, node, ast.MatMult)
    if found and len(found["two"]) == 2:
        wide, (rows, columns) = found["one"][-1], found["two"]
        if wide == columns != rows:
            turned = found["b"].endswith(".T")
            return found | {"right": found["b"][:-2] if turned else f"{found['b']}.T"}
    return None


def _matrix_product_of_gates(place: Place, node: ast.AST) -> Found:
    found = _operands(place, node, ast.MatMult)
    return found if found and found["one"] == found["two"] != found["two"][::-1] else None


def _number_by_number(place: Place, node: ast.AST) -> Found:
    found = _operands(place, node, ast.Mult)
    if found and len(found["one"]) == len(found["two"]) == 2:
        fit = all(a == b or 1 in (a, b) for a, b in zip(found["one"], found["two"], strict=True))
        if not fit and found["one"][1] in found["two"]:
            turned = ".T" * (found["one"][1] == found["two"][1])
            return found | {"turned": turned}
    return None


def _pair_passed_up(place: Place, node: ast.AST) -> Found:
    used: list[ast.AST] = []
    if isinstance(node, ast.BinOp):
        used = [node.left, node.right]
    elif isinstance(node, ast.Attribute):
        used = [node.value]
    elif isinstance(node, ast.Call):
        used = list(node.args[:1])
        inside = place.value(used[0]) if used else None
        if isinstance(inside, list) and any(map(_is_pair, inside)):
            return {"name": ast.unparse(used[0]), "what": "holds pairs"}
    pairs = [part for part in used if _is_pair(place.value(part))]
    return {"name": ast.unparse(pairs[0]), "what": "is the pair"} if pairs else None


def _exchanged(place: Place, node: ast.AST) -> Found:
    if not isinstance(node, ast.Call) or len(node.args) < 2:
        return None
    cell, first, second = map(place.value, (node.func, *node.args[:2]))
    alone = isinstance(second, Tensor)
    apart = alone and (isinstance(first, tuple | list) or len(node.args) == 3)
    recurrent = isinstance(cell, nn.RNNCellBase | nn.RNNBase)
    return {"cell": ast.unparse(node.func)} if recurrent and apart else None


def _made_the_other_way_round(place: Place, node: ast.AST) -> Found:
    cell = place.value(node.func) if isinstance(node, ast.Call) and node.args else None
    if isinstance(cell, nn.RNNCellBase | nn.RNNBase):
        width = (place.shape(node.args[0]) or (0,))[-1]  # type: ignore[attr-defined]
        if width == cell.hidden_size != cell.input_size:
            return {"width": width, "kind": type(cell).__name__, "input_size": cell.input_size}
    return None


def _range_of_a_tensor(place: Place, node: ast.AST) -> Found:
    if _calls(node, ("range",)):
        for argument in node.args:  # type: ignore[attr-defined]
            if isinstance(place.value(argument), Tensor | list | tuple | nn.ModuleList):
                return {"name": ast.unparse(argument)}
    return None


def _cat_without_dim(place: Place, node: ast.AST) -> Found:
    if not _calls(node, _JOINERS) or len(node.args) != 1 or node.keywords:  # type: ignore[attr-defined]
        return None
    parts = place.value(node.args[0])  # type: ignore[attr-defined]
    each = parts if isinstance(parts, list) else []
    shapes = [tuple(getattr(part, "shape", ())) for part in each]
    alike = len({shape[:-1] for shape in shapes}) == 1 and len(set(shapes)) > 1
    return {"shapes": " and ".join(str(list(shape)) for shape in shapes)} if alike else None


def _packed(place: Place, node: ast.AST) -> Found:
    if isinstance(node, ast.Name) and isinstance(place.value(node), PackedSequence):
        return {"name": node.id}
    return None


def _no_super(place: Place, node: ast.AST) -> Found:
    own = place.frame.f_locals.get("self")
    return {} if isinstance(own, nn.Module) and "_modules" not in vars(own) else None


def _called_a_list(place: Place, node: ast.AST) -> Found:
    called = place.value(node.func) if isinstance(node, ast.Call) else None
    if isinstance(called, list | nn.ModuleList) and isinstance(node, ast.Call):
        return {"name": ast.unparse(node.func)}
    return None


def _plain_list(place: Place, node: ast.AST) -> Found:
    own = place.frame.f_locals.get("self")
    for name, value in vars(own).items() if isinstance(own, nn.Module) else ():
        if isinstance(value, list | tuple) and any(isinstance(part, nn.Module) for part in value):
            return {"name": name}
    return None


def _fixed_size(place: Place, node: ast.AST) -> Found:
    computes = isinstance(node, ast.Call | ast.BinOp)
    if not computes or not isinstance(place.function, ast.FunctionDef):
        return None
    used = {size for part in ast.walk(node) for size in place.shape(part)}
    names = [node for node in ast.walk(place.function) if isinstance(node, ast.Name)]
    own = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    arguments = {each.arg for each in place.function.args.args} - own
    given = [place.frame.f_locals.get(name) for name in arguments]
    sizes = {size for value in given for size in getattr(value, "shape", ())}
    for call in ast.walk(place.function):
        if isinstance(call, ast.Call) and _calls(call, _MAKERS):
            for part in ast.walk(call):
                size = part.value if isinstance(part, ast.Constant) else None
                fits = call is not node and size not in used
                if type(size) is int and size > 1 and size not in sizes and not fits:
                    return {"size": size, "code": ast.unparse(call), "line": call.lineno}
    return None


SLIPS: tuple[tuple[Callable[[Place, ast.AST], Found], str], ...] = (
    (
        _no_super,
        "Before a module gets its first part, its `__init__` calls `super().__init__()`.",
    ),
    (
        _packed,
        "`{name}` is packed: it has no time axis to index. First unpack it, "
        "`output, lengths = pad_packed_sequence({name})`.",
    ),
    (
        _range_of_a_tensor,
        "`range` counts, so it takes a number: `range(len({name}))`. To walk over the steps "
        "themselves: `for step in {name}:`.",
    ),
    (
        _called_a_list,
        "`{name}` is a list of modules and cannot be called. Loop over it, and call each one.",
    ),
    (
        _pair_passed_up,
        "`{name}` {what}: a cell returns (h, c). Take it apart, `h, c = cell(x, (h, c))`, and go "
        "on with h alone.",
    ),
    (
        _exchanged,
        "The order is x first, then h and c as one pair: `{cell}(x, (h, c))`.",
    ),
    (
        _made_the_other_way_round,
        "x is {width} wide here, and this nn.{kind} was made with input_size={input_size}, "
        "hidden_size={width}. input_size comes first when it is made.",
    ),
    (
        _matrix_product_of_gates,
        "`@` multiplies matrices. Gates act number by number, on equal shapes, here {one}: "
        "`{a} * {b}`.",
    ),
    (
        _no_transpose,
        "`{b}` is {two}, and `{a}` is {one}. In `@` the inner sizes must be equal: "
        "`{a} @ {right}`.",
    ),
    (
        _number_by_number,
        "`*` multiplies number by number, and {one} does not fit {two}. A matrix product is "
        "`{a} @ {b}{turned}`.",
    ),
    (
        _cat_without_dim,
        "Without `dim`, `cat` joins along the first axis, which is the batch. {shapes} fit side by "
        "side: `dim=1`, or `dim=-1`.",
    ),
    (
        _plain_list,
        "`self.{name}` is a plain list, so the module does not know its parts: they are not moved, "
        "converted or trained with it. Use `nn.ModuleList(...)`.",
    ),
    (
        _fixed_size,
        "Line {line} has a fixed size in it, {size}: `{code}`. Take sizes from what comes in, such "
        "as `x.shape[1]`, or from the cell, `cell.hidden_size`.",
    ),
)
