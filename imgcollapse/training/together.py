"""Several trainings of one architecture at once, their weights stacked."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from imgcollapse.device import dtype_of
from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.training.batches import Batches
from imgcollapse.training.compiling import has_convolutions
from imgcollapse.training.loop import loss_curve, raise_unless_finite, train
from imgcollapse.training.optimizer import TINY, AdamW, learning_rate
from imgcollapse.training.pauses import pause_after
from imgcollapse.training.state import as_array
from imgcollapse.training.step import decay
from imgcollapse.training.task import Task, Trained

Tensors = Mapping[str, Tensor]


def can_be_stacked(tasks: Sequence[Task]) -> bool:
    """Whether stacking can pay: dense layers only, equal shapes, as many steps of equal batches.

    Convolutions of stacked weights are grouped ones, which are slow. Compiled and graphed steps are
    of one network.
    """
    first = tasks[0]
    shapes = [{n: w.shape for n, w in one.model.state_dict().items()} for one in tasks]
    return (
        not has_convolutions(first.model)
        and first.config.compile != "always"
        and not first.config.cuda_graphs
        and all(one == shapes[0] for one in shapes)
        and all(
            (one.config, one.steps, one.batch_size, one.device, one.average is None)
            == (first.config, first.steps, first.batch_size, first.device, first.average is None)
            for one in tasks
        )
    )


def train_together(tasks: Sequence[Task]) -> list[Trained | Exception]:
    """Carries out all tasks and returns what became of each: its result, or why it failed.

    They are stacked where that can be and all begin at one step, and else trained in turn. Stacked
    or not, a task draws the same batches and random numbers; its weights differ in rounding only,
    from the first step on.
    """
    if len(tasks) > 1 and can_be_stacked(tasks):
        saved = [_saved(task) for task in tasks]
        if len({step for step, _ in saved}) == 1:
            return _Stack(tasks).train(saved[0][0], [arrays for _, arrays in saved])
    found: list[Trained | Exception] = []
    for task in tasks:
        try:
            found.append(train(task))
        except Exception as error:
            found.append(error)
    return found


def _saved(task: Task) -> tuple[int, dict[str, Any]]:
    """The step to go on with, and what was saved at it: nothing at step 0."""
    saved = None if task.checkpoint is None else task.checkpoint.load(task.seed)
    return (0, {}) if saved is None else saved


class _WithLoss(nn.Module):
    """A model and its loss as one module, so that its weights can be swapped for a call."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model = copy.deepcopy(task.model).train()
        self.loss_of = task.loss_of

    def forward(self, *prepared: Tensor) -> Tensor:
        return self.loss_of(self.model, *prepared)


