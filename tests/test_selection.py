"""Planted selection comes back: coverage and level over simulated chains, and limits by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from compositions import COMPOSITIONS, policy
from numpy.typing import NDArray
from scipy.stats import binom, linregress

from imgcollapse.metrics.increments import Experiment, increments, simulate_verdicts
from imgcollapse.metrics.selection import LIMIT, Selection, measure_selection
from imgcollapse.policy_config import PolicyConfig, remembered, takes_part
from imgcollapse.seeds import random_for

INITIAL = np.floor(800 * 0.01 ** (np.arange(10) / 9) + 1e-9).astype(np.int64)
SIZE = int(INITIAL.sum())
SHARES = INITIAL / SIZE
BLURRED = np.full((10, 11), 0.002) + 0.98 * np.eye(10, 11) - 0.002 * np.eye(10, 11)


@dataclass(frozen=True)
class Case:
    """A way to simulate and measure chains with so much crowding."""

    tilt: float
    composition: str = "replace"
    generations: int = 8
    num_scored: int = SIZE
    judge: bool = False
    held_out: int | None = None
    bearing: float = 1.0
    chains: int = 1

    @property
    def policy(self) -> PolicyConfig:
        return policy(self.composition)

    @property
    def confusion(self) -> NDArray[np.float64]:
        return BLURRED if self.judge else np.eye(10, 11)

    def counted(self, seed: int) -> NDArray[np.int64]:
        """What the judge's held-out images tell of it, new ones for each case."""
        if self.held_out is None:
            return (1_000_000 * BLURRED).round().astype(np.int64)
        random = random_for(seed, "held out")
        rows = [random.multinomial(self.held_out, row) for row in BLURRED]
        return np.stack(rows)

    @property
    def truth(self) -> NDArray[np.float64]:
        slopes = self.tilt * np.log(SHARES)
        centred: NDArray[np.float64] = slopes - (SHARES * slopes).sum()
        return centred

    def simulate(self, cases: int) -> NDArray[np.int64]:
        """Verdicts, cases×chains×T×V."""
        columns = cases * self.chains
        scored = np.full(self.generations, self.num_scored)
        experiment = Experiment(INITIAL, self.policy, SIZE, scored, self.confusion)
        verdicts = simulate_verdicts(
            experiment,
            np.repeat(self.truth[:, None], columns, 1),
            np.full((self.generations, columns), self.bearing),
            random_for(0, "test selection", str(self)),
        )
        return verdicts.transpose(2, 0, 1).reshape(cases, self.chains, self.generations, -1)

    def measure(self, verdicts: NDArray[np.int64], seed: int) -> Selection:
        return measure_selection(
            verdicts,
            INITIAL,
            self.policy,
            SIZE,
            seed=seed,
            confusion=self.counted(seed) if self.judge else None,
        )


@dataclass(frozen=True)
class Outcome:
    crowding: int
    selection: float
    rejected: int
    bias: float


def coverage(case: Case, cases: int) -> Outcome:
    found = [case.measure(seen, seed) for seed, seen in enumerate(case.simulate(cases))]
    held = [one.crowding.low <= case.tilt <= one.crowding.high for one in found]
    classes = [
        ((one.selection.low <= case.truth) & (case.truth <= one.selection.high)).mean()
        for one in found
    ]
    values = np.array([one.crowding.value for one in found])
    return Outcome(
        int(np.sum(held)),
        float(np.mean(classes)),
        sum(one.p_value <= 0.05 for one in found),
        float((values.mean() - case.tilt) / values.std()),
    )


VARIANTS = (
    Case(0.1, "accumulate-subsample"),
    Case(0.1, "mix"),
    Case(0.1, "fresh"),
    Case(0.1, "hoarded half"),
    Case(0.1, "real and last two"),
    Case(0.1, "last three generated"),
    Case(0.1, "stratified"),
    Case(0.1, judge=True),
    Case(0.1, judge=True, held_out=150),
    Case(0.0, judge=True, held_out=36),
    Case(0.1, num_scored=500),
    Case(0.1, judge=True, num_scored=10_000, bearing=0.7),
    Case(0.1, chains=3, generations=5),
)


@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.3])
def test_planted_tilts_come_back(tilt: float) -> None:
    """30 cases: fewer than 25 held has a chance below 0.4 % at a coverage of 95 %."""
    found = coverage(Case(tilt), 30)
    assert binom.cdf(24, 30, 0.95) < 0.004
    assert found.crowding >= 25
    assert 0.9 <= found.selection <= 0.99
    assert abs(found.bias) < 0.6
    if tilt == 0:
        assert found.rejected <= 5
    else:
        assert found.rejected >= 28


