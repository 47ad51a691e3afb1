"""Runs whose policy marks and filters: what they record, show, resume and refuse."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from conftest import TINY, Call, SilentReporter, StopsAfter
from test_resume import assert_same_run

from imgcollapse.chain import run_chain
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.data.kennel import BREEDS
from imgcollapse.data.splits import make_splits
from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.judge import Judge
from imgcollapse.policies import PoolMaker
from imgcollapse.scores import FLOOR, Score, select
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.radioactivity import radioactivity_scores
from imgcollapse.study.rescoring import check_scores
from imgcollapse.study.run import run_to_disk

pytestmark = pytest.mark.usefixtures("without_pictures")
MARKED = {
    "preset": "accumulate",
    "watermark": {"adoption": 0.8, "psnr": 36.0},
    "filter": {"kind": "watermark", "false_positive_rate": 0.02},
}
GENERATIONS = 3


# Of one Gaussian: its samples have no labels, and images like marked ones carry marks.
GENERATOR = {"kind": "gaussian", "components": 1}


def config(policy: dict[str, Any], generations: int = GENERATIONS) -> Config:
    given = {"generations": generations, "policy": policy, "generator": GENERATOR}
    return parse_config({**yaml.safe_load(TINY), **given})


@pytest.fixture(scope="module")
def marked(without_pictures: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run that marks four fifths of its samples and looks for the marks."""
    out = tmp_path_factory.mktemp("marked") / "run"
    run_to_disk(config(MARKED), out, SilentReporter())
    return out


def counted(counts: dict[str, dict[str, int]]) -> dict[int, int]:
    return {int(origin): sum(classes.values()) for origin, classes in counts.items()}


def test_a_pool_is_recorded_with_what_was_dropped_from_it(marked: Path) -> None:
    run = RunDirectory(marked)
    first = run.pool(0)
    assert set(first) == {"size", "loss", "pool", "counts", "judged", "watermark"}
    assert first["judged"] == {}, "real images have labels of their own"
    num = first["size"]
    for number in (1, 2):
        pool = run.pool(number)
        done, held, out = pool["filter"], counted(pool["counts"]), counted(
            pool["filter"]["dropped_counts"]
        )  # fmt: skip
        assert done["seen"] == num * (1 + number)
        assert sum(held.values()) == pool["size"] == done["seen"] - done["dropped"]
        assert {origin: held[origin] + out.get(origin, 0) for origin in held} == dict.fromkeys(
            range(number + 1), num
        )
        assert counted(pool["judged"]) == {o: n for o, n in held.items() if o > 0}
        assert done["false_positive_rate"]["value"] == out.get(0, 0) / num
        assert done["real_share"]["measured"] == held[0] / pool["size"]
        assert done["real_share"]["predicted"] == pytest.approx(held[0] / pool["size"], abs=0.05)
        assert 0.75 < done["true_positive_rate"]["value"] < 0.85
        assert done["roc"]["auc"] > 0.85


def test_images_without_a_label_are_counted_as_the_judge_sees_them(marked: Path) -> None:
    run, settings = RunDirectory(marked), config(MARKED)
    real = make_splits(settings).pool
    judge = Judge.load(marked / "judge", torch.device("cpu"))
    maker = PoolMaker(settings, real)
    made = maker.pool(1, [run.released(0, real.classes, len(real))])
    pool, filtered = made.images, made.filtered
    assert filtered is not None
    for images, found in (
        (pool, run.pool(1)["judged"]),
        (filtered.incoming[~filtered.kept], run.pool(1)["filter"]["dropped_counts"]),
    ):
        seen = judge.look(images.images[images.origin == 1]).classes
        assert len(seen) > 10
        names = Counter("reject" if label == UNLABELLED else BREEDS[label] for label in seen)
        assert found["1"] == names


def test_what_the_mark_costs_is_measured(marked: Path) -> None:
    run = RunDirectory(marked)
    classes = list(run.initial_counts())
    num = run.pool(0)["size"]
    samples, released = run.samples(1, classes, num), run.released(1, classes, num)
    changed = (samples.images != released.images).any((1, 2, 3))
    marks = run.pool(1)["watermark"]
    assert changed.sum() == marks["marked"] == round(0.8 * num)
    assert 36 <= marks["psnr"] < 36.5


def test_a_filtered_run_verifies_down_to_its_scores(marked: Path, call: Call) -> None:
    assert check_scores(RunDirectory(marked)) == len(RunDirectory(marked).scores())
    assert call("verify", marked).code == 0


