"""Is this a stack of LSTM cells, and if not, what went wrong?

First the verdict; below it a learner's stack is run on cells that it is lent: what comes back, and
what it changes.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, product
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from lstm_teach.checks import bringing
from lstm_teach.checks.bringing import listed, needed, normals, owned, tensor_of
from lstm_teach.checks.passing import noting
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time
from lstm_teach.checks.stack.mistakes import MISTAKES, WORDS, Result, State, told, wired

Run = Callable[[Any, Any], Any]
"""A learner's stack, called with cells and x."""

_PATIENCE_IN_SECONDS = 3.0
_OTHER = "something else"


@leaves_no_trace
def check_stack(run_stack: Any, call: Callable[..., Any] | None = None) -> Report:
    """Say whether a stack of cells computes what it should, and if not, name what is wrong.

    A function or a class is lent nn.LSTMCells: one, two and three layers, of equal and different
    sizes. The weights are large, and every step and every state is held against the same cells
    called layer by layer. A module that owns its cells is a whole LSTM: `check_lstm` tries it.

    Args:
        run_stack: a function (cells, x) -> (output, states). cells is a list of nn.LSTMCell from
            the lowest layer up, x is `[seq_len, batch, input_size]`. output is `[seq_len, batch,
            hidden_size of the top layer]`; states holds for each layer one (h, c), each `[batch,
            hidden_size of that layer]`, after the last step. It may be written in NumPy; then cells
            and x have arrays inside. Or a module that owns its cells, and reads x, or x with the
            batch first, or makes one step, (xt, state) -> (output, state); or the class of one; or
            a class that takes the cells, whose instances read x. Of an nn.Module its weights are
            looked for in parameters() too, and a state that is kept between calls.
        call: how to run it where that is not the way: (run_stack, cells, x) -> (output, states),
            or (run_stack, x) -> (output, states) for a module that owns its cells.

    Returns:
        A report; its verdict is "ok", "variant" (residual, bidirectional, feeding back),
        "not_attempted", "cannot_check", "raises", "unrecognised" or a mistake's name, such as
        "stale_lower_state". It never raises because of the stack.
    """
    if run_stack is None or run_stack is ...:
        return told("empty")
    torch.set_default_device(None)  # the cells and x are made on the CPU
    is_class = isinstance(run_stack, type)
    if is_class and call is None:
        return (_of_a_class if needed(run_stack) == 1 else _of_its_own_cells)(run_stack)
    run_stack = run_stack if is_class or call else bringing.runs(run_stack)
    run = partial(call, run_stack) if call else run_stack
    is_module = isinstance(getattr(run_stack, "__self__", run_stack), nn.Module)
    owns, needs = callable(run) and bool(owned(run_stack)), needed(run)
    takes_cells = needs == 2 or (needs == -1 and callable(run) and not (call or is_module))
    if takes_cells and (call or not (is_module and owns)):
        return _of_lent_cells(run)
    if owns and (needs < 2 or is_module):
        return _of_its_own_cells(run_stack, call)
    return told("not_called", name=getattr(run_stack, "__name__", type(run_stack).__name__))


def _of_its_own_cells(code: Any, call: Callable[..., Any] | None = None) -> Report:
    """A module that owns its cells is a whole LSTM."""
    from lstm_teach.checks.lstm import check_lstm  # which knows the mistakes of a stack

    for name, value in (vars(code) if isinstance(code, nn.Module) else {}).items():
        parts = value if isinstance(value, (list, tuple)) else ()
        cells = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
        if not {*cells.parameters()} <= {*code.parameters()}:
            return told("plain_list", name=name)
    report = replace(check_lstm(code, call=call), of="stack")
    if report.ok and report.evidence["directions"] == 2:
        return replace(report, verdict="variant", headline="it is bidirectional", lstm=None)
    return report


def _of_lent_cells(run: Run) -> Report:
    trials, differs = try_all(run, torch.float64, False)
    for how in ((torch.float32, False), (torch.float64, True)):
        if trials[0].raised and not try_all(run, *how, most=1)[0][0].raised:
            trials, differs = try_all(run, *how)
    report = _judge(trials, differs)
    untried = ", ".join(case.name for case in CASES[len(trials) :])
    slow = (told("slow", stacks=untried).message,) if untried else ()
    return replace(report, not_checked=(*report.not_checked, *slow), of="stack")


