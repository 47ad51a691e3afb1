"""``measure``: images from anywhere, in numbers and in words."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Call, Said
from PIL import Image

from imgcollapse.data.formats import read_images
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.data.writing import write_images
from imgcollapse.images import ImageSet
from imgcollapse.metrics import tstr
from imgcollapse.metrics.distances import Distances, Seen
from imgcollapse.metrics.judge import train_judge
from imgcollapse.metrics.judge_network import JudgeNetwork
from imgcollapse.metrics.representation import representation
from imgcollapse.metrics.share_scores import INITIAL
from imgcollapse.scores import FLOOR, Score, from_csv
from imgcollapse.study import given_images, measuring
from imgcollapse.study.given_images import GivenImages
from imgcollapse.study.measuring import FolderRuler

SEEN = [90, 60, 40, 40, 40, 40, 40, 30, 2, 0]


def kennel(counts: list[int], seed: int, size: int = 16) -> ImageSet:
    drawn = [draw_many(breed, range(num), seed=seed, size=size) for breed, num in enumerate(counts)]
    return ImageSet.of(np.concatenate(drawn), np.repeat(np.arange(10), counts), BREEDS)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    write_images(kennel([120] * 10, 1), folder / "reference.zip")
    drawn = kennel(SEEN, 2)
    write_images(ImageSet.of(drawn.images, None, BREEDS), folder / "samples.npz")
    grey = drawn.images.astype(np.float64).mean(1, keepdims=True).astype(np.uint8)
    large = ImageSet.of(np.kron(grey, np.ones((1, 1, 2, 2), np.uint8)), None, BREEDS)
    write_images(large, folder / "grey.zip")
    return folder


def test_a_judge_is_trained_kept_and_used_again(call: Call, images: Path, tmp_path: Path) -> None:
    words = ("measure", images / "samples.npz", "--reference", images / "reference.zip")
    said = call(*words, "--steps", 80, "--no-tstr", "--out", tmp_path / "out", "--json")
    assert said.code == 0
    rows = said.json["scores"]
    assert {row["generation"] for row in rows} == {FLOOR, 0}
    assert said.json["judge"]["accuracy"] > 0.8
    metrics = {row["metric"] for row in rows}
    assert metrics >= {"share", "share_fit", "fd_judge", "fd_judge_inf", "kid_judge", "precision"}
    kept = from_csv((tmp_path / "out" / "scores.csv").read_text())
    assert [score.metric for score in kept] == [row["metric"] for row in rows]

    again = call(*words, "--judge", tmp_path / "out", "--json", "--no-tstr")
    assert again.json["judge"]["sha256"] == said.json["judge"]["sha256"]
    assert again.json["scores"] == said.json["scores"], "what the judge was made of is left out"
    assert any("600 images that the judge" in note for note in again.json["notes"])
    assert call("compare", tmp_path / "out", tmp_path / "out").code == 0

    stats = ("--reference", tmp_path / "out" / "stats.npz")
    distance = call(
        "measure", images / "samples.npz", *stats, "--judge", tmp_path / "out", "--json"
    )
    assert distance.code == 0
    assert {row["metric"] for row in distance.json["scores"]} >= {"fd_judge", "share"}
    for name, sigma, code in (("whose", np.eye(96), 0), ("square", np.eye(5), 3)):
        np.savez(tmp_path / f"{name}.npz", mu=np.zeros(96), sigma=sigma)
        of_others = ("--reference", tmp_path / f"{name}.npz", "--judge", tmp_path / "out")
        said_of = call("measure", images / "samples.npz", *of_others)
        assert said_of.code == code
        assert f"{name}.npz" in said_of.err
    assert call("measure", images / "samples.npz", *stats).code == 2

    text = call(*words, "--judge", tmp_path / "out", "--no-tstr")
    assert "golden-retriever is" in text.out
    assert "dalmatian is too rare" in text.out

    other = call(
        "measure", images / "grey.zip", "--reference", images / "reference.zip", "--judge",
        tmp_path / "out", "--no-tstr", "--json",
    )  # fmt: skip
    assert other.code == 0
    assert any("grey images into RGB" in note for note in other.json["notes"])
    assert any("32×32" in note for note in other.json["notes"])

    assert call(*words, "--out", tmp_path / "out").code == 2


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("samples.npz", "--reference", "samples.npz"), 3),
        (("none.npz", "--reference", "reference.zip"), 3),
        (("samples.npz", "--reference", "reference.zip", "--judge", "."), 2),
        (("samples.npz", "--reference", "reference.zip", "--device", "tpu"), 2),
        (("samples.npz",), 2),
    ],
)
def test_what_cannot_be_measured_is_said(
    call: Call, images: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(images)
    before = set(images.iterdir())
    said = call("measure", *words)
    assert said.code == code
    assert "Traceback" not in said.err
    assert set(images.iterdir()) == before


@pytest.fixture(scope="module")
def trained(images: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    found = measuring.measure(
        GivenImages(images / "samples.npz", samples=True),
        GivenImages(images / "reference.zip"),
        judge=None,
        steps=80,
        seed=0,
        tstr=False,
        device=torch.device("cpu"),
    )
    found.save(folder)
    return folder


def measured(call: Call, samples: Path, reference: Path, judge: Path, *more: object) -> Said:
    words = ("--reference", reference, "--judge", judge, "--no-tstr", *more)
    return call("measure", samples, *words)


def test_samples_that_lost_a_class_or_have_other_labels_are_measured(
    call: Call, images: Path, trained: Path, tmp_path: Path
) -> None:
    """Numbers up to the last class left, an empty class folder, folders that are no classes."""
    drawn = kennel([30] * 9 + [0], 4)
    numbers = ImageSet.of(drawn.images, drawn.labels, [str(label) for label in range(9)])
    write_images(numbers, tmp_path / "numbers.npz")
    write_images(drawn, tmp_path / "folders")
    (tmp_path / "folders" / BREEDS[9]).mkdir(exist_ok=True)
    chunks = ImageSet.of(drawn.images, np.arange(270) // 100, ("000", "100", "200"))
    write_images(chunks, tmp_path / "chunks")
    for name in ("numbers.npz", "folders", "chunks"):
        said = measured(call, tmp_path / name, images / "reference.zip", trained, "--json")
        assert said.code == 0, said.err
        left_aside = any("left aside" in note for note in said.json["notes"])
        assert left_aside is (name == "chunks")


def test_copies_of_the_reference_and_of_held_out_images_show(
    call: Call, images: Path, trained: Path, tmp_path: Path
) -> None:
    write_images(kennel([20] * 10, 5), tmp_path / "held.zip")
    reference = images / "reference.zip"
    said = measured(
        call, reference, reference, trained, "--held-out", tmp_path / "held.zip", "--json"
    )
    rows = {
        (row["metric"], row["class"], row["reference"], row["generation"]): row
        for row in said.json["scores"]
    }
    assert rows["duplicate_rate", "", "initial", 0]["value"] == 1
    assert rows["duplicate_rate", "", "initial", FLOOR]["value"] == 0
    ratio, floor = (rows["nn_ratio", "", "pool", number] for number in (0, FLOOR))
    assert ratio["value"] < 0.95
    assert floor["low"] < 1 < floor["high"]


def test_every_image_is_hashed_once(
    images: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reference is looked at for copies, for halves, and for what the judge was made of."""
    hashed = 0
    original = ImageSet.hashes

    def hashes(self: ImageSet) -> list[bytes]:
        nonlocal hashed
        hashed += len(self)
        return original(self)

    monkeypatch.setattr(ImageSet, "hashes", hashes)
    found = measuring.measure(
        GivenImages(images / "samples.npz", samples=True),
        GivenImages(images / "reference.zip"),
        judge=trained,
        held_out=images / "reference.zip",
        steps=80,
        seed=0,
        tstr=False,
        device=torch.device("cpu"),
    )
    scored = {row.generation: row.n for row in found.scores}
    assert hashed == 1200 + scored[0]


