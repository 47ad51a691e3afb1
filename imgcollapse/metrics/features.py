"""What every score asks of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgcollapse.errors import NumericalError


def finite(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """N×d features in float64; NumericalError names the first image whose are not finite."""
    wide: NDArray[np.float64] = np.asarray(features, np.float64)
    bad = ~np.isfinite(wide).all(1)
    if bad.any():
        raise NumericalError(f"features are not finite (image {int(bad.argmax())})")
    return wide
