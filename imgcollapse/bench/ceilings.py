"""What the machine can do at most, measured, and what a model asks of it, counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from imgcollapse.bench.timing import seconds_of
from imgcollapse.device import dtype_of, has_bf16
from imgcollapse.generators.dense import IMAGES
from imgcollapse.precision import Precision

TRIES = 5


@dataclass(frozen=True)
class Ceilings:
    """Floating-point operations a second of products, by precision, and bytes of a copy."""

    flops: Mapping[Precision, float]
    bytes: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def rate(self, work: Work, units: int) -> float:
        """Units a second at most, where ``work`` is what so many units need.

        The roofline (Williams, Waterman and Patterson 2009): arithmetic or memory traffic,
        whichever takes longer.
        """
        return units / max(work.flops / self.flops[work.precision], work.bytes / self.bytes)


def measure_ceilings(device: torch.device) -> Ceilings:
    """The best of five products of square matrices, and of five copies."""
    length = 2**28 if device.type == "cuda" else 2**25
    source = torch.randn(length, device=device)
    target = torch.empty_like(source)
    seconds = _least(lambda: target.copy_(source), device)
    precisions: tuple[Precision, ...] = ("fp32", "bf16") if has_bf16(device) else ("fp32",)
    products = {one: _products(device, dtype_of(one)) for one in precisions}
    return Ceilings(products, 2 * source.numel() * source.element_size() / seconds)


def _products(device: torch.device, dtype: torch.dtype) -> float:
    """Of either library: PyTorch leaves products on a CPU to MKL, and convolutions to oneDNN."""
    side = 8192 if device.type == "cuda" else 2048
    left, right = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    kernel = right[:, :, None, None]
    rows = left.view(IMAGES, side // IMAGES, 1, side).permute(0, 3, 1, 2)
    product = min(
        _least(lambda: left @ right, device), _least(lambda: F.conv2d(rows, kernel), device)
    )
    return 2 * side**3 / product


def _least(work: Callable[[], object], device: torch.device) -> float:
    work()
    return min(seconds_of(work, device) for _ in range(TRIES))


@dataclass(frozen=True)
class Work:
    """Floating-point operations, and bytes that no fusion can spare: in and out of each product."""

    flops: float
    bytes: float
    precision: Precision = "fp32"


def work_of(run: Callable[[], object], precision: Precision = "fp32") -> Work:
    """Counts matrix products, convolutions and attention, forward and backward.

    What lies between them (norms, activations, the optimizer) counts as fused and free.
    """
    counter = _Counter()
    with counter:
        run()
    return Work(counter.flops, counter.bytes, precision)


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0.0
        self.bytes = 0.0

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        if count is not None:
            self.flops += count(*args, **(kwargs or {}), out_val=out)
            tensors = [one for one in tree_leaves((args, out)) if isinstance(one, Tensor)]
            self.bytes += sum(one.numel() * one.element_size() for one in tensors)
        return out
