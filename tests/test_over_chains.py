"""Means over chains: Student's t by its oracles, and how often limits hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from imgcollapse.metrics.over_chains import OverChains, within_range
from imgcollapse.seeds import random_for

Array = NDArray[np.float64]
STUDIES = 2000
Z = 1.959964


def over(values: Array, error: float | None = None) -> OverChains:
    chains = OverChains()
    for value in values:
        if error is None:
            chains.add(float(value))
        else:
            chains.add(float(value), float(value) - Z * error, float(value) + Z * error)
    return chains


def test_limits_and_p_are_those_of_student() -> None:
    values = random_for(1, "test").normal(3, 2, 6)
    chains = over(values)
    expected = stats.ttest_1samp(values, 0)
    assert chains.mean == pytest.approx(values.mean())
    assert chains.limits() == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert chains.p_value() == pytest.approx(expected.pvalue)
    one, other = values, random_for(2, "test").normal(2, 2, 6)
    paired = stats.ttest_rel(one, other)
    assert over(one - other).p_value() == pytest.approx(paired.pvalue)


def test_one_chain_has_no_limits_and_alike_values_tell_no_test() -> None:
    assert over(np.array([2.0])).limits() == (None, None)
    assert over(np.array([2.0])).p_value() is None
    assert over(np.zeros(3)).limits() == (0.0, 0.0)
    assert over(np.zeros(3)).p_value() == 1.0
    assert over(np.ones(3)).p_value() is None


def test_limits_are_never_narrower_than_what_was_measured_allows() -> None:
    chains = OverChains()
    for _ in range(4):
        chains.add(0.0, 0.0, 0.0037)
    assert chains.limits() == pytest.approx((0.0, 0.0037 / math.sqrt(4)))
    assert within_range("share", (-0.2, 1.1), 10) == (0.0, 1.0)
    assert within_range("fd_judge", (-0.2, 1.1), 10) == (-0.2, 1.1)
    assert within_range("share", (None, None), 10) == (None, None)
    assert within_range("classes_alive", (-1.0, 10.4), 10) == (0.0, 10.0)


def bootstrap(values: Array, error: float, random: np.random.Generator) -> tuple[float, float]:
    """Percentile limits: chains drawn anew, and of each its measurement."""
    drawn = random.choice(values, (400, len(values)))
    means = (drawn + random.normal(0, error, drawn.shape)).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


@pytest.mark.parametrize("chains", [3, 4, 5])
@pytest.mark.parametrize("error", [0.0, 0.5, 3.0])
def test_limits_of_few_chains_hold_the_truth_as_often_as_they_say(
    chains: int, error: float
) -> None:
    """Chains that differ with deviation 1; binomial limits at 0.1 % of 2,000 studies."""
    random = random_for(chains, "test", str(error))
    truth = 5.0
    held = 0
    for _ in range(STUDIES):
        values = truth + random.normal(0, 1, chains) + random.normal(0, error, chains)
        low, high = over(values, error).limits()
        assert low is not None
        assert high is not None
        held += low <= truth <= high
    least = stats.binom.ppf(0.001, STUDIES, 0.95)
    assert held >= least
    if not error:
        assert held <= stats.binom.ppf(0.999, STUDIES, 0.95)


@pytest.mark.parametrize(("chains", "least", "most"), [(3, 0.65, 0.85), (5, 0.78, 0.92)])
def test_a_percentile_bootstrap_of_few_chains_holds_it_too_rarely(
    chains: int, least: float, most: float
) -> None:
    random = random_for(0, "test", chains)
    held = 0
    for _ in range(STUDIES // 2):
        values = random.normal(0, 1, chains) + random.normal(0, 0.3, chains)
        low, high = bootstrap(values, 0.3, random)
        held += low <= 0 <= high
    assert least < held / (STUDIES // 2) < most


def test_of_many_chains_bootstrap_and_student_agree() -> None:
    random = random_for(5, "test")
    values = random.normal(2, 1, 200)
    low, high = over(values).limits()
    assert (low, high) == pytest.approx(bootstrap(values, 0.0, random), abs=0.03)
