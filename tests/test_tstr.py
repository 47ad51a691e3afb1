"""Train on samples, test on real: what is learned, of whose labels, and how sure it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics import tstr
from imgcollapse.metrics.tstr import tstr_accuracy
from imgcollapse.training_config import TrainingConfig

CPU = torch.device("cpu")
CLASSES = ("dark", "bright", "striped")


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = TrainingConfig(steps=40, batch_size=32, learning_rate=3e-3, warmup_steps=5)
    monkeypatch.setattr(tstr, "RECIPE", recipe)


def drawn(per_class: int, seed: int, classes: tuple[int, ...] = (0, 1, 2)) -> ImageSet:
    random = np.random.default_rng(seed)
    labels = np.repeat(classes, per_class)
    images = random.integers(0, 60, (len(labels), 1, 8, 8), dtype=np.uint8)
    images[labels == 1] += 150
    images[labels == 2, :, ::2] += 150
    return ImageSet.of(images, labels, CLASSES)


def without_labels(images: ImageSet) -> ImageSet:
    return ImageSet.of(images.images, None, images.classes)


def test_good_samples_teach_every_class() -> None:
    samples, real = drawn(40, 1), drawn(30, 2)
    overall, by_class = tstr_accuracy(samples, samples.labels, real, seed=0, device=CPU)
    assert overall is not None
    assert overall.value > 0.95
    assert set(by_class) == set(CLASSES)
    assert overall.value == pytest.approx(np.mean([one.value for one in by_class.values()]))
    low, high = overall.interval()
    assert 0 < low < overall.value <= high <= 1


def test_a_class_that_the_samples_lost_is_not_learned() -> None:
    samples = drawn(40, 3, classes=(0, 1))
    overall, by_class = tstr_accuracy(samples, samples.labels, drawn(30, 4), seed=0, device=CPU)
    assert overall is not None
    assert by_class["striped"].value == 0
    assert by_class["dark"].value > 0.9
    assert overall.value < 0.7


def test_intended_labels_come_before_verdicts_and_rejects_are_left_out() -> None:
    samples, real = drawn(40, 5), drawn(30, 6)
    wrong = (samples.labels + 1) % 3
    intended, _ = tstr_accuracy(samples, wrong, real, seed=0, device=CPU)
    judged, _ = tstr_accuracy(without_labels(samples), wrong, real, seed=0, device=CPU)
    assert intended is not None
    assert judged is not None
    assert intended.value > 0.95
    assert judged.value < 0.05
    rejects = np.full(len(samples), UNLABELLED)
    assert tstr_accuracy(without_labels(samples), rejects, real, seed=0, device=CPU) == (None, {})
    half = np.where(np.arange(len(samples)) % 2, samples.labels, UNLABELLED)
    found, _ = tstr_accuracy(without_labels(samples), half, real, seed=0, device=CPU)
    assert found is not None
    assert found.value > 0.95


def test_the_same_seed_gives_the_same_accuracy_and_leaves_the_random_state_alone() -> None:
    samples, real = drawn(10, 7), drawn(30, 8)
    before = torch.random.get_rng_state()
    first = tstr_accuracy(samples, samples.labels, real, seed=1, device=CPU)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(3)
    assert tstr_accuracy(samples, samples.labels, real, seed=1, device=CPU) == first