@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_planted_tilts_come_back_under_other_policies_and_judges(case: Case) -> None:
    """5 cases: 2 held or fewer have a chance of 0.1 % at a coverage of 95 %."""
    found = coverage(case, 5)
    assert found.crowding >= 3
    assert found.selection >= 0.85
    assert found.rejected >= 4 or case.tilt == 0


@pytest.mark.long
@pytest.mark.parametrize("case", VARIANTS, ids=str)
def test_intervals_hold_under_other_policies_and_judges(case: Case) -> None:
    """100 cases: fewer than 88 held has a chance of 0.2 % at a coverage of 95 %."""
    found = coverage(case, 100)
    assert found.crowding >= 88
    assert 0.91 <= found.selection <= 0.99


@pytest.mark.long
@pytest.mark.parametrize("tilt", [0.0, 0.1, 0.3])
def test_intervals_hold_planted_tilts_in_92_to_98_of_100_cases(tilt: float) -> None:
    found = coverage(Case(tilt), 400)
    assert 0.92 <= found.crowding / 400 <= 0.98
    assert 0.92 <= found.selection <= 0.98
    if tilt == 0:
        assert found.rejected / 400 <= 0.07


def least_squares(verdicts: NDArray[np.int64]) -> tuple[float, float, float]:
    """The crowding slope by least squares: log-odds against generation, then on log share.

    Half a count keeps a lost class finite. The value, its limits by the residuals.
    """
    counts = np.concatenate([INITIAL[None], verdicts[:, :10]]) + 0.5
    odds = np.log(counts / (counts.sum(1, keepdims=True) - counts))
    steps = np.arange(len(counts)) - (len(counts) - 1) / 2
    drift = (steps[:, None] * odds).sum(0) / (steps**2).sum()
    line = linregress(np.log(SHARES), drift)
    half = 2.306 * line.stderr
    return line.slope, line.slope - half, line.slope + half


def least_squares_of_a_class(verdicts: NDArray[np.int64], label: int) -> tuple[float, float]:
    """Limits of one class's coefficient: log-odds against generation, by the residuals."""
    counts = np.concatenate([INITIAL[None], verdicts[:, :10]]) + 0.5
    odds = np.log(counts / (counts.sum(1, keepdims=True) - counts))[:, label]
    line = linregress(np.arange(len(odds)), odds)
    half = 1.96 * line.stderr
    return line.slope - half, line.slope + half


def test_least_squares_on_log_odds_fails_the_same_check() -> None:
    """400 chains of pure drift over 10 generations; docs/measuring.md gives the numbers."""
    case = Case(0.0, generations=10)
    chains = case.simulate(400)[:, 0]
    limits = [least_squares_of_a_class(one, label) for one in chains[:80] for label in range(10)]
    assert np.mean([low <= 0 <= high for low, high in limits]) < 0.45
    slopes = np.array([least_squares(one) for one in chains])
    assert np.mean((slopes[:, 1] > 0) | (slopes[:, 2] < 0)) > 0.09
    planted = Case(0.3, generations=10).simulate(100)[:, 0]
    found = np.array([least_squares(one) for one in planted])
    assert np.mean((found[:, 1] <= 0.3) & (found[:, 2] >= 0.3)) < 0.05


def test_increments_are_the_multinomial_score_where_everything_is_known() -> None:
    """Against the derivative of sum S log p, p proportional to q exp(s), written out by hand."""
    case = Case(0.1, generations=4)
    verdicts = case.simulate(1)[0, 0]
    tilt = np.linspace(-0.2, 0.3, 10)
    experiment = Experiment(INITIAL, case.policy, SIZE, np.full(4, SIZE), np.eye(10, 11))
    found = increments(experiment, tilt[:, None], verdicts[:, :, None])
    pools = np.concatenate([INITIAL[None], verdicts[:-1, :10]])
    chance = pools * np.exp(tilt)
    chance /= chance.sum(1, keepdims=True)
    assert found.observed[:, 0] == pytest.approx(verdicts[:, :10].sum(0))
    assert found.expected[:, 0] == pytest.approx(SIZE * chance.sum(0))
    assert found.information[:, 0] == pytest.approx(SIZE * (chance * (1 - chance)).sum(0))
    assert found.bearing == pytest.approx(1)


