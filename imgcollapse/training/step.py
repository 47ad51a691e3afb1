"""One step of training: loss, gradient, clipping, optimizer and moving average."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from imgcollapse.config import TrainingConfig
from imgcollapse.device import autocast_dtype
from imgcollapse.training.task import Task


class Step:
    """Takes the steps of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = [one for one in task.model.parameters() if one.requires_grad]
        self.weights: list[Tensor] = list(task.model.parameters())
        self.averaged: list[Tensor] = list(task.average.parameters()) if task.average else []
        self.dtype = autocast_dtype(task.device, task.config.precision)
        self.optimizer = make_optimizer(self.parameters, task.config)

    def __call__(self, step: int, prepared: tuple[Tensor, ...]) -> Tensor:
        """Takes step number ``step`` and returns its loss, still on the device."""
        task = self.task
        set_rate(self.optimizer, task.config, step, task.steps)
        with torch.autocast(task.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = task.loss_of(task.model, *prepared)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.parameters, task.config.gradient_clip, foreach=True)
        self.optimizer.step()
        if self.averaged:
            with torch.no_grad():
                torch._foreach_lerp_(
                    self.averaged, self.weights, 1 - decay(step, task.config.ema_decay)
                )
        return loss.detach()


def make_optimizer(
    parameters: list[torch.nn.Parameter], config: TrainingConfig
) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )


def set_rate(
    optimizer: torch.optim.Optimizer, config: TrainingConfig, step: int, steps: int
) -> None:
    """The learning rate of a step: a linear warm-up times half a cosine."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    rate = config.learning_rate * (warm * 0.5 * (1 + math.cos(math.pi * step / steps)))
    for group in optimizer.param_groups:
        group["lr"] = rate


def decay(step: int, most: float) -> float:
    """How much of the moving average a step keeps: little at first."""
    return min(most, (1 + step) / (10 + step))
