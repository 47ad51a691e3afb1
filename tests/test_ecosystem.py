"""Several labs on one web: whose samples it holds, and that it goes on like a chain."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from conftest import Call, SilentReporter, StopsAfter, lasting

from imgcollapse.config import Config
from imgcollapse.config_file import lab_configs, parse_config
from imgcollapse.data.splits import Splits, make_splits
from imgcollapse.errors import ConfigError, DataError, NumericalError, Stopped
from imgcollapse.images import ImageSet
from imgcollapse.policies import PoolMaker
from imgcollapse.scores import FLOOR, select
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study import run as study_run
from imgcollapse.study.ecosystem import run_ecosystem
from imgcollapse.study.first_mover import first_mover
from imgcollapse.study.rescoring import check_scores
from imgcollapse.study.run import run_to_disk
from imgcollapse.study.web import web_samples
from imgcollapse.web_config import Seat, parts_of_web

pytestmark = pytest.mark.usefixtures("without_pictures")
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
def ecosystem(without_pictures: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
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
        ([LABS[0], {"name": "b", "share": 1e308}], "less than or equal to 1000000"),
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
    recluse = {"name": "asked", "generator": vae, "policy": {"preset": "real-only"}}
    lab_configs(config([recluse, silent]))


def test_no_lab_draws_pools_on_the_fly_whatever_the_base_says() -> None:
    on_the_fly, mix = {"preset": "replace", "pool": "on-the-fly"}, {"preset": "mix"}
    vae = {"kind": "vae"}
    with pytest.raises(ConfigError, match=r"on-the-fly goes with one lab.*lab b"):
        lab_configs(config([{"name": "a"}, {"name": "b", "policy": on_the_fly}], generator=vae))
    all_else = [{"name": name, "policy": {**mix, "pool": "fixed"}} for name in "ab"]
    lab_configs(config(all_else, generator=vae, policy=on_the_fly))


def test_a_lab_without_a_seat_on_its_web_is_refused() -> None:
    for names in ("a", "bb"):
        web = [{"name": name} for name in names]
        with pytest.raises(ConfigError, match="'b' is not the name of one seat"):
            config([], lab={"name": "b", "web": web})


DIGITS = {"source": "digits", "judge_per_class": 16, "reference_per_class": 16}
UNFIT: dict[str, tuple[dict[str, Any], dict[str, Any], type[Exception], str]] = {
    "class": (
        {"policy": {"preset": "replace", "repairs": [{"kind": "curate", "favourite": "cat"}]}},
        {},
        ConfigError,
        "lab unfit: .*unknown class cat",
    ),
    "generator": (
        {"generator": {"kind": "gaussian", "components": 5000}},
        {},
        ConfigError,
        "lab unfit: generator and scores need",
    ),
    "fresh images": (
        {"starts": 1, "policy": {"preset": "accumulate", "real": "fresh"}},
        {"data": DIGITS, "generations": 50},
        DataError,
        "lab unfit: fresh real images run out",
    ),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_fit_a_later_lab_is_refused_before_the_first_writes(
    tmp_path: Path, what: str
) -> None:
    sections, changes, kind, words = UNFIT[what]
    settings = config([LABS[0], {"name": "unfit", **sections}], **changes)
    with pytest.raises(kind, match=words):
        run_ecosystem(settings, tmp_path / "web", lambda _: SilentReporter())
    assert not (tmp_path / "web").exists()


def test_another_run_in_the_place_of_a_later_lab_is_refused_before_the_first_writes(
    finished: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished, tmp_path / "second")
    with pytest.raises(ConfigError, match="another config"):
        run_ecosystem(config(), tmp_path, lambda _: SilentReporter())
    assert [path.name for path in tmp_path.iterdir()] == ["second"]


def test_an_ecosystem_and_a_chain_do_not_share_a_folder(
    ecosystem: Path, copy_of_finished: Path
) -> None:
    with pytest.raises(ConfigError, match="run of one chain"):
        run_ecosystem(config(), copy_of_finished, lambda _: SilentReporter())
    with pytest.raises(ConfigError, match="something else than a run"):
        run_to_disk(config([]), ecosystem, SilentReporter())


class Hasty(SilentReporter):
    """Asks for a stop as soon as a run is prepared."""

    asks = False

    def prepared(self, ruler: object) -> None:
        self.asks = True

    def should_stop(self) -> bool:
        return self.asks


def test_however_early_a_stop_is_asked_for_the_web_gets_on_and_data_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Config] = []

    def counted(one: Config) -> Splits:
        read.append(one)
        return make_splits(one)

    monkeypatch.setattr(study_run, "make_splits", counted)
    settings = config([LABS[0], {**LABS[1], "starts": 1}], generations=3)
    for generation in (1, 2):
        with pytest.raises(Stopped, match=f"before generation {generation}"):
            run_ecosystem(settings, tmp_path, lambda _: Hasty())
        assert len(read) == generation
    done = run_ecosystem(settings, tmp_path, lambda _: Hasty())
    assert [len(run.generations()) for run in done] == [3, 2]


def test_an_error_names_the_lab_and_the_generation_of_the_web(tmp_path: Path) -> None:
    drops_all = {"kind": "simulated", "true_positive_rate": 1.0, "false_positive_rate": 0.0}
    late = {**LABS[2], "policy": {"preset": "replace", "filter": drops_all}}
    words = "lab late: generation 2: the filter left no image"
    with pytest.raises(NumericalError, match=words) as caught:
        run_ecosystem(config([LABS[0], late]), tmp_path, lambda _: SilentReporter())
    assert caught.value.hint == "use policy.real: fixed or fresh"


MARKS = {"preset": "mix", "watermark": {"psnr": 36.0}, "filter": {"kind": "watermark"}}


def test_a_web_of_which_one_lab_marks_tells_all_of_marks_and_predicts_no_real_share(
    tmp_path: Path, call: Call
) -> None:
    labs = [{"name": "marks", "policy": MARKS}, {"name": "plain", "policy": {"preset": "replace"}}]
    marks, plain = run_ecosystem(
        config(labs, generations=3), tmp_path / "web", lambda _: SilentReporter()
    )
    share = marks.pool(1)["filter"]["real_share"]
    assert share["predicted"] is None
    assert 0.5 < share["measured"] < 1
    assert "predicted" not in call("show", "web/marks").out
    found = select(plain.scores(), "radioactivity")
    null = select(plain.scores(), "radioactivity_null")
    assert [one.generation for one in found] == [FLOOR, 1, 2]
    assert all(
        one.value > (chance.high or 0) for one, chance in zip(found[1:], null[1:], strict=True)
    )
    assert check_scores(plain) == len(plain.scores())
    path = plain.path / "gen_001" / "samples.npz"
    carried = call("watermark", "detect", path, "--run", plain.path, "--json").json["keys"]
    assert carried["generation 0"] > 10 > carried["generation 1"]


def test_labs_that_mark_alike_are_known_to() -> None:
    policies = [MARKS, {**MARKS, "real_fraction": 0.3}, {**MARKS, "watermark": {"psnr": 40.0}}]
    labs = [{"name": name, "policy": one} for name, one in zip("abc", policies, strict=True)]
    assert {len(one.watermarks) for one in lab_configs(config(labs[:2]))} == {1}
    assert {len(one.watermarks) for one in lab_configs(config(labs))} == {2}
    assert config([]).watermarks == {None}


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
