"""The kennel: always the same dogs, in every size, each breed a distribution of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from PIL import Image
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from imgcollapse.data.kennel import BREEDS, SHIFT, TILT, Traits, draw, draw_many, traits
from imgcollapse.data.kennel_breeds import KENNEL
from imgcollapse.errors import DataError

ALL = range(len(BREEDS))


def test_ten_breeds_with_the_golden_retriever_first() -> None:
    assert len(set(BREEDS)) == 10
    assert BREEDS[0] == "golden-retriever"
    assert all(name == name.lower() and name.replace("-", "").isalpha() for name in BREEDS)


@pytest.mark.parametrize("breed", ALL)
def test_an_image_does_not_depend_on_the_range_asked(breed: int) -> None:
    together = draw_many(breed, range(8), seed=3, size=32)
    assert np.array_equal(draw_many(breed, range(5, 8), seed=3, size=32), together[5:])
    assert np.array_equal(draw_many(breed, range(7, -1, -1), seed=3, size=32), together[::-1])
    assert np.array_equal(draw(traits(breed, 4, seed=3), 32), together[4])


def test_another_process_draws_the_same_bytes() -> None:
    program = (
        "import hashlib; from imgcollapse.data.kennel import draw_many;"
        "print(hashlib.sha256(b''.join(draw_many(b, range(2), seed=5, size=24).tobytes()"
        " for b in range(10))).hexdigest())"
    )
    there = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = b"".join(draw_many(breed, range(2), seed=5, size=24).tobytes() for breed in ALL)
    assert there == hashlib.sha256(here).hexdigest()


def test_seeds_breeds_and_indices_give_different_dogs() -> None:
    dogs = {traits(breed, i, seed=seed) for breed in ALL for i in range(3) for seed in (0, 1)}
    assert len(dogs) == 60
    pictures = {draw(dog, 32).tobytes() for dog in dogs}
    assert len(pictures) == 60


@pytest.mark.parametrize("size", [16, 17, 28, 32, 40, 41, 48, 64])
def test_every_size_gives_the_same_dog(size: int) -> None:
    for breed in ALL:
        images = draw_many(breed, range(2), seed=1, size=size)
        assert images.shape == (2, 3, size, size)
        assert images.dtype == np.uint8
        large = Image.fromarray(draw(traits(breed, 0, seed=1), 64).transpose(1, 2, 0))
        reduced = np.asarray(large.resize((size, size), Image.Resampling.BOX), dtype=float)
        difference = np.abs(reduced - images[0].transpose(1, 2, 0))
        assert difference.mean() < 6, BREEDS[breed]


@pytest.mark.parametrize("size", [0, 15, 65, -3])
@pytest.mark.parametrize("num", [0, 1])
def test_other_sizes_are_refused(size: int, num: int) -> None:
    with pytest.raises(DataError, match=f"{size} pixels"):
        draw_many(0, range(num), seed=0, size=size)


@pytest.mark.parametrize("breed", [-1, 10])
def test_other_breeds_are_refused(breed: int) -> None:
    with pytest.raises(DataError, match="no breed"):
        draw_many(breed, range(1), seed=0, size=32)


def test_no_images_is_an_empty_array() -> None:
    empty = draw_many(0, range(0), seed=0, size=20)
    assert empty.shape == (0, 3, 20, 20)
    assert empty.dtype == np.uint8


@pytest.mark.parametrize("breed", ALL)
def test_every_trait_varies_in_its_range_and_shows_in_the_picture(breed: int) -> None:
    dogs = [traits(breed, index, seed=0) for index in range(40)]
    kind = KENNEL[breed]
    constant = {"breed"}
    constant |= {"tongue"} if kind.tongue == (0, 0) else set()
    constant |= set() if kind.spots else {"spots"}
    for name in (field.name for field in fields(Traits)):
        values = {getattr(dog, name) for dog in dogs}
        if name in constant:
            assert len(values) == 1, name
            continue
        assert len(values) > 10, name
        changed = [replace(dogs[0], **{name: value}) for value in sorted(values)]
        assert len({draw(dog, 64).tobytes() for dog in changed}) > 5, name
    for dog in dogs:
        assert TILT[0] <= dog.tilt <= TILT[1]
        assert SHIFT[0] <= dog.shift_x <= SHIFT[1]
        assert kind.head.width[0] <= dog.head_width <= kind.head.width[1]
        assert all(0 <= channel <= 255 for channel in (*dog.coat, *dog.background))


def test_the_traits_say_what_is_seen() -> None:
    dog = replace(traits(0, 0, seed=0), background_fade=0.0, background=(10, 20, 200))
    assert tuple(draw(dog, 32)[:, 0, 0]) == (10, 20, 200)

    def middle_of_the_dog(shift: float) -> float:
        seen = draw(replace(dog, tilt=0.0, shift_x=shift), 32).astype(int)
        is_dog = (np.abs(seen - np.array([10, 20, 200])[:, None, None]).sum(axis=0) > 60).sum(
            axis=0
        )
        return float((is_dog * np.arange(32)).sum() / is_dog.sum())

    assert middle_of_the_dog(0.1) - middle_of_the_dog(0.0) == pytest.approx(3.2, abs=0.3)


@pytest.mark.parametrize("breed", ALL)
def test_no_two_of_many_images_are_equal(breed: int) -> None:
    images = draw_many(breed, range(2000), seed=11, size=16)
    assert len({image.tobytes() for image in images}) == 2000


@pytest.mark.parametrize("breed", ALL)
def test_the_dog_stays_off_the_sides_of_the_picture(breed: int) -> None:
    for index in range(100):
        dog = replace(traits(breed, index, seed=2), background=(0, 0, 255), background_fade=0.0)
        picture = draw(dog, 32)
        above = np.concatenate([picture[:, 0].T, picture[:, :20, 0].T, picture[:, :20, -1].T])
        touched = (above != (0, 0, 255)).any(axis=1).sum()
        assert touched <= 3, f"{BREEDS[breed]} {index}"


def test_breeds_are_told_apart_by_a_linear_classifier() -> None:
    def pixels(seed: int, num: int) -> np.ndarray:
        drawn = [draw_many(breed, range(num), seed=seed, size=16) for breed in ALL]
        flat: np.ndarray = np.concatenate(drawn).reshape(num * len(BREEDS), -1) / 255
        return flat

    classifier = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    classifier.fit(pixels(0, 100), np.repeat(ALL, 100))
    assert classifier.score(pixels(1, 50), np.repeat(ALL, 50)) >= 0.99