def _of_a_class(stack: Callable[..., Any]) -> Report:
    """What it computes; what a module does not own, since an optimizer sees only what parameters()
    finds; and whether it keeps a state."""

    def forward(cells: Any, x: Any) -> Any:
        return bringing.runs(stack(cells))(x)

    forward.__name__ = f"{getattr(stack, '__name__', 'Stack')}.forward"  # the learner's
    report = _of_lent_cells(forward)
    cells = nn.ModuleList([nn.LSTMCell(4, 4), nn.LSTMCell(4, 4)])
    built = stack([*cells]) if report.verdict in ("ok", "cannot_check") else None
    if not isinstance(built, nn.Module):
        return report
    weights, known = {*cells.parameters()}, {*built.parameters()}
    if not weights <= known:
        return told("not_owned", count=len(weights & known), count1=len(weights))
    x = torch.randn(6, 2, 4)
    built.eval()
    with torch.no_grad():
        kept = report.ok and not same(copy.deepcopy(read(built(x))), read(built(x)))
    return told("kept_in_self") if kept else report


def _judge(trials: list[Trial], differs: str) -> Report:
    done = [trial for trial in trials if not trial.raised]
    stubs, refused, raised = (
        [trial for trial in trials if trial.raised and trial.given.verdict == verdict]
        for verdict in ("not_attempted", "cannot_check", "raises")
    )
    # Without two layers of equal sizes most mistakes are not seen.
    for trial in stubs or (trials if trials[0] in refused or not done else []):
        return trial.given  # type: ignore[no-any-return]
    if differs == "random" and "start" not in [name for name, *_ in done[0].odd_calls()]:
        return told("random")
    report = _verdict(done)
    if report.verdict == "variant":
        return report
    why = [[line.rstrip(".") for line in t.given.message.splitlines()[:-1]] for t in refused]
    unseen = [f"{t.case.name}: {'. '.join(w)}." for t, w in zip(refused, why, strict=True)]
    report = replace(report, not_checked=(*report.not_checked, *unseen))
    for name, fits in _ONLY.items() if report.ok and raised else ():
        if raised == [trial for trial in trials if not fits(trial.case)]:
            error = raised[0].given.message.partition("\n")[0]
            said = told(name, error=error).message
            report, raised = replace(report, message=f"{report.message}\n{said}"), []
    changes = dict.fromkeys(what for trial in trials for what in trial.changes)
    also = [_raised(raised, done)] if raised else []
    also += [told("differs")] * bool(differs) + [told("changes", what=what) for what in changes]
    report = replace(report, message="\n".join(one.message for one in (report, *also)))
    first = also[0] if report.ok and also else report
    return replace(report, verdict=first.verdict, headline=first.headline)


_ONLY: dict[str, Callable[[Case], bool]] = {
    "equal_sizes": lambda case: len({*case.sizes[1:]}) == 1,
    "two_cells": lambda case: len(case.sizes) == 3,
}
"""A stack may run with such cells only, and be right."""


def _raised(raised: list[Trial], done: list[Trial]) -> Report:
    """With what it raised: a stack, or every batch size but one."""
    trial, shape = raised[0], list(raised[0].x.shape)
    ran, failed = ({t.case.batch for t in some} for some in (done, raised))
    report = told("raises", stack=trial.case.name, shape=shape)
    if len(ran) == 1 and not ran & failed:
        report = told("raises_at_batch", batch=min(ran), other=trial.case.batch, shape=shape)
    return replace(report, message=f"{report.message}\n{trial.given.message}")


def _verdict(done: list[Trial]) -> Report:
    """What is to be said of the numbers that came back."""
    if all(trial.agrees for trial in done):
        right = told("ok", {"stacks tried": len(done)}, names=_names(done))
        notes = dict.fromkeys(note for trial in done for note in trial.notes)
        return replace(right, message="\n".join([right.message, *notes]))
    # A stack written for some sizes has its own trouble with others, which hides its mistake.
    two = [trial for trial in done if len(trial.cells) == 2]
    for some, said in ((done, ""), (two, "two layers"), (done[:1], done[0].case.name)):
        report = _named(some)
        if report is not None:
            other = [told("two_alone", stack=said).message] if said else []
            return replace(report, message="\n".join([report.message, *other]))
    return _unrecognised(done)


