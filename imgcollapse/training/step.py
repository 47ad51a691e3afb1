"""One step of training: loss, gradient, clipping, optimizer and moving average."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from imgcollapse.device import dtype_of
from imgcollapse.training.compiling import chosen
from imgcollapse.training.graphs import Graphed
from imgcollapse.training.optimizer import AdamW, learning_rate
from imgcollapse.training.task import Task


class Step:
    """Takes the steps of one task."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.weights: list[Tensor] = list(task.model.parameters())
        self.averaged: list[Tensor] = list(task.average.parameters()) if task.average else []
        self.dtype = dtype_of(task.config.precision)
        self.loss_of = chosen(task.loss_of, task.config.compile, task.model, task.fits * task.steps)
        graphed = task.config.cuda_graphs and task.device.type == "cuda"
        learned = [one for one in task.model.parameters() if one.requires_grad]
        self.optimizer = AdamW(learned, task.config, graphed=graphed)
        self.update: Callable[..., Tensor] = Graphed(self._update) if graphed else self._update

    def __call__(self, step: int, prepared: tuple[Tensor, ...]) -> Tensor:
        """Takes step number ``step`` and returns its loss, still on the device."""
        self.optimizer.set_rate(learning_rate(self.task.config, step, self.task.steps))
        loss = self.update(*prepared)
        if self.averaged:
            with torch.no_grad():
                torch._foreach_lerp_(
                    self.averaged, self.weights, 1 - decay(step, self.task.config.ema_decay)
                )
        return loss

    def _update(self, *prepared: Tensor) -> Tensor:
        self.optimizer.forget_gradients()
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
        self.optimizer.clip(self.task.config.gradient_clip)
        self.optimizer.step()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()


def decay(step: int, most: float) -> float:
    """How much of the moving average a step keeps: little at first."""
    return min(most, (1 + step) / (10 + step))
