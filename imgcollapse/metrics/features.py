"""What every score asks of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.errors import NumericalError


def finite(
    features: NDArray[np.floating], numbers: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """N×d features in float64; NumericalError names the first image whose are not finite.

    By its place, or by ``numbers`` (N), where the images are some of a larger set.
    """
    wide: NDArray[np.float64] = np.asarray(features, np.float64)
    bad = ~np.isfinite(wide).all(1)
    if bad.any():
        place = int(bad.argmax())
        number = place if numbers is None else int(numbers[place])
        raise NumericalError(f"features are not finite (image {number})")
    return wide
