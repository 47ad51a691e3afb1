"""Splits of real images: disjoint by content, counted by class, the floor drawn as samples are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.data.splits import Splits, assert_disjoint, make_splits
from imgcollapse.data.writing import write_images
from imgcollapse.errors import DataError
from imgcollapse.images import UNLABELLED, ImageSet

CLASSES = ("cat", "dog")


def config(**sections: Any) -> Config:
    return parse_config({"generator": {"kind": "bootstrap"}, **sections})


def kennel(seed: int, num_images: int) -> Splits:
    return make_splits(
        config(
            seed=seed,
            data={
                "source": "kennel",
                "image_size": 16,
                "judge_per_class": 10,
                "reference_per_class": 10,
            },
            profile={"kind": "exp", "num_max": 30, "imbalance": 0.5},
            scores={"num_images": num_images},
        )
    )


def images(counts: tuple[int, ...], seed: int) -> ImageSet:
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 1, 8, 8), np.uint8)
    return ImageSet.of(pixels, labels, CLASSES)


def from_files(root: Path) -> Splits:
    return make_splits(
        config(
            data={"source": "files", "root": str(root)},
            profile={"kind": "step", "num_max": 30, "imbalance": 0.5},
        )
    )


def test_the_floor_is_a_multinomial_draw_at_the_shares_of_the_pool() -> None:
    """Sum of 12 chi-squares of 9 degrees: 62 to 167 holds 99.9 %; exact counts would give 0."""
    total = 0.0
    for seed in range(12):
        splits = kennel(seed, 150)
        expected = splits.pool.counts() * 150 / len(splits.pool)
        total += float(((splits.floor.counts() - expected) ** 2 / expected).sum())
        assert len(splits.floor) == 150
    assert 62 < total < 167


def test_the_floor_of_a_finite_source_varies_too_and_takes_only_what_is_left() -> None:
    def digits(seed: int) -> Splits:
        return make_splits(
            config(
                seed=seed,
                data={"source": "digits", "judge_per_class": 20, "reference_per_class": 20},
                profile={"kind": "exp", "num_max": 60, "imbalance": 0.3},
            )
        )

    floors = [digits(seed).floor.counts() for seed in range(6)]
    assert len({floor.sum() for floor in floors}) == 1
    assert np.var(floors, axis=0).sum() > 0.3 * np.mean(floors, axis=0).sum()


def test_an_image_in_two_splits_is_refused() -> None:
    part, other = images((4, 4), 1), images((4, 4), 2)
    with pytest.raises(DataError, match="1 images are both in the pool and in the floor"):
        assert_disjoint(Splits(part, other, images((2, 2), 3), images((3, 3), 4).concat(part[:1])))


def test_exact_copies_within_a_source_are_left_out_with_a_note(tmp_path: Path) -> None:
    found = images((90, 90), 5)
    write_images(found.concat(found[:7]), tmp_path / "copies.zip")
    splits = from_files(tmp_path / "copies.zip")
    assert any("7 exact copies" in note for note in splits.notes)
    assert sum(len(part) for part in splits.parts().values()) <= 180


def test_images_without_a_class_are_left_out_with_a_note(tmp_path: Path) -> None:
    found = images((90, 90), 6)
    labels = np.where(np.arange(180) % 30 == 0, UNLABELLED, found.labels)
    write_images(ImageSet.of(found.images, labels, CLASSES), tmp_path / "some.npz")
    splits = from_files(tmp_path / "some.npz")
    assert any("6 images without a class" in note for note in splits.notes)


@pytest.mark.parametrize("labelled", [True, False])
def test_one_class_or_none_is_an_error_of_the_data(tmp_path: Path, labelled: bool) -> None:
    pixels = images((60, 0), 7).images
    labels = np.zeros(60, np.int64) if labelled else None
    write_images(ImageSet.of(pixels, labels, ("cat",)), tmp_path / "one.zip")
    with pytest.raises(DataError, match="fewer than two classes"):
        from_files(tmp_path / "one.zip")


def test_too_few_images_of_a_class_name_it_and_both_counts(tmp_path: Path) -> None:
    write_images(images((90, 14), 8), tmp_path / "few.zip")
    with pytest.raises(DataError, match="class dog: the profile asks for 15, files holds 14"):
        from_files(tmp_path / "few.zip")


def test_judge_and_reference_share_one_root_half_each(tmp_path: Path) -> None:
    write_images(images((200, 40), 9), tmp_path / "pool.zip")
    write_images(images((100, 100), 10), tmp_path / "balanced.zip")
    balanced = str(tmp_path / "balanced.zip")
    splits = make_splits(
        config(
            data={
                "source": "files",
                "root": str(tmp_path / "pool.zip"),
                "judge_root": balanced,
                "reference_root": balanced,
            },
            profile={"kind": "as-is"},
        )
    )
    assert splits.pool.counts().tolist() == [200, 40]
    assert splits.judge.counts().tolist() == [50, 50]
    assert splits.reference.counts().tolist() == [30, 30]
    assert any("judge 100, reference 60, floor" in note for note in splits.notes)
