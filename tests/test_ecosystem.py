"""Several labs on one web: whose samples it holds, and that it goes on like a chain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from conftest import Call, SilentReporter, StopsAfter, lasting

from imgcollapse.config import Config
from imgcollapse.config_file import lab_configs, parse_config
from imgcollapse.data.splits import make_splits
from imgcollapse.errors import ConfigError, Stopped
from imgcollapse.images import ImageSet
from imgcollapse.policies import PoolMaker
from imgcollapse.scores import select
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.ecosystem import run_ecosystem
from imgcollapse.study.first_mover import first_mover
from imgcollapse.study.rescoring import check_scores
from imgcollapse.study.web import web_samples
from imgcollapse.web_config import Seat, parts_of_web

LABS: list[dict[str, Any]] = [
    {"name": "first", "policy": {"preset": "mix"}},
    {"name": "second", "share": 0.5, "policy": {"preset": "replace"}},
    {
        "name": "late",
        "starts": 2,
        "share": 0.25,
        "policy": {"real": "none", "window": "all", "cap": "pool"},
    },
]
Reader = Callable[[Path], dict[str, bytes]]


def config(labs: list[dict[str, Any]] | None = None, **changes: Any) -> Config:
    return parse_config(
        {
            "seed": 3,
            "generations": 4,
            "data": {"image_size": 16, "judge_per_class": 30, "reference_per_class": 20},
            "profile": {"num_max": 60, "imbalance": 0.1},
            "generator": {"kind": "bootstrap"},
            "judge": {"steps": 20},
            "scores": {"num_images": 60, "grid_images": 12},
            "device": "cpu",
            "labs": LABS if labs is None else labs,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def ecosystem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ecosystem")
    run_ecosystem(config(), out, lambda _: SilentReporter())
    return out


def test_a_web_holds_of_each_lab_as_many_images_as_its_share_and_all_it_should() -> None:
    web = [Seat(name="a", share=2), Seat(name="b", share=1), Seat(name="c", share=1, starts=3)]
    for num in (1, 7, 100, 1001):
        for generation, shares in ((0, [2 / 3, 1 / 3, 0]), (3, [0.5, 0.25, 0.25])):
            parts = parts_of_web(web, generation, num)
            assert parts.sum() == num
            assert np.abs(parts - np.array(shares) * num).max() < 1
            assert (parts >= 0).all()


def test_a_lab_trains_on_what_all_released_before_it(ecosystem: Path) -> None:
    settings = {one.lab.name: one for one in lab_configs(config()) if one.lab}
    real = make_splits(settings["first"]).pool
    late = RunDirectory(ecosystem / "late")
    web = web_samples(late, settings["late"], 1, real.classes, len(real))
    assert [set(one.origin) for one in web] == [{1}, {2}, {3}]
    assert [len(one) for one in web] == [len(real)] * 3
    last = web[2].hashes()
    for name, part in (("first", 4 / 7), ("second", 2 / 7), ("late", 1 / 7)):
        run = RunDirectory(ecosystem / name)
        number = 2 - settings[name].starts
        own = run.samples(number, real.classes, round(part * len(real))).in_memory().hashes()
        assert set(own) <= set(last)
    assert set(late.pool(0)["counts"]) == {"1", "2"}
    assert set(late.pool(1)["counts"]) <= {"1", "2", "3"}
    assert set(RunDirectory(ecosystem / "first").pool(2)["counts"]) == {"0", "2"}


def test_labs_share_judge_and_real_images_and_nothing_else(ecosystem: Path) -> None:
    judges = {(path / "judge" / "model.safetensors").read_bytes() for path in ecosystem.iterdir()}
    assert len(judges) == 1
    drawn = {
        (ecosystem / name / "gen_000" / "samples.npz").read_bytes() for name in ("first", "second")
    }
    assert len(drawn) == 2


def test_labs_mark_with_one_key_and_adopt_by_draws_of_their_own() -> None:
    marking = {"preset": "replace", "watermark": {"psnr": 38.0, "adoption": 0.5}}
    labs = lab_configs(config([{"name": name, "policy": marking} for name in ("a", "b")]))
    plain = make_splits(labs[0]).pool[:100]
    released = [PoolMaker(one, plain).release(1, plain, _no_losses).images for one in labs]
    adopted = [(one.images != plain.images).any((1, 2, 3)) for one in released]
    both = adopted[0] & adopted[1]
    assert [one.sum() for one in adopted] == [50, 50]
    assert 10 < both.sum() < 40
    np.testing.assert_array_equal(released[0].images[both], released[1].images[both])


def _no_losses(_: ImageSet) -> NoReturn:
    raise AssertionError("nothing asks for losses")


@pytest.mark.parametrize("name", ["first", "late"])
def test_scores_of_a_lab_are_the_same_when_measured_again(ecosystem: Path, name: str) -> None:
    run = RunDirectory(ecosystem / name)
    assert check_scores(run) == len(run.scores())
    assert not select(run.scores(), "crowding")


@pytest.mark.parametrize("after", [1, 5])
def test_an_ecosystem_that_was_stopped_ends_like_one_that_was_not(
    ecosystem: Path, tmp_path: Path, files_below: Reader, after: int
) -> None:
    impatient = StopsAfter(after)
    with pytest.raises(Stopped):
        run_ecosystem(config(), tmp_path, lambda _: impatient)
    run_ecosystem(config(), tmp_path, lambda _: SilentReporter())
    assert lasting(files_below(tmp_path)) == lasting(files_below(ecosystem))


def test_what_a_late_lab_lacks_is_the_difference_with_limits_that_hold_both(
    ecosystem: Path,
) -> None:
    found = list(first_mover(sorted(ecosystem.iterdir())))
    assert {(one.late, one.first) for one in found} == {("late", "first"), ("late", "second")}
    assert {one.generation for one in found} == {2, 3}
    for one in found:
        late, first = (
            select(
                [s for s in RunDirectory(ecosystem / name).scores() if s.generation == number],
                one.metric,
                reference="initial",
                class_="",
            )[0]
            for name, number in ((one.late, one.generation - 2), (one.first, one.generation))
        )
        assert one.value == late.value - first.value
        if one.low is not None:
            assert None not in (late.low, late.high, first.low, first.high)
            widest = (late.high or 0) - (late.low or 0) + (first.high or 0) - (first.low or 0)
            assert one.low <= one.value <= (one.high or 0)
            assert (one.high or 0) - one.low <= widest + 1e-12


@pytest.mark.parametrize(
    ("labs", "words"),
    [
        (LABS[:1], "two or more"),
        ([LABS[0], LABS[0]], "same name"),
        ([{**LABS[0], "starts": 1}, LABS[2]], "starts at generation 0"),
        ([*LABS[:2], {**LABS[2], "starts": 4}], "after the last"),
        ([LABS[0], {"name": "b", "sampling": {"num_images": 9}}], "num_images"),
    ],
)
def test_labs_that_make_no_ecosystem_are_refused(labs: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config(labs)


def test_a_lab_that_learns_classes_is_not_fed_samples_without_them() -> None:
    vae = {"kind": "vae", "labels": "from-pool"}
    silent: dict[str, Any] = {"name": "silent", "generator": {"kind": "vae"}}
    with pytest.raises(ConfigError, match="samples of silent have none"):
        lab_configs(config([{"name": "asked", "generator": vae}, silent]))
    relabelled = silent | {"policy": {"repairs": [{"kind": "relabel"}]}}
    lab_configs(config([{"name": "asked", "generator": vae}, relabelled]))


def test_what_is_wrong_with_a_lab_names_it_before_anything_is_written(
    call: Call, tmp_path: Path
) -> None:
    text = "extends: smoke.yaml\nlabs:\n  - {name: one}\n  - {name: two, generator: {wdith: 3}}\n"
    (tmp_path / "web.yaml").write_text(text)
    said = call("run", "web.yaml", "--out", "web")
    assert said.code == 2
    assert "lab two" in said.err
    assert "did you mean width" in said.err
    assert not (tmp_path / "web").exists()


def test_a_dry_run_tells_what_each_lab_costs(call: Call) -> None:
    said = call(
        "run", "presets/first-mover.yaml", "--set", "training.steps=5", "--dry-run", "--json"
    )
    costs = said.json["labs"]
    assert set(costs) == {"first", "late-1", "late-2", "late-3"}
    assert costs["late-3"]["training_images"] < costs["first"]["training_images"]
    assert said.json["cost"] is None
