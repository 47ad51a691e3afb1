"""Thinning of class counts: by the hypergeometric distribution, or with the shares kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import hypergeom, multivariate_hypergeom, norm

from imgcollapse.metrics.drift import spread
from imgcollapse.seeds import random_for
from imgcollapse.thinning import thin


@pytest.mark.parametrize(
    ("counts", "size"),
    [((3, 2, 4), 5), ((300, 20, 5, 0, 40), 100), ((3000, 200, 50, 7), 3250), ((4, 1), 1)],
)
def test_thinning_is_the_multivariate_hypergeometric(counts: tuple[int, ...], size: int) -> None:
    """60,000 draws: means and variances at level 0.1 %, and the whole distribution of a class."""
    start, chains = np.array(counts), 60_000
    thinned = thin(random_for(6, "test"), spread(start, chains), size)
    assert (thinned.sum(0) == size).all()
    assert (thinned >= 0).all()
    assert (thinned <= start[:, None]).all()
    alive = start > 0
    expected = multivariate_hypergeom(start[alive], size)
    variance = np.diag(expected.cov())
    z = (thinned[alive].mean(1) - expected.mean()) / np.sqrt(variance / chains)
    assert np.abs(z).max() < norm.isf(0.001 / 2 / z.size)
    assert thinned[alive].var(1) == pytest.approx(variance, rel=0.05)
    found = np.bincount(thinned[1], minlength=start[1] + 1) / chains
    exact = hypergeom(start.sum(), start[1], size).pmf(np.arange(start[1] + 1))
    assert np.abs(found - exact).max() < 0.01


def test_thinning_ten_billion_keeps_its_variance() -> None:
    start = np.array([7_000_000_000, 2_999_999_000, 1000])
    thinned = thin(random_for(7, "test"), spread(start, 4000), 5_000_000_000)
    assert (thinned.sum(0) == 5_000_000_000).all()
    assert thinned[2].mean() == pytest.approx(500, abs=1.2)
    assert thinned[2].var() == pytest.approx(250, rel=0.1)
    assert thinned[0].std() == pytest.approx(np.sqrt(5e9 * 0.7 * 0.3 * 0.5), rel=0.06)


@pytest.mark.parametrize(
    ("counts", "size"),
    [((300, 20, 5, 0, 1), 100), ((300, 20, 5, 0, 1), 301), ((1, 1, 1), 2), ((7, 0, 0), 3)],
)
def test_a_stratified_draw_is_each_share_to_less_than_one_image_and_in_the_mean(
    counts: tuple[int, ...], size: int
) -> None:
    """40,000 draws: means at level 0.1 % over all classes (Bonferroni)."""
    start, chains = np.array(counts), 40_000
    thinned = thin(random_for(9, "test"), spread(start, chains), size, stratified=True)
    quotas = start * size / start.sum()
    assert (thinned.sum(0) == size).all()
    assert (np.abs(thinned - quotas[:, None]) < 1).all()
    assert (thinned <= start[:, None]).all()
    part = quotas - np.floor(quotas)
    error = np.sqrt(part * (1 - part) / chains) + 1e-12
    z = (thinned.mean(1) - quotas) / error
    assert np.abs(z).max() < norm.isf(0.001 / 2 / len(counts))


def test_a_stratified_draw_of_ten_billion_keeps_its_sum_and_its_zeros() -> None:
    start = np.array([7_000_000_000, 2_999_999_000, 0, 1000, 1])
    for size in (4_999_999_999, 9_999_999_999):
        thinned = thin(random_for(10, "test"), spread(start, 2000), size, stratified=True)
        assert (thinned.sum(0) == size).all()
        assert (thinned[2] == 0).all()
        assert (thinned <= start[:, None]).all()


def test_chains_of_unequal_size_are_thinned_each_to_its_own() -> None:
    counts = np.array([[50, 3], [30, 2], [20, 1]])
    for stratified in (False, True):
        thinned = thin(random_for(11, "test"), counts, 10, stratified=stratified)
        assert thinned.sum(0).tolist() == [10, 6]
