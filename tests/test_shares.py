"""Class shares: a known histogram comes back, through a confused judge too."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.shares import (
    hill_number,
    invert_confusion,
    lost,
    measure_shares,
    outcome_counts,
    surely_alive,
    tail_classes,
    total_variation,
    unseeable,
    wilson,
)

CLASSES = 4
PER_CLASS = 500


def confusion(rate: float, reject: float = 0.01) -> NDArray[np.float64]:
    """P(verdict | class): mistakes spread evenly, rejects last."""
    rates = np.full((CLASSES, CLASSES + 1), rate / (CLASSES - 1))
    np.fill_diagonal(rates, 1 - rate - reject)
    rates[:, -1] = reject
    return rates


def counted(rates: NDArray[np.float64], seed: int = 0) -> NDArray[np.int64]:
    random = np.random.default_rng(seed)
    return np.stack([random.multinomial(PER_CLASS, row) for row in rates])


def verdicts_of(
    shares: NDArray[np.float64], rates: NDArray[np.float64], n: int, seed: int
) -> NDArray[np.int64]:
    random = np.random.default_rng(seed)
    outcomes = random.choice(CLASSES + 1, n, p=shares @ rates)
    return np.where(outcomes == CLASSES, UNLABELLED, outcomes)


def test_verdicts_are_counted_with_rejects_last() -> None:
    verdicts = np.array([0, 0, 2, UNLABELLED, 1, UNLABELLED])
    assert outcome_counts(verdicts, 3).tolist() == [2, 1, 1, 2]


def test_inverting_the_confusion_gives_the_shares_back() -> None:
    truth = np.array([0.7, 0.2, 0.1, 0.0, 0.0])
    rates = confusion(0.05)
    outcomes = truth[:CLASSES] @ rates
    found = invert_confusion(outcomes[None], rates)[0]
    assert found == pytest.approx(truth, abs=2e-3)


def test_images_of_no_class_are_found_as_such() -> None:
    rates = confusion(0.02)
    outcomes = np.array([0.4, 0.1, 0.05, 0.05]) @ rates
    outcomes[-1] += 0.4
    found = invert_confusion(outcomes[None], rates)[0]
    assert found[-1] == pytest.approx(0.4, abs=0.01)
    assert found[:-1] == pytest.approx([0.4, 0.1, 0.05, 0.05], abs=0.01)


def test_a_dead_class_behind_a_confused_judge_has_zero_in_its_interval() -> None:
    shares = np.array([0.6, 0.3, 0.1, 0.0])
    rates = confusion(0.02)
    for seed in range(5):
        found = measure_shares(
            verdicts_of(shares, rates, 4000, seed), counted(rates, seed), seed=seed
        )
        assert found.raw[3] > 0
        assert found.low[3] < 1e-3
        assert found.low[0] <= 0.6 <= found.high[0]


def test_raw_shares_and_rejects_are_the_counts() -> None:
    verdicts = np.array([0] * 50 + [1] * 30 + [UNLABELLED] * 20)
    found = measure_shares(verdicts, counted(confusion(0.0)), seed=1)
    assert found.raw.tolist() == [0.5, 0.3, 0, 0]
    assert found.reject == 0.2
    assert found.n == 100
    assert (found.low <= found.corrected).all()
    assert (found.corrected <= found.high).all()


def test_the_upper_limit_of_a_class_never_seen_is_that_of_zero_of_n() -> None:
    found = measure_shares(np.zeros(1000, np.int64), counted(confusion(0.0)), seed=1)
    assert found.high[3] == pytest.approx(3.7 / 1000, rel=0.3)
    exact = binomtest(0, 1000).proportion_ci(0.95).high
    assert exact == pytest.approx(3.7 / 1000, rel=0.01)


def test_wilson_is_that_of_scipy() -> None:
    for count in (0, 1, 7, 50, 100):
        low, high = wilson(np.array([count]), 100)
        oracle = binomtest(count, 100).proportion_ci(0.95, method="wilson")
        assert low[0] == pytest.approx(oracle.low, abs=1e-6)
        assert high[0] == pytest.approx(oracle.high, abs=1e-6)


def test_an_interval_holds_its_number_at_the_bounds_too() -> None:
    even = measure_shares(np.arange(1000) % CLASSES, counted(confusion(0.0)), seed=1)
    low, high = even.interval(lambda one: hill_number(one, 1), CLASSES)
    assert low <= hill_number(even.corrected, 1) <= high


def test_hill_numbers_of_even_and_of_one_class() -> None:
    even = np.full(8, 1 / 8)
    one = np.eye(8)[0]
    for order in (0, 1, 2):
        assert hill_number(even, order) == pytest.approx(8)
        assert hill_number(one, order) == pytest.approx(1)
        assert hill_number(np.zeros(8), order) == 0
    skewed = np.array([0.9, 0.1])
    assert hill_number(skewed, 2) == pytest.approx(1 / 0.82)
    assert hill_number(skewed, 1) == pytest.approx(np.exp(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1))))


def test_total_variation_is_zero_for_the_same_and_one_for_disjoint_shares() -> None:
    one, other = np.array([0.5, 0.5, 0.0]), np.array([0.0, 0.0, 1.0])
    assert total_variation(one, one) == 0
    assert total_variation(one, other) == pytest.approx(1)
    assert total_variation(np.array([0.25, 0.25, 0.0]), one) == pytest.approx(0.5)


def test_a_class_is_lost_below_a_tenth_of_its_start_and_unseeable_ones_are_not() -> None:
    """n = 4000: 3.7/n is .0009, so a class of 2 % can be lost and one of 0.5 % cannot."""
    verdicts = np.zeros(4000, np.int64)
    found = measure_shares(verdicts, counted(confusion(0.0)), seed=1)
    initial = np.array([0.955, 0.02, 0.005, 0.02])
    assert lost(found, initial).tolist() == [False, True, False, True]
    assert unseeable(initial, 4000).tolist() == [False, False, True, False]
    assert surely_alive(found, initial).tolist() == [True, False, False, False]


def test_the_tail_is_the_rarer_half_of_the_classes_that_were_there() -> None:
    assert tail_classes(np.array([50, 10, 5, 1])).tolist() == [False, False, True, True]
    assert tail_classes(np.array([1, 5, 10])).tolist() == [True, False, False]
    assert tail_classes(np.array([9, 0, 1])).tolist() == [False, False, True]
    assert tail_classes(np.array([5, 5])).tolist() == [False, True]
