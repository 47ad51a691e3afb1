"""The Fréchet distance: closed forms, scipy and torchmetrics as oracles, degenerate covariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from imgcollapse.errors import NumericalError
from imgcollapse.metrics.frechet import FrechetTo, Moments


def features(n: int, d: int, seed: int, shift: float = 0.0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) @ random.normal(size=(d, d)) + shift


def test_equal_covariances_leave_the_squared_gap_of_the_means() -> None:
    base = features(500, 12, 1)
    gap = np.linspace(-1, 2, 12)
    distance = FrechetTo(Moments.of(base))(Moments.of(base + gap))
    assert distance == pytest.approx(gap @ gap, abs=1e-6)


def test_the_same_set_is_at_distance_zero() -> None:
    moments = Moments.of(features(300, 20, 2))
    assert FrechetTo(moments)(moments) == pytest.approx(0, abs=1e-6)


def test_scaled_diagonal_gaussians_have_the_closed_form() -> None:
    """tr (S^½ - R^½)² where covariances commute."""
    one = Moments(np.zeros(3), np.diag([1.0, 4.0, 9.0]), 10)
    other = Moments(np.zeros(3), np.diag([4.0, 1.0, 0.0]), 10)
    assert FrechetTo(one)(other) == pytest.approx(1 + 1 + 9, abs=1e-9)


def test_it_is_that_of_scipy_and_of_torchmetrics() -> None:
    from torchmetrics.image.fid import _compute_fid

    one, other = Moments.of(features(800, 30, 3)), Moments.of(features(800, 30, 4, 0.5))
    found = FrechetTo(one)(other)
    gap = one.mu - other.mu
    cross = np.trace(sqrtm(one.sigma @ other.sigma)).real
    expected = gap @ gap + np.trace(one.sigma) + np.trace(other.sigma) - 2 * cross
    tensors = (torch.from_numpy(x) for x in (one.mu, one.sigma, other.mu, other.sigma))
    assert found == pytest.approx(expected, rel=1e-6)
    assert found == pytest.approx(float(_compute_fid(*tensors)), rel=1e-5)


def test_it_is_symmetric_and_does_not_depend_on_the_order_of_images() -> None:
    one, other = features(400, 10, 5), features(400, 10, 6)
    there = FrechetTo(Moments.of(one))(Moments.of(other))
    back = FrechetTo(Moments.of(other))(Moments.of(one[::-1]))
    assert there == pytest.approx(back, rel=1e-9)


def test_a_collapsed_set_has_a_finite_distance() -> None:
    """One image copied: covariance zero, so the distance is gap² + tr of the reference."""
    reference = Moments.of(features(500, 16, 7))
    copies = np.repeat(features(1, 16, 8), 50, axis=0)
    gap = copies[0] - reference.mu
    expected = gap @ gap + np.trace(reference.sigma)
    assert FrechetTo(reference)(Moments.of(copies)) == pytest.approx(expected, rel=1e-9)
    few = Moments.of(features(5, 16, 9))
    assert np.isfinite(FrechetTo(few)(Moments.of(copies)))


def test_features_that_are_not_finite_name_the_image() -> None:
    bad = features(10, 4, 10)
    bad[6, 2] = np.nan
    with pytest.raises(NumericalError, match="image 6"):
        Moments.of(bad)
