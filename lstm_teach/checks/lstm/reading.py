"""Running a whole LSTM: which sizes it has, how it is called, which axis of x is time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from lstm_teach.checks import bringing
from lstm_teach.checks.bringing import Sizes, listed, needed, normals, owned, signature_of
from lstm_teach.checks.lstm.forms import BATCH_FIRST, SERIES, TIME_FIRST, Reader, leaves, readers
from lstm_teach.checks.lstm.mistakes import told
from lstm_teach.checks.lstm.roles import is_bias, parts_of
from lstm_teach.checks.passing import Head, before, head_of, noting, passed_by
from lstm_teach.checks.report import Report
from lstm_teach.checks.stack.trial import WithoutDropout

LAYERS = re.compile(r"(num|n)_?layers?$|layers$|depth$")
_STATE = re.compile(r"_?(h|c|a|state|init|prev|s\d?$|carry|memory|zero)", re.IGNORECASE)
_LEARNED = re.compile(r"(.*[._])?([hc]x?|hidden|cell|state)_?0$|.*(init|start)", re.IGNORECASE)
SECONDS = 2.0


def in_code(names: Iterable[str]) -> str:
    """Names in a sentence, as code."""
    return listed(f"`{name}`" for name in names)


class Told(Exception):
    """The report is clear; it stands in `args`."""


def tell(report: Report | None) -> None:
    """End the check here, where there is a report."""
    if report is not None:
        raise Told(report)


@dataclass
class Reading:
    """How one LSTM that can be called is run: its sizes, its layout, and what stands around it.

    Of the `code` that was brought the sizes may be `told`, and how to `call` it. It was made with
    so many `layers`, and may be `handed` its weights. Equal numbers may be `limit` apart. Left out
    are its `head` behind h, its `norms` if wished, and what was `passed` by, by name; `learned` are
    the names of weights that are an initial state.
    """

    code: Any
    told: tuple[int | None, int | None]
    call: Any
    layers: int | None = None
    handed: bool = False
    limit: float = 1e-8
    head: Head | None = None
    norms: bool = False
    passed: list[str] = field(default_factory=list)
    learned: list[str] = field(default_factory=list)

    @contextmanager
    def opened(self, tried: Any) -> Iterator[None]:
        """Take the code that is tried and its weights, without what stands in front."""
        self.run, self.how, self.tried = tried, self.call, tried
        self.weights = owned(*filter(None, (tried, self.call)))
        with passed_by(tried, self.norms) as parts:
            self.passed = list(parts)
            for name, part in parts.items():
                for own, _ in part.named_parameters():
                    self.weights.pop(f"{name}.{own}", None)
            yield

    def read(self, x: Tensor, reader: Reader | None = None, state: Any = None) -> list[Tensor]:
        """The output and the states; a report ends the check."""
        found = (reader or self.reader)(x, state)
        if isinstance(found, Report):
            raise Told(found)
        return [one.double() for one in found]

    def same(self, one: Tensor, two: Tensor) -> bool:
        """Whether two tensors hold the same numbers, to rounding."""
        return one.shape == two.shape and bool(((one - two).abs() <= self.limit).all())

    def redraw(self, seed: int, biases: bool = True) -> None:
        """Draw the weights anew, an initial state being zero, and where wished the biases."""
        bringing.redraw(self.weights, self.sizes, seed)
        for name, weight in self.weights.items():
            if name in self.learned or (not biases and is_bias(weight, self.sizes)):
                weight.zero_()

    # How it is called, and which axis is time.

    def find_reader(self) -> None:
        """Find sizes and a call with which it runs, and where in the result h stands."""
        start, failed, first, ran, late = time.process_time(), [], None, set(), False
        layers = self.number_of_layers() or 1
        lanes = layers * (1 + (getattr(self.tried, "bidirectional", False) is True))
        dtypes = [t.dtype for t in self.weights.values()]
        dtype = torch.float32 if torch.float32 in dtypes else torch.float64
        for how, (i, h) in self._tries():
            # Odd layouts are tried where the usual one raises, and a last h where it runs; behind h
            # both are, since steps and samples may stand in one axis there.
            if how != "usual" and (how == "odd") is ((i, h) in ran) and not self.head:
                continue
            self.sizes = i, h
            taken = {i, h, 2 * h, 4 * h, *(n for t in self.weights.values() for n in t.shape)}
            steps = next(n for n in range(4, 99, 2) if not {n - 1, n, n + 1, n + 2} & taken)
            self.x = normals(3)(steps, steps + 1, i)
            for reader in readers(self.run, self.how, h, lanes, dtype):
                if (how == "odd") is (reader.axes in (TIME_FIRST, BATCH_FIRST)):
                    continue
                if reader.axes is SERIES and i != 1:
                    continue
                result = reader.raw(self.x)
                late = time.process_time() - start > SECONDS
                if late:
                    break
                if isinstance(result, Report):
                    if result.verdict == "not_attempted":
                        raise Told(result)
                    failed.append((reader, self.x, result))
                    continue
                if first is None and self._has_head(reader):
                    return self.find_reader()
                first = first or reader
                ran.add((i, h))
                if self._reads(reader, result, how == "last alone" or reader.axes is SERIES):
                    self.reader = reader
                    states = (n for n, w in self.weights.items() if w.shape[-1:] == (h,))
                    self.learned = [name for name in states if _LEARNED.match(name)]
                    return None
                if reader.axes is TIME_FIRST:
                    self._in_number(result)
                    break  # these are not its sizes; x in odd forms may crash nn.LSTMCell
        if failed and not first and not late and self._is_to_blame(*failed[0]):
            raise Told(failed[0][-1])
        if failed and not first:
            report, raised = told("raises_first", code=self.tried), failed[0][-1]
            said = f"{report.message}\n{raised.message}"
            raise Told(replace(report, message=said, headline=raised.headline or report.headline))
        raise Told(told("no_output", code=self.tried))

    def runner(self, code: Any) -> Any:
        """What runs the code, or a copy of it, up to h."""
        run = partial(self.call, code) if self.call else code
        return before(self.head, code, run) if self.head else run

    def _has_head(self, reader: Reader) -> bool:
        """Whether layers stand behind h. Then they are left out."""
        if self.head or not isinstance(self.tried, nn.Module):
            return False
        self.head = head_of(self.tried, self.weights, lambda: reader.raw(self.x))
        if self.head:
            self.run, self.how = self.runner(self.tried), None
            for name in self.head.weights:
                del self.weights[name]
        return self.head is not None

    def _is_to_blame(self, reader: Reader, x: Tensor, raised: Report) -> bool:
        """Whether an error is no matter of an odd x: its sizes are told, or a cell has read it."""
        if raised.verdict != "raises" or needed(self.tried) > 1:
            return False
        if any(isinstance(self.tried.get_submodule(name), nn.Linear) for name in self.passed):
            return False  # x is of another width behind it
        # It may be right for another number of steps, along whichever axis they are.
        longer = [reader.raw(torch.cat([x, x], axis)) for axis in (0, 1)]
        if not any(isinstance(one, Report) and one.message == raised.message for one in longer):
            return False
        reached: list[Any] = []
        cells = {str(k): cell for k, cell in enumerate(self._torch_cells())}
        with noting(cells, lambda name, _: reached.append(name)):
            reader.raw(x)
        return all(self.told) or bool(reached)

    def _torch_cells(self) -> list[Any]:
        modules = self.tried.modules() if isinstance(self.tried, nn.Module) else ()
        return [part for part in modules if isinstance(part, (nn.LSTM, nn.LSTMCell))]

    def torch_inside(self) -> str:
        """How an nn.LSTM is reached in a module that has no other recurrent part; else ""."""
        parts = dict(self.tried.named_modules()) if isinstance(self.tried, nn.Module) else {}
        names = [n for n, one in parts.items() if n and isinstance(one, nn.LSTM)]
        cells = any(isinstance(one, nn.RNNCellBase) for one in parts.values())
        return f"self.{names[0]}" if len(names) == 1 and not cells else ""

    def number_of_layers(self) -> int | None:
        """As many as it was made with, or says."""
        return self.layers or bringing.attribute(self.tried, LAYERS)

    def _tries(self) -> Iterator[tuple[str, Sizes]]:
        """In every likely size the usual layouts of x, odd ones, and those of a last h."""
        cells, own = self._torch_cells(), [*self.weights.values()]
        by_torch = [(cells[0].input_size, cells[-1].hidden_size)] if cells else []
        # An attribute may mislead, so the sizes of the weights are tried too.
        by_name, by_shape = (
            bringing.likely_sizes(code, *self.told) for code in (self.tried, self.weights)
        )
        tried = [*dict.fromkeys([*by_torch, *by_name, *by_shape])][:200]
        dims = {size for weight in own for size in weight.shape}

        def has_h(i: int, h: int) -> bool:
            return any("h" in parts_of(own, k, h) for k in {i, *dims, *(n - h for n in dims)})

        fit = [sizes for sizes in tried if has_h(*sizes)][:20]
        # Those come first that have room for such an x, too.
        fit.sort(key=lambda s: s not in by_torch and not {"x", "h"} <= parts_of(own, *s))
        told: Any = [self.told] if all(self.told) else fit or tried[:20]
        yield from product(("usual", "last alone", "odd"), told)

    def unused(self, sizes: Sizes) -> list[str]:
        """The weights that would have no use for these sizes, in the first layer or above it."""
        i, h = sizes
        own = self.weights.items()
        return [n for n, w in own if not any(parts_of([w], k, h) for k in (i, h, 2 * h))]

    def _reads(self, reader: Reader, result: Any, last_alone: bool = False) -> bool:
        (steps, batch), widths = self.x.shape[:2], {self.sizes[1], 2 * self.sizes[1]}
        reader.find_places(result, steps, batch, widths, last_alone)
        if last_alone and not reader.places and reader.axes is TIME_FIRST:
            reader.axes = BATCH_FIRST  # of one step alone, no time tells
            reader.find_places(reader.raw(self.x), steps, batch, widths, last_alone)
        found = reader(self.x) if reader.places else []
        if isinstance(found, Report) or not found or found[0].shape[-1] not in widths:
            return False
        exact = found[0].dtype == reader.caller.dtype == torch.float64
        self.limit = 1e-8 if exact else 1e-4
        return True

    def _in_number(self, result: Any) -> None:
        """Whether the output has fewer or more steps than x, in either layout of x."""
        for n, batch in (self.x.shape[:2], self.x.shape[1::-1]):
            for steps in (n - 1, n + 1, 2 * n):
                for _, tensor in leaves(result, steps):
                    shape = sorted(tensor.shape)
                    if any(shape == sorted((steps, batch, k * self.sizes[1])) for k in (1, 2)):
                        name = "fewer_steps" if steps < n else "more_steps"
                        tell(told(name, steps=steps, n=n))

    def settle_time(self) -> None:
        """Replace one step of one sample: time is the axis along which others change, too."""
        self.redraw(5)
        x = self.x
        base = self.read(x)[0]
        if self.reader.last_alone and self.same(base, base[:1].expand_as(base)):
            tell(told("first_alone"))
        if not self.same(base, self.read(x)[0]):
            seeded = [self.read(one)[0] for one in (x, -x, x) if torch.manual_seed(0)]
            if self.same(seeded[0], seeded[2]):
                with WithoutDropout() as dropout:
                    steady = self.same(self.read(x)[0], self.read(x)[0])
                tell(told("always_drops" if steady and dropout.seen else "random_initial_state"))
            tell(told("state_kept"))
        for sample in (2, 0, x.shape[1] - 1):  # it may read the first or the last step alone
            changed = x.clone()
            changed[1, sample] = 0.3 - x[1, sample]
            off = (self.read(changed)[0] - base).abs().amax(-1) > self.limit
            if off.any():
                break
        steps, samples = (off.any(axis).nonzero().flatten().tolist() for axis in (1, 0))
        believed = getattr(self.tried, "batch_first", None)
        if (steps, samples) == ([1], [sample]) and self.reader.more and len(self.reader.places) < 2:
            tell(told("one_step", code=self.tried))  # h and c, and nothing is carried
        # Where nothing is carried on, either may be time.
        first = believed is True if (steps, samples) == ([1], [sample]) else steps == [1]
        if self.reader.axes is TIME_FIRST and first:
            self.reader = replace(self.reader, axes=BATCH_FIRST)
            if not self._reads(self.reader, self.reader.raw(x), self.reader.last_alone):
                tell(told("changes_with_x", code=self.tried))
        elif samples not in ([], [sample]):
            # With time as the second axis, every step from the changed one on is another there.
            if samples == [*range(sample, x.shape[1])] and steps not in ([1], [*range(1, len(x))]):
                sample, samples = 1, steps
            first, last = samples[0], samples[-1]
            tell(told("samples_mixed", changed=sample, count=len(samples), first=first, last=last))
        walks = {TIME_FIRST: False, BATCH_FIRST: True}.get(self.reader.axes, believed)
        if believed in (True, False) and walks is not believed:
            tell(told("time_batch_swapped", believed=believed, axes=self.reader.axes.said))
        self.directions = base.shape[-1] // self.sizes[1]

    def with_state(self, lanes: int) -> Iterator[Reader]:
        """The ways to give it a state that run."""
        run = self.runner(self.tried)
        names = [*signature_of(getattr(run, "forward", run)).parameters][1:]
        if self.call is None and not any(map(_STATE.match, names)):
            return
        zeros = torch.zeros(lanes, 3, self.sizes[1], dtype=torch.float64)
        dtype = self.reader.caller.dtype
        for reader in readers(self.run, self.how, self.sizes[1], lanes, dtype):
            is_like_it = reader.axes is self.reader.axes and reader.layered >= (lanes > 1)
            if reader.form != "x" and is_like_it:
                reader.places = self.reader.places
                if isinstance(reader(self.x[:, :3], (zeros, zeros)), list):
                    yield reader
