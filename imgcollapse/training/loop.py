"""The loop: batches and random numbers by position, losses read now and then, a state to go on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.training.renewing import renewed_rows
from imgcollapse.training.state import restore, state_of
from imgcollapse.training.step import Step
from imgcollapse.training.task import Task, Trained

READ_EVERY_STEPS = 50


def train(task: Task) -> Trained:
    """Trains a model in place.

    Step k draws the same batch and the same random numbers however training was interrupted. The
    learning rate warms up and falls to zero along a cosine. Losses are read every
    ``READ_EVERY_STEPS`` steps: one that is not finite raises NumericalError, a stop that was asked
    for raises Stopped after saving the state.
    """
    steps, size = task.steps, task.batch_size
    take = Step(task)
    losses = torch.zeros(steps, device=task.device)
    first = restore(task, take.optimizer, losses)
    batches = Batches(task, first)
    read, started = first, time.perf_counter()

    task.model.train()
    for step in range(first, steps):
        losses[step] = take(step, batches.prepared(step))

        last = step + 1 == steps
        stop = task.watcher is not None and not last and task.watcher.should_stop()
        save = task.checkpoint is not None and not last and (stop or task.checkpoint.due())
        if not (last or stop or save or (step + 1) % READ_EVERY_STEPS == 0):
            continue
        raise_unless_finite(losses[read : step + 1], read, task.where)
        read = step + 1
        if task.watcher is not None:
            speed = (step + 1 - first) * size / (time.perf_counter() - started)
            task.watcher.progress(step + 1, steps, float(losses[step]), speed)
        if task.checkpoint is not None and save:
            task.checkpoint.save(task.seed, step + 1, state_of(task, take.optimizer, losses))
        if stop:
            raise Stopped(f"stopped at step {step + 1} of {steps} ({task.where})", "run it again")

    task.model.eval()
    seconds = time.perf_counter() - started
    return Trained(last_loss(losses), steps, (steps - first) * size / max(seconds, 1e-9))


class Batches:
    """The batches of one task from some step on, gathered and prepared on its device."""

    def __init__(self, task: Task, first_step: int) -> None:
        self.task = task
        self.indices = _indices(len(task.items), task.batch_size, task.seed, first_step)
        self.renewed = renewed_rows(task, task.renewed, first_step) if task.renewed else None
        self.random = torch.Generator(task.device)

    def prepared(self, step: int) -> tuple[Tensor, ...]:
        """What the loss of this step, the next in order, is made of."""
        task = self.task
        if self.renewed is None:
            index = torch.from_numpy(next(self.indices)).to(task.device, non_blocking=True)
            items = task.items.index_select(0, index)  # copies rows; indexing goes one by one
            labels = task.labels[index]
        else:
            items, labels = next(self.renewed)
        self.random.manual_seed(seed_for(task.seed, "step", step))
        return task.prepare(items, labels, self.random)


def _indices(num: int, size: int, seed: int, first_step: int) -> Iterator[NDArray[np.int64]]:
    """Indices of each batch: a fresh permutation for every epoch, read end to end."""
    epoch, offset = divmod(first_step * size, num)
    order = random_for(seed, "epoch", epoch).permutation(num)
    while True:
        taken = order[offset : offset + size]
        offset += size
        if offset >= num:
            epoch, offset = epoch + 1, offset - num
            order = random_for(seed, "epoch", epoch).permutation(num)
            taken = np.concatenate([taken, order[:offset]])
        yield taken


def last_loss(losses: Tensor) -> float:
    """The mean over the last tenth of the steps."""
    return float(losses[-max(1, len(losses) // 10) :].mean())


def raise_unless_finite(losses: Tensor, first_step: int, where: str) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        raise NumericalError(
            f"the loss is not finite at step {first_step + int(bad[0])} ({where})",
            "lower training.learning_rate; the last committed generation is untouched",
        )
