"""AdamW by PyTorch's fused kernel, and its learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from imgcollapse.training_config import TrainingConfig

TINY = 1e-6
"""What ``clip_grad_norm_`` adds to the norm."""


class AdamW:
    """Loshchilov and Hutter 2019, algorithm 2: the numbers of ``torch.optim.AdamW(fused=True)``.

    That class looks through its groups and hooks at every step. Parameters that got no gradient,
    which not all may be, stay as they are. For a CUDA graph the learning rate is a tensor on the
    device, always the same one.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], config: TrainingConfig, *, graphed: bool = False
    ) -> None:
        self.parameters = list(parameters)
        self.weight_decay = config.weight_decay
        self.rate: float | Tensor = config.learning_rate
        if graphed:
            self.rate = torch.tensor(config.learning_rate, device=self.parameters[0].device)
        self.moments = {
            "step": [torch.zeros((), device=one.device) for one in self.parameters],
            "exp_avg": [torch.zeros_like(one) for one in self.parameters],
            "exp_avg_sq": [torch.zeros_like(one) for one in self.parameters],
        }
        """By the names that PyTorch gives them, each in the order of the parameters."""

    def set_rate(self, rate: float) -> None:
        if isinstance(self.rate, Tensor):
            self.rate.fill_(rate)
        else:
            self.rate = rate

    def forget_gradients(self) -> None:
        for one in self.parameters:
            one.grad = None

    def gradients(self) -> list[Tensor]:
        return [one.grad for one in self.parameters if one.grad is not None]

    def clip(self, most: float) -> None:
        """``clip_grad_norm_``, which on a CPU, where looking is free, spares multiplying by 1."""
        gradients = self.gradients()
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        if norm.device.type == "cpu" and norm + TINY < most:
            return
        torch._foreach_mul_(gradients, (most / (norm + TINY)).clamp(max=1.0))

    @torch.no_grad()
    def step(self) -> None:
        rows = zip(self.parameters, *self.moments.values(), strict=True)
        learned = [row for row in rows if row[0].grad is not None]
        parameters, steps, means, squares = (list(column) for column in zip(*learned, strict=True))
        adamw(
            parameters,
            self.gradients(),
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """The moments as ``<number of the parameter>.<name>``."""
        return {
            f"{number}.{name}": one
            for name, moments in self.moments.items()
            for number, one in enumerate(moments)
        }

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        for name, one in self.state().items():
            one.copy_(state[name])


def learning_rate(config: TrainingConfig, step: int, steps: int) -> float:
    """That of step number ``step``: a linear warm-up times half a cosine."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    return config.learning_rate * (warm * 0.5 * (1 + math.cos(math.pi * step / steps)))
