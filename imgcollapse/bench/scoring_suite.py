"""``score``: the Fréchet distance of 2,048 features, ours and torchmetrics', and FID on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np
import torch

from imgcollapse.bench.results import Result, result
from imgcollapse.bench.setting import Setting, synthetic_pool
from imgcollapse.bench.timing import rates_in_turn, seconds_of, timed
from imgcollapse.errors import EnvironmentalError, NumericalError
from imgcollapse.metrics.frechet import FrechetTo, Moments
from imgcollapse.metrics.inception import Inception, InceptionStatistics, inception_scores

FEATURES = 2048
EQUAL = 1e-6
NUM_IMAGES = 60_000
MOST_SECONDS = 10.0


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
    if setting.device.type == "cuda":
        yield inception(NUM_IMAGES, setting.device, setting.rounds)
    yield result(
        "score/frechet",
        *rates,
        unit="distances/s",
        target=5.0,
        says=f"{FEATURES} features, the reference's factor kept; both in float64 on the CPU, "
        f"equal to {abs(ours - theirs) / theirs:.0e}",
    )


def inception(num: int, device: torch.device, rounds: int) -> Result:
    """FID of so many images against given moments, with random weights: the time is the same."""
    network = _random_inception(device)
    images = synthetic_pool(num, (3, 32, 32)).images
    real = InceptionStatistics(network.statistics(images[:256]).moments)

    def fid() -> None:
        inception_scores(network, network.statistics(images), real, seed=0)

    fid()
    rates = [num / seconds_of(fid, device) for _ in range(rounds)]
    return result(
        "score/inception",
        rates,
        [NUM_IMAGES / MOST_SECONDS] * rounds,
        unit="images/s",
        target=1.0,
        says=f"FID of {num:,} images of 32×32 with random weights (at most {MOST_SECONDS:.0f} s "
        f"for {NUM_IMAGES:,})",
    )


def _random_inception(device: torch.device) -> Inception:
    from torchmetrics.image.fid import NoTrainInceptionV3

    class Random(NoTrainInceptionV3):  # type: ignore[misc]
        def load_state_dict(self, *_: Any, **__: Any) -> None: ...

    with NamedTemporaryFile(suffix=".pth") as file:
        torch.save({}, file.name)
        network = Random("inception-v3-compat", [str(FEATURES)], file.name, False)
    return Inception(network, "random", device, FEATURES)
