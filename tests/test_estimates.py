"""Intervals: closed forms, and how often they hold what they should."""

from __future__ import annotations

import numpy as np
import pytest

from imgcollapse.metrics.estimates import Estimate, subsample_errors
from imgcollapse.metrics.shares import wilson


def test_a_share_has_the_limits_of_wilson() -> None:
    low, high = wilson(np.array([0, 30, 100]), 100)
    for count, bottom, top in zip((0, 30, 100), low, high, strict=True):
        found = Estimate.share(count / 100, 100).interval()
        assert found == pytest.approx((bottom, top), abs=1e-9)


def test_a_dependent_share_has_the_trials_that_give_its_error() -> None:
    twin = Estimate.share(0.3, 50)
    assert Estimate.share_with_error(0.3, twin.error, 999).trials == pytest.approx(50)
    assert Estimate.share_with_error(1.0, 0.0, 999).trials == 999
    assert Estimate.share_with_error(0.5, 0.0, 999).trials == 999


def test_limits_hold_the_value_and_stay_in_range() -> None:
    for estimate in (Estimate(0.1, 1.0, least=0.0), Estimate.share(0.0, 9), Estimate.share(1, 9)):
        for low, high in (estimate.interval(), estimate.floor_interval()):
            assert 0 <= low <= estimate.value <= high
    assert Estimate.share(0.5, 9).floor_interval()[1] <= 1


def test_the_error_of_a_mean_comes_from_subsets() -> None:
    """Closed form: standard deviation over the root of n; 3,000 repeats have 1.3 % of error."""
    items = np.random.default_rng(1).normal(size=400)
    for size in (50, 200):
        error = subsample_errors(
            lambda chosen: float(items[chosen].mean()),
            400,
            size,
            repeats=3000,
            random=np.random.default_rng(2),
        )
        assert error == pytest.approx(items.std(ddof=1) / 20, rel=0.05)


def test_a_floor_holds_nine_in_ten_further_draws_with_95_percent_confidence() -> None:
    """Of 4,000 floors of a known spread, 95 % (± 1) hold at least 90 % of further draws."""
    from scipy.stats import norm

    places = np.random.default_rng(3).normal(size=4000)
    floors = np.array([Estimate(float(at), 1.0).floor_interval() for at in places])
    held = norm.cdf(floors[:, 1]) - norm.cdf(floors[:, 0])
    assert (held >= 0.9).mean() == pytest.approx(0.95, abs=0.01)
