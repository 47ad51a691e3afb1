"""One step of training: loss, gradient, clipping, optimizer and moving average."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from imgcollapse.device import dtype_of
from imgcollapse.training.compiling import chosen
from imgcollapse.training.graphs import Graphed
from imgcollapse.training.task import Task
from imgcollapse.training_config import TrainingConfig

TINY = 1e-6
"""What ``clip_grad_norm_`` adds to the norm."""


class Step:
    """Takes the steps of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.parameters = [one for one in task.model.parameters() if one.requires_grad]
        self.weights: list[Tensor] = list(task.model.parameters())
        self.averaged: list[Tensor] = list(task.average.parameters()) if task.average else []
        self.dtype = dtype_of(task.config.precision)
        self.loss_of = chosen(task.loss_of, task.config.compile, task.model, task.fits * task.steps)
        graphed = task.config.cuda_graphs and task.device.type == "cuda"
        self.optimizer = make_optimizer(self.parameters, task.config, capturable=graphed)
        self.update: Callable[..., Tensor] = Graphed(self._update) if graphed else self._update

    def __call__(self, step: int, prepared: tuple[Tensor, ...]) -> Tensor:
        """Takes step number ``step`` and returns its loss, still on the device."""
        set_rate(self.optimizer, self.task.config, step, self.task.steps)
        loss = self.update(*prepared)
        if self.averaged:
            with torch.no_grad():
                torch._foreach_lerp_(
                    self.averaged, self.weights, 1 - decay(step, self.task.config.ema_decay)
                )
        return loss

    def _update(self, *prepared: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        total = len(prepared[0])
        rows = self.task.rows_at_once or total
        losses = []
        for start in range(0, total, rows):
            part = [one[start : start + rows] for one in prepared]
            with torch.autocast(
                self.task.device.type,
                self.dtype,
                enabled=self.dtype != torch.float32,
                cache_enabled=False,
            ):
                loss = self.loss_of(self.task.model, *part)
            if rows < total:
                loss = loss * (len(part[0]) / total)
            torch.autograd.backward(loss)
            losses.append(loss.detach())
        self._clip(self.task.config.gradient_clip)
        self.optimizer.step()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _clip(self, most: float) -> None:
        """``clip_grad_norm_``, which on a CPU, where looking is free, spares multiplying by 1."""
        gradients = [one.grad for one in self.parameters if one.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=True)
        if self.task.device.type == "cpu" and norm + TINY < most:
            return
        torch.nn.utils.clip_grads_with_norm_(self.parameters, most, norm, foreach=True)


def make_optimizer(
    parameters: list[torch.nn.Parameter], config: TrainingConfig, *, capturable: bool = False
) -> torch.optim.AdamW:
    """AdamW in one kernel; for a CUDA graph its learning rate is a tensor on the device."""
    rate = torch.tensor(config.learning_rate, device="cuda") if capturable else config.learning_rate
    return torch.optim.AdamW(
        parameters, lr=rate, weight_decay=config.weight_decay, fused=True, capturable=capturable
    )


def set_rate(
    optimizer: torch.optim.Optimizer, config: TrainingConfig, step: int, steps: int
) -> None:
    """The learning rate of a step: a linear warm-up times half a cosine."""
    warm = min(1.0, (step + 1) / (config.warmup_steps + 1))
    rate = config.learning_rate * (warm * 0.5 * (1 + math.cos(math.pi * step / steps)))
    for group in optimizer.param_groups:
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = rate


def decay(step: int, most: float) -> float:
    """How much of the moving average a step keeps: little at first."""
    return min(most, (1 + step) / (10 + step))
