"""The loop: batches and random numbers by position, losses read now and then, a state to go on."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.training.batches import Batches
from imgcollapse.training.pauses import pause_after
from imgcollapse.training.state import restore, state_of
from imgcollapse.training.step import Step
from imgcollapse.training.task import Task, Trained


def train(task: Task) -> Trained:
    """Trains a model in place.

    Step k draws the same batch and the same random numbers however training was interrupted. The
    learning rate warms up and falls to zero along a cosine. Losses are read at every pause: one
    that is not finite raises NumericalError, a stop that was asked for raises Stopped after saving
    the state.
    """
    with Batches(task) as batches:
        return _train(task, batches)


def _train(task: Task, batches: Batches) -> Trained:
    steps, size = task.steps, task.batch_size
    take = Step(task)
    losses = torch.zeros(steps, device=task.device)
    first = restore(task, take.optimizer, losses)
    read, started = first, time.perf_counter()

    task.model.train()
    for step in range(first, steps):
        losses[step] = take(step, batches.prepared(step))

        pause = pause_after(step, [task])
        if pause is None:
            continue
        raise_unless_finite(losses[read : step + 1], read, task.where)
        read = step + 1
        if task.watcher is not None:
            speed = (step + 1 - first) * size / (time.perf_counter() - started)
            task.watcher.progress(step + 1, steps, float(losses[step]), speed)
        if task.checkpoint is not None and pause.save:
            task.checkpoint.save(task.seed, step + 1, state_of(task, take.optimizer, losses))
        if pause.stop:
            raise Stopped(f"stopped at step {step + 1} of {steps} ({task.where})", "run it again")

    task.model.eval()
    seconds = time.perf_counter() - started
    return Trained(loss_curve(losses), steps, (steps - first) * size / max(seconds, 1e-9))


def loss_curve(losses: Tensor) -> tuple[float, ...]:
    """Ten means of equally many losses, up to the last; of fewer than ten, each of them."""
    part = max(1, len(losses) // 10)
    ends = range(len(losses), part - 1, -part)
    means = [losses[end - part : end].mean() for end in ends][:10]
    return tuple(torch.stack(means[::-1]).tolist())


def raise_unless_finite(losses: Tensor, first_step: int, where: str) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        raise NumericalError(
            f"the loss is not finite at step {first_step + int(bad[0])} ({where})",
            "lower training.learning_rate; the last committed generation is untouched",
        )
