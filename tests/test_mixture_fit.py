"""A mixture fitted in blocks is scikit-learn's, and more points make it better."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture

from imgcollapse import arrays
from imgcollapse.generators import mixture_fit
from imgcollapse.generators.mixture_fit import LEAST_VARIANCE, FittedMixture, fit_mixture

SEED = 5
CENTRES = np.array([[-4.0, 0, 0], [4, 0, 1], [0, 5, -1]])
SHARES = np.array([0.6, 0.3, 0.1])


def points(num: int, seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    component = random.choice(3, num, p=SHARES)
    spread = np.array([0.5, 1.0, 1.5])[component, None]
    return CENTRES[component] + spread * random.normal(size=(num, 3)) @ np.diag([1, 1.3, 0.7])


def assert_same(one: FittedMixture, other: FittedMixture) -> None:
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-9)
    np.testing.assert_allclose(one.means, other.means, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(one.factors, other.factors, rtol=1e-9, atol=1e-9)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-9)


@pytest.mark.parametrize(("num", "components"), [(4, 4), (60, 5), (3000, 3), (3000, 8)])
def test_it_is_that_of_scikit_learn(num: int, components: int) -> None:
    data = points(num)
    oracle = GaussianMixture(components, reg_covar=LEAST_VARIANCE, random_state=SEED).fit(data)
    expected = FittedMixture(
        oracle.weights_, oracle.means_, np.linalg.cholesky(oracle.covariances_),
        oracle.lower_bound_,
    )  # fmt: skip
    assert_same(fit_mixture(data, components, seed=SEED), expected)


def test_blocks_change_rounding_only(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_mixture(points(3000), 4, seed=SEED)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", 1)
    assert_same(fit_mixture(points(3000), 4, seed=SEED), whole)


def test_it_begins_with_some_points_and_learns_from_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 200 points to begin with, weights and means are those that 20,000 points can give.

    The limits are five standard errors, of weights and of means.
    """
    num = 20_000
    monkeypatch.setattr(mixture_fit, "START_POINTS", 200)
    found = fit_mixture(points(num), 3, seed=SEED)
    order = [int(np.square(found.means - centre).sum(1).argmin()) for centre in CENTRES]
    assert sorted(order) == [0, 1, 2]
    assert np.abs(found.weights[order] - SHARES).max() < 5 * np.sqrt(0.24 / num)
    assert np.abs(found.means[order] - CENTRES).max() < 5 * 1.95 / np.sqrt(num / 10)
    assert_same(found, fit_mixture(points(num), 3, seed=SEED))


def test_points_that_are_all_alike_have_the_least_variance() -> None:
    found = fit_mixture(np.ones((50, 2)), 1, seed=SEED)
    np.testing.assert_allclose(found.factors[0], np.sqrt(LEAST_VARIANCE) * np.eye(2), atol=1e-9)
    assert found.weights == pytest.approx([1])
