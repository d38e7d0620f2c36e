"""Is this a whole LSTM, and if not, what went wrong?"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice, product
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks import bringing
from lstm_teach.checks.bringing import Sizes, needed, normals, owned
from lstm_teach.checks.cell import check_cell
from lstm_teach.checks.cell.equations import GATES
from lstm_teach.checks.lstm.forms import BATCH_FIRST, Reader
from lstm_teach.checks.lstm.mistakes import JOINED, MISTAKES, in_the_roles, in_the_states, told
from lstm_teach.checks.lstm.reading import LAYERS, SECONDS, Reading, Told, in_code, tell
from lstm_teach.checks.lstm.roles import Roles, Search, groupings, is_bias, lane_sizes
from lstm_teach.checks.passing import has_norms
from lstm_teach.checks.report import Report
from lstm_teach.checks.running import leaves_no_trace, run_in_time

_TRIED: Sizes = 7, 3
_MOST_WEIGHTS = 2_000_000


@leaves_no_trace
def check_lstm(
    lstm: Any,
    input_size: int | None = None,
    hidden_size: int | None = None,
    call: Callable[..., Any] | None = None,
) -> Report:
    """Say whether a whole LSTM of one's own is right, and if not, name what is wrong.

    Args:
        lstm: a class, an instance, a function or a plain object, in torch or in NumPy, that reads
            a sequence: batch first, time first, or one sample. It returns its output, or its
            output and the last state, in nn.LSTM's or another usual form, or the last h alone. In
            an nn.Module layers may stand behind h; they are not judged.
        input_size: for what does not tell it, and for code of one size only.
        hidden_size: likewise.
        call: how to run it where it is not called in a usual way: `call(lstm, x)`, or `call(lstm,
            x, h, c)` where it can be given a state; x is `[seq_len, batch, input_size]`, h and c
            `[batch, hidden_size]`.

    Returns:
        A report. Where the verdict is "ok", `report.as_torch()` is an nn.LSTM that computes the
        same. It never raises because of the LSTM.
    """
    start, told_sizes = time.process_time(), (input_size, hidden_size)
    torch.set_default_dtype(torch.float64)
    report = _report(lstm, told_sizes, call)
    quick = time.process_time() - start < SECONDS / 4
    if report.verdict == "raises" or (report.verdict == "cannot_check" and quick):
        torch.set_default_dtype(torch.float32)
        again = _report(lstm, told_sizes, call)
        if again.verdict not in ("raises", "cannot_check"):
            return replace(again, message=f"{again.message}\n{bringing.IN_FLOAT32}")
        if report.verdict == "raises" and isinstance(lstm, nn.Module):
            return again  # in the dtype that the learner runs it in
    return report


def _report(lstm: Any, told_sizes: Any, call: Any) -> Report:
    """The report of a run in the default dtype."""
    code = bringing.unwrapped(lstm)
    if code is None or code is ...:
        return told("no_lstm")
    for kind, name in ((nn.GRU, "gru"), (nn.RNN, "rnn"), (nn.LSTM, "projection")):
        same = isinstance(code, kind) or (isinstance(code, type) and issubclass(code, kind))
        if same and (kind is not nn.LSTM or getattr(code, "proj_size", None)):
            return told(name, seen="fewer features than c")
    if not (call or callable(code)):
        code = getattr(code, "forward", code)  # of a plain class, as in NumPy
    if not (call or callable(code)) or isinstance(code, (nn.LSTMCell, Tensor)):
        return told("one_step", code=code)
    sizes: Sizes = told_sizes[0] or _TRIED[0], told_sizes[1] or _TRIED[1]
    if isinstance(code, type):
        report = _made(code, sizes, call)
        by_itself = needed(code) < 1 and report.verdict in ("raises", "cannot_check")
        code = run_in_time(code) if by_itself else report  # such as with input_size=1
        if isinstance(code, Report):
            return report
    weights = sum(weight.numel() for weight in owned(*filter(None, (code, call))).values())
    if weights > _MOST_WEIGHTS:
        return _too_large(code, weights, call)
    ran = None
    for handed in [] if call else bringing.with_weights(code, sizes):
        check = _Check(handed, sizes, None, handed=True)
        report = check.report()
        if report.verdict not in ("raises", "cannot_check"):
            return report
        ran = report if hasattr(check, "reader") else ran
    return _Check(code, told_sizes, call).report() if ran is None else ran


def _made(cls: Any, sizes: Sizes, call: Any) -> Report:
    """The report on an instance of a class, of two layers where it takes their number."""
    layers = [n for n in bringing.signature_of(cls).parameters if LAYERS.match(n)][:1]
    made = bringing.make(partial(cls, **dict.fromkeys(layers, 2)) if layers else cls, *sizes)
    if isinstance(made, Report):
        return bringing.make(cls, *sizes) if layers else made  # which tells of the class as it is
    made = made if call or callable(made) else getattr(made, "forward", made)
    return _Check(made, sizes, call, 2 if layers else None).report()


def _too_large(code: Any, weights: int, call: Any) -> Report:
    """nn.LSTM is right by itself; of another class a small instance is tried."""
    cls, count = type(code), f"{weights:,}"
    if isinstance(code, nn.LSTM) and cls.forward is nn.LSTM.forward and "forward" not in vars(code):
        evidence = {"layers": code.num_layers, "directions": 1 + code.bidirectional}
        return replace(told("itself", evidence, name=cls.__name__), lstm=copy.deepcopy(code))
    report = _made(cls, _TRIED, call)
    if report.verdict in ("cannot_check", "raises", "not_attempted"):
        return told("too_large", count=count)
    small = told("small", count=count, name=cls.__name__, sizes=str(_TRIED)).message
    return replace(report, message=f"{report.message}\n{small}", lstm=None)


class _Check(Reading):
    """The check of one LSTM that can be called."""

    def report(self) -> Report:
        """What is wrong, from the outside in: the first thing."""
        original = bringing.on_the_cpu(owned(*filter(None, (self.code, self.call))))
        self.original = {name: weight.clone() for name, weight in original.items()}
        dtype = torch.get_default_dtype()
        with (
            bringing.to_try(self.call),
            bringing.to_try(self.code, dtype) as tried,
            self.opened(tried),
            torch.no_grad(),
        ):
            try:
                self.find_reader()
                self.settle_time()
                report = self._by_roles()
            except Told as found:
                (report,) = found.args
        if report.verdict != "cannot_check":
            return report
        if name := self.torch_inside():
            return told("torch_inside", name=name)
        bare = replace(self, norms=True, head=None)
        if self.norms or not has_norms(self.code) or not bare.report().ok:
            return report
        return replace(told("normed", seen=in_code(bare.passed)), of="LSTM")

    # What each weight does.

    def _seen(self, sign: int = 1, seed: int = 6) -> tuple[Tensor, Tensor, Tensor]:
        """A short x, and the output for its first step alone and for all, all biases zero."""
        x = sign * normals(11)(3, 3, self.sizes[0])
        self.redraw(seed, biases=False)
        seen = self.read(x)[0]
        alone = self.reader(x[:1])  # which may fail where a mistake needs more steps
        return x, seen[:1] if isinstance(alone, Report) else alone[0].double(), seen

    def _by_roles(self) -> Report:
        x, first, seen = self._seen()
        unused = [*self.unused(self.sizes), *self._idle(), *self.learned]
        kept = {n: weight for n, weight in self.weights.items() if n not in unused}
        searches = [*self._searches(kept, self.directions)]
        later = self.directions == 1 and not self.same(first, seen[:1])  # it has seen later steps
        for joined in JOINED[self.directions] if later or self.directions == 2 else ():
            searches += self._searches(kept, 2, joined)
        if self.same(seen[:, 0], seen[:, 1]):  # a weight that was zero was no bias
            return self._by_cell()
        ways = [*((False, added) for added in (0.0, 1.0, 2.0, 0.5, 3.0, 5.0)), (True, 0.0)]
        end = time.process_time() + SECONDS
        for (shared, added), search in product(ways, searches):
            if (shared or added) and time.process_time() > end:
                break  # the plain ways have all been tried
            search = replace(search, added=added)
            if roles := search.right(x, first, seen, shared):
                return self._right(search, roles)
        # With one unit too much looks alike to name a mistake.
        end = time.process_time() + SECONDS
        known = [search for search in searches if not search.at_each]
        likely = sorted(known, key=lambda search: -len(search.lanes))
        for search in likely if self.sizes[1] > 1 else ():
            if found := search.wrong(x, first, seen, MISTAKES[self.directions], end):
                # What fits twice is no chance.
                again = search.wrong(*self._seen(-1, 9), [found], 2 * end)
                return found.report(seen="") if again else self._by_cell()
        return self._by_cell()

    def _searches(
        self, kept: dict[str, Tensor], directions: int, joined: Any = None
    ) -> Iterator[Search]:
        trained = dict(getattr(self.tried, "named_parameters", dict)())
        may_be = {n: w for n, w in self.weights.items() if n not in self.learned}
        own = {name: w for name, w in may_be.items() if name in trained}
        told = self.number_of_layers()
        for used in [own, kept] if own and own != kept else [kept]:
            for layers in [told] if told else [1, 2, 3, 4]:
                for lanes in groupings(used, layers, directions):
                    values = [[used[n].double() for n in lane] for lane in lanes]
                    wider = 1 if joined else directions
                    sizes = lane_sizes(values, self.sizes, directions, wider)
                    if sizes:
                        at_each = directions == 2 and self.reader.last_alone
                        form = directions, self.limit, 0.0, joined, at_each
                        yield Search(used, lanes, sizes, *form)

    def _idle(self) -> list[str]:
        """The weights, no biases, that change nothing, such as those of a head beside."""
        x = normals(14)(2, 3, self.sizes[0])
        before, idle = self.read(x)[0], []
        for name, weight in self.weights.items():
            if not is_bias(weight, self.sizes):
                weight.add_(0.5)
                idle += [name] if self.same(self.read(x)[0], before) else []
                weight.sub_(0.5)
        return idle

    def _by_cell(self) -> Report:
        """One step of one layer is a cell: let `check_cell` say which."""
        one_way = self.directions == 1 and self.sizes[1] > 1  # one unit tells too little
        for reader in islice(self.with_state(1) if one_way else (), 1):

            def step(code: Any, x: Tensor, h: Tensor, c: Tensor, reader: Reader = reader) -> Any:
                again = replace(reader, caller=replace(reader.caller, code=self.runner(code)))
                _, *states = self.read(x[None], again, (h[None], c[None]))
                if len(states) > 2 and torch.equal(states[0], states[1]):
                    del states[0]  # an output that is h
                return states[0][0], states[1][0] if len(states) > 1 else c

            report = check_cell(self.tried, *self.sizes, call=step)
            another = report.verdict == "variant" or len(reader.places) > 2
            if another and report.verdict not in ("cannot_check", "raises", "ok", "not_attempted"):
                return report
        for name, part in getattr(self.tried, "named_modules", dict)():
            if isinstance(part, nn.ModuleList) and len({*part}) < len(part):
                return told("same_cell_twice", name=name, count=len(part))
        return told("no_roles", axes=self.reader.axes.said, code=self.tried)

    # What is right.

    def _right(self, search: Search, roles: Roles) -> Report:
        roles = self._with_biases(search, roles)
        as_torch = self.handed and "w_ih" in str(search.lanes)
        tell(in_the_roles(search, roles, as_torch))
        if as_torch and search.added:
            tell(told("forget_bias_added", headline=f"{search.added:g} is added to the sum of f"))
        x = normals(12)(4, 3, self.sizes[0])
        self.redraw(7)
        seen = self.read(x)
        output, lanes = search.read(roles, x)
        if not self.same(seen[0], output[:, 0]):
            tell(told("changes_at_last"))
        start = self._start(search, roles, x)
        states = seen[1:]
        if start and start.caller.named == "c h":
            states = [*states[1::-1], *states[2:]]
        tell(in_the_states(states, lanes, search.directions, self.same))
        # `squeeze(0)` takes off the axis of layers, if it is there.
        layered = [replace(self.reader, layered=True)] * (self.reader.form != "x")
        alone = [reader(x[:, :1]) for reader in (self.reader, *layered)]
        ran = [one[0].double() for one in alone if isinstance(one, list)]
        if not any(self.same(output, seen[0][:, :1]) for output in ran):
            tell(told("squeeze_batch_of_one"))
        tell(self._wrong_gradient(search, roles, x))
        layers = {"layers": len(search.lanes) // search.directions, "directions": search.directions}
        others = tuple(self._not_checked(start))
        if search.joined:
            return replace(search.joined.report(layers, others), of="LSTM")
        lstm = search.as_torch(roles, self.original, self.reader.axes is BATCH_FIRST)
        said = self._described(search, roles)
        said += f"\n{told('as_torch').message}" * (lstm is not None)
        return Report("ok", said, layers, others, lstm=lstm)

    def _not_checked(self, start: Reader | None) -> Iterator[str]:
        if self.passed:
            yield f"what your module does with {in_code(self.passed)}, which was left out"
        if self.head:
            yield f"what your module makes of h of the top layer, from `{self.head.name}` on"
        if self.learned:
            yield f"the initial state that it learns, {in_code(self.learned)}"
        if start is None:
            yield "what it does with an initial state other than zeros"

    def _with_biases(self, search: Search, roles: Roles) -> Roles:
        """The roles with the biases, which are drawn one after the other."""
        x, fed = normals(13)(2, 3, self.sizes[0]), roles.b
        for slot in search.biases():
            self.redraw(8, biases=False)
            for k, lane in enumerate(search.lanes):
                weight = self.weights[lane[slot]]
                weight.copy_(normals(30 + k)(*weight.shape))
            found = search.find_bias(roles, slot, x, self.read(x)[0])
            if found is None:
                raise Told(self._by_cell())
            fed = tuple(one + more for one, more in zip(fed, found.b, strict=True))
        return replace(roles, b=fed)

    def _start(self, search: Search, roles: Roles, x: Tensor) -> Reader | None:
        """Give it a state, where it takes one: how it is called then."""
        if len({*(hidden for _, hidden in search.sizes)}) > 1:
            return None  # its states do not fit into one tensor
        h, c = normals(21)(2, len(search.lanes), x.shape[1], self.sizes[1]).tanh()
        starts = {"": (h, c), "c, h": (c, h), "h": (0 * h, c), "c": (h, 0 * c)}
        starts["state"] = 0 * h, 0 * c
        found = None
        for reader in self.with_state(len(search.lanes)):
            given = reader(x, (h, c))
            for name, start in starts.items():
                output, _ = search.read(roles, x, [*zip(*start, strict=True)])
                if isinstance(given, list) and self.same(given[0], output[:, 0]):
                    if not name or (name == "c" and reader.form == "x h" and not found):
                        return reader
                    found = found or name
        if found == "c, h":
            tell(told("swapped_state"))
        if found:
            tell(told("initial_state_ignored", state=found))
        return None

    def _wrong_gradient(self, search: Search, roles: Roles, x: Tensor) -> Report | None:
        """The first gradient of a module that is not nn.LSTM's."""
        trained = dict(getattr(self.tried, "named_parameters", dict)())
        own = {n: p for n, p in trained.items() if n in search.weights and p.requires_grad}
        leaves = {n: w.clone().requires_grad_() for n, w in search.weights.items()}

        def slopes(output: Tensor, weights: list[Tensor]) -> Sequence[Tensor | None]:
            if not (weights and output.requires_grad):
                return [None] * len(weights)
            loss = (output * normals(22)(*output.shape)).sum()
            return torch.autograd.grad(loss, weights, allow_unused=True)

        with torch.enable_grad():
            output, _ = replace(search, weights=leaves).read(roles, x)
            right = slopes(output[:, 0], [leaves[name] for name in own])
            got = slopes(self.read(x)[0], [*own.values()])
        for name, mine, its in zip(own, got, right, strict=True):
            if its is not None and mine is None:
                return told("no_gradient", name=name)
            if its is not None and mine is not None and not self.same(mine / 100, its / 100):
                return told("other_gradient", name=name)
        return None

    def _described(self, search: Search, roles: Roles) -> str:
        names, both = search.lanes[0], " in both directions" * (search.directions - 1)
        fed = [f"{gate} from `{names[p.slot]}`" for gate, p in zip(GATES, roles.x, strict=True)]
        gates = f"Each gate has weights of its own: {', '.join(fed)}."
        if len({p.slot for p in roles.x}) == 1:
            order = sorted(GATES, key=lambda gate: roles.x[GATES.index(gate)].block)
            other = ", as in nn.LSTM" if order == [*GATES] else "; nn.LSTM's is i, f, g, o"
            gates = f"The gates stand in the order {', '.join(order)}{other}."
        biases = ("no bias", "one bias", "two biases")[min(2, max(map(len, roles.b)))]
        adds = f", and adds {search.added:g} to the sum of f" if search.added else ""
        two = "" if biases == "two biases" else "; nn.LSTM has two, and only their sum matters"
        trained = isinstance(self.tried, nn.Module)
        layers, (wide, hidden) = len(search.lanes) // search.directions, self.sizes
        said = [
            f"It computes what nn.LSTM computes{', with the same gradients' * trained}: "
            f"{layers} layer{'s' * (layers > 1)}{both}, tried with input_size {wide} and "
            f"hidden_size {hidden}. x is {self.reader.axes.said}.",
            f"{gates} It has {biases}{adds}{two}.",
        ]
        if self.reader.form != "x" and needed(self.tried) == 1 and not self.call:
            said.insert(0, told("needs_state").message)
        if self.reader.comes_out_turned:
            said.insert(0, told("comes_out_turned").message)
        is_alone = len(self.reader.places) == 1 + self.reader.last_alone and not self.reader.more
        if is_alone and not self.call:
            what = "the last step of the output" if self.reader.last_alone else "the output"
            said.append(f"Mind that {what} is returned alone, so nobody can go on from its state.")
        modules = self.tried.modules() if isinstance(self.tried, nn.Module) else ()
        if any(isinstance(part, nn.Dropout) and part.p for part in modules):
            said.append(told("dropout").message)
        return "\n".join(said)
