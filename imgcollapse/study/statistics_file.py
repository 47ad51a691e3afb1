"""Files of ``mu`` and ``sigma``: what FID tools exchange in place of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imgcollapse.errors import DataError
from imgcollapse.metrics.frechet import Moments
from imgcollapse.store.run_directory import write_npz

FEWEST = 2
"""The n of a file that states none: the Fréchet distance does not need it."""


def num_features(path: Path) -> int | None:
    """How many features a file of statistics is of; None where it is something else."""
    if path.suffix != ".npz" or not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            if not {"mu", "sigma"} <= set(stored.files):
                return None
            return int(stored["mu"].size)
    except Exception:  # a damaged file is read, and refused with its reason, as images
        return None


def read_statistics(path: Path, dim: int, extractor: str) -> tuple[Moments, bool]:
    """Moments of ``dim`` features, and whether the file says whose they are.

    DataError for another shape, numbers that are not finite, or another extractor.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        mu, sigma = (np.asarray(arrays[name]) for name in ("mu", "sigma"))
        if mu.dtype.kind != "f" or sigma.dtype.kind != "f":
            raise ValueError("they are not of floating-point numbers")
        mu, sigma = mu.astype(np.float64), sigma.astype(np.float64)
        n = int(arrays.get("n", FEWEST))
        made_by = str(arrays["extractor"].reshape(-1)[0]) if "extractor" in arrays else None
    except Exception as error:
        raise DataError(f"no statistics with mu and sigma: {error} ({path})") from error
    if mu.shape != (dim,) or sigma.shape != (dim, dim):
        raise DataError(f"mu and sigma are not of {dim} features ({path})")
    if not (np.isfinite(mu).all() and np.isfinite(sigma).all()):
        raise DataError(f"mu and sigma are not finite ({path})")
    spectrum = np.linalg.eigvalsh(sigma)
    if not np.allclose(sigma, sigma.T, rtol=1e-5) or spectrum[0] < -1e-5 * abs(spectrum[-1]):
        raise DataError(f"sigma is no covariance matrix ({path})")
    if made_by not in (None, extractor):
        raise DataError(
            f"the statistics are of another extractor, {made_by}, not {extractor} ({path})",
            "measure with the one that they were made with",
        )
    return Moments(mu, sigma, n), made_by is not None


def write_statistics(path: Path, moments: Moments, extractor: str) -> None:
    """``mu``, ``sigma``, ``n`` and ``extractor`` as npz, which other FID tools read too."""
    write_npz(
        path,
        mu=moments.mu,
        sigma=moments.sigma,
        n=np.array(moments.n),
        extractor=np.array(extractor),
    )