def _names(trials: list[Trial]) -> str:
    return ", ".join(trial.case.name for trial in trials)


_CAME_BACK: dict[str, Callable[[Trial, str], bool]] = {
    "asked": lambda trial, how: same(trial.given, trial.by(how)),
    "rearranged": lambda trial, how: trial.in_words(how)[1],
    "output": lambda trial, how: same(trial.output, (trial.by(how) or (None,))[0]),
}
"""Of what a stack computes: how to tell what of it came back."""


def _named(trials: list[Trial]) -> Report | None:
    """What fits all of these best: a known mistake, another form, or what a mistake's output is; a
    right stack before the others."""
    wrong = next((trial for trial in trials if not trial.agrees), None)
    if wrong is None:
        return None
    right = replace(WORDS["another_form"], how="")
    ways = product(_CAME_BACK, (right, *MISTAKES))
    fits = (way for way in ways if all(_CAME_BACK[way[0]](t, way[1].how) for t in trials))
    back, mistake = next(fits, ("", right))
    if mistake is right and back != "rearranged":
        return None
    found, _ = wrong.in_words(mistake.how)
    report = mistake.report(wrong.evidence(), found=found)
    if back == "rearranged" and mistake is not right and mistake.verdict != "variant":
        also = told("and_another_form", found=found).message
        return replace(report, message=f"{report.message}\n{also}")
    return report


def _of_calls(odd: list[tuple[str, dict[str, Any], Tensor]], evidence: dict[str, Any]) -> Report:
    """The first odd call of a cell; or that what layer 0 reads is made of what came out."""
    at_layer_0 = all(name == "read" and where["layer"] == 0 for name, where, _ in odd)
    if at_layer_0 and any(x.requires_grad for *_, x in odd):
        return told("feeds_back_more", evidence)
    return told(odd[0][0], evidence, **odd[0][1])


def by_calls(cells: list[nn.LSTMCell], run: Callable[[Tensor], Any], x: Tensor) -> Report | None:
    """What the calls of its own cells tell of code that runs on x, `[seq_len, batch, input_size]`;
    None where each gets what it should, or something new, or is not called once a step."""
    sizes = x.shape[2], *(cell.hidden_size for cell in cells)
    case = Case(sizes, x.shape[0], x.shape[1], "its own cells")
    trial = Trial(case, cells, x, calls=[[] for _ in cells])
    with noting(dict(enumerate(cells)), trial.note, after=True), torch.enable_grad():
        run(x)
    odd = trial.odd_calls()
    if not odd:
        return None
    report, (_, where, _) = _of_calls(odd, {}), odd[0]
    if report.verdict == "variant":
        return None if trial.calls[0][0][0].requires_grad else report  # at t = 0 there is no h yet
    # Cells that read elsewhere and start elsewhere, or read x above others, are no stack.
    is_no_stack = len({name == "read" for name, *_ in odd}) > 1
    is_no_stack |= where["layer"] > 0 and "x[" in where["got"]
    return None if is_no_stack or where["got"] == _OTHER else report


def _unrecognised(done: list[Trial]) -> Report:
    """What the calls of the cells tell, where no known mistake explains the numbers; or these."""
    trial, odd = done[0], done[0].odd_calls()
    output, n, layers = trial.output, len(trial.x), len(trial.cells)
    if same(output, trial.x):
        return told("output_is_x")
    if _has_rows(output, 3) and len(output) != n:
        return told("other_steps", steps=len(output), n=n)
    match trial.given:
        case [_, [*states]] if len(states) > layers and same(output, (trial.by() or [None])[0]):
            return told("other_states", count=len(states), layers=layers)
    if odd:
        return _of_calls(odd, {"tried with": trial.case.name})
    right = [trial for trial in done if trial.agrees]
    wrong = [trial for trial in done if not trial.agrees]
    evidence = wrong[0].evidence()
    first = evidence.get("first off", "")
    if not first:
        given, expected = wrong[0].in_words()[0], described(wrong[0].by(), {})[0]
        return told("no_form", evidence, given=given, expected=expected)
    alone = any(len(trial.cells) == 1 for trial in wrong)
    name = "off_in_one_layer" if alone else "off_with_some" if right else "off"
    return told(name, evidence, first=first, names=_names(right))


