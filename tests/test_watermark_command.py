"""``watermark stamp`` and ``detect``: every format, both forms of the answer, refusals."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from conftest import Call
from PIL import Image

from imgcollapse.data.formats import read_images
from imgcollapse.data.kennel import draw_many
from imgcollapse.data.writing import write_images
from imgcollapse.images import ImageSet
from imgcollapse.policies.watermark import stamp

PAGE = Path(__file__).parents[1] / "docs" / "watermark.md"
CLASSES = ("golden-retriever", "labrador")


def dogs(per_breed: int = 100, size: int = 32) -> ImageSet:
    images = [draw_many(breed, range(per_breed), seed=1, size=size) for breed in (0, 1)]
    labels = np.repeat([1, 0], per_breed)
    return ImageSet.of(np.concatenate(images), labels, CLASSES)


def read(path: Path) -> ImageSet:
    return read_images(path, image_size=None, how="antialias", samples=True)[0]


@pytest.mark.parametrize("source", ["in.npz", "in.zip", "in"])
@pytest.mark.parametrize("target", ["out.npz", "out.zip", "out"])
def test_labels_and_order_stay_from_every_format_to_every_other(
    call: Call, tmp_path: Path, source: str, target: str
) -> None:
    plain = dogs(20)
    write_images(plain, tmp_path / source)
    said = call("watermark", "stamp", source, target, "--key", "a key")
    assert said.code == 0, said.err
    assert said.out == f"{target}: 40 images marked, each at a PSNR of 40.0 dB or more\n"
    marked = read(tmp_path / target)
    assert marked.classes == CLASSES
    np.testing.assert_array_equal(marked.labels, plain.labels)
    np.testing.assert_array_equal(marked.images, stamp(plain.images, "a key"))
    found = call("watermark", "detect", target, "--key", "a key", "--json").json
    assert (found["n"], found["detected"]) == (40, 40)


def test_a_flat_folder_of_grey_images_is_marked_too(call: Call, tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    for index, image in enumerate(dogs(5).images):
        Image.fromarray(image[0]).save(tmp_path / "flat" / f"{index}.png")
    assert call("watermark", "stamp", "flat", "out", "--key", "k").code == 0
    marked = read(tmp_path / "out")
    assert marked.image_shape == (1, 32, 32)
    assert (marked.labels == -1).all()
    assert call("watermark", "detect", "out", "--key", "k", "--json").json["rate"] == 1


def test_the_answer_as_json(call: Call, tmp_path: Path) -> None:
    plain = dogs()
    pool = plain[:60].concat(
        ImageSet.of(stamp(plain.images[60:], 7), plain.labels[60:], CLASSES, origin=1)
    )
    write_images(pool, tmp_path / "pool.npz")
    said = call("watermark", "detect", "pool.npz", "--key", "7", "--json")
    assert said.code == 0
    assert said.err == ""
    found = said.json
    assert list(found) == [
        "n", "detected", "rate", "low", "high", "threshold", "fpr", "calibration",
        "keys", "none", "carrying", "sets", "z",
    ]  # fmt: skip
    assert found["detected"] == 140
    assert found["rate"] == 0.7
    assert 0.6 < found["low"] < 0.7 < found["high"] < 0.8
    assert found["fpr"] == 0.001
    assert found["calibration"]["by"] == "random keys"
    assert 2.5 < found["threshold"] < 4
    assert len(found["z"]) == 200
    assert sum(z > found["threshold"] for z in found["z"]) == 140
    assert found["sets"]["7"]["p"] < 1e-9
    assert call("watermark", "detect", "pool.npz", "--key", "7", "--json") == said


def test_several_keys_give_a_histogram(call: Call, tmp_path: Path) -> None:
    plain = dogs()
    marked = [stamp(plain.images[:50], "one"), stamp(plain.images[50:120], "two")]
    pool = ImageSet.of(np.concatenate([*marked, plain.images[120:]]), plain.labels, CLASSES)
    write_images(pool, tmp_path / "pool.zip")
    keys = ("--key", "two", "--key", "one", "--key", "three")
    found = call("watermark", "detect", "pool.zip", *keys, "--json").json
    assert found["keys"] == {"two": 70, "one": 50, "three": 0}
    assert found["none"] == 80
    assert found["detected"] == 120
    alone = call("watermark", "detect", "pool.zip", "--key", "two", "--json").json
    assert found["threshold"] > alone["threshold"]
    said = call("watermark", "detect", "pool.zip", *keys).out
    assert "pool.zip: 120 (60.00 %" in said
    assert re.search(r"^  two +70 \(35.00 %, 28.* to 42.* %\), most strongly 70$", said, re.M)


def test_held_out_real_images_calibrate(call: Call, tmp_path: Path) -> None:
    write_images(dogs(), tmp_path / "real.npz")
    said = call("watermark", "stamp", "real.npz", "out.npz", "--key", "k", "--psnr", 44, "--json")
    assert 44 <= said.json["psnr"] < 44.2
    assert (said.json["path"], said.json["images"], said.json["key"]) == ("out.npz", 200, "k")
    words = ("watermark", "detect", "out.npz", "--key", "k", "--calibrate", "real.npz")
    found = call(*words, "--fpr", "1e-6", "--json").json
    assert found["calibration"] == {"by": "real.npz", "values": 200, "fitted": True}
    assert found["rate"] == 1
    likely = call(*words, "--fpr", "0.1", "--json").json
    assert not likely["calibration"]["fitted"]
    assert likely["threshold"] < found["threshold"]
    answer = call(*words).out
    assert "calibrated with real.npz, in a fitted tail" in answer
    assert "\nthe set as a whole:\n  k  mean z " in answer


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("detect", "in.npz", "--key", "a", "--key", "b", "--key", "a"), 2, "a is given twice"),
        (("detect", "in.npz", "--key", "a", "--fpr", "0"), 2, "--fpr 0"),
        (("detect", "in.npz", "--key", "a", "--fpr", "0.5"), 2, "--fpr 0.5"),
        (("detect", "none.npz", "--key", "a"), 3, "nothing at this path"),
        (("detect", "in.npz", "--key", "a", "--calibrate", "in.npz"), 3, "40 real images are too"),
        (("detect", "in.npz", "--key", "a", "--calibrate", "16.npz"), 3, "3×16×16"),
        (("detect", "8.npz", "--key", "a"), 3, "8×8 pixels are too small"),
        (("stamp", "8.npz", "out.npz", "--key", "a"), 3, "8×8 pixels are too small"),
        (("stamp", "in.npz", "out.tar", "--key", "a"), 2, "not written as .tar"),
        (("stamp", "in.npz", "16.npz", "--key", "a"), 3, "something at this path"),
        (("stamp", "in.npz", "out.npz"), 2, "--key"),
        (("stamp", "in.npz", "out.npz", "--key", "a", "--psnr", "20"), 2, "--psnr"),
        (("stamp", "in.npz", "out.npz", "--key", ""), 2, "--key is empty"),
        (("detect", "in.npz", "--key", ""), 2, "--key is empty"),
        (("stamp", "in.npz", "out.npz", "--key", os.fsdecode(b"\xff")), 2, "no text in UTF-8"),
        (("detect", "in.npz", "--key", "a", "--key", os.fsdecode(b"\xff")), 2, "no text in UTF-8"),
        (("stamp", "part.npz", "out.zip", "--key", "a"), 2, "3 of the 6 images have no class"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_written(
    call: Call, tmp_path: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    write_images(dogs(20), tmp_path / "in.npz")
    write_images(dogs(20, size=16), tmp_path / "16.npz")
    small = ImageSet.of(np.zeros((3, 1, 8, 8), np.uint8), None, ())
    write_images(small, tmp_path / "8.npz")
    part = ImageSet.of(dogs(3).images, np.array([0, -1, 1, -1, -1, 0]), CLASSES)
    write_images(part, tmp_path / "part.npz")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = call("watermark", *words)
    assert said.code == code
    assert says in said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_commands_of_the_page_run(call: Call) -> None:
    blocks = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 5
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "imgcollapse"
        said = call(*words)
        assert said.code == 0, f"{line}\n{said.err}"
        assert said.out, line