class _Stack:
    def __init__(self, tasks: Sequence[Task]) -> None:
        self.tasks = tasks
        self.first = tasks[0]
        for task in tasks:  # fresh networks are in the one mode, those that go on in the other
            task.model.train()
            if task.average is not None:
                task.average.eval()
        self.module = _WithLoss(self.first)
        self.weights, self.buffers = self._stacked([task.model for task in tasks])
        averages = [task.average for task in tasks if task.average is not None]
        self.averaged = self._stacked(averages)[0] if averages else {}
        self.parameters = [nn.Parameter(one.detach()) for one in self.weights.values()]
        self.weights = dict(zip(self.weights, self.parameters, strict=True))
        self.optimizer = AdamW(self.parameters, self.first.config)
        self.failed: set[int] = set()
        self.losses = torch.zeros(len(tasks), self.first.steps, device=self.first.device)
        self.dtype = dtype_of(self.first.config.precision)

    @staticmethod
    def _stacked(models: Sequence[nn.Module]) -> tuple[dict[str, Any], dict[str, Any]]:
        return stack_module_state(list(models))

    def train(self, first: int, states: Sequence[dict[str, Any]]) -> list[Trained | Exception]:
        """From step ``first``, at which the arrays of ``states`` were saved, unless it is 0."""
        with contextlib.ExitStack() as stack:
            batches = [stack.enter_context(Batches(task)) for task in self.tasks]
            return self._train(first, states, batches)

    def _train(
        self, first: int, states: Sequence[dict[str, Any]], batches: Sequence[Batches]
    ) -> list[Trained | Exception]:
        steps = self.first.steps
        if first:
            self._restore(states)
        read, started = first, time.perf_counter()
        stopped = False
        for step in range(first, steps):
            prepared = zip(*(one.prepared(step) for one in batches), strict=True)
            self._step(step, [torch.stack(parts) for parts in prepared])

            pause = pause_after(step, self.tasks)
            if pause is None:
                continue
            finite = torch.isfinite(self.losses[:, read : step + 1]).all(1)
            self.failed |= set((~finite).nonzero().flatten().tolist())
            if len(self.failed) == len(self.tasks):
                break
            read = step + 1
            self._tell(step, first, started)
            if pause.save:
                self._save(step + 1)
            if pause.stop:
                stopped = True
                break
        seconds = max(time.perf_counter() - started, 1e-9)
        self._unstack()
        return [
            self._outcome(number, stopped, (steps - first) * self.first.batch_size / seconds)
            for number in range(len(self.tasks))
        ]

    def _step(self, step: int, prepared: Sequence[Tensor]) -> None:
        task = self.first
        self.optimizer.set_rate(learning_rate(task.config, step, task.steps))

        with torch.autocast(task.device.type, self.dtype, enabled=self.dtype != torch.float32):
            losses = vmap(self._loss)(self.weights, self.buffers, *prepared)
        self.optimizer.forget_gradients()
        torch.autograd.backward(losses.sum())
        self._clip(task.config.gradient_clip)
        self.optimizer.step()
        if self.averaged:
            with torch.no_grad():
                torch._foreach_lerp_(
                    [self.averaged[name] for name in self.weights],
                    list(self.weights.values()),
                    1 - decay(step, task.config.ema_decay),
                )
        self.losses[:, step] = losses.detach()

    def _loss(self, weights: Tensors, buffers: Tensors, *parts: Tensor) -> Tensor:
        """The loss of one task, with its weights in place of the module's."""
        named = {f"model.{name}": one for name, one in (*weights.items(), *buffers.items())}
        loss: Tensor = functional_call(self.module, named, parts)
        return loss

    def _clip(self, most: float) -> None:
        """Each task's gradient by its own norm, as ``clip_grad_norm_`` does."""
        gradients = self.optimizer.gradients()
        norms = torch.stack([torch.linalg.vector_norm(one.flatten(1), dim=1) for one in gradients])
        norms = torch.linalg.vector_norm(norms, dim=0)
        factors = (most / (norms + TINY)).clamp(max=1.0)
        for one in gradients:
            one.mul_(factors.view(-1, *(1,) * (one.dim() - 1)))

    def _tell(self, step: int, first: int, started: float) -> None:
        speed = (step + 1 - first) * self.first.batch_size / (time.perf_counter() - started)
        for task, loss in zip(self.tasks, self.losses[:, step].tolist(), strict=True):
            if task.watcher is not None:
                task.watcher.progress(step + 1, task.steps, loss, speed)

    def _outcome(self, number: int, stopped: bool, speed: float) -> Trained | Exception:
        task, losses = self.tasks[number], self.losses[number]
        try:
            raise_unless_finite(losses, 0, task.where)
        except NumericalError as error:
            return error
        if stopped:
            return Stopped(f"stopped in training ({task.where})", "run it again")
        return Trained(loss_curve(losses), task.steps, speed)

    def _unstack(self) -> None:
        for number, task in enumerate(self.tasks):
            with torch.no_grad():
                for name, weight in task.model.named_parameters():
                    weight.copy_(self.weights[name][number])
                for name, weight in task.average.named_parameters() if task.average else ():
                    weight.copy_(self.averaged[name][number])
            task.model.eval()

    def _save(self, step: int) -> None:
        """In the form that a training by itself saves, so that either goes on with the other's."""
        moments = self.optimizer.state()
        for number, task in enumerate(self.tasks):
            if task.checkpoint is None or number in self.failed:
                continue
            tensors = {"losses": self.losses[number]}
            tensors |= {f"model.{name}": one[number] for name, one in self.weights.items()}
            tensors |= {f"average.{name}": one[number] for name, one in self.averaged.items()}
            tensors |= {
                f"optimizer.{name}": one if name.endswith(".step") else one[number]
                for name, one in moments.items()
            }
            arrays = {name: as_array(one) for name, one in tensors.items()}
            task.checkpoint.save(task.seed, step, arrays)

    def _restore(self, states: Sequence[dict[str, Any]]) -> None:
        stacked = {
            name: torch.from_numpy(np.stack([arrays[name] for arrays in states]))
            for name in states[0]
        }
        with torch.no_grad():
            self.losses.copy_(stacked["losses"])
            for name, weight in self.weights.items():
                weight.copy_(stacked[f"model.{name}"])
            for name, weight in self.averaged.items():
                weight.copy_(stacked[f"average.{name}"])
        moments = {name: stacked[f"optimizer.{name}"] for name in self.optimizer.state()}
        self.optimizer.load(
            {name: one[0] if name.endswith(".step") else one for name, one in moments.items()}
        )