# What a stack did.


class Case(NamedTuple):
    """One stack to try: its sizes from input_size up, and those of x."""

    sizes: tuple[int, ...]
    seq_len: int
    batch: int
    name: str


# At equal sizes every known mistake runs, so that case leads; else no two axes are of one size.
CASES = (
    Case((4, 4, 4), 6, 3, "two layers of equal sizes"),
    Case((5, 4, 3), 7, 2, "two layers of different sizes"),
    Case((3, 5, 4, 2), 6, 8, "three layers of different sizes"),
    Case((4, 4, 4, 4), 5, 3, "three layers of equal sizes"),
    Case((5, 4), 6, 2, "one layer"),
    Case((5, 4, 3), 7, 1, "a batch of one"),
)


class _ArrayCell:
    """An nn.LSTMCell for code in NumPy: its weights and what it returns are arrays."""

    def __init__(self, cell: nn.LSTMCell) -> None:
        self.cell, self.input_size, self.hidden_size = cell, cell.input_size, cell.hidden_size
        for name, parameter in cell.named_parameters():
            setattr(self, name, parameter.detach().numpy())

    def __call__(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        pair = None if state is None else tuple(map(torch.as_tensor, state))
        h, c = self.cell(torch.as_tensor(x), pair)
        return h.detach().numpy(), c.detach().numpy()


class WithoutDropout(TorchFunctionMode):
    """Dropout only multiplies by a factor, 1 for nothing; `seen` tells whether there was any."""

    seen = False

    def __init__(self, factor: float = 1.0) -> None:
        """Keep what it multiplies by."""
        super().__init__()
        self.factor = factor

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Give back what dropout was given, and run all else."""
        kwargs = kwargs or {}
        if func in (functional.dropout, torch.dropout, torch.dropout_):
            given = dict(zip(("input", "p", "training"), args, strict=False)) | kwargs
            if given.get("training", True) and given.get("p", 0.5):
                self.seen = True
                return given["input"] * self.factor
        return func(*args, **kwargs)


@dataclass(eq=False)
class Trial:
    """What a learner's stack did with one case.

    It was lent `cells` and `x`, `[seq_len, batch, input_size]`, which are here as they were before,
    and has `given` something back, or a report where it raised. The `calls` of each cell are what
    it read, its state if it got one, and what it returned. The stack `changes` what it was lent;
    its `notes` are worth saying of a right one too. `computed` is what stacks compute, by the
    changes in them.
    """

    case: Case
    cells: list[nn.LSTMCell]
    x: Tensor
    given: Any = None
    calls: list[list[tuple[Tensor, State | None, State]]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    computed: dict[str, Result | None] = field(default_factory=dict)

    def note(self, layer: int, given: list[Any], result: State) -> None:
        """Keep a call of a cell."""
        self.calls[layer].append((given[0], (*given, None)[1], result))

    @property
    def raised(self) -> bool:
        """Whether the learner's stack raised, or is a stub."""
        return isinstance(self.given, Report)

    @property
    def output(self) -> Any:
        """The first of what it returned."""
        return self.given[0] if isinstance(self.given, list) and self.given else self.given

    def by(self, how: str = "") -> Result | None:
        """What a stack with these changes computes; None where the sizes do not let it run."""
        if how not in self.computed:
            self.computed[how] = None
            with suppress(RuntimeError, ValueError, IndexError), torch.no_grad():
                self.computed[how] = wired(how)(self.cells, self.x)
        return self.computed[how]

    @property
    def agrees(self) -> str:
        """ "as asked" or "together", where the numbers are right; else ""."""
        output, states = self.by() or (None, [])
        forms = {"as asked": (output, states), "together": (output, [*zip(*states, strict=True)])}
        return next((form for form, right in forms.items() if same(self.given, right)), "")

    def in_words(self, how: str = "") -> tuple[str, bool]:
        """What came back, each part by its name in a stack with these changes, else by its shape;
        and whether it holds the output, and nothing without a name."""
        output, states = self.by(how) or (torch.zeros(0, 0), [])
        known = {
            "output": output,
            "the output with the batch first": output.transpose(0, 1),
            "the output with time and batch in one axis": output.flatten(0, 1),
            "the output backward in time": output.flip(0),
        }
        for k, (h, c) in enumerate(states):
            known |= {f"h of layer {k}": h, f"c of layer {k}": c}
        said, has_names = described(self.given, known)
        return said, has_names and "output" in said

    def evidence(self) -> dict[str, Any]:
        """With what wrong numbers came, and which are the first, where they can be compared."""
        found = {"tried with": self.case.name}
        with suppress(AttributeError, LookupError, TypeError, ValueError, StopIteration):
            (ours, pairs), (output, states) = self.given, self.by()  # type: ignore[misc]
            places = [(f"output at step {t}", ours[t], step) for t, step in enumerate(output)]
            for (layer, pair), (k, name) in product(enumerate(states), enumerate("hc")):
                places.append((f"{name} of layer {layer}", pairs[layer][k], pair[k]))
            name, one, two = next(place for place in places if not _close(*place[1:]))
            return found | ({"first off": name} if one.shape == two.shape else {})
        return found

    def odd_calls(self) -> list[tuple[str, dict[str, Any], Tensor]]:
        """Calls of a cell that get something else than in a right stack: what, where, and the x."""
        odd: list[tuple[str, dict[str, Any], Tensor]] = []
        if any(len(calls) != self.case.seq_len for calls in self.calls):
            return odd
        results = [[result for *_, result in calls] for calls in self.calls]
        known = {f"`x[{t}]`": xt for t, xt in enumerate(self.x)}
        for (layer, states), t in product(enumerate(results), range(self.case.seq_len)):
            known |= {f"{n} of layer {layer} at step {t}": states[t][k] for k, n in enumerate("hc")}
        for t, layer in product(range(self.case.seq_len), range(len(self.calls))):
            (x, state, (h, _)), where = self.calls[layer][t], {"layer": layer, "t": t}
            zeros = (torch.zeros_like(h),) * 2
            before = results[layer][t - 1] if t else zeros
            below, what = self.x[t], f"`x[{t}]`"
            if layer:
                below, what = results[layer - 1][t][0], f"h of layer {layer - 1} at that step"
            given = zip(zeros if state is None else state, before, strict=True)
            for name, pairs in (("state" if t else "start", given), ("read", [(x, below)])):
                off = [one for one, right in pairs if not _close(one, right.detach())]
                got = [n for one in off for n, own in known.items() if _close(one, own.detach())]
                got += ["zeros" for one in off if not one.any()]
                if off:
                    seen = listed(got) if len(got) == len(off) else _OTHER
                    odd.append((name, {**where, "what": what, "got": seen}, x))
        return odd


def try_all(run: Run, dtype: torch.dtype, numpy: bool, most: int = 6) -> tuple[list[Trial], str]:
    """Every case that time allows, and why two calls differ: "kept", "random" or ""."""
    trials: list[Trial] = []
    torch.set_default_dtype(dtype)
    end = time.monotonic() + _PATIENCE_IN_SECONDS
    for case in CASES[:most]:
        if trials and time.monotonic() > end:
            break
        trials.append(_try(run, case, dtype, numpy))
    for seed, why in ((0, "kept"), (1, "random")):
        if trials[0].raised or time.monotonic() > end:
            break
        again, _ = _call(run, _lent(CASES[0], dtype), trials[0].x.clone(), numpy, seed)
        if not same(again, trials[0].given):
            return trials, why
    return trials, ""


def _lent(case: Case, dtype: torch.dtype) -> list[nn.LSTMCell]:
    """The cells of a case; their large random weights are always the same."""
    cells = [nn.LSTMCell(*sizes, dtype=dtype) for sizes in pairwise(case.sizes)]
    normal = normals(sum(case.sizes))
    for parameter in nn.ModuleList(cells).parameters():
        parameter.data.copy_(normal(*parameter.shape))
    return cells


def _try(run: Run, case: Case, dtype: torch.dtype, numpy: bool) -> Trial:
    x = normals(case.seq_len)(case.seq_len, case.batch, case.sizes[0]).to(dtype)
    cells, lent_x = _lent(case, dtype), x.clone()
    trial, lent = Trial(case, _lent(case, dtype), x, calls=[[] for _ in cells]), list(cells)
    with noting(dict(enumerate(cells)), trial.note, after=True):
        trial.given, dropout = _call(run, lent, lent_x, numpy, 0)
    before, after = ([*nn.ModuleList(some).parameters()] for some in (trial.cells, cells))
    changed = {
        "x itself": not same(lent_x, x),
        "the list `cells`": [*map(id, lent)] != [*map(id, cells)],
        "the weights of the cells": not same(after, before),
    }
    trial.changes = [what for what, is_changed in changed.items() if is_changed]
    output = trial.output
    is_listed = isinstance(output, list) and bool(output) and isinstance(output[0], Tensor)
    notes = {
        "together": trial.agrees == "together",
        "dropout": dropout,
        "evaluates": not all(cell.training for cell in cells),
        "listed": is_listed,
        "no_gradient": bool(trial.agrees) and not (numpy or _trains([*output], cells, x)),
    }
    trial.notes = [told(name).message for name, is_true in notes.items() if is_true]
    return trial


def _trains(steps: list[Any], cells: list[nn.LSTMCell], x: Tensor) -> bool:
    """Whether the gradients of every cell are those of a right stack."""
    if not all(isinstance(step, Tensor) for step in steps):
        return True  # lists in lists, of which nothing is known
    output, weights = torch.stack(steps), [cell.weight_ih for cell in cells]
    try:
        slopes = torch.autograd.grad(output.sum(), weights, allow_unused=True)
    except RuntimeError:  # nothing in it has a gradient, or a step wrote into another one's
        return output.requires_grad
    right = torch.autograd.grad(wired()(cells, x)[0].sum(), weights)
    return None not in slopes and same(slopes, right)


def _call(run: Run, cells: list[Any], x: Tensor, numpy: bool, seed: int) -> tuple[Any, bool]:
    """What the stack returns, and whether it has dropout."""
    lent = [*map(_ArrayCell, cells)] if numpy else cells
    torch.manual_seed(seed)
    with torch.enable_grad(), WithoutDropout() as dropout:
        result = run_in_time(run, lent, x.numpy() if numpy else x)
        result = result if isinstance(result, Report) else run_in_time(read, result)
    if isinstance(result, list) and len(result) == 2 and result[0] == []:
        result = told("empty_loop")
    return result, dropout.seen


# What came back.


def read(result: Any) -> Any:
    """The same result with its iterators, such as `zip` or a deque, as lists, as are the values of
    a dictionary, and arrays as tensors."""
    if isinstance(result, (Tensor, str, bytes)) or not isinstance(result, Iterable):
        return result
    if hasattr(result, "__array__"):
        return tensor_of(result)
    return [read(part) for part in (result.values() if isinstance(result, dict) else result)]


def same(given: Any, expected: Any) -> bool:
    """Whether both hold the same numbers in the same places.

    A tensor may stand for a list of equal tensors, and a list of equal tensors for one tensor.
    """
    if isinstance(given, Tensor) and isinstance(expected, Tensor):
        return _close(given, expected)
    if not all(isinstance(one, (list, tuple)) or _has_rows(one) for one in (given, expected)):
        return type(given) is type(expected)
    return len(given) == len(expected) and all(map(same, given, expected))


def _has_rows(value: Any, axes: int = 1) -> bool:
    return isinstance(value, Tensor) and value.dim() >= axes


def _close(given: Tensor, expected: Tensor) -> bool:
    """Whether two tensors hold the same numbers, to rounding."""
    if given.shape != expected.shape or given.is_complex():
        return False
    tolerance = 1e-8 if given.dtype == expected.dtype == torch.float64 else 1e-3
    return torch.allclose(given.detach().double().cpu(), expected.double(), tolerance, tolerance)


def described(value: Any, known: Mapping[str, Tensor]) -> tuple[str, bool]:
    """What was returned, in words: each part by its name among what is known, else by its kind and
    shape; and whether all of it has a name."""
    for name, tensor in known.items():
        if same(value, tensor):
            return name, True
    is_list = isinstance(value, (list, tuple))
    found = [described(part, known) for part in (value if is_list or _has_rows(value, 3) else ())]
    has_names = bool(found) and all(is_known for _, is_known in found)
    if is_list or has_names:
        more = ["..."] * (len(found) > 4 and not has_names)
        said = [part for part, _ in (found[:4] if more else found)]
        return f"({', '.join([*said, *more])})", has_names
    return str([*value.shape]) if isinstance(value, Tensor) else f"`{type(value).__name__}`", False