@pytest.mark.parametrize("name", sorted({*COMPOSITIONS} - {"real-only", "fresh real only"}))
def test_each_generation_expects_its_pool_as_composed_of_what_was_seen(name: str) -> None:
    """All samples scored without mistakes: the last generation's part of the sums, in shares."""
    case, chosen = Case(0.1, name, generations=5), policy(name)
    verdicts = case.simulate(1)[0, 0]
    tilt = np.linspace(-0.2, 0.3, 10)
    cap = {"pool": SIZE}.get(str(chosen.cap), chosen.cap)
    before = np.zeros(10)
    for number in range(5):
        experiment = Experiment(INITIAL, chosen, SIZE, np.full(number + 1, SIZE), np.eye(10, 11))
        expected = increments(experiment, tilt[:, None], verdicts[: number + 1, :, None]).expected
        samples = [seen[:10] for seen in remembered(chosen, verdicts[:number])]
        takes_real = number == 0 or takes_part(chosen, number)
        synthetic = np.sum(samples, axis=0) if samples else np.zeros(10)
        pool = synthetic + INITIAL * takes_real
        if number and takes_real and chosen.real_fraction:
            part = round(chosen.real_fraction * cap) / cap  # type: ignore[operator]
            pool = part * SHARES + (1 - part) * synthetic / synthetic.sum()
        chance = pool * np.exp(tilt)
        found = expected[:, 0] - before
        assert found / found.sum() == pytest.approx(chance / chance.sum(), abs=1e-6)
        before = expected[:, 0]


def test_a_class_that_is_lost_has_an_upper_limit_and_no_lower_one() -> None:
    """8 images of which none is drawn: exp(-8 exp(s)) / 2 (ties by half) is 2.5 % at log(3 / 8)."""
    counts = np.array([[1000, 992, 0]])
    found = measure_selection(
        counts, np.array([1000, 984, 8]), Case(0.0).policy, 1992, seed=0, replicates=2000
    )
    assert found.selection.low[2] == -LIMIT
    assert found.selection.high[2] == pytest.approx(np.log(3.0 / 8), abs=0.15)
    assert found.selection.value[2] < found.selection.high[2]
    assert np.isfinite(found.selection.value).all()


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_rejects_alone_say_nothing_and_break_nothing(name: str) -> None:
    """A generation without one recognised image, then a chain that has no other."""
    initial = np.array([500, 300, 200])
    for counts in ([[480, 310, 210, 0], [0, 0, 0, 1000], [1, 0, 0, 999]], [[0, 0, 0, 1000]] * 2):
        found = measure_selection(np.array(counts), initial, policy(name), 1000, seed=0)
        for one in (found.selection, found.crowding):
            assert np.isfinite([one.value, one.low, one.high]).all()
            assert (one.low <= one.value).all()
            assert (one.value <= one.high).all()
    assert found.crowding.low == -LIMIT
    assert found.crowding.high == LIMIT
    assert found.p_value > 0.5


def test_equal_classes_cannot_crowd() -> None:
    counts = np.array([[100, 95, 105], [90, 110, 100]])
    found = measure_selection(counts, np.full(3, 100), Case(0.0).policy, 300, seed=0)
    assert found.crowding.value == pytest.approx(0, abs=1e-6)
    assert found.crowding.low == -LIMIT
    assert found.crowding.high == LIMIT
    assert found.p_value == pytest.approx(1)
    assert (found.selection.low < 0).all()
    assert (found.selection.high > 0).all()


def test_what_the_real_pool_lacks_has_no_coefficient() -> None:
    initial = np.array([500, 0, 300, 200])
    counts = np.array([[480, 0, 320, 200], [470, 0, 330, 200]])
    found = measure_selection(counts, initial, Case(0.0).policy, 1000, seed=0)
    assert found.classes.tolist() == [0, 2, 3]
    assert found.selection.value.shape == (3,)
    shares = initial[found.classes] / 1000
    assert (shares * found.selection.value).sum() == pytest.approx(0, abs=1e-9)


def test_the_same_seed_gives_the_same_limits() -> None:
    case = Case(0.1, generations=3)
    seen = case.simulate(1)[0]
    one, again, other = case.measure(seen, 1), case.measure(seen, 1), case.measure(seen, 2)
    assert one.crowding.low == again.crowding.low
    assert (one.selection.high == again.selection.high).all()
    assert one.crowding.value == other.crowding.value
    assert one.crowding.low != other.crowding.low


def test_more_chains_make_the_interval_narrower() -> None:
    seen = Case(0.1, chains=4).simulate(1)[0]
    alone, together = Case(0.1).measure(seen[:1], 0), Case(0.1).measure(seen, 0)
    width = (together.crowding.high - together.crowding.low) / (
        alone.crowding.high - alone.crowding.low
    )
    assert width == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize(
    ("verdicts", "initial", "says"),
    [
        (np.ones((2, 5), int), [3, 4], "5 verdicts do not go with 2 classes"),
        (np.array([[[1, 2]], [[1, 1]]]), [3, 4], "equally many"),
        (np.zeros((2, 2), int), [3, 4], "at least one"),
        (np.ones((2, 2), int), [0, 4], "two classes"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    verdicts: NDArray[np.int64], initial: list[int], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        measure_selection(verdicts, np.array(initial), Case(0.0).policy, sum(initial), seed=0)
