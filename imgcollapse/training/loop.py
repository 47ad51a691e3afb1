"""The one training loop: generators and the judge only bring a model and a loss."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.config import TrainingConfig
from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.training.state import Checkpoint, restore, state_of
from imgcollapse.training.step import Loss, Prepare, Step

READ_EVERY_STEPS = 50


class Watcher(Protocol):
    """What the outside hears of training, and how it asks for a stop."""

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def should_stop(self) -> bool: ...


@dataclass(frozen=True)
class Trained:
    """``loss`` is the mean over the last tenth of the steps."""

    loss: float
    steps: int
    images_per_second: float


def train(
    model: nn.Module,
    average: nn.Module | None,
    prepare: Prepare,
    loss_of: Loss,
    items: Tensor,
    labels: Tensor,
    config: TrainingConfig,
    *,
    seed: int,
    watcher: Watcher | None = None,
    checkpoint: Checkpoint | None = None,
    where: str = "training",
) -> Trained:
    """Trains ``model`` in place, and ``average``, its moving average, if there is one.

    ``items`` (N×…, any dtype) and ``labels`` (int64 N) live on the model's device; batches are
    gathered there. Step k draws the same batch and the same random numbers however training was
    interrupted. The learning rate warms up and falls to zero along a cosine. Losses are read
    every ``READ_EVERY_STEPS`` steps: one that is not finite raises NumericalError, a stop that
    was asked for raises Stopped after saving the state.
    """
    device = items.device
    steps, size = config.num_steps(len(items)), min(config.batch_size, len(items))
    take = Step(model, average, loss_of, config, steps, device)
    losses = torch.zeros(steps, device=device)
    first = restore(checkpoint, seed, model, average, take.optimizer, losses)
    batches = _batches(len(items), size, seed, first)
    random = torch.Generator(device)
    read, started = first, time.perf_counter()

    model.train()
    for step in range(first, steps):
        index = torch.from_numpy(next(batches)).to(device, non_blocking=True)
        random.manual_seed(seed_for(seed, "step", step))
        losses[step] = take(step, prepare(items[index], labels[index], random))

        last = step + 1 == steps
        stop = watcher is not None and not last and watcher.should_stop()
        save = checkpoint is not None and not last and (stop or checkpoint.due())
        if not (last or stop or save or (step + 1) % READ_EVERY_STEPS == 0):
            continue
        _raise_unless_finite(losses[read : step + 1], read, where)
        read = step + 1
        if watcher is not None:
            speed = (step + 1 - first) * size / (time.perf_counter() - started)
            watcher.progress(step + 1, steps, float(losses[step]), speed)
        if checkpoint is not None and save:
            checkpoint.save(seed, step + 1, state_of(model, average, take.optimizer, losses))
        if stop:
            raise Stopped(f"stopped at step {step + 1} of {steps} ({where})", "run it again")

    model.eval()
    seconds = time.perf_counter() - started
    return Trained(
        loss=float(losses[-max(1, steps // 10) :].mean()),
        steps=steps,
        images_per_second=(steps - first) * size / max(seconds, 1e-9),
    )


def _batches(num: int, size: int, seed: int, first_step: int) -> Iterator[NDArray[np.int64]]:
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


def _raise_unless_finite(losses: Tensor, first_step: int, where: str) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        raise NumericalError(
            f"the loss is not finite at step {first_step + int(bad[0])} ({where})",
            "lower training.learning_rate; the last committed generation is untouched",
        )
