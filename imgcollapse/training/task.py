"""What is to be trained, on what, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.training_config import TrainingConfig

Prepare = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, ...]]
"""(items of the batch, their labels, random numbers of this step) -> what the loss is made of."""

Items = tuple[Tensor | NDArray[Any], Tensor]
"""What is learned from (N×…, any dtype) and its labels (int64 N), as ``Task`` has them."""

Loss = Callable[..., Tensor]
"""(model, *prepared) -> scalar; draws nothing, so that it can be compiled and stacked."""


class Watcher(Protocol):
    """What the outside hears of training, and how it asks for a stop."""

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def should_stop(self) -> bool: ...


class Checkpoint(Protocol):
    """Where the state of a training under way is kept: the steps done and arrays by name.

    ``seed`` says which training it is of; ``load`` gives nothing for another one.
    """

    def load(self, seed: int) -> tuple[int, dict[str, Any]] | None: ...

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None: ...

    def due(self) -> bool: ...


@dataclass(frozen=True)
class Task:
    """One training of ``model`` in place, and of ``average``, its moving average, if there is one.

    ``labels`` (int64 N) live on the model's device, and so do ``items`` (N×…, any dtype) that are a
    tensor. Items that are an array lie in memory or in a file, and a thread fetches the rows of the
    next batches: the training is the same. ``where`` names the training in errors.
    ``rows_at_once`` is how many images of a batch go through the model together, their gradients
    adding up; None is all. ``renewed`` gives other items and labels, as many, for each pass after
    the first; None keeps to these. ``fits`` is how many such trainings the chain has to come, this
    one with them.
    """

    model: nn.Module
    average: nn.Module | None
    prepare: Prepare
    loss_of: Loss
    items: Tensor | NDArray[Any]
    labels: Tensor
    config: TrainingConfig
    seed: int
    watcher: Watcher | None = None
    checkpoint: Checkpoint | None = None
    where: str = "training"
    rows_at_once: int | None = None
    renewed: Callable[[int], Items] | None = None
    fits: int = 1

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def steps(self) -> int:
        return self.config.num_steps(len(self.items))

    @property
    def batch_size(self) -> int:
        return min(self.config.batch_size, len(self.items))


@dataclass(frozen=True)
class Trained:
    """``curve`` holds the mean losses of tenths of the steps, or of each step of fewer than ten."""

    curve: tuple[float, ...]
    steps: int
    images_per_second: float

    @property
    def loss(self) -> float:
        """The mean over the last tenth of the steps."""
        return self.curve[-1]
