"""The laws of ImageSet."""

from __future__ import annotations

import numpy as np
import pytest

from imgcollapse.images import REAL, UNLABELLED, HashedImages, ImageSet

CLASSES = ("cat", "dog", "owl")


def some(num: int = 12, seed: int = 0, shape: tuple[int, int, int] = (3, 4, 5)) -> ImageSet:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (num, *shape), np.uint8)
    labels = random.integers(-1, 3, num)
    origin = random.integers(0, 4, num).astype(np.int32)
    return ImageSet(images, labels, origin, CLASSES)


def same(one: ImageSet, other: ImageSet) -> bool:
    return (
        np.array_equal(one.images, other.images)
        and np.array_equal(one.labels, other.labels)
        and np.array_equal(one.origin, other.origin)
        and one.classes == other.classes
    )


def test_a_set_cut_in_pieces_and_joined_is_the_set() -> None:
    whole = some()
    assert same(whole[:5].concat(whole[5:6], whole[6:]), whole)
    assert same(whole.concat(whole[:0]), whole)
    assert len(whole[2:9]) == 7


def test_slices_index_arrays_and_masks_pick_alike() -> None:
    whole = some()
    mask = np.zeros(len(whole), bool)
    mask[2:7:2] = True
    assert same(whole[2:7:2], whole[np.array([2, 4, 6])])
    assert same(whole[2:7:2], whole[[2, 4, 6]])
    assert same(whole[2:7:2], whole[mask])
    turned = whole[np.array([3, 0])]
    assert turned.labels.tolist() == [whole.labels[3], whole.labels[0]]
    assert turned.origin.tolist() == [whole.origin[3], whole.origin[0]]


def test_counts_add_up_and_leave_out_the_unlabelled() -> None:
    whole = some(100)
    assert (whole[:30].counts() + whole[30:].counts()).tolist() == whole.counts().tolist()
    assert whole.counts().sum() == (whole.labels != UNLABELLED).sum() < 100
    of_one = ImageSet.of(whole.images[:4], np.array([0, 0, 2, 0]), CLASSES)
    assert of_one.counts().tolist() == [3, 0, 1]
    assert whole[:0].counts().tolist() == [0, 0, 0]


def test_images_are_real_and_unlabelled_until_told_otherwise() -> None:
    images = some().images
    plain = ImageSet.of(images, None, CLASSES)
    assert plain.origin.tolist() == [REAL] * 12
    assert plain.labels.tolist() == [UNLABELLED] * 12
    born = plain.born(4)
    assert born.origin.tolist() == [4] * 12
    assert plain.origin.tolist() == [REAL] * 12
    assert born.image_shape == (3, 4, 5)


def test_the_hash_is_of_content_and_shape_alone() -> None:
    one, other = some(seed=1), some(seed=2)
    relabelled = ImageSet.of(one.images, None, CLASSES, origin=7)
    assert one.hashes() == relabelled.hashes()
    assert not set(one.hashes()) & set(other.hashes())
    assert one[::-1].hashes() == one.hashes()[::-1]
    reshaped = ImageSet.of(one.images.reshape(12, 3, 5, 4), None, CLASSES)
    assert not set(one.hashes()) & set(reshaped.hashes())
    turned = ImageSet.of(one.images.transpose(0, 2, 3, 1).copy().transpose(0, 3, 1, 2), None, "abc")
    assert turned.hashes() == one.hashes()
    black = ImageSet.of(np.zeros((1, 1, 2, 8), np.uint8), None, CLASSES)
    tall = ImageSet.of(np.zeros((1, 1, 8, 2), np.uint8), None, CLASSES)
    assert black.hashes() != tall.hashes()


def test_parts_of_hashed_images_know_their_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = some(20)
    mask = np.arange(20) % 3 == 0
    parts = [slice(2, 9), mask, np.array([4, 1, 1]), [3, 0]]
    expected = [whole[part].hashes() for part in parts]
    hashed = HashedImages.of_set(whole)
    monkeypatch.setattr(ImageSet, "hashes", None)
    for part, hashes in zip(parts, expected, strict=True):
        assert hashed[part].hashes() == hashes
        assert same(hashed[part], whole[part])
    assert HashedImages.of_set(hashed[mask])[:2].hashes() == expected[1][:2]


@pytest.mark.parametrize("label", [-2, 3])
def test_a_label_that_names_no_class_is_refused(label: int) -> None:
    images = some(2).images
    with pytest.raises(ValueError, match="names no class"):
        ImageSet.of(images, np.array([0, label]), CLASSES)


def test_other_arrays_are_refused() -> None:
    whole = some()
    with pytest.raises(ValueError, match="uint8"):
        ImageSet.of(whole.images.astype(np.float32), None, CLASSES)
    with pytest.raises(ValueError, match="uint8"):
        ImageSet.of(whole.images[0], None, CLASSES)
    with pytest.raises(ValueError, match="length"):
        ImageSet(whole.images, whole.labels[:3], whole.origin, CLASSES)
    with pytest.raises(ValueError, match="length"):
        ImageSet(whole.images, whole.labels, whole.origin[:3], CLASSES)
    with pytest.raises(ValueError, match="different classes"):
        whole.concat(ImageSet.of(whole.images, None, ("cat", "dog")))
