"""Run any module in evaluation mode, as often as needed, and leave it exactly as it was."""

from __future__ import annotations

import copy
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

_SEED = 0
_DEPTH, _LONGEST = 3, 100
_REGISTRIES = ("_parameters", "_buffers", "_modules")


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
    with ExitStack() as back:
        back.callback(put_random_states_back, random_states())
        for p in model.parameters():
            back.callback(setattr, p, "grad", p.grad)
            back.callback(p.requires_grad_, p.requires_grad)
            back.callback(_put_values_back, p, p.detach().clone())
            p.grad = None
        for module in model.modules():
            back.callback(setattr, module, "training", module.training)
            module.training = False  # Past an overridden train() or eval().
            if isinstance(module, _BatchNorm) and module.running_mean is None:
                like = next(chain(module.parameters(), model.parameters()), torch.empty(0))
                back.callback(module._buffers.update, running_mean=None, running_var=None)
                module.running_mean = like.new_zeros(module.num_features)
                module.running_var = like.new_ones(module.num_features)
        if torch.cuda.is_initialized():
            # Not by its flags(), which sets what belongs to the caller, such as TF32, as well.
            back.callback(setattr, torch.backends.cudnn, "enabled", torch.backends.cudnn.enabled)
            torch.backends.cudnn.enabled = False
        all_back = [one for module in model.modules() for one in _state_of(module)]
        for one in all_back:
            back.callback(one)

        def rewind(state: bool = True) -> None:
            for one in all_back if state else ():
                one()
            torch.default_generator.manual_seed(_SEED)  # torch.manual_seed takes a stack trace.
            if torch.cuda.is_initialized():
                torch.cuda.manual_seed_all(_SEED)
            random.seed(_SEED)
            if (numpy := sys.modules.get("numpy")) is not None:
                numpy.random.seed(_SEED)

        with torch.inference_mode(False):
            yield rewind


def _state_of(module: nn.Module) -> Iterator[Callable[[], Any]]:
    """What puts back all that a module holds; what was put on it to watch it stays."""
    if isinstance(module, torch.jit.ScriptModule):
        return
    own = module.__dict__
    held = {n: v for n, v in own.items() if not (n.startswith("_") and "hook" in n)}

    def put_back() -> None:
        for name in own.keys() - held.keys():
            if "hook" not in name and name != "forward":
                del own[name]
        own.update(held)

    yield put_back
    for name in _REGISTRIES:
        yield partial(_refill, own[name], dict(own[name]))
    # torch's own layers keep what changes in buffers; only the learner's use attributes.
    depth = 0 if type(module).__module__.startswith("torch.nn.modules") else _DEPTH
    attributes = [value for name, value in held.items() if name not in _REGISTRIES]
    for value in [*module._buffers.values(), *attributes]:
        yield from _contents(value, depth)


def _contents(value: Any, depth: int) -> Iterator[Callable[[], Any]]:
    """What puts back, in place, the tensors, containers and generators that a value consists of."""
    if isinstance(value, torch.Tensor):
        if not (isinstance(value, nn.Parameter) or value.is_meta):
            yield partial(_put_values_back, value, value.detach().clone())
    elif isinstance(value, torch.Generator):
        yield partial(value.set_state, value.get_state())
    elif isinstance(value, random.Random):
        yield partial(value.setstate, value.getstate())
    elif hasattr(value, "bit_generator"):
        bits = value.bit_generator
        yield partial(setattr, bits, "state", copy.deepcopy(bits.state))
    elif isinstance(value, (list, dict, tuple)) and depth and len(value) <= _LONGEST:
        parts = dict(value if isinstance(value, dict) else enumerate(value))
        if not isinstance(value, tuple):
            yield partial(_refill, value, parts)
        for part in parts.values():
            yield from _contents(part, depth - 1)


def _refill(container: Any, parts: dict[Any, Any]) -> None:
    container.clear()
    container.update(parts) if isinstance(container, dict) else container.extend(parts.values())


def _put_values_back(tensor: torch.Tensor, values: torch.Tensor) -> None:
    if tensor.shape != values.shape:
        tensor.data = values.clone()
    elif not torch.equal(tensor, values):
        tensor.data.copy_(values)


def random_states() -> tuple[Any, ...]:
    """The random states of torch, CUDA, Python and NumPy, as far as these are in use."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    # NumPy loads its random numbers when they are first used; until then there is no state.
    numpy_random = sys.modules.get("numpy.random")
    numpy_state = numpy_random.get_state() if numpy_random else None
    return torch.get_rng_state(), cuda, random.getstate(), numpy_state


def put_random_states_back(states: tuple[Any, ...]) -> None:
    """Go on where `random_states` was asked; what was not in use then starts afresh."""
    torch_state, cuda, python, numpy_state = states
    torch.set_rng_state(torch_state)
    torch.cuda.set_rng_state_all(cuda)
    random.setstate(python)
    if numpy_state is not None:
        sys.modules["numpy.random"].set_state(numpy_state)
    elif (numpy_random := sys.modules.get("numpy.random")) is not None:
        numpy_random.seed()