@pytest.mark.parametrize("ending", [".zip", ".npz", ""])
def test_images_that_are_kept_are_read_once_and_shrunk_alike(
    ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"images{ending}"
    write_images(kennel([3] * 10, 1, size=40), path)
    if not ending:
        one = next(path.rglob("*.png"))
        Image.open(one).convert("L").save(one)
    plain, notes = GivenImages(path).at(16)
    reads: list[Path] = []

    def read(where: Path, **options: Any) -> tuple[ImageSet, list[str]]:
        reads.append(where)
        return read_images(where, **options)

    monkeypatch.setattr(given_images, "read_images", read)
    kept = GivenImages(path, kept=True)
    whole, _ = kept.at(None)
    shrunk, more = kept.at(16)
    assert whole.image_shape == (3, 40, 40)
    assert (shrunk.images == plain.images).all()
    assert (shrunk.labels == plain.labels).all()
    assert sorted(more) == sorted(notes)
    assert reads == [path]


def test_images_that_are_not_square_are_cut_on_both_sides(
    call: Call, images: Path, tmp_path: Path
) -> None:
    """Two real sets, 16×12: neither is far from the other."""
    for seed, name in ((6, "one"), (7, "other")):
        drawn = kennel([60] * 10, seed)
        write_images(replace(drawn, images=drawn.images[:, :, :12]), tmp_path / f"{name}.npz")
    said = call(
        "measure", tmp_path / "one.npz", "--reference", tmp_path / "other.npz",
        "--steps", 80, "--no-tstr", "--json",
    )  # fmt: skip
    assert said.code == 0
    fd = {
        row["generation"]: row for row in said.json["scores"]
        if row["metric"] == "fd_judge"
    }  # fmt: skip
    assert fd[0]["value"] <= fd[FLOOR]["high"]


def test_features_that_are_not_finite_name_the_image_as_it_was_given(
    call: Call, images: Path, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, _ = read_images(images / "samples.npz", image_size=None, how="antialias")
    bad = torch.from_numpy(drawn.images[100]).float() / 127.5 - 1
    original = JudgeNetwork.features

    def features(self: JudgeNetwork, x: torch.Tensor) -> torch.Tensor:
        seen = original(self, x)
        seen[(x == bad).flatten(1).all(1)] = np.nan
        return seen

    monkeypatch.setattr(JudgeNetwork, "features", features)
    monkeypatch.setattr(measuring, "some_of", lambda size, num, random: np.arange(size)[-num:])
    said = measured(call, images / "samples.npz", images / "reference.zip", trained)
    assert said.code == 6
    assert "image 100)" in said.err


def test_a_reference_of_images_that_are_all_alike_is_refused(
    call: Call, images: Path, tmp_path: Path
) -> None:
    black = ImageSet.of(np.zeros((600, 3, 16, 16), np.uint8), np.arange(600) % 10, BREEDS)
    write_images(black, tmp_path / "black.npz")
    said = call("measure", images / "samples.npz", "--reference", tmp_path / "black.npz")
    assert said.code == 3
    assert "alike" in said.err


def test_out_is_made_at_the_end_and_touches_nothing_else(
    call: Call, images: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "keep.partial").mkdir()
    (tmp_path / "keep.partial" / "precious").touch()
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    words = (images / "samples.npz", images / "reference.zip", trained)
    assert measured(call, *words, "--out", tmp_path / "keep").code == 0
    assert measured(call, *words, "--out", ".").code == 0
    names = {"judge", "scores.csv", "stats.npz"}
    assert {path.name for path in here.iterdir()} == names
    assert {path.name for path in (tmp_path / "keep").iterdir()} == names
    assert (tmp_path / "keep.partial" / "precious").exists()
    assert measured(call, *words, "--out", images / "reference.zip" / "sub").code == 2


def test_few_images_of_a_class_name_it(call: Call, tmp_path: Path) -> None:
    write_images(kennel([60] * 9 + [20], 3), tmp_path / "few.zip")
    said = call("measure", tmp_path / "few.zip", "--reference", tmp_path / "few.zip")
    assert said.code == 3
    assert "dalmatian" in said.err


def row(metric: str, value: float, low: float, high: float, name: str = "") -> Score:
    return Score(0, metric, name, INITIAL, value, low, high, 1000, "a")


def test_classes_are_lost_rarer_commoner_or_alike() -> None:
    began = np.array([500, 300, 100, 100, 0])
    scores = [
        row("share", 0.7, 0.67, 0.73, "a"),
        row("share", 0.29, 0.26, 0.32, "b"),
        row("share", 0.02, 0.01, 0.03, "c"),
        row("share", 0.0, 0.0, 0.004, "d"),
        row("share", 0.0, 0.0, 0.004, "e"),
        row("share_raw", 0.5, 0.47, 0.53, "a"),
        row("share_raw", 0.3, 0.27, 0.33, "b"),
        row("share_raw", 0.1, 0.08, 0.12, "c"),
        row("share_raw", 0.1, 0.08, 0.12, "d"),
        row("share_raw", 0.0, 0.0, 0.004, "e"),
    ]
    found = representation([*scores, row("share_fit", 0.5, 0, 1)], list("abcde"), began)
    assert [(one.name, one.verdict) for one in found] == [
        ("d", "lost"),
        ("c", "rarer"),
        ("b", "alike"),
        ("a", "commoner"),
    ]
    assert "5.0 times too rare" in found[1].in_words()
    misfit = representation([*scores, row("share_fit", 1.5, 0, 1)], list("abcde"), began)
    assert {one.verdict for one in misfit} == {"alike"}
    assert all("of the samples that show a class" in one.in_words() for one in misfit)
    assert all("of the samples," in one.in_words() for one in found)


@pytest.mark.long
@pytest.mark.parametrize("rarest", [0.1, 1.0])
def test_every_score_of_real_images_lies_inside_its_floor_in_at_least_90_of_100_repeats(
    images: Path, monkeypatch: pytest.MonkeyPatch, rarest: float
) -> None:
    """From images to rows: reference, floor and samples drawn anew, skewed and balanced."""
    monkeypatch.setattr(tstr, "RECIPE", tstr.RECIPE.model_copy(update={"steps": 60}))
    real, _ = read_images(images / "reference.zip", image_size=None, how="antialias")
    judge = train_judge(real, seed=0, device=torch.device("cpu"), steps=150)
    shares = np.geomspace(1, rarest, 10)
    shares /= shares.sum()
    inside: dict[tuple[str, str, str], list[bool]] = defaultdict(list)
    for repeat in range(100):
        random = np.random.default_rng(repeat)
        sets = [
            kennel(list(random.multinomial(300, shares)), 100 + 3 * repeat + part)
            for part in range(3)
        ]
        reference, floor, samples = sets
        distances = Distances({INITIAL: Seen.by(judge, reference)}, test=reference, seed=repeat)
        ruler = FolderRuler(judge, distances, reference.counts(), frozenset(), repeat)
        limits, found = ruler.floor(floor, len(floor), reference), ruler.score(samples, 300)
        at = {(row.metric, row.class_, row.reference): row for row in limits}
        for row in found:
            key = (row.metric, row.class_, row.reference)
            limit = at.get(key)
            if limit is not None and limit.low is not None and limit.high is not None:
                inside[key].append(limit.low - 1e-9 <= row.value <= limit.high + 1e-9)
    parts = {key: f"{sum(held)} of {len(held)}" for key, held in inside.items()}
    assert len({metric for metric, _, _ in inside}) >= 18
    assert all(sum(held) >= 0.9 * len(held) for held in inside.values() if len(held) > 50), parts
