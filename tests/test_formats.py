"""Images keep their bytes, labels and class names through every format; what is wrong is named."""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from imgcollapse.data.formats import read_idx, read_images
from imgcollapse.data.resizing import fit_images
from imgcollapse.data.writing import write_images
from imgcollapse.errors import ConfigError, DataError
from imgcollapse.images import ImageSet
from imgcollapse.store.run_directory import RunDirectory, write_samples

REAL_DATA = Path(
    os.environ.get("IMGCOLLAPSE_DATA", Path(__file__).parents[1].parent / "shared" / "data")
)
AWKWARD = ("zebra", "T-shirt/top", ".hidden", "St. Bernard", "extinct")


def noise(num: int, channels: int, height: int = 6, width: int = 6) -> NDArray[np.uint8]:
    random = np.random.default_rng(num + channels)
    return random.integers(0, 256, (num, channels, height, width), np.uint8)


def save(path: Path, pixels: NDArray[np.uint8], mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path)


def grey(side: int = 6, height: int | None = None) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = noise(1, 1, height or side, side)[0, 0]
    return pixels


def colour(side: int = 6) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = noise(1, 3, side, side)[0].transpose(1, 2, 0).copy()
    return pixels


def read(path: Path, image_size: int | None = None, how: str = "antialias") -> ImageSet:
    return read_images(path, image_size=image_size, how=how)[0]  # type: ignore[arg-type]


def notes_of(path: Path, image_size: int | None = None, how: str = "antialias") -> list[str]:
    return read_images(path, image_size=image_size, how=how)[1]  # type: ignore[arg-type]


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    content = head + array.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_idx_pair(folder: Path, ending: str = "", part: str = "train") -> ImageSet:
    images = noise(7, 1, 5, 5)
    labels = np.array([0, 1, 2, 0, 1, 2, 3], np.uint8)
    write_idx(folder / f"{part}-images-idx3-ubyte{ending}", images[:, 0])
    write_idx(folder / f"{part}-labels-idx1-ubyte{ending}", labels)
    return ImageSet.of(images, labels, "0123")


WHOLE, PARTLY = [3, 0, 1, 2, 1, 0, 3], [3, -1, 1, 2, -1, 0, 0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ending", "labels"),
    [*itertools.product((".npz", ".zip", ""), (WHOLE, None)), (".npz", PARTLY), ("", PARTLY)],
)
def test_round_trip_is_lossless(
    tmp_path: Path, ending: str, channels: int, labels: list[int] | None
) -> None:
    given = None if labels is None else np.array(labels)
    images = ImageSet.of(noise(7, channels, 6, 9), given, AWKWARD)
    write_images(images, tmp_path / f"set{ending}")
    back, notes = read_images(tmp_path / f"set{ending}", image_size=None, how="antialias")
    np.testing.assert_array_equal(back.images, images.images)
    np.testing.assert_array_equal(back.labels, images.labels)
    assert back.classes == AWKWARD
    assert notes == []
    assert [path.name for path in tmp_path.iterdir()] == [f"set{ending}"]


def test_a_zip_that_edm_would_misread_is_not_written(tmp_path: Path) -> None:
    images = ImageSet.of(noise(7, 3), np.array(PARTLY), AWKWARD)
    with pytest.raises(ConfigError, match="2 of the 7 images have no class"):
        write_images(images, tmp_path / "set.zip")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [".npz", ".zip"])
def test_same_images_give_the_same_bytes(tmp_path: Path, ending: str) -> None:
    images = ImageSet.of(noise(5, 3), np.arange(5), "abcde")
    for name in ("one", "two"):
        write_images(images, tmp_path / f"{name}{ending}")
    assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes()


def test_written_folder_is_one_of_class_folders(tmp_path: Path) -> None:
    images = ImageSet.of(noise(3, 3), np.array([1, 0, 1]), ("cat", "bird"))
    write_images(images, tmp_path / "set")
    (tmp_path / "set" / "dataset.json").unlink()
    back = read(tmp_path / "set")
    assert back.classes == ("bird", "cat")
    np.testing.assert_array_equal(back.images, images.images[[0, 2, 1]])


