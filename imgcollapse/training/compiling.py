"""Functions of tensors that PyTorch compiles, where that was asked for or pays."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch._functorch.config
from torch import Tensor, nn

Function = Callable[..., Tensor]

LEAST_STEPS = 20_000
"""60 s of compiling against 3 ms that a step gains: guesses, until both are measured on CUDA."""

_compiled: dict[Function, Function] = {}


def chosen(
    function: Function,
    wanted: Literal["auto", "always", "never"],
    model: nn.Module,
    steps_to_come: int,
) -> Function:
    """The function, compiled if ``wanted``; ``auto`` compiles what pays.

    Convolutions on CUDA do over many steps, where equal bytes are not asked for: PyTorch picks its
    kernels by timing them. On two CPU cores a UNet of 1.0 M parameters learned 1.2 times as fast in
    bf16, and no faster in fp32. Each function is compiled once in a process, and kept over
    generations.
    """
    if wanted == "auto":
        device = next(model.parameters()).device.type
        wanted = "always" if has_convolutions(model) and pays(device, steps_to_come) else "never"
    if wanted == "never":
        return function
    if function not in _compiled:
        _compiled[function] = _OrEager(function)
    return _compiled[function]


def pays(device: str, steps_to_come: int) -> bool:
    """Whether compiling convolutions is allowed there and paid back by so many steps."""
    free = not torch.are_deterministic_algorithms_enabled()
    return device == "cuda" and free and steps_to_come >= LEAST_STEPS


def has_convolutions(model: nn.Module) -> bool:
    return any(isinstance(part, nn.modules.conv._ConvNd) for part in model.modules())


class _OrEager:
    """The compiled function, or the function itself from the first failure of the compiler on."""

    def __init__(self, function: Function) -> None:
        self.function = function
        # Of diffusers' comparisons of versions, which are pure.
        warnings.filterwarnings("ignore", "Dynamo detected a call to a `functools.lru_cache`")
        # Or the backward pass would be compiled, and fail, when it is first needed.
        torch._functorch.config.force_non_lazy_backward_lowering = True
        self.compiled: Function = torch.compile(function, dynamic=False)

    def __call__(self, *arguments: Any) -> Tensor:
        try:
            return self.compiled(*arguments)
        except Exception as error:
            if self.compiled is self.function or not _is_of_compiler(error):
                raise
            says = str(error).partition("\n")[0]
            print(f"warning: not compiled, which is slower: {says}", file=sys.stderr)
            self.compiled = self.function
            return self.function(*arguments)


def _is_of_compiler(error: Exception) -> bool:
    module = type(error).__module__
    return module.startswith(("torch._dynamo", "torch._inductor", "subprocess"))
