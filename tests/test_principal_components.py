"""Principal components are those of a full decomposition, however the images come in blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from imgcollapse import arrays
from imgcollapse.arrays import in_file
from imgcollapse.generators.first_stage import FirstStage
from imgcollapse.generators.principal_components import principal_components
from imgcollapse.images import ImageSet

DIM = 6


def images(num: int = 500, seed: int = 0) -> NDArray[np.uint8]:
    """Pixels of which a few patterns, each weaker than the one before, make most."""
    random = np.random.default_rng(seed)
    patterns = np.linalg.qr(random.normal(size=(192, 40)))[0].T
    weights = random.normal(size=(num, 40)) * 400 * 0.85 ** np.arange(40)
    pixels = 128 + weights @ patterns + random.normal(0, 1, (num, 192))
    found: NDArray[np.uint8] = pixels.round().clip(0, 255).astype(np.uint8)
    return found.reshape(num, 3, 8, 8)


def in_plain_units(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    return pixels.reshape(len(pixels), -1) / 127.5 - 1


@pytest.mark.parametrize("num", [30, 191, 500])
def test_they_are_those_of_a_full_decomposition(num: int) -> None:
    """Axes to an angle of 1e-4; variances to 1e-5, which is what float32 leaves."""
    pixels = images(num)
    exact = PCA(DIM, svd_solver="full").fit(in_plain_units(pixels))
    found = principal_components(pixels, DIM, seed=1)
    np.testing.assert_allclose(found.mean, exact.mean_, atol=1e-12)
    np.testing.assert_allclose(found.variances, exact.explained_variance_, rtol=1e-5)
    assert found.explained == pytest.approx(exact.explained_variance_ratio_.sum(), rel=1e-5)
    along = (found.axes * exact.components_).sum(1)
    assert np.abs(along).min() > 1 - 1e-8
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(DIM), atol=1e-12)
    assert (found.axes[np.arange(DIM), np.abs(found.axes).argmax(1)] > 0).all()


def test_all_components_can_be_asked_for() -> None:
    found = principal_components(images()[:, :1, :2, :3], 6, seed=1)
    assert found.explained == pytest.approx(1, rel=1e-6)


@pytest.mark.parametrize("values", [1, 192 * 100, 10**9])
def test_blocks_change_rounding_only(monkeypatch: pytest.MonkeyPatch, values: int) -> None:
    whole = principal_components(images(), DIM, seed=1)
    monkeypatch.setattr(arrays, "BLOCK_VALUES", values)
    found = principal_components(images(), DIM, seed=1)
    np.testing.assert_allclose(found.axes, whole.axes, atol=1e-5)
    np.testing.assert_allclose(found.variances, whole.variances, rtol=1e-6)


def test_images_that_are_few_or_all_alike_have_directions_of_no_variance() -> None:
    copies = images(3)[np.arange(40) % 3]
    found = principal_components(copies, DIM, seed=1)
    assert (found.variances[:2] > 1e-3).all()
    assert (found.variances[2:] < 1e-10).all()
    assert found.explained == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(DIM), atol=1e-12)
    black = principal_components(np.zeros((40, 1, 4, 4), np.uint8), DIM, seed=1)
    assert (black.variances == 0).all()
    assert black.explained == 0


def test_a_pool_in_a_file_has_the_same_first_stage_and_coordinates(tmp_path: Path) -> None:
    pixels = images(3000)
    mapped = in_file(tmp_path)(pixels.shape, pixels.dtype, [pixels])
    stages = []
    for one in (pixels, mapped):
        pool = ImageSet.of(one, None, ("a",))
        stage = FirstStage(DIM, (3, 8, 8), torch.device("cpu"))
        stage.fit(pool, seed=2)
        blocks = list(stage.encoded(pool))
        assert len(blocks) > 1
        stages.append(np.concatenate(blocks))
    assert stages[0].tobytes() == stages[1].tobytes()
    assert np.abs(stages[0].mean(0)).max() < 1e-4
    np.testing.assert_allclose(stages[0].std(0), 1, atol=1e-3)
