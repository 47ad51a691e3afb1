"""What filters and repairs may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policy_config import WatermarkConfig


class Verdicts(Protocol):
    """A judge's on N images, as ``metrics.judge.Verdicts``: classes are -1 for rejects."""

    @property
    def classes(self) -> NDArray[np.int64]: ...

    @property
    def nearest(self) -> NDArray[np.int64]: ...

    @property
    def features(self) -> NDArray[np.float32]: ...

    @property
    def probabilities(self) -> NDArray[np.float64]: ...

    @property
    def unsureness(self) -> NDArray[np.float64]: ...


Look = Callable[[NDArray[np.uint8]], Verdicts]
"""uint8 images N×C×H×W -> what the judge says of them."""

Losses = Callable[[ImageSet], NDArray[np.float64]]
"""Images -> the loss of each (N) under the generator that has just been fitted; low is good."""


@dataclass(frozen=True)
class Evidence:
    """Of generation ``generation``, whose pool is made or whose samples are released.

    ``real`` is the chain's first pool: the lab's own stock. ``run_seed`` is that of the chain, and
    ``seed`` that of this generation's draws. ``watermark`` is how samples are marked, if they are.
    """

    generation: int
    run_seed: int
    seed: int
    real: ImageSet
    look: Look
    losses: Losses
    watermark: WatermarkConfig | None = None
