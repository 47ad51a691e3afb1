"""All judge-based scores together: which rows there are, the floor, and what must not matter."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import numpy as np
import pytest
import torch

from imgcollapse.config import TrainingConfig
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.errors import NumericalError
from imgcollapse.images import ImageSet
from imgcollapse.metrics import frechet, judge, neighbours, tstr
from imgcollapse.metrics.distances import Distance, Distances, Seen
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.scores import Score

CLASSES = ("a", "b")
PLAIN = ("fd_judge", "fd_judge_inf", "kid_judge", "precision", "recall", "density", "coverage")


def seen(n: int, seed: int, shift: float = 0.0, d: int = 8) -> Seen:
    random = np.random.default_rng(seed)
    verdicts = random.integers(-1, 2, n)
    features = random.normal(size=(n, d)) + shift + 2 * (verdicts == 1)[:, None]
    pixels = random.integers(0, 256, (n, 1, 4, 4), dtype=np.uint8)
    return Seen(ImageSet.of(pixels, None, CLASSES), verdicts, features.astype(np.float32))


def find(rows: list[Distance], metric: str, class_: str = "", reference: str = "") -> Distance:
    (row,) = (
        row
        for row in rows
        if (row.metric, row.class_, row.reference) == (metric, class_, reference)
    )
    return row


@pytest.fixture(scope="module")
def sighted() -> tuple[Judge, ImageSet]:
    """A judge of the kennel at 16×16, and other images of all breeds."""
    sets = []
    for seed, num in ((1, 30), (2, 24)):
        images = [draw_many(breed, range(num), seed=seed, size=16) for breed in range(len(BREEDS))]
        labels = np.repeat(np.arange(len(BREEDS)), num)
        sets.append(ImageSet.of(np.concatenate(images), labels, BREEDS))
    return train_judge(sets[0], seed=0, device=torch.device("cpu"), steps=30), sets[1]


def test_every_score_has_its_rows_and_each_is_a_score(
    sighted: tuple[Judge, ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tstr, "RECIPE", TrainingConfig(steps=5, batch_size=32))
    eye, images = sighted
    everything = Seen.by(eye, images)
    order = np.random.default_rng(0).permutation(len(images))
    samples, pool, held_out = (
        everything[order[:80]],
        everything[order[80:160]],
        everything[order[160:]],
    )
    ruler = Distances({"initial": pool, "balanced": held_out}, held_out, held_out.images, seed=3)
    rows = ruler(samples, seed=4, pool=pool)
    assert rows == ruler(samples, seed=4, pool=pool)
    counts = Counter(row.metric for row in rows if row.metric != "vendi")
    shown = np.count_nonzero(held_out.images.counts())
    assert counts == {
        **dict.fromkeys(PLAIN, 2),
        "duplicate_rate": 2,
        "nn_ratio": 1,
        "tstr_accuracy": 1 + shown,
    }
    for row in [*rows, *ruler.floor(held_out, seed=5, pool=pool)]:
        Score(0, row.metric, row.class_, row.reference, row.value, row.low, row.high, 80, "x")
        assert row.low <= row.value <= row.high


def test_what_is_left_out_gives_no_row() -> None:
    rows = Distances({"balanced": seen(60, 1)})(seen(60, 2), seed=0)
    assert {row.metric for row in rows} == {*PLAIN, "vendi", "duplicate_rate"}
    assert {row.class_ for row in rows if row.metric == "vendi"} == {""}
    many = Distances({})(seen(400, 3), seed=0)
    assert {row.class_ for row in many if row.metric == "vendi"} == {"", "a", "b"}


def test_copies_of_the_pool_and_a_collapsed_set_show() -> None:
    pool, held_out = seen(300, 4), seen(300, 5)
    ruler = Distances({"initial": pool}, held_out)
    copies = ruler(pool[np.arange(300) % 100], seed=0, pool=pool)
    assert find(copies, "duplicate_rate").value == pytest.approx(2 / 3)
    assert find(copies, "duplicate_rate", reference="pool").value == 1
    assert find(copies, "nn_ratio", reference="pool").value == 0
    real = {
        (row.metric, row.class_, row.reference): row
        for row in ruler.floor(held_out, seed=0, pool=pool)
    }
    collapsed = ruler(pool[np.zeros(300, int)], seed=0, pool=pool)
    assert find(collapsed, "vendi").value == pytest.approx(1)
    for metric in ("fd_judge", "fd_judge_inf", "kid_judge"):
        row = find(collapsed, metric, reference="initial")
        assert row.value > real[metric, "", "initial"].high
    for metric in ("recall", "coverage"):
        row = find(collapsed, metric, reference="initial")
        assert row.value < real[metric, "", "initial"].low
    assert real["nn_ratio", "", "pool"].low < 1 < real["nn_ratio", "", "pool"].high


@pytest.mark.long
def test_real_images_lie_inside_the_floor_in_at_least_90_of_100_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each score by itself, floor, samples, pool and reference drawn anew each time."""
    monkeypatch.setattr(frechet, "HALVES", 40)
    monkeypatch.setattr(frechet, "SUBSETS", 6)
    monkeypatch.setattr(neighbours, "SUBSETS", 20)
    monkeypatch.setattr(neighbours, "RESAMPLES", 60)
    inside: Counter[tuple[str, str, str]] = Counter()
    for repeat in range(100):
        reference, floor, samples, pool = (seen(160, 4 * repeat + part) for part in range(4))
        ruler = Distances({"initial": reference}, floor)
        limits = {
            (row.metric, row.class_, row.reference): (row.low, row.high)
            for row in ruler.floor(floor, seed=repeat, pool=pool)
        }
        for row in ruler(samples, seed=repeat, pool=pool):
            key = (row.metric, row.class_, row.reference)
            low, high = limits.get(key, (-np.inf, np.inf))
            inside[key] += bool(low - 1e-9 <= row.value <= high + 1e-9)
    assert len(inside) >= 11
    assert all(count >= 90 for key, count in inside.items() if not key[1]), inside


def test_neither_the_batch_nor_the_order_of_images_matters(
    sighted: tuple[Judge, ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    eye, images = sighted
    before = Seen.by(eye, images)
    monkeypatch.setattr(judge, "ROWS", {"cpu": 7, "cuda": 7})
    order = np.random.default_rng(1).permutation(len(images))
    after = Seen.by(eye, images[order])
    reference = seen(len(images), 6, d=before.features.shape[1])
    ruler = Distances({"balanced": reference})
    rows = zip(ruler(before, seed=0), ruler(after, seed=0), strict=True)
    for one, other in rows:
        if one.metric != "fd_judge_inf" and not one.class_:
            assert other.value == pytest.approx(one.value, rel=1e-4, abs=1e-9), one.metric


def test_features_that_are_not_finite_name_the_image() -> None:
    bad = seen(20, 7)
    bad.features[11, 3] = np.nan
    with pytest.raises(NumericalError, match="image 11"):
        Seen(bad.images, bad.verdicts, bad.features)


def test_memory_grows_no_faster_than_the_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 more images of 8 features: what is held beside them are some vectors of numbers."""
    monkeypatch.setattr(neighbours, "ROWS", 16)
    monkeypatch.setattr("imgcollapse.metrics.kernel.ROWS", 16)
    monkeypatch.setattr(neighbours, "SUBSETS", 2)

    def peak(n: int) -> int:
        samples, reference = seen(n, 8), seen(n, 9)
        tracemalloc.start()
        Distances({"balanced": reference}, reference)(samples, seed=0, pool=reference)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    small, large = peak(1000), peak(3000)
    assert large - small < 2000 * 8 * 8 * 30
