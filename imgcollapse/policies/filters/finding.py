"""What a filter says of a pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policy_config import FilterConfig


@dataclass(frozen=True)
class Finding:
    """Of N images: ``kept`` (bool N), and ``suspicion`` (float N), high for generated ones.

    ``rates`` are the parts of the generated and of the real images that the filter expects to
    drop. ``threshold`` is the suspicion beyond which it drops an image, None where it has none.
    """

    kept: NDArray[np.bool_]
    suspicion: NDArray[np.float64]
    rates: tuple[float, float]
    threshold: float | None = None


Filter = Callable[[FilterConfig, ImageSet, Evidence], Finding]
