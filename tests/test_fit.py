"""The residual that says whether images still look like their classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.images import ImageSet
from imgcollapse.metrics.disturbing import blur
from imgcollapse.metrics.fit import CRITICAL, HeldOut, fit_residual
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.metrics.shares import measure_shares


def kennel(counts: NDArray[np.int64], seed: int) -> ImageSet:
    drawn = [draw_many(breed, range(num), seed=seed, size=16) for breed, num in enumerate(counts)]
    return ImageSet.of(np.concatenate(drawn), np.repeat(np.arange(10), counts), BREEDS)


@pytest.fixture(scope="module")
def judge() -> Judge:
    images = kennel(np.full(10, 120), seed=1)
    return train_judge(images, seed=2, device=torch.device("cpu"), steps=150)


def residual(judge: Judge, images: NDArray[np.uint8]) -> float:
    seen = judge.look(images)
    shares = measure_shares(seen.classes, judge.confusion, seed=1).corrected
    return fit_residual(seen.unsureness, seen.strangeness, shares, judge.held)


def test_it_is_the_two_sample_distance_where_one_class_is_held_out() -> None:
    random = np.random.default_rng(0)
    unsure, strange = random.random((2, 300))
    held = HeldOut(np.zeros(120, np.int64), random.random(120) ** 2, random.random(120))
    found = fit_residual(unsure, strange, np.array([1.0]), held)
    oracle = max(
        ks_2samp(unsure, held.unsureness).statistic, ks_2samp(strange, held.strangeness).statistic
    )
    assert found == pytest.approx(oracle / (CRITICAL * np.sqrt(1 / 300 + 1 / 120)), abs=1e-12)


def test_classes_are_mixed_by_their_shares() -> None:
    """Class 1 is stranger than class 0: a sample of 9 to 1 fits shares of 9 to 1 and no others."""
    random = np.random.default_rng(1)
    labels = np.repeat([0, 1], 500)
    held = HeldOut(labels, random.random(1000), random.random(1000) + labels)
    sampled = random.choice(2, 4000, p=[0.9, 0.1])
    unsure, strange = random.random(4000), random.random(4000) + sampled
    assert fit_residual(unsure, strange, np.array([0.9, 0.1]), held) < 1
    assert fit_residual(unsure, strange, np.array([0.5, 0.5]), held) > 3


def test_real_images_raise_the_flag_in_one_of_a_hundred_at_most() -> None:
    """200 real sets of 500: at level 1 %, six and more flags have probability 1.6 %."""
    random = np.random.default_rng(2)
    shares = np.array([0.7, 0.2, 0.1])
    flags = 0
    for _ in range(200):
        labels, sampled = np.repeat(np.arange(3), 100), random.choice(3, 500, p=shares)
        held = HeldOut(labels, random.random(300) + labels, random.random(300) * (1 + labels))
        found = fit_residual(
            random.random(500) + sampled, random.random(500) * (1 + sampled), shares, held
        )
        flags += found > 1
    assert flags < 6


def test_blurred_and_noised_images_raise_the_flag_and_real_ones_do_not(judge: Judge) -> None:
    real = kennel(np.linspace(200, 10, 10).astype(np.int64), seed=5)
    assert residual(judge, real.images) < 1
    x = torch.from_numpy(real.images).float() / 127.5 - 1
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    for changed in (blur(x, torch.full((len(x), 1, 1, 1), 1.0)), x + 0.15 * noise):
        images = ((changed.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
        assert residual(judge, images) > 1
