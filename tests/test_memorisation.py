"""Samples beside their nearest pool images: brute force as oracle, copies, what a run keeps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from imgcollapse.figures.nearest_neighbours import plot_neighbours
from imgcollapse.figures.plot import NotDrawnError
from imgcollapse.figures.tables import RunTables
from imgcollapse.images import ImageSet
from imgcollapse.metrics import memorisation
from imgcollapse.metrics.distances import Seen
from imgcollapse.metrics.memorisation import find_neighbours
from imgcollapse.store.run_directory import RunDirectory


def seen(n: int, seed: int, origin: int = 0) -> Seen:
    random = np.random.default_rng(seed)
    images = random.integers(0, 255, (n, 1, 4, 4), np.uint8)
    features = random.normal(100, 1, (n, 6)).astype(np.float32)
    return Seen(ImageSet.of(images, None, ["a"], origin), np.zeros(n, np.int64), features)


@pytest.mark.parametrize("rows", [7, 1024])
def test_neighbours_are_those_of_brute_force(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memorisation, "ROWS", rows)
    samples, pool, held_out = seen(40, 0, 3), seen(60, 1, 2), seen(30, 2)
    found = find_neighbours(samples, pool, held_out)
    gaps = np.linalg.norm(
        samples.features[:, None].astype(float) - pool.features[None].astype(float), axis=2
    )
    nearest = np.argsort(gaps.min(1))[:8]
    shown = [*range(8), *nearest]
    np.testing.assert_array_equal(found.samples, samples.images.images[shown])
    np.testing.assert_array_equal(found.nearest, pool.images.images[gaps.argmin(1)[shown]])
    np.testing.assert_allclose(found.to_pool, gaps.min(1)[shown], rtol=1e-6)
    away = np.linalg.norm(
        samples.features[shown, None].astype(float) - held_out.features[None].astype(float), axis=2
    )
    np.testing.assert_allclose(found.to_held_out, away.min(1), rtol=1e-6)
    assert set(found.origins) == {2}
    assert (found.num_pool, found.num_held_out) == (60, 30)


def test_copies_are_found_wherever_they_are() -> None:
    pool = seen(50, 1)
    samples = seen(40, 0)
    samples.features[33] = pool.features[17]
    samples.images.images[33] = pool.images.images[17]
    found = find_neighbours(samples, pool, seen(30, 2))
    assert found.to_pool[8] == 0
    np.testing.assert_array_equal(found.nearest[8], pool.images.images[17])
    assert (found.to_pool[:8] > 0).all()


def test_few_samples_are_all_shown_twice() -> None:
    found = find_neighbours(seen(3, 0), seen(5, 1), seen(5, 2))
    assert len(found.samples) == 6
    assert sorted(found.to_pool[:3]) == list(found.to_pool[3:])


def test_a_run_keeps_them_and_one_of_before_says_so(copy_of_finished: Path) -> None:
    run = RunDirectory(copy_of_finished)
    tables = RunTables.of_folder(copy_of_finished)
    kept = tables.neighbours(1)
    samples = run.samples(1, tables.classes).images.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(kept["samples"][:8], samples[:8])
    assert set(kept["origins"]) == {1}
    assert plot_neighbours(tables).n["pool images searched"] == kept["counts"][0]
    (copy_of_finished / "gen_001" / "neighbours.npz").unlink()
    with pytest.raises(NotDrawnError, match="earlier version"):
        plot_neighbours(tables)