@pytest.mark.parametrize("ending", [".npz", ".zip", ""])
def test_nothing_is_overwritten(tmp_path: Path, ending: str) -> None:
    images = ImageSet.of(noise(2, 1), None, ())
    target = tmp_path / f"set{ending}"
    write_images(images, target)
    with pytest.raises(DataError, match="already") as refused:
        write_images(images, target)
    assert str(target) in refused.value.message


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match="cannot be written"):
        write_images(ImageSet.of(noise(2, 1), None, ()), tmp_path / "file" / "set.zip")
    with pytest.raises(TypeError):
        write_images(ImageSet.of(noise(2, 5), None, ()), tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_class_folders_of_every_ending_and_depth(tmp_path: Path) -> None:
    for place in ("dog/a.png", "dog/deep/er/b.JPG", "cat/c.jpeg", "cat/d.webp", "ant/e.bmp"):
        save(tmp_path / place, colour())
    (tmp_path / "dog" / "notes.txt").write_text("no image")
    save(tmp_path / "dog" / "._a.png", colour())
    (tmp_path / ".cache").mkdir()
    images = read(tmp_path)
    assert images.classes == ("ant", "cat", "dog")
    assert images.counts().tolist() == [1, 2, 2]
    np.testing.assert_array_equal(images.images[0], colour().transpose(2, 0, 1))


def test_images_without_class_folders_have_no_labels(tmp_path: Path) -> None:
    save(tmp_path / "a.png", grey())
    assert read(tmp_path).labels.tolist() == [-1]
    save(tmp_path / "cat" / "b.png", grey())
    with pytest.raises(DataError, match=r"beside the class folders \(a\.png"):
        read(tmp_path)


def test_zip_in_the_layout_of_the_stylegan_tools(tmp_path: Path) -> None:
    names = [f"00000/img{index:08d}.jpg" for index in range(3)]

    def zip_with(listing: object) -> Path:
        with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
            for name in names:
                content = io.BytesIO()
                Image.fromarray(colour()).save(content, "JPEG")
                archive.writestr(name, content.getvalue())
            if listing is not None:
                archive.writestr("dataset.json", json.dumps(listing))
        return tmp_path / "set.zip"

    rows = [[name, label] for name, label in zip(names, (2, 0, 2), strict=True)]
    named = read(zip_with({"labels": rows, "classes": ["ant", "bee", "cat"]}))
    assert (named.labels.tolist(), named.classes) == ([2, 0, 2], ("ant", "bee", "cat"))
    assert read(zip_with({"labels": rows})).classes == ("0", "1", "2")
    assert read(zip_with({"labels": None})).labels.tolist() == [-1] * 3
    assert "no dataset.json, so the images have no labels" in notes_of(zip_with(None))[0]
    for listing, message in (
        ({"labels": rows, "classes": ["ant"]}, "label 2 is beyond the 1 names"),
        ({"labels": rows, "classes": "ant"}, "not a list of names"),
        ({"labels": rows[:2]}, "img00000002.jpg has no label"),
        ({"labels": [*rows, ["x.png", 0]]}, r"x\.png has no image"),
        ({"labels": [[name, "cat"] for name in names]}, "not a whole number"),
        ({"labels": [[name, -2] for name in names]}, "negative"),
        ({"labels": [1, 2, 3]}, "not readable"),
        ([], "not readable"),
    ):
        with pytest.raises(DataError, match=message):
            read(zip_with(listing))


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_pair_by_file_and_by_folder(tmp_path: Path, ending: str) -> None:
    written = write_idx_pair(tmp_path, ending)
    for path in (tmp_path, tmp_path / f"train-images-idx3-ubyte{ending}"):
        back = read(path)
        np.testing.assert_array_equal(back.images, written.images)
        np.testing.assert_array_equal(back.labels, written.labels)
        assert back.classes == tuple("0123")


def test_idx_folder_with_two_pairs_asks_for_one(tmp_path: Path) -> None:
    write_idx_pair(tmp_path)
    write_idx_pair(tmp_path, ".gz")
    assert len(read(tmp_path)) == 7
    write_idx_pair(tmp_path, part="t10k")
    with pytest.raises(DataError, match="t10k-images-idx3-ubyte, train-images-idx3-ubyte") as error:
        read(tmp_path)
    assert error.value.hint == "name one of the files"


def test_idx_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_idx_pair(tmp_path, ".gz")
    images, labels = sorted(tmp_path.iterdir())
    whole = images.read_bytes()
    write_idx(labels, np.zeros(6, np.uint8))
    with pytest.raises(DataError, match="do not go with labels"):
        read(images)
    labels.unlink()
    with pytest.raises(DataError, match="train-labels-idx1-ubyte"):
        read(images)
    images.write_bytes(whole[:-30])
    with pytest.raises(DataError, match=images.name):
        read_idx(images)
    plain = tmp_path / "images-idx3-ubyte"
    for content in (gzip.decompress(whole)[:-1], b"\0\0", b"PNG not an IDX"):
        plain.write_bytes(content)
        with pytest.raises(DataError, match=plain.name):
            read_idx(plain)


def test_npz_of_adm_has_images_last_and_labels_optional(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    images = noise(4, 3)
    np.savez(path, images.transpose(0, 2, 3, 1), np.array([0, 5, 2, 1]))
    back = read(path)
    np.testing.assert_array_equal(back.images, images)
    assert back.classes == tuple("012345")
    np.savez(path, images.transpose(0, 2, 3, 1))
    assert read(path).labels.tolist() == [-1] * 4


@pytest.mark.parametrize("labels", [None, [1, 0, 2, 2], [1, -1, 2, 0]])
def test_samples_of_a_run_can_be_read_alone(tmp_path: Path, labels: list[int] | None) -> None:
    path = tmp_path / "gen_000" / "samples.npz"
    path.parent.mkdir()
    intended = None if labels is None else np.array(labels)
    samples = ImageSet.of(noise(4, 3), intended, ("cat", "dog", "hen"), origin=1)
    write_samples(path, samples)
    with np.load(path) as stored:
        assert set(stored) == {"arr_0", "classes"} | ({"arr_1"} if labels else set())
    back = RunDirectory(tmp_path).samples(0, samples.classes)
    for found in (read(path), back):
        np.testing.assert_array_equal(found.images, samples.images)
        assert found.labels.tolist() == samples.labels.tolist()
        assert found.classes == samples.classes
    assert set(back.origin) == {1}
    assert RunDirectory(tmp_path).samples(0, samples.classes, 3).hashes() == samples.hashes()[:3]


def test_npz_that_is_wrong_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.npz"
    good = noise(4, 3).transpose(0, 2, 3, 1)
    for arrays, message in (
        ({"other": good}, "no array arr_0"),
        ({"arr_0": good / 255}, "float64"),
        ({"arr_0": good[..., 0]}, "uint8"),
        ({"arr_0": good[:0]}, "no images"),
        ({"arr_0": good, "arr_1": np.zeros(3, int)}, "arr_1"),
        ({"arr_0": good, "arr_1": np.array([0, 1, 2, 9]), "classes": np.array(["a"])}, "label 9"),
        ({"arr_0": np.array([{}], object)}, "allow_pickle=False"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(DataError, match=message) as error:
            read(path)
        assert str(path) in error.value.message
    np.savez(path, good)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"samples\.npz"):
        read(path)


def test_cut_zip_and_broken_member_are_named(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    write_images(ImageSet.of(noise(3, 3), np.arange(3), "abc"), path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-60])
    with pytest.raises(DataError, match=r"cannot be read.*set\.zip"):
        read(path)
    # a changed byte inside the pixels of the second member breaks its checksum
    place = whole.index(b"IDAT", whole.index(b"img00000001.png")) + 8
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1 :])
    with pytest.raises(DataError, match=r"img00000001\.png in .*set\.zip"):
        read(path)


def test_unreadable_file_is_named(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "good.png", colour())
    bad = tmp_path / "cat" / "bad.png"
    for content in (b"", b"text", (tmp_path / "cat" / "good.png").read_bytes()[:-40]):
        bad.write_bytes(content)
        with pytest.raises(DataError, match=r"cat/bad\.png") as error:
            read(tmp_path)
        assert error.value.hint
    Image.fromarray(np.zeros((6, 6), np.uint16)).save(bad)
    with pytest.raises(DataError, match="not of 8 bits"):
        read(tmp_path)


def test_missing_empty_and_unknown_paths(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing at this path") as error:
        read(tmp_path / "nowhere")
    assert "folder of class folders" in error.value.hint
    with pytest.raises(DataError, match="no images"):
        read(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(DataError, match=r"not a format.*a\.txt"):
        read(tmp_path / "a.txt")
    save(tmp_path / "cat" / "a.png", grey())
    (tmp_path / "dog").mkdir()
    with pytest.raises(DataError, match="class dog has no images"):
        read(tmp_path)
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(DataError, match=r"no images.*empty\.zip"):
        read(tmp_path / "empty.zip")


def test_sizes_that_differ_need_an_image_size(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "a.png", grey(6))
    save(tmp_path / "cat" / "b.png", grey(8, height=10))
    with pytest.raises(DataError, match=r"6×6 and 8×10 \(cat/b\.png") as error:
        read(tmp_path)
    assert "data.image_size" in error.value.hint
    assert read(tmp_path, 8).image_shape == (1, 8, 8)
    assert notes_of(tmp_path, 8) == [
        "resized 2 images from 2 sizes between 6×6 and 8×10 to 8×8 with antialiasing, cutting out "
        f"the centre of those that are not square ({tmp_path})"
    ]


def test_modes_become_grey_or_rgb_with_a_note(tmp_path: Path) -> None:
    save(tmp_path / "cat" / "a.png", grey())
    save(tmp_path / "cat" / "b.png", grey(), "1")
    assert read(tmp_path).image_shape[0] == 1
    save(tmp_path / "cat" / "c.png", colour())
    images, notes = read_images(tmp_path, image_size=None, how="antialias")
    np.testing.assert_array_equal(images.images[0], np.stack([grey()] * 3))
    assert notes == [
        f"turned 2 images from grey to RGB, as others are in colour ({tmp_path})",
    ]


def test_alpha_is_laid_over_white_and_palettes_become_rgb(tmp_path: Path) -> None:
    see_through = np.dstack([colour(), np.zeros((6, 6), np.uint8)])
    save(tmp_path / "cat" / "a.png", see_through)
    save(tmp_path / "cat" / "b.png", colour(), "P")
    images, notes = read_images(tmp_path, image_size=None, how="antialias")
    assert (images.images[0] == 255).all()
    assert images.image_shape == (3, 6, 6)
    assert notes == [
        f"laid transparent pictures over white: 1 image ({tmp_path})",
        f"turned P pictures into RGB: 1 image ({tmp_path})",
    ]


@pytest.mark.parametrize("ending", [".npz", ".zip"])
def test_resizing_is_noted_and_the_same_in_every_format(tmp_path: Path, ending: str) -> None:
    pixels = noise(5, 3, 28, 28)
    path = tmp_path / f"set{ending}"
    write_images(ImageSet.of(pixels, None, ()), path)
    for how, note in (
        ("antialias", f"resized 5 images from 28×28 to 32×32 with antialiasing ({path})"),
        ("pad", f"padded 5 images from 28×28 to 32×32 with black ({path})"),
    ):
        images, notes = read_images(path, image_size=32, how=how)  # type: ignore[arg-type]
        assert notes == [note]
        expected, _ = fit_images(pixels, 32, how, "")  # type: ignore[arg-type]
        np.testing.assert_array_equal(images.images, expected)
    assert notes_of(path, 28) == []
    with pytest.raises(DataError, match="28×28 is too large to be padded to 20×20") as error:
        read(path, 20, "pad")
    assert "antialias" in error.value.hint


def test_padding_centres_on_black() -> None:
    pixels = np.full((1, 1, 3, 5), 200, np.uint8)
    padded, _ = fit_images(pixels, 8, "pad", "")
    assert padded.sum() == pixels.sum(dtype=int)
    np.testing.assert_array_equal(padded[0, 0, 2:5, 1:6], pixels[0, 0])


def test_antialiasing_averages_stripes_that_nearest_neighbour_would_keep() -> None:
    stripes = np.zeros((1, 1, 32, 32), np.uint8)
    stripes[..., ::2] = 255
    small, _ = fit_images(stripes, 8, "antialias", "")
    inside = small[0, 0, 2:-2, 2:-2].astype(int)
    assert abs(inside - 127.5).max() < 8


def test_centre_is_cut_out_of_a_wide_image() -> None:
    wide = np.zeros((1, 1, 8, 24), np.uint8)
    wide[..., 8:16] = 255
    cut, notes = fit_images(wide, 8, "antialias", "x")
    assert (cut == 255).all()
    assert "cutting out the centre" in notes[0]


def test_reading_imports_no_torch() -> None:
    code = "import sys, imgcollapse.data.formats, imgcollapse.data.sources; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "torchvision", "sklearn"} & set(loaded)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"no real data at {REAL_DATA}")
def test_cifar10_lt_from_its_zip() -> None:
    images, notes = read_images(
        REAL_DATA / "cifar10-lt-train.zip", image_size=None, how="antialias"
    )
    assert images.image_shape == (3, 32, 32)
    assert images.classes[0] == "airplane"
    assert images.counts().tolist() == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert (len(images), notes) == (12406, [])


@pytest.mark.parametrize("label", [10**12, 10**25])
def test_a_label_beyond_all_classes_is_refused_at_once(tmp_path: Path, label: int) -> None:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "PNG")
    with zipfile.ZipFile(tmp_path / "huge.zip", "w") as archive:
        archive.writestr("0.png", content.getvalue())
        archive.writestr("dataset.json", json.dumps({"labels": [["0.png", label]]}))
    with pytest.raises(DataError):
        read_images(tmp_path / "huge.zip", image_size=None, how="antialias")