def test_a_stopped_run_goes_on_to_the_same_bytes(marked: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(Stopped):
        run_to_disk(config(MARKED), out, StopsAfter(2))
    run_to_disk(config(MARKED), out, SilentReporter())
    assert_same_run(out, marked)


def test_show_prints_the_lineage_of_every_pool(marked: Path, call: Call) -> None:
    run = RunDirectory(marked)
    said = call("show", marked)
    assert said.code == 0, said.err
    lines = said.out[said.out.index("pools (images of each origin):") :].splitlines()
    assert lines[1] == f"    0  real {run.pool(0)['size']}"
    pool = run.pool(2)
    held = counted(pool["counts"])
    place = lines.index(f"    2  real {held[0]}, generation 0 {held[1]}, generation 1 {held[2]}")
    done = pool["filter"]
    assert lines[place + 1].startswith(
        f"       watermark filter: {done['dropped']} of {done['seen']} dropped"
    )
    assert f"generated {100 * done['true_positive_rate']['value']:.0f} % of" in lines[place + 2]
    assert "real share 33 % → " in lines[place + 3]
    assert lines[place + 3].endswith(" predicted)")
    assert "of its samples marked, median PSNR 36.0 dB" in lines[place + 4]
    shown = call("show", marked, "--json").json["runs"][0]["pools"]
    assert shown == [{"generation": number, **run.pool(number)} for number in range(3)]


def test_lineage_of_a_pool_by_the_keys_of_a_run(marked: Path, call: Call) -> None:
    path = marked / "gen_001" / "released.npz"
    found = call("watermark", "detect", path, "--run", marked, "--json").json
    assert list(found["keys"]) == ["generation 0", "generation 1", "generation 2"]
    assert found["keys"]["generation 1"] > 0.75 * found["n"]
    assert found["keys"]["generation 2"] <= 2
    for words in ((), ("--run", marked, "--key", "a")):
        said = call("watermark", "detect", path, *words)
        assert said.code == 2
        assert "--key or for the keys of --run" in said.err


def test_a_run_without_marks_has_no_keys(finished: Path, call: Call) -> None:
    said = call("watermark", "detect", finished / "gen_001" / "samples.npz", "--run", finished)
    assert said.code == 2
    assert "the run marks nothing" in said.err


def radioactivity(policy: dict[str, Any]) -> list[list[Score]]:
    """Of each generation of copies, and of the floor last."""
    settings = config(policy)
    splits = make_splits(settings)
    rows = [
        radioactivity_scores(settings, one.samples, one.number, "x")
        for one in run_chain(settings, splits.pool, Bootstrap())
    ]
    return [*rows, radioactivity_scores(settings, splits.floor, FLOOR, "x")]


def test_copies_of_marked_images_carry_the_mark_and_real_images_do_not() -> None:
    first, *later, floor = radioactivity({"preset": "replace", "watermark": {}})
    assert first == []
    for rows in later:
        mean, null = rows
        assert (mean.metric, null.metric) == ("radioactivity", "radioactivity_null")
        assert mean.low is not None
        assert null.high is not None
        assert mean.low > 4 * null.high
        assert null.low == -null.high
        assert mean.low < mean.value < (mean.high or 0)
    assert abs(floor[0].value) < (floor[1].high or 0)
    assert floor[0].generation == FLOOR


def test_samples_are_scored_without_their_own_mark(marked: Path) -> None:
    """Where marked images are dropped, copies of the rest carry none; what is released does."""
    scores = RunDirectory(marked).scores()
    found, null = select(scores, "radioactivity"), select(scores, "radioactivity_null")
    assert [score.generation for score in found] == [FLOOR, 1, 2]
    assert all(abs(one.value) < (chance.high or 0) for one, chance in zip(found, null, strict=True))


def test_without_a_watermark_there_is_no_radioactivity(finished: Path) -> None:
    assert not select(RunDirectory(finished).scores(), "radioactivity")
    assert radioactivity({"preset": "replace"}) == [[]] * (GENERATIONS + 1)


def test_a_filter_that_leaves_nothing_ends_the_run_in_order(tmp_path: Path) -> None:
    drops_all = {"kind": "simulated", "true_positive_rate": 1.0, "false_positive_rate": 0.0}
    settings, out = config({"preset": "replace", "filter": drops_all}), tmp_path / "run"
    for _ in range(2):
        with pytest.raises(NumericalError, match="generation 1: the filter left no image"):
            run_to_disk(settings, out, SilentReporter())
        assert [path.name for path in out.glob("gen_*")] == ["gen_000"]
        assert not list((out / "state").iterdir())
        assert RunDirectory(out).check() > 0


def test_a_filter_that_leaves_too_few_for_the_generator_says_so(tmp_path: Path) -> None:
    drops = {"kind": "simulated", "true_positive_rate": 0.98, "false_positive_rate": 0.0}
    settings = config({"preset": "replace", "filter": drops})
    with pytest.raises(NumericalError, match=r"generation 1: .* images are left .* need 64"):
        run_to_disk(settings, tmp_path / "run", SilentReporter())


@pytest.mark.parametrize(
    ("settings", "code", "what"),
    [
        (["policy.filter={kind: simulated, false_positives: {dalmatien: 0.3}}"], 2, "dalmatian?"),
        (
            ["policy={preset: accumulate, watermark: {}, filter: {kind: watermark}}",
             "profile.num_max=20"], 2, "100 real images",
        ),
        (["policy.cap=1"], 2, "need 2 images, and the pool of generation 1 holds 1"),
        (["policy={preset: replace, watermark: {}}", "data.source=digits",
          "data.image_size=null"], 3, "too small for a watermark"),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_data_is_refused_before_anything_is_written(
    call: Call, tiny_yaml: Path, tmp_path: Path, settings: list[str], code: int, what: str
) -> None:
    tiny_yaml.write_text(TINY.replace("policy: {preset: replace}", "policy: {preset: accumulate}"))
    words = [word for one in settings for word in ("--set", one)]
    said = call("run", tiny_yaml, "--out", tmp_path / "run", *words)
    assert (said.code, what in said.err) == (code, True), said.err
    assert not (tmp_path / "run").exists()


def test_pool_reports_hold_no_nan(marked: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    for path in sorted(marked.glob("gen_*/pool.json")):
        json.loads(path.read_text(), parse_constant=refuse)
    classes = list(RunDirectory(marked).initial_counts())
    assert (RunDirectory(marked).samples(1, classes).labels == UNLABELLED).all()
    assert np.isfinite([score.value for score in RunDirectory(marked).scores()]).all()
