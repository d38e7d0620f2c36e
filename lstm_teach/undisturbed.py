"""Run any module in evaluation mode, as often as needed, and leave it exactly as it was."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

_SEED = 0
_DEPTH = 3


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[Callable[..., None]]:
    """Lend a module in evaluation mode and take it back unchanged.

    Works on the module itself, because many modules cannot be copied after a forward pass.
    Parameters, their ``grad`` and ``requires_grad``, buffers, attributes (a state kept between
    calls), the mode of every submodule and the random states of torch, Python and NumPy come back
    on leaving; meanwhile no parameter has a gradient, so that a backward pass adds to none.
    Batch norm without running statistics takes mean 0 and variance 1 meanwhile, so that it
    does not couple the samples. On a GPU, cuDNN is off meanwhile: it refuses a backward pass
    through an LSTM in evaluation mode (https://github.com/pytorch/pytorch/issues/10006).

    Args:
        model: the module.

    Yields:
        ``rewind``: puts the module's own state back and seeds all random numbers, so that
        two runs with a rewind before each differ only by what they are given; ``rewind(False)``
        seeds, and leaves the state that the module has kept.
    """
    every = list(model.modules())
    scripted = {m: m.training for m in every if isinstance(m, torch.jit.ScriptModule)}
    modules = [module for module in every if module not in scripted]
    training = [module.training for module in modules]
    parameters = [(p, p.detach().clone(), p.requires_grad, p.grad) for p in model.parameters()]
    randomness = random_states()
    for parameter, *_ in parameters:
        parameter.grad = None
    for module in modules:
        module.__dict__["training"] = False  # Past an overridden train() or eval().
    for module in scripted:
        module.training = False
    home = next(model.parameters(), torch.empty(0)).device
    fixed = [_fix_batch_norm(m, home) for m in modules if _uses_batch_statistics(m)]
    saved = [_Saved(module) for module in modules]

    def rewind(state: bool = True) -> None:
        for one in saved if state else ():
            one.restore()
        torch.default_generator.manual_seed(_SEED)  # torch.manual_seed takes a stack trace.
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(_SEED)
        random.seed(_SEED)
        if (numpy_random := sys.modules.get("numpy.random")) is not None:
            numpy_random.seed(_SEED)

    try:
        with torch.inference_mode(False), _without_cudnn():
            yield rewind
    finally:
        for one in saved:
            one.restore()
        for module in fixed:
            module._buffers.update(running_mean=None, running_var=None)
        for module, mode in zip(modules, training, strict=True):
            module.__dict__["training"] = mode
        for module, mode in scripted.items():
            module.training = mode
        for parameter, value, requires_grad, grad in parameters:
            if not torch.equal(parameter, value):
                parameter.data.copy_(value)
            parameter.requires_grad_(requires_grad).grad = grad
        put_random_states_back(randomness)


@contextmanager
def _without_cudnn() -> Iterator[None]:
    if not torch.cuda.is_initialized():
        yield
        return
    # Not by its flags(), which sets what belongs to the caller, such as TF32, to defaults as well.
    enabled = torch.backends.cudnn.enabled
    torch.backends.cudnn.enabled = False
    try:
        yield
    finally:
        torch.backends.cudnn.enabled = enabled


class _Saved:
    """What one module holds: attributes, buffers, and the values of its loose tensors."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.registries = {
            name: dict(module.__dict__[name]) for name in ("_parameters", "_buffers", "_modules")
        }
        # torch's own layers keep what changes in buffers; only the learner's use attributes.
        depth = 0 if type(module).__module__.startswith("torch.nn.modules") else _DEPTH
        self.attributes = {
            name: _contents(value, depth)
            for name, value in module.__dict__.items()
            if not (name.startswith("_") and (name in self.registries or "hook" in name))
        }
        self.buffers = [_contents(b, _DEPTH) for b in module._buffers.values() if b is not None]

    def restore(self) -> None:
        own = self.module.__dict__
        for name, content in self.registries.items():
            own[name].clear()
            own[name].update(content)
        for put_back in self.buffers:
            put_back()
        for name in own.keys() - self.attributes.keys() - self.registries.keys():
            if "hook" not in name and name != "forward":
                del own[name]
        for name, put_back in self.attributes.items():
            own[name] = put_back()


def _contents(value: Any, depth: int) -> Callable[[], Any]:
    """A function that gives a value back, its tensors and containers filled as they are now."""
    if isinstance(value, torch.Tensor):
        return _tensor(value)
    if isinstance(value, torch.Generator):
        return _state(value, value.get_state(), value.set_state)
    if isinstance(value, random.Random):
        return _state(value, value.getstate(), value.setstate)
    if hasattr(value, "bit_generator"):
        bits = value.bit_generator
        return _state(value, copy.deepcopy(bits.state), lambda kept: setattr(bits, "state", kept))
    if depth and isinstance(value, (list, dict)) and len(value) <= 100:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        parts = {key: _contents(item, depth - 1) for key, item in items}

        def refill(parts: dict[Any, Callable[[], Any]]) -> None:
            filled = {key: part() for key, part in parts.items()}
            value.clear()
            value.update(filled) if isinstance(value, dict) else value.extend(filled.values())

        return _state(value, parts, refill)
    if depth and isinstance(value, tuple):
        items_of = [_contents(item, depth - 1) for item in value]
        return _state(value, items_of, lambda put_back: [part() for part in put_back])
    return lambda: value


def _state(value: Any, kept: Any, put_back: Callable[[Any], Any]) -> Callable[[], Any]:
    def restore() -> Any:
        put_back(kept)
        return value

    return restore


def _tensor(value: torch.Tensor) -> Callable[[], torch.Tensor]:
    if isinstance(value, nn.Parameter) or value.is_meta:
        return lambda: value
    copied = value.detach().clone()

    def put_back() -> torch.Tensor:
        if value.shape != copied.shape:
            value.data = copied.clone()
        elif not torch.equal(value.detach(), copied):
            value.detach().copy_(copied)
        return value

    return put_back


def _uses_batch_statistics(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is None


def _fix_batch_norm(module: Any, device: torch.device) -> nn.Module:
    like = next(module.parameters(), torch.empty(0, device=device))
    module.running_mean = like.new_zeros(module.num_features)
    module.running_var = like.new_ones(module.num_features)
    return module  # type: ignore[no-any-return]


def random_states() -> tuple[Any, ...]:
    """The random states of torch, CUDA, Python and NumPy, as far as these are in use."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    # NumPy loads its random numbers when they are first used; until then there is no state.
    numpy_random = sys.modules.get("numpy.random")
    numpy_state = numpy_random.get_state() if numpy_random else None
    return torch.get_rng_state(), cuda, random.getstate(), numpy_state


def put_random_states_back(states: tuple[Any, ...]) -> None:
    """Go on where `random_states` was asked; what was not in use then starts afresh."""
    torch_state, cuda, python, numpy_state = states
    torch.set_rng_state(torch_state)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)
    random.setstate(python)
    if numpy_state is not None:
        sys.modules["numpy.random"].set_state(numpy_state)
    elif (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed()
