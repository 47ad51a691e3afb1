"""Negative guidance by a model that was trained on the generator's own samples.

The auxiliary model is the base trained further on samples of the base. With w the weight, Neon
(Alemohammad, Wang and Baraniuk 2025) takes weights (1 + w) base - w auxiliary, and SIMS
(Alemohammad, Humayun, Agarwal, Collomosse and Baraniuk 2024) scores: for a given xt a prediction of
noise, of v or of a flow is the score times one number plus another, so predictions do as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.config import Config, NegativeConfig
from imgcollapse.generators.base import Fit, Generator, Surroundings, draw_labels
from imgcollapse.generators.diffusion import Diffusion
from imgcollapse.images import ImageSet
from imgcollapse.seeds import seed_for
from imgcollapse.training import Checkpoint
from imgcollapse.training.state import as_array

AUXILIARY = "auxiliary"
BASE = "base."
WEIGHTS = "weights."
STAGE = "first_stage."
LOSS = "loss"


class Averaged(Generator, Protocol):
    """A generator that samples from the moving average of a network."""

    average: Any

    def fresh_network(self, seed: int) -> nn.Module: ...


Make = Callable[[Config], Any]
"""Config -> an ``Averaged`` of its kind."""


class Neon:
    """Fits a base on the pool and an auxiliary on the base's samples; moves the base's weights.

    A warm start goes on from the base as the last fit or load left it.
    """

    def __init__(self, config: Config, negative: NegativeConfig, make: Make) -> None:
        generator = config.generator.model_copy(update={"negative": None})
        warm = generator.model_copy(update={"init": "warm"})
        recipe = {"budget": "steps", "steps": negative.steps}
        training = config.training.model_copy(update=recipe)
        self.negative = negative
        self.labels = generator.labels
        self.base: Averaged = make(config.model_copy(update={"generator": generator}))
        self.auxiliary: Averaged = make(
            config.model_copy(update={"generator": warm, "training": training})
        )
        _share_first_stage(self.base, self.auxiliary)

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        """The base's; a training of the auxiliary under way is gone on with, base and all."""
        own_seed = seed_for(seed, "negative")
        fit = self._fit_before(own_seed, surroundings.checkpoint)
        if fit is None:
            fit = self.base.fit(pool, seed=seed, surroundings=surroundings)
        if surroundings.checkpoint is not None:
            kept = _BesideBase(surroundings.checkpoint, self._state(fit))
            surroundings = replace(surroundings, checkpoint=kept)
        num = len(pool) if self.negative.images == "pool" else self.negative.images
        labels = draw_labels(self.labels, pool, num, seed=seed_for(own_seed, "labels"))
        samples = self.base.sample(num, seed=seed_for(own_seed, "sample"), labels=labels)
        self.auxiliary.average = self.base.average
        alone = replace(surroundings, pool_of=None)
        self.auxiliary.fit(samples, seed=own_seed, surroundings=alone)
        self._extrapolate()
        return fit

    def _extrapolate(self) -> None:
        ours, others = self.base.average.parameters(), self.auxiliary.average.parameters()
        with torch.no_grad():
            for own, other in zip(ours, others, strict=True):
                own.lerp_(other, -self.negative.weight)

    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        return self.base.sample(num_images, seed=seed, labels=labels)

    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        return self.base.losses(images)

    def save(self, folder: Path) -> None:
        self.base.save(folder)

    def load(self, folder: Path) -> None:
        self.base.load(folder)

    def _state(self, fit: Fit) -> dict[str, Any]:
        """The fitted base as arrays."""
        tensors = {WEIGHTS + n: one for n, one in self.base.average.state_dict().items()}
        if isinstance(self.base, Diffusion) and self.base.first_stage is not None:
            tensors |= {STAGE + n: one for n, one in self.base.first_stage.tensors.items()}
        arrays = {name: as_array(one) for name, one in tensors.items()}
        return {**arrays, LOSS: np.array(fit.loss, np.float64)}

    def _fit_before(self, seed: int, checkpoint: Checkpoint | None) -> Fit | None:
        """The fit of the base that is kept with the auxiliary's training, None without one."""
        saved = checkpoint.load(seed) if checkpoint is not None else None
        if saved is None:
            return None
        arrays = _below(BASE, saved[1])
        network = self.base.fresh_network(0)
        network.load_state_dict(
            {name: torch.from_numpy(one) for name, one in _below(WEIGHTS, arrays).items()}
        )
        self.base.average = network.eval()
        if isinstance(self.base, Diffusion) and self.base.first_stage is not None:
            self.base.first_stage.tensors = {
                name: torch.from_numpy(one).to(self.base.device)
                for name, one in _below(STAGE, arrays).items()
            }
        return Fit(float(arrays[LOSS]))


class Sims(Neon):
    """Extrapolates predictions at every step of the sampler instead; saves both networks."""

    def __init__(self, config: Config, negative: NegativeConfig, make: Make) -> None:
        super().__init__(config, negative, make)
        generator = config.generator.model_copy(update={"negative": None})
        self.drawing: Averaged = make(config.model_copy(update={"generator": generator}))
        _share_first_stage(self.base, self.drawing)

    def _extrapolate(self) -> None:
        self.drawing.average = Extrapolated(
            self.base.average, self.auxiliary.average, self.negative.weight
        )

    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        return self.drawing.sample(num_images, seed=seed, labels=labels)

    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        return self.drawing.losses(images)

    def save(self, folder: Path) -> None:
        self.base.save(folder)
        self.auxiliary.save(folder / AUXILIARY)

    def load(self, folder: Path) -> None:
        self.base.load(folder)
        self.auxiliary.load(folder / AUXILIARY)
        self._extrapolate()


class Extrapolated(nn.Module):
    """(1 + w) base - w auxiliary of two denoisers' predictions."""

    def __init__(self, base: nn.Module, auxiliary: nn.Module, weight: float) -> None:
        super().__init__()
        self.base = base
        self.auxiliary = auxiliary
        self.weight = weight

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        own, other = self.base(x, t, labels), self.auxiliary(x, t, labels)
        return torch.lerp(own.float(), other.float(), -self.weight)


@dataclass(frozen=True)
class _BesideBase:
    """The auxiliary's checkpoint, which keeps the fitted base beside the training's own arrays."""

    checkpoint: Checkpoint
    base: dict[str, Any]

    def load(self, seed: int) -> tuple[int, dict[str, Any]] | None:
        return self.checkpoint.load(seed)

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None:
        beside = {BASE + name: one for name, one in self.base.items()}
        self.checkpoint.save(seed, step, {**arrays, **beside})

    def due(self) -> bool:
        return self.checkpoint.due()


def _below(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {n.removeprefix(prefix): one for n, one in arrays.items() if n.startswith(prefix)}


def _share_first_stage(base: Averaged, other: Averaged) -> None:
    if isinstance(base, Diffusion) and isinstance(other, Diffusion):
        other.first_stage = base.first_stage
