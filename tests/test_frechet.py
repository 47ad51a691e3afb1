"""The Fréchet distance: closed forms, scipy and torchmetrics as oracles, degenerate covariances."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from imgcollapse.errors import NumericalError
from imgcollapse.metrics.frechet import (
    BlockMoments,
    FrechetTo,
    Moments,
    fd_infinity,
    fd_with_error,
)


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


def test_covariances_without_full_rank_take_the_same_value() -> None:
    """Through the symmetric root as through the Cholesky factor, which a tiny ridge allows."""
    few, many = Moments.of(features(10, 16, 20)), Moments.of(features(300, 16, 21, 0.2))
    ridged = Moments(few.mu, few.sigma + 1e-13 * np.eye(16), few.n)
    by_root, by_factor = FrechetTo(few), FrechetTo(ridged)
    assert by_root._factor is None
    assert by_factor._factor is not None
    assert by_root(many) == pytest.approx(by_factor(many), rel=1e-6)
    assert FrechetTo(many)(few) == pytest.approx(by_root(many), rel=1e-6)


def test_features_that_are_not_finite_name_the_image() -> None:
    bad = features(10, 4, 10)
    bad[6, 2] = np.nan
    with pytest.raises(NumericalError, match="image 6"):
        Moments.of(bad)


def blocks(n: int, seed: int, scale: float = 1.0, shift: float = 0.0, d: int = 16) -> BlockMoments:
    random = np.random.default_rng(seed)
    return BlockMoments(scale * random.normal(size=(n, d)) + shift, seed)


def test_blocks_add_up_to_the_moments_of_their_images() -> None:
    x = features(103, 6, 11) + 1e3
    some = BlockMoments(x, 0)
    together = some.of(np.arange(len(some)))
    direct = Moments.of(x)
    np.testing.assert_allclose(together.mu, direct.mu, rtol=1e-12)
    np.testing.assert_allclose(together.sigma, direct.sigma, atol=1e-9)
    assert together.n == 103
    with pytest.raises(ValueError, match="at least 8 images"):
        BlockMoments(x[:7], 0)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.2, 0.0), (1.0, 0.3)])
def test_the_error_of_the_distance_is_the_spread_of_draws(scale: float, shift: float) -> None:
    """Over 100 draws, whose spread is known to 7 %; at distance zero it is up to 1.3 too large."""
    distance = FrechetTo(blocks(400, 1).all)
    found = [fd_with_error(blocks(400, 100 + s, scale, shift), distance, s) for s in range(100)]
    spread = np.std([one.value for one in found], ddof=1)
    ratio = np.mean([one.error for one in found]) / spread
    assert 0.8 < ratio < (1.6 if scale == 1 and shift == 0 else 1.25)


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1.2, 0.2)])
def test_the_fit_takes_the_bias_away_and_its_interval_holds_the_truth(
    scale: float, shift: float
) -> None:
    """Closed form: d ((scale - 1)² + shift²); 60 pairs of draws, 85 % or more hold it.

    The interval is over the samples, the reference held: both vary here, so the floor's limits,
    for two draws, are those to look at.
    """
    truth = 16 * ((scale - 1) ** 2 + shift**2)
    plain, fitted, held = [], [], 0
    for seed in range(60):
        samples, reference = blocks(300, 200 + seed, scale, shift), blocks(300, 300 + seed)
        one = fd_with_error(samples, FrechetTo(reference.all), seed)
        infinity = fd_infinity(samples, reference, seed, one.error)
        plain.append(one.value)
        fitted.append(infinity.value)
        low, high = infinity.floor_interval()
        held += low <= truth <= high
    assert abs(np.mean(fitted) - truth) < 0.15 * abs(np.mean(plain) - truth)
    assert held >= 51
