"""A mixture fitted in blocks is scikit-learn's, and more points make it better."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import DTypeLike, NDArray
from sklearn.mixture import GaussianMixture

from imgcollapse import arrays
from imgcollapse.arrays import in_file, in_memory
from imgcollapse.config_file import parse_config
from imgcollapse.generators import Surroundings, make_generator, mixture_fit
from imgcollapse.generators.mixture_fit import LEAST_VARIANCE, FittedMixture, fit_mixture
from imgcollapse.images import ImageSet

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


def test_the_generator_keeps_its_coordinates_where_it_is_told(tmp_path: Path) -> None:
    """And draws the same from coordinates in a file as from those in memory."""
    config = parse_config({"generator": {
        "kind": "gaussian", "components": 3, "first_stage": {"kind": "pca", "dim": 5},
    }})  # fmt: skip
    pixels = np.random.default_rng(0).integers(0, 256, (300, 1, 6, 6), dtype=np.uint8)
    pool = ImageSet.of(pixels, None, ("a",))
    kept: list[NDArray[Any]] = []

    def keep(
        shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
    ) -> NDArray[Any]:
        kept.append(in_file(tmp_path)(shape, dtype, blocks))
        return kept[-1]

    drawn = []
    for one in (in_memory, keep):
        generator = make_generator(config, (1, 6, 6), ("a",), torch.device("cpu"))
        generator.fit(pool, seed=1, surroundings=Surroundings(keep=one))
        drawn.append(generator.sample(40, seed=2).images.tobytes())
    assert drawn[0] == drawn[1]
    assert [(one.shape, one.dtype.name) for one in kept] == [((300, 5), "float64")]


def test_points_that_are_all_alike_have_the_least_variance() -> None:
    found = fit_mixture(np.ones((50, 2)), 1, seed=SEED)
    np.testing.assert_allclose(found.factors[0], np.sqrt(LEAST_VARIANCE) * np.eye(2), atol=1e-9)
    assert found.weights == pytest.approx([1])
