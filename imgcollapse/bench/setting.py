"""What all suites share: the machine, its limits, and how much work to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from imgcollapse.bench.ceilings import Ceilings, Work, work_of
from imgcollapse.config import Config
from imgcollapse.images import ImageSet
from imgcollapse.precision import Precision
from imgcollapse.training_config import TrainingConfig

CLASSES = tuple("0123456789")


@dataclass(frozen=True)
class Setting:
    """``quick`` is for a CPU: less work in each round, small networks."""

    device: torch.device
    ceilings: Ceilings
    quick: bool
    rounds: int

    def work_of(self, run: Callable[[], object], training: TrainingConfig) -> Work:
        """What a run needs in the precision of a generator's training."""
        precision: Precision = "bf16" if training.precision == "bf16" else "fp32"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):
            return work_of(run, precision)

    @property
    def ways(self) -> dict[str, dict[str, Any]]:
        """Settings of ``training`` that are timed, by what they add to a result's name."""
        graphed = {"-graphed": {"cuda_graphs": True}} if self.device.type == "cuda" else {}
        return {"": {}, **graphed, "-compiled": {"compile": "always"}}


def config_of(**sections: dict[str, Any]) -> Config:
    """A config for a generator alone; only the sections that matter to it need be given."""
    return Config.model_validate(sections)


def synthetic_pool(num: int, shape: tuple[int, int, int], seed: int = 0) -> ImageSet:
    """Images of noise with a brightness by class: what they show does not change the time."""
    random = np.random.default_rng(seed)
    labels = np.arange(num) % len(CLASSES)
    pixels = random.integers(0, 128, (num, *shape), dtype=np.uint8)
    pixels += (12 * labels).astype(np.uint8)[:, None, None, None]
    return ImageSet.of(pixels, labels, CLASSES)
