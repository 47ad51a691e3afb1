"""Neighbours: prdc as oracle, collapsed sets, duplicates, memorisation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from prdc import compute_prdc

from imgcollapse.errors import NumericalError
from imgcollapse.metrics import neighbours
from imgcollapse.metrics.neighbours import (
    Manifold,
    duplicate_rate,
    nearest_distances,
    neighbour_scores,
    neighbour_scores_of_classes,
    nn_ratio,
)

FOUR = ("precision", "recall", "density", "coverage")


def features(n: int, seed: int, scale: float = 1.0, d: int = 6) -> NDArray[np.float64]:
    return scale * np.random.default_rng(seed).normal(size=(n, d))


def values(samples: NDArray[np.floating], real: NDArray[np.floating], seed: int = 0) -> list[float]:
    found = neighbour_scores(samples, real, seed=seed)
    return [found[name].value for name in FOUR]


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("rows", [7, 256])
def test_they_are_exactly_those_of_prdc(
    scale: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "ROWS", rows)
    samples, real = features(300, 1, scale), features(300, 2)
    expected = compute_prdc(real, samples, nearest_k=5)
    assert values(samples, real) == pytest.approx([expected[name] for name in FOUR], abs=1e-12)


def test_ties_and_copies_of_real_images_are_those_of_exact_arithmetic() -> None:
    """Integers: whole numbers of squared distance, so that prdc's rounding plays no part."""
    random = np.random.default_rng(3)
    real = random.integers(0, 4, (200, 4)).astype(np.float64)
    samples = np.concatenate([real[:80], random.integers(0, 4, (120, 4))])
    gaps = ((real[:, None] - samples[None]) ** 2).sum(2)
    real_radii = np.sort(((real[:, None] - real[None]) ** 2).sum(2), 1)[:, 5]
    radii = np.sort(((samples[:, None] - samples[None]) ** 2).sum(2), 1)[:, 5]
    inside = gaps < real_radii[:, None]
    expected = [
        inside.any(0).mean(),
        (gaps < radii).any(1).mean(),
        inside.sum(0).mean() / 5,
        inside.any(1).mean(),
    ]
    assert values(samples, real) == pytest.approx(expected, abs=1e-12)
    shifted = [one + 1e3 for one in (samples * 0.1, real * 0.1)]
    assert values(shifted[0], shifted[1]) == pytest.approx(expected, abs=1e-12)


def test_a_collapsed_set_is_precise_recalls_nothing_and_covers_nearly_nothing() -> None:
    real = features(500, 4)
    middle = real[np.argmin((real**2).sum(1))] + 1e-3
    precision, recall, _, coverage = values(np.repeat(middle[None], 500, 0), real)
    assert precision == 1.0
    assert recall == 0.0
    assert coverage < 0.1


def test_sets_far_apart_share_nothing_and_keep_limits() -> None:
    found = neighbour_scores(features(100, 5) + 50, features(100, 6), seed=0)
    assert [found[name].value for name in FOUR] == [0, 0, 0, 0]
    for name in ("precision", "recall", "coverage"):
        low, high = found[name].interval()
        assert low == pytest.approx(0, abs=1e-12)
        assert 0 < high < 0.05


def test_order_does_not_matter_and_the_larger_set_is_thinned() -> None:
    samples, real = features(150, 7), features(150, 8)
    assert values(samples, real) == values(samples[::-1], real[::-1])
    more = np.concatenate([real, features(400, 9)])
    assert values(samples, more, seed=1) == values(samples, more, seed=1)
    assert values(samples, more, seed=1) != values(samples, more, seed=2)


def test_few_images_or_bad_ones_are_refused() -> None:
    with pytest.raises(ValueError, match="5 neighbours"):
        Manifold.of(features(5, 10))
    bad = features(50, 11)
    bad[17, 3] = np.nan
    with pytest.raises(NumericalError, match="image 17"):
        neighbour_scores(bad, features(50, 12), seed=0)
    with pytest.raises(NumericalError, match="image 17"):
        nn_ratio(features(50, 12), bad, features(50, 13), seed=0)


def test_errors_are_the_spread_of_draws() -> None:
    """Against one reference of 300, over 100 draws; the spread itself is known to 7 %."""
    real = features(300, 14)
    found = [neighbour_scores(features(300, 100 + seed), real, seed=seed) for seed in range(100)]
    for name in FOUR:
        spread = np.std([one[name].value for one in found], ddof=1)
        assert 0.75 < np.mean([one[name].error for one in found]) / spread < 1.6, name


def test_coverage_of_classes_makes_up_that_of_the_whole() -> None:
    real, labels = features(400, 21), np.repeat([0, 1, 2, 3], [200, 150, 31, 19])
    samples = features(400, 22)
    samples[:, 0] = np.abs(samples[:, 0])
    whole, each = neighbour_scores_of_classes(samples, real, labels, seed=0)
    assert whole == neighbour_scores(samples, real, seed=0)
    assert each.keys() == {0, 1, 2}, "a class of fewer than 20 is left out"
    expected = compute_prdc(real, samples, nearest_k=5)["coverage"]
    inside = sum(each[label].value * (labels == label).sum() for label in each)
    left = expected * 400 - inside
    assert left == pytest.approx(round(left), abs=1e-9)
    assert 0 <= round(left) <= 19
    assert each[2].trials is not None


def test_a_class_without_samples_nearby_is_not_covered_and_limits_say_how_sure() -> None:
    real, labels = features(200, 23), np.repeat([0, 1], 100)
    real[100:] += 40
    _, each = neighbour_scores_of_classes(features(200, 24), real, labels, seed=0)
    assert each[0].value > 0.8
    assert each[1].value == 0
    assert each[1].interval()[1] == pytest.approx(0.037, abs=1e-3), "3.7 % of 100 images: Wilson"


def test_errors_of_the_coverage_of_a_class_are_the_spread_of_draws() -> None:
    real, labels = features(300, 25), np.repeat([0, 1], [230, 70])
    found = [
        neighbour_scores_of_classes(features(300, 200 + seed), real, labels, seed=seed)[1]
        for seed in range(60)
    ]
    for label in (0, 1):
        spread = np.std([one[label].value for one in found], ddof=1)
        assert 0.6 < np.mean([one[label].error for one in found]) / spread < 1.8, label


def test_nearest_distances_are_euclidean() -> None:
    one, other = features(40, 15), features(60, 16)
    expected = np.sqrt(((one[:, None] - other[None]) ** 2).sum(2)).min(1)
    np.testing.assert_allclose(nearest_distances(one, other), expected, rtol=1e-9)


def test_memorisation_is_seen_and_only_there() -> None:
    pool, held_out, fresh = (features(400, seed) for seed in (17, 18, 19))
    copies = nn_ratio(pool[:200], pool, held_out, seed=0)
    assert copies is not None
    assert copies.value == 0.0
    near = nn_ratio(pool[:200] + 0.1 * features(200, 20), pool, held_out, seed=0)
    assert near is not None
    assert near.floor_interval()[1] < 0.6
    honest = nn_ratio(fresh, pool, held_out, seed=0)
    assert honest is not None
    low, high = honest.floor_interval()
    assert low < 1 < high
    assert nn_ratio(held_out, pool, held_out, seed=0) is None


def test_duplicates_within_and_against_the_pool() -> None:
    assert duplicate_rate([b"a", b"b", b"a", b"a"]).value == 0.5
    assert duplicate_rate([b"a", b"b", b"a", b"c"], frozenset([b"a"])).value == 0.5
    assert duplicate_rate([b"a", b"b"], frozenset()).value == 0.0
