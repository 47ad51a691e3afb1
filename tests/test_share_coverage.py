"""Corrected shares against quapy on simulated shifts, and the coverage of their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from quapy.method.aggregative import ACC, EMQ, PACC
from sklearn.linear_model import LogisticRegression

from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.em import em_shares, measure_em
from imgcollapse.metrics.shares import measure_shares, outcome_counts, total_variation

SHIFTS = {
    "head": np.array([0.6, 0.2, 0.1, 0.06, 0.04, 0.0]),
    "even": np.full(6, 1 / 6),
    "dead half": np.array([0.5, 0.4, 0.1, 0.0, 0.0, 0.0]),
    "turned": np.array([0.0, 0.01, 0.04, 0.15, 0.3, 0.5]),
    "rare": np.array([0.97, 0.01, 0.008, 0.006, 0.004, 0.002]),
}


class Simulated:
    """Six overlapping Gaussians in the plane and a calibrated classifier of them."""

    def __init__(self, per_class: int = 400) -> None:
        angles = 2 * np.pi * np.arange(6) / 6
        self.means = 4 * np.stack([np.cos(angles), np.sin(angles)], 1)
        self.random = np.random.default_rng(3)
        even = np.repeat(np.arange(6), 3000)
        self.classifier = LogisticRegression(max_iter=1000).fit(self.points(even), even)
        self.held_labels = np.repeat(np.arange(6), per_class)
        self.held = self.classifier.predict_proba(self.points(self.held_labels))

    def points(self, labels: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.means[labels] + self.random.standard_normal((len(labels), 2))

    def sample(self, shares: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        probabilities: NDArray[np.float64] = self.classifier.predict_proba(
            self.points(self.random.choice(6, n, p=shares))
        )
        return probabilities

    @property
    def confusion(self) -> NDArray[np.int64]:
        verdicts = self.held.argmax(1)
        return np.stack([outcome_counts(verdicts[self.held_labels == c], 6) for c in range(6)])


@pytest.fixture(scope="module")
def simulated() -> Simulated:
    return Simulated()


@pytest.mark.parametrize("shift", SHIFTS)
def test_they_agree_with_quapy(simulated: Simulated, shift: str) -> None:
    probabilities = simulated.sample(SHIFTS[shift], 5000)
    ours = measure_shares(probabilities.argmax(1), simulated.confusion, seed=1)

    adjusted = ACC(simulated.classifier, fit_classifier=False, val_split=None)
    adjusted.aggregation_fit(simulated.held.argmax(1), simulated.held_labels)
    assert ours.corrected == pytest.approx(adjusted.aggregate(probabilities.argmax(1)), abs=0.01)

    soft = PACC(simulated.classifier, fit_classifier=False, val_split=None)
    soft.aggregation_fit(simulated.held, simulated.held_labels)
    assert total_variation(ours.corrected, soft.aggregate(probabilities)) < 0.02

    oracle, _ = EMQ.EM(np.full(6, 1 / 6), probabilities, epsilon=1e-9)
    em, low, high = measure_em(probabilities, seed=1)
    assert em == pytest.approx(oracle, abs=1e-3)
    assert total_variation(em, SHIFTS[shift]) < 0.02
    assert (low <= em).all()
    assert (em <= high).all()


def test_em_counts_an_image_as_often_as_its_weight(simulated: Simulated) -> None:
    probabilities = simulated.sample(SHIFTS["head"], 300)
    weights = np.random.default_rng(1).integers(0, 4, (3, 300)).astype(np.float64)
    repeated = [em_shares(np.repeat(probabilities, row.astype(int), axis=0))[0] for row in weights]
    assert em_shares(probabilities, weights) == pytest.approx(np.array(repeated), abs=1e-6)


@pytest.mark.parametrize("sharpness", [1.0, 3.0])
def test_em_ends_at_the_largest_likelihood(sharpness: float) -> None:
    """By the Kuhn-Tucker conditions; plain EM is far from it after 300 steps."""
    random = np.random.default_rng(1)
    labels = random.choice(10, 5000, p=random.dirichlet(np.full(10, 0.5)))
    logits = random.standard_normal((5000, 10))
    logits[np.arange(5000), labels] += sharpness
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    weights = random.multinomial(5000, np.full(5000, 1 / 5000), 20).astype(np.float64)

    shares = em_shares(probabilities, weights)

    slopes = weights / (shares @ probabilities.T) @ probabilities / 5000
    assert shares.sum(1) == pytest.approx(1, abs=1e-4)
    assert slopes.max() < 1 + 2e-3
    assert slopes[shares > 1e-3] == pytest.approx(1, abs=2e-3)


@pytest.mark.long
def test_intervals_cover_the_truth_through_a_confused_judge() -> None:
    """450 data sets of 1,000 images, 10 classes, six shifts, 2 % confusion, 150 held out a class.

    One class is dead in each. Each bound of the pooled coverage is 4 standard errors and more from
    what was measured: .945 where 20 or more are expected, .944 below, .99 at 0.
    """
    random = np.random.default_rng(0)
    inside: dict[str, list[bool]] = {"many": [], "few": [], "none": []}
    for number in range(450):
        shares = (0.01, 0.02, 0.05, 0.1, 0.3, 1.0)[number % 6] ** (np.arange(10) / 9)
        shares[random.integers(1, 10)] = 0
        shares *= random.uniform(0.7, 1) / shares.sum()
        rates = _confused(10, 0.02, random)
        outcomes = shares @ rates
        outcomes[-1] += 1 - shares.sum()
        verdicts = random.choice(np.append(np.arange(10), UNLABELLED), 1000, p=outcomes)
        held = np.stack([random.multinomial(150, row) for row in rates])
        found = measure_shares(verdicts, held, seed=number)
        for share, low, high in zip(shares, found.low, found.high, strict=True):
            kind = "none" if share == 0 else "many" if share >= 0.02 else "few"
            inside[kind].append(low <= share <= high)
    coverage = {kind: float(np.mean(hits)) for kind, hits in inside.items()}
    assert 0.92 <= coverage["many"] <= 0.98, coverage
    assert coverage["few"] >= 0.92, coverage
    assert coverage["none"] >= 0.92, coverage


def _confused(num_classes: int, rate: float, random: np.random.Generator) -> NDArray[np.float64]:
    """Rates of verdicts: 1 % rejected, mistakes for three other classes in uneven parts."""
    rates = np.zeros((num_classes, num_classes + 1))
    for label in range(num_classes):
        others = random.choice(np.delete(np.arange(num_classes), label), 3, replace=False)
        rates[label, others] = rate * random.dirichlet(np.ones(3))
        rates[label, label] = 0.99 - rate
        rates[label, -1] = 0.01
    return rates
