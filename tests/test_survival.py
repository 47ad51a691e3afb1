"""How long classes live: by hand, by scipy, and against exact extinction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import CensoredData, ecdf, logrank, norm

from imgcollapse.metrics.drift import (
    asymptotic_extinction,
    branching_extinction,
    simulate_null,
    wright_fisher_extinction,
)
from imgcollapse.metrics.survival import Life, Survival, compare, lives_of
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.scores import Score


def survival(*ends: tuple[int, bool]) -> Survival:
    found = Survival()
    for end, lost in ends:
        found.add(Life(1, end, lost))
    return found


def test_the_curve_is_kaplan_and_meiers() -> None:
    """Of five, one is lost at 0, one at 1, one leaves at 2; of the two left one is lost at 3."""
    found = survival((0, True), (1, True), (2, False), (3, True), (3, False))
    assert [found.at_risk(generation) for generation in range(5)] == [5, 4, 3, 2, 0]
    expected = [4 / 5, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4 / 2]
    assert found.alive(np.arange(4)) == pytest.approx(expected)
    assert survival((3, False), (3, False)).alive(np.arange(4)) == pytest.approx(1)
    assert survival((1, True)).alive(np.arange(3)) == pytest.approx([1, 0, 0])


def test_curve_and_test_are_those_of_scipy() -> None:
    random = np.random.default_rng(0)
    both, held = [], []
    for scale in (4, 7):
        ends = random.geometric(1 / scale, 60).clip(max=9)
        lost = ends < 9
        both.append(survival(*zip(ends.tolist(), lost.tolist(), strict=True)))
        held.append(CensoredData.right_censored(ends, ~lost))
    for one, oracle in zip(both, held, strict=True):
        expected = ecdf(oracle).sf.evaluate(np.arange(10))
        assert one.alive(np.arange(10)) == pytest.approx(expected)
    expected = logrank(*held)
    one, other = both
    assert compare([(one, other)]) == pytest.approx((expected.statistic, expected.pvalue))
    flipped = compare([(other, one)])
    assert flipped is not None
    assert flipped[0] == pytest.approx(-expected.statistic)


def test_there_is_no_test_where_nothing_was_lost_or_nobody_is_seen() -> None:
    alive = survival((3, False), (3, False))
    assert compare([]) is None
    assert compare([(alive, alive)]) is None
    assert compare([(survival((1, True)), Survival())]) is None
    assert compare([(survival((1, True)), survival((1, True)))]) is None


def test_strata_are_compared_within_themselves() -> None:
    """Losses at 0: 2 of 3 against 0 of 3, and 1 of 2 against 1 of 4. By hand, with Mantel's sums.

    Expected are 2 · 3/6 and 2 · 2/6; variances 2 · 1/4 · 4/5 and 2 · 2/9 · 4/5.
    """
    gone, alive = (0, True), (5, False)
    few = survival(gone, gone, alive), survival(alive, alive, alive)
    many = survival(gone, alive), survival(gone, alive, alive, alive)
    found = compare([few, many])
    assert found is not None
    assert found[0] == pytest.approx((3 - 1 - 2 / 3) / (2 / 5 + 16 / 45) ** 0.5)
    assert found[1] == pytest.approx(2 * norm.sf(found[0]))
    assert compare([few, (survival(gone), Survival())]) == compare([few])


def test_arms_of_other_counts_do_not_differ_where_each_count_lives_alike() -> None:
    """Ten of the rare and two of the common against two and ten: half the rare are lost in both."""
    rare, common = [(1, True), (3, False)], [(3, False)]
    strata = [
        (survival(*rare * 10), survival(*rare * 2)),
        (survival(*common * 2), survival(*common * 20)),
    ]
    assert compare(strata) == pytest.approx((0, 1))


def share(generation: int, name: str, high: float, n: int = 10_000) -> Score:
    return Score(generation, "share", name, "", high / 2, 0.0, high, n, "e")


def test_a_class_is_lost_when_its_upper_limit_is_below_a_tenth_of_its_start() -> None:
    initial = {"a": 80, "b": 20, "gone": 0}
    scores = [
        share(-1, "b", 0.001),
        share(0, "a", 0.9), share(0, "b", 0.0201), share(0, "gone", 0.0),
        share(1, "a", 0.9), share(1, "b", 0.0199), share(1, "gone", 0.0),
        share(2, "a", 0.9), share(2, "b", 0.5), share(2, "gone", 0.0),
    ]  # fmt: skip
    assert lives_of(scores, initial) == [Life(80, 2, False), Life(20, 1, True)]
    assert lives_of(scores[:4], initial) == [Life(80, 0, False), Life(20, 0, False)]
    assert lives_of([], initial) == []


def test_classes_whose_loss_could_not_be_seen_are_not_counted_as_alive() -> None:
    """Below n = 37 / share no number of images without a class shows that it is lost."""
    scores = [share(0, "a", 0.9, 180), share(0, "b", 0.5, 180)]
    assert lives_of(scores, {"a": 80, "b": 20}) == [Life(80, 0, False)]
    assert len(lives_of([share(0, "b", 0.5, 190)], {"a": 80, "b": 20})) == 1


def test_exact_extinction_is_what_simulated_chains_do() -> None:
    counts = np.array([1, 2, 3, 6, 28])
    exact = wright_fisher_extinction(counts, int(counts.sum()), 12)
    chains = 20_000
    simulated = simulate_null(
        counts,
        PolicyConfig(preset="replace"),
        int(counts.sum()),
        generations=12,
        chains=chains,
        seed=0,
    ).extinct
    error = np.sqrt(exact * (1 - exact) / chains) + 1e-5
    assert (np.abs(simulated - exact) < 4.5 * error).all()


def test_exact_extinction_has_its_closed_forms() -> None:
    counts = np.array([1, 4, 30])
    first = wright_fisher_extinction(counts, 90, 1)[:, 0]
    assert first == pytest.approx((1 - counts / 90) ** 90)
    assert wright_fisher_extinction(np.array([0, 90]), 90, 3) == pytest.approx(
        np.array([[1, 1, 1], [0, 0, 0]])
    )
    for pool in (300, 1500):
        gap = wright_fisher_extinction(counts, pool, 20) - branching_extinction(counts, 20)
        assert (np.abs(gap) < 0.3 * np.arange(1, 21) / pool).all()
    large = wright_fisher_extinction(counts, 10**9, 300)
    assert large == pytest.approx(branching_extinction(counts, 300))
    assert large[:, -1] == pytest.approx(asymptotic_extinction(counts, 300)[:, -1], abs=0.02)
