"""Fresh real images: new in every generation, in the profile's proportions, until none are left."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import SilentReporter, StopsAfter

from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.data.fresh import fresh_counts
from imgcollapse.data.splits import Splits, make_splits
from imgcollapse.data.writing import write_images
from imgcollapse.errors import DataError, Stopped
from imgcollapse.images import REAL, ImageSet
from imgcollapse.store.files import read_json
from imgcollapse.study import run as study_run
from imgcollapse.study.rescoring import check_scores
from imgcollapse.study.run import run_to_disk
from imgcollapse.web_config import LabPlace, Seat

KENNEL = {"source": "kennel", "image_size": 16, "judge_per_class": 10, "reference_per_class": 10}
DIGITS = {"source": "digits", "judge_per_class": 16, "reference_per_class": 16}


def config(data: dict[str, Any], generations: int = 4, seed: int = 0, **policy: Any) -> Config:
    return parse_config(
        {
            "seed": seed,
            "generations": generations,
            "data": data,
            "profile": {"kind": "exp", "num_max": 24, "imbalance": 0.2},
            "generator": {"kind": "bootstrap"},
            "policy": {"preset": "accumulate", "real": "fresh", **policy},
            "judge": {"steps": 30},
            "scores": {"num_images": 60, "grid_images": 4},
            "device": "cpu",
        }
    )


def drawn(one: Config) -> list[ImageSet]:
    """The fresh images of generations 1, 2, ..."""
    splits = make_splits(one)
    assert splits.fresh is not None
    return [splits.fresh(generation) for generation in range(1, one.generations)]


@pytest.mark.parametrize("data", [KENNEL, DIGITS], ids=["kennel", "digits"])
def test_fresh_images_are_new_as_many_as_the_pool_and_those_of_the_seed(
    data: dict[str, Any],
) -> None:
    one = config(data)
    splits = make_splits(one)
    parts = splits.parts().values()
    seen = {content for part in parts for content in part.hashes()}
    for found, again in zip(drawn(one), drawn(one), strict=True):
        assert found.counts().tolist() == splits.pool.counts().tolist()
        assert set(found.origin) == {REAL}
        assert seen.isdisjoint(found.hashes())
        assert found.hashes() == again.hashes()
        assert len(set(found.hashes())) == len(found)
        seen |= set(found.hashes())
    assert drawn(config(data, seed=1))[0].hashes() != drawn(one)[0].hashes()


@pytest.mark.parametrize("data", [KENNEL, DIGITS], ids=["kennel", "digits"])
@pytest.mark.parametrize("subsample", ["uniform", "class-stratified"])
def test_with_a_real_fraction_only_that_part_of_the_cap_is_drawn(
    data: dict[str, Any], subsample: str
) -> None:
    one = config(data, cap="pool", window="last", real_fraction=0.25, subsample=subsample)
    pool = make_splits(one).pool
    for found in drawn(one):
        assert len(found) == round(0.25 * len(pool))
        if subsample == "class-stratified":
            assert (np.abs(found.counts() - 0.25 * pool.counts()) < 1).all()


def test_no_more_is_drawn_than_the_first_pool_held() -> None:
    one = config(KENNEL, cap=10_000, real_fraction=0.9)
    first = np.array([30, 5])
    assert fresh_counts(one, first, 3).tolist() == [30, 5]


def test_a_lab_that_starts_late_gets_what_the_generations_of_the_web_get() -> None:
    one = config(DIGITS, generations=5)
    late = one.model_copy(
        update={
            "generations": 2,
            "lab": LabPlace(name="b", web=(Seat(name="a"), Seat(name="b", starts=3))),
        }
    )
    whole, part = make_splits(one).fresh, make_splits(late).fresh
    assert whole is not None
    assert part is not None
    for generation in (3, 4):
        assert part(generation).hashes() == whole(generation).hashes()


def test_a_policy_without_fresh_images_draws_none() -> None:
    assert make_splits(config(KENNEL, real="fixed")).fresh is None


def of_two_classes(counts: tuple[int, int], seed: int) -> ImageSet:
    labels = np.repeat([0, 1], counts)
    pixels = np.random.default_rng(seed).integers(0, 256, (len(labels), 1, 8, 8), np.uint8)
    return ImageSet.of(pixels, labels, ("cat", "dog"))


def small(root: Path, generations: int) -> Config:
    """24 cats and 12 dogs a pool, 15 of each to judge and reference, 24 and 12 or so to floor."""
    return parse_config(
        {
            "generations": generations,
            "data": {
                "source": "files",
                "root": str(root),
                "judge_per_class": 15,
                "reference_per_class": 15,
            },
            "profile": {"kind": "step", "num_max": 24, "imbalance": 0.5},
            "generator": {"kind": "bootstrap"},
            "policy": {"preset": "real-only", "real": "fresh"},
            "scores": {"num_images": 50},
        }
    )


def test_a_source_that_runs_out_says_in_which_generation_and_of_which_class(tmp_path: Path) -> None:
    """120 cats and 400 dogs: what pool, judge, reference and floor leave lasts one or two more."""
    write_images(of_two_classes((120, 400), 1), tmp_path / "pets.zip")
    parts = make_splits(small(tmp_path / "pets.zip", 1)).parts().values()
    left = 120 - sum(int(part.counts()[0]) for part in parts)
    lasts = left // 24
    make_splits(small(tmp_path / "pets.zip", lasts + 1))
    with pytest.raises(DataError) as caught:
        make_splits(small(tmp_path / "pets.zip", lasts + 9))
    assert caught.value.message == (
        f"fresh real images run out in generation {lasts + 1}: it needs 24 new ones of class cat, "
        f"{left - 24 * lasts} are left"
    )
    assert f"set generations to {lasts + 1}," in caught.value.hint


def test_a_run_that_would_run_out_writes_nothing(tmp_path: Path) -> None:
    write_images(of_two_classes((120, 400), 1), tmp_path / "pets.zip")
    with pytest.raises(DataError, match="run out in generation"):
        run_to_disk(small(tmp_path / "pets.zip", 9), tmp_path / "run", SilentReporter())
    assert not (tmp_path / "run").exists()


def test_what_judge_and_reference_leave_is_drawn_from_but_for_copies_of_the_pool(
    tmp_path: Path,
) -> None:
    """Data that are imbalanced as they are, with copies of pool images among the held-out ones."""
    pool, held = of_two_classes((20, 10), 2), of_two_classes((120, 120), 3)
    write_images(pool, tmp_path / "pool.zip")
    write_images(held, tmp_path / "held.zip")
    values = small(tmp_path / "pool.zip", 3).model_dump(mode="json", exclude_unset=True)
    values["profile"] = {"kind": "as-is"}
    values["data"] |= dict.fromkeys(("judge_root", "reference_root"), str(tmp_path / "held.zip"))
    clean = make_splits(parse_config(values))
    assert clean.fresh is not None
    taken = clean.fresh(1)
    assert taken.counts().tolist() == [20, 10]
    copied = held.images.copy()
    place = held.hashes().index(taken.hashes()[0])
    copied[place] = pool.images[0]
    (tmp_path / "held.zip").unlink()
    write_images(dataclasses.replace(held, images=copied), tmp_path / "held.zip")
    again = make_splits(parse_config(values))
    assert again.fresh is not None
    both = [again.fresh(1), again.fresh(2)]
    assert all(set(pool.hashes()).isdisjoint(found.hashes()) for found in both)


def test_what_is_left_is_the_same_for_all_policies() -> None:
    """So that arms with and without fresh images may share a beginning."""
    rests = {make_splits(config(DIGITS, real=real)).rest_sha256 for real in ("fresh", "fixed")}
    assert len(rests) == 1
    assert None not in rests


def test_a_run_goes_on_with_its_own_images_only_and_scores_come_out_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pools made anew in one go give the scores of a chain that was stopped after generation 0."""
    one = config(DIGITS, 3, window="last", cap="pool", real_fraction=0.5)
    with pytest.raises(Stopped):
        run_to_disk(one, tmp_path / "run", StopsAfter(1))

    def changed(settings: Config) -> Splits:
        return dataclasses.replace(make_splits(settings), rest_sha256="0" * 64)

    with monkeypatch.context() as patched:
        patched.setattr(study_run, "make_splits", changed)
        with pytest.raises(DataError, match="started with: rest"):
            run_to_disk(one, tmp_path / "run", SilentReporter())
    run = run_to_disk(one, tmp_path / "run", SilentReporter())
    assert check_scores(run) == len(run.scores())
    counts = read_json(run.path / "gen_002" / "pool.json", counts=dict)["counts"]
    assert set(counts) == {"0", "2"}
    assert abs(sum(counts["0"].values()) - sum(counts["2"].values())) <= 1
