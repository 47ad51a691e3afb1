"""One step of training: loss, gradient, clipping, optimizer and moving average."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from imgcollapse.config import TrainingConfig
from imgcollapse.device import autocast_dtype

Prepare = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, ...]]
"""(items of the batch, their labels, random numbers of this step) -> what the loss is made of."""

Loss = Callable[..., Tensor]
"""(model, *prepared) -> scalar; draws nothing, so that it can be compiled and stacked."""


class Step:
    """Trains ``model`` in place, and ``average``, its moving average, if there is one."""

    def __init__(
        self,
        model: nn.Module,
        average: nn.Module | None,
        loss_of: Loss,
        config: TrainingConfig,
        steps: int,
        device: torch.device,
    ) -> None:
        self.model = model
        self.loss_of = loss_of
        self.config = config
        self.steps = steps
        self.device = device
        self.parameters = [one for one in model.parameters() if one.requires_grad]
        self.weights: list[Tensor] = list(model.parameters())
        self.averaged: list[Tensor] = list(average.parameters()) if average is not None else []
        self.dtype = autocast_dtype(device, config.precision)
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )

    def __call__(self, step: int, prepared: tuple[Tensor, ...]) -> Tensor:
        """Takes step number ``step`` of ``steps`` and returns its loss, still on the device."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * schedule(
                step, self.steps, self.config.warmup_steps
            )
        with torch.autocast(self.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = self.loss_of(self.model, *prepared)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.gradient_clip, foreach=True)
        self.optimizer.step()
        if self.averaged:
            decay = min(self.config.ema_decay, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(self.averaged, self.weights, 1 - decay)
        return loss.detach()


def schedule(step: int, steps: int, warmup_steps: int) -> float:
    """The part of the learning rate that a step takes: a linear warm-up times half a cosine."""
    warm = min(1.0, (step + 1) / (warmup_steps + 1))
    return warm * 0.5 * (1 + math.cos(math.pi * step / steps))
