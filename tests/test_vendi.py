"""The Vendi score: closed forms, the N×N definition, and its error by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imgcollapse.metrics.vendi import BLOCK, vendi, vendi_of_class


def features(n: int, seed: int, d: int = 12) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)) * np.linspace(2, 0.2, d) + 0.5


def test_known_sets() -> None:
    """Copies count 1; k orthogonal images in equal parts count k, however long they are."""
    assert vendi(np.ones((30, 5))).value == pytest.approx(1, abs=1e-9)
    axes = np.repeat(np.diag([1.0, 2.0, 3.0, 4.0]), 5, 0)
    assert vendi(axes).value == pytest.approx(4, abs=1e-9)
    shares = np.array([0.7, 0.2, 0.1])
    unequal = np.repeat(np.eye(3), (shares * 10).round().astype(int), 0)
    assert vendi(unequal).value == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert vendi(np.zeros((9, 4))).value == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("n", [5, 200])
def test_the_dual_has_the_eigenvalues_of_the_kernel_of_all_pairs(n: int) -> None:
    x = features(n, 1)
    directions = x / np.linalg.norm(x, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(directions @ directions.T / n)
    values = values[values > 1e-12]
    assert vendi(x).value == pytest.approx(np.exp(-(values * np.log(values)).sum()), rel=1e-6)
    assert vendi(x[::-1]).value == pytest.approx(vendi(x).value, rel=1e-9)


def test_its_error_is_the_spread_of_draws() -> None:
    """Over 200 draws, whose spread is known to 5 %."""
    found = [vendi(features(300, seed)) for seed in range(200)]
    spread = np.std([one.value for one in found], ddof=1)
    assert 0.85 < np.mean([one.error for one in found]) / spread < 1.15


def test_a_class_is_measured_on_blocks_of_one_size() -> None:
    assert vendi_of_class(features(BLOCK - 1, 2), 0) is None
    one = vendi_of_class(features(BLOCK, 3), 0)
    assert one is not None
    assert one.value == pytest.approx(vendi(features(BLOCK, 3)).value)
    few, many = (np.mean([vendi(features(n, s)).value for s in range(40)]) for n in (50, 1000))
    assert many - few > 0.2, "the score grows with the number of images"
    large = vendi_of_class(features(1000, 4), 0)
    assert large is not None
    assert abs(large.value - few) < 4 * large.error + 0.1
