"""``score``: the Fréchet distance of 2,048 features, ours and torchmetrics'."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from imgcollapse.bench.results import Result, result
from imgcollapse.bench.setting import Setting
from imgcollapse.bench.timing import rates_in_turn, timed
from imgcollapse.errors import EnvironmentalError, NumericalError
from imgcollapse.metrics.frechet import FrechetTo, Moments

FEATURES = 2048
EQUAL = 1e-6


def scoring_suite(setting: Setting) -> Iterator[Result]:
    """NumericalError where the two sides do not agree to 1e-6, whatever their speed."""
    try:
        from torchmetrics.image.fid import _compute_fid
    except ImportError as error:
        raise EnvironmentalError(
            "the suite score compares with torchmetrics", "pip install 'imgcollapse[inception]'"
        ) from error
    random = np.random.default_rng(0)
    spectrum = 1 / np.sqrt(1 + np.arange(FEATURES))
    real, made = (
        Moments.of(random.normal(0, 1, (3000, FEATURES)) * spectrum + shift) for shift in (0, 0.1)
    )
    reference = FrechetTo(real)
    arrays = [torch.from_numpy(one) for one in (real.mu, real.sigma, made.mu, made.sigma)]
    ours, theirs = reference(made), float(_compute_fid(*arrays))
    if abs(ours - theirs) > EQUAL * theirs:
        raise NumericalError(f"Fréchet distances differ: {ours} is not {theirs}")
    host = torch.device("cpu")
    rates = rates_in_turn(
        timed(lambda: reference(made), host),
        timed(lambda: _compute_fid(*arrays), host),
        ours_units=1,
        baseline_units=1,
        rounds=setting.rounds,
    )
    yield result(
        "score/frechet",
        *rates,
        unit="distances/s",
        target=5.0,
        says=f"{FEATURES} features, the reference's factor kept; both in float64 on the CPU, "
        f"equal to {abs(ours - theirs) / theirs:.0e}",
    )
