"""The kernel distance: torchmetrics as oracle, closed forms, and its error by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from imgcollapse.errors import NumericalError
from imgcollapse.metrics import kernel
from imgcollapse.metrics.kernel import KernelTo


def features(n: int, seed: int, shift: float = 0.0, d: int = 24) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, d)) + shift


def test_it_is_that_of_torchmetrics() -> None:
    from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd

    one, other = features(300, 1), features(300, 2, 0.3)
    tensors = torch.from_numpy(other), torch.from_numpy(one)
    found = KernelTo(other)(one).value
    assert found == pytest.approx(float(poly_mmd(*tensors)), rel=1e-9)
    network = torch.nn.Identity()
    network.num_features = 24  # type: ignore[assignment]
    metric = KernelInceptionDistance(network, subsets=1, subset_size=300)
    metric.update(tensors[0], real=True)
    metric.update(tensors[1], real=False)
    assert found == pytest.approx(float(metric.compute()[0]), rel=1e-5)


def test_constant_sets_have_a_closed_form() -> None:
    """All x at a, all y at b in one dimension: k(a, a) + k(b, b) - 2 k(a, b)."""
    a, b = 2.0, -1.0
    expected = (a * a + 1) ** 3 + (b * b + 1) ** 3 - 2 * (a * b + 1) ** 3
    found = KernelTo(np.full((7, 1), b))(np.full((9, 1), a))
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_neither_order_nor_the_rows_taken_at_once_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = features(100, 3), features(130, 4)
    before = KernelTo(other)(one)
    monkeypatch.setattr(kernel, "ROWS", 7)
    after = KernelTo(other[::-1])(one[::-1])
    assert (after.value, after.error) == pytest.approx((before.value, before.error), rel=1e-9)


@pytest.mark.parametrize(("shift", "most"), [(0.15, 1.25), (0.0, 1.6)])
def test_it_has_no_bias_and_its_error_is_the_spread_of_draws(shift: float, most: float) -> None:
    """Mean over 200 draws within 3.5 standard errors of a large draw's; null errors are large."""
    reference = features(200, 5)
    distance = KernelTo(reference)
    found = [distance(features(200, 100 + seed, shift)) for seed in range(200)]
    values = np.array([one.value for one in found])
    spread = values.std(ddof=1)
    expected = distance(features(20000, 6, shift))
    margin = 3.5 * np.hypot(spread / np.sqrt(200), expected.error)
    assert abs(values.mean() - expected.value) < margin
    assert 0.85 < np.mean([one.error for one in found]) / spread < most


def test_bad_features_name_the_image() -> None:
    bad = features(10, 7)
    bad[3, 0] = np.inf
    with pytest.raises(NumericalError, match="image 3"):
        KernelTo(bad)
    with pytest.raises(NumericalError, match="image 3"):
        KernelTo(features(10, 8))(bad)
