"""The ruler: every metric of the contract, a floor close to nothing, and the same bytes again."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Call

from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.data.splits import Splits, make_splits
from imgcollapse.generators import Surroundings
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.judge import train_judge
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.metrics.share_scores import BALANCED, INITIAL
from imgcollapse.metrics.shares import wilson
from imgcollapse.metrics.warning import WARNINGS
from imgcollapse.scores import FLOOR, Score, select
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.preparation import make_ruler

SIZE = 16
COMPARED = {
    "fd_judge", "fd_judge_inf", "kid_judge", "precision", "recall", "density", "coverage",
}  # fmt: skip
OF_A_SET = {
    "reject", "share_gap", "share_fit", "tail_share", "effective_classes", "hill_0", "hill_2",
    "classes_alive", "total_variation", "vendi", "duplicate_rate", "nn_ratio",
}  # fmt: skip
BY_CLASS = {"share", "share_raw", "share_em"}


@pytest.fixture(scope="module")
def made() -> tuple[Config, Splits, Ruler]:
    config = parse_config(
        {
            "generations": 2,
            "data": {
                "source": "kennel",
                "image_size": SIZE,
                "judge_per_class": 120,
                "reference_per_class": 60,
            },
            "profile": {"kind": "exp", "num_max": 200, "imbalance": 0.05},
            "generator": {"kind": "bootstrap"},
            "scores": {"num_images": 600},
        }
    )
    splits = make_splits(config)
    judge = train_judge(splits.judge, seed=2, device=torch.device("cpu"), steps=150)
    return config, splits, make_ruler(config, splits, judge)


def value(scores: list[Score], metric: str, reference: str = "") -> float:
    return select(scores, metric, reference=reference, class_="")[0].value


def test_every_set_gets_every_metric(made: tuple[Config, Splits, Ruler]) -> None:
    _, splits, ruler = made
    floor = ruler.floor(splits.floor)
    scored = ruler.score(splits.reference, splits.pool, 1)
    for scores in (floor, scored):
        metrics = {score.metric for score in scores}
        assert metrics >= COMPARED | OF_A_SET | BY_CLASS
        for metric in COMPARED:
            references = {score.reference for score in select(scores, metric)}
            assert references == {INITIAL, BALANCED}
        for metric in BY_CLASS:
            assert [score.class_ for score in select(scores, metric)] == list(BREEDS)
    assert {score.metric for score in scored} >= {*WARNINGS, "share_null"}
    assert not {score.metric for score in floor} & {*WARNINGS, "share_null"}


def test_the_floor_is_close_and_a_shifted_set_is_far(made: tuple[Config, Splits, Ruler]) -> None:
    _, splits, ruler = made
    floor = ruler.floor(splits.floor)
    head = ImageSet.of(draw_many(0, range(600), seed=8, size=SIZE), None, BREEDS)
    only_head = ruler.score(head, splits.pool, 0)
    assert value(floor, "classes_alive", INITIAL) == 10
    assert value(only_head, "effective_classes") < 1.1
    assert value(floor, "total_variation", INITIAL) < 0.1
    assert value(only_head, "fd_judge", INITIAL) > 10 * value(floor, "fd_judge", INITIAL)
    assert {score.n for score in floor if score.metric != "label_fidelity"} == {len(splits.floor)}
    assert {score.extractor for score in floor} == {ruler.judge.extractor}
    assert {score.generation for score in floor} == {FLOOR}


def test_copies_of_the_pool_are_seen_as_copies(made: tuple[Config, Splits, Ruler]) -> None:
    _, splits, ruler = made
    copies = splits.pool[np.random.default_rng(0).integers(0, len(splits.pool), 600)]
    scores = ruler.score(copies, splits.pool, 0)
    assert value(scores, "nn_ratio", "pool") == 0
    assert value(scores, "duplicate_rate", "pool") > 0.5
    assert value(scores, "duplicate_rate") > 0.1


def test_the_null_is_the_spread_of_chance(made: tuple[Config, Splits, Ruler]) -> None:
    """Generation 0 draws from the real pool: scored counts are binomial."""
    _, splits, ruler = made
    scores = select(ruler.score(splits.floor, splits.pool, 0), "share_null")
    initial = splits.pool.counts() / len(splits.pool)
    for score, share in zip(scores, initial, strict=True):
        assert score.low is not None
        assert score.high is not None
        assert score.low <= share <= score.high
        spread = (score.high - score.low) / (2 * 1.96)
        assert spread == pytest.approx(np.sqrt(share * (1 - share) / 600), rel=0.25)


def test_scores_measured_again_are_the_same(call: Call, finished: Path) -> None:
    said = call("verify", finished, "--scores", "--json")
    assert said.code == 0
    assert said.json["scores"][str(finished)] == len(RunDirectory(finished).scores())


def test_scores_that_are_not_those_of_the_images_are_exit_4(
    call: Call, copy_of_finished: Path
) -> None:
    from imgcollapse.store.run_directory import read_scores, write_scores
    from imgcollapse.study.rescoring import check_scores

    path = copy_of_finished / "gen_001" / "scores.json"
    scores = read_scores(path)
    write_scores(path, [*scores[:-1], scores[0]])
    with pytest.raises(Exception, match="measured again"):
        check_scores(RunDirectory(copy_of_finished))


def test_selection_over_runs_of_one_config(call: Call, finished: Path, tmp_path: Path) -> None:
    one = call("selection", finished, "--json")
    assert one.code == 0
    rows = RunDirectory(finished).scores()
    last = select(rows, "crowding")[-1]
    assert [row["class"] for row in one.json["selection"]] == list(BREEDS)
    assert one.json["crowding"]["value"] == pytest.approx(last.value, abs=1e-6)
    assert call("selection", finished, finished).code == 2
    sibling = shutil.copytree(finished, tmp_path / "sibling")
    text = (sibling / "config.yaml").read_text()
    (sibling / "config.yaml").write_text(text.replace("seed: 3", "seed: 4", 1))
    (sibling / "manifest.json").unlink()
    both = call("selection", finished, sibling, "--json").json
    assert both["crowding"]["high"] - both["crowding"]["low"] < last.high - last.low  # type: ignore[operator]
    assert "crowding" in call("selection", finished).out
    other = shutil.copytree(finished, tmp_path / "other")
    text = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(text.replace("num_images: 60", "num_images: 61"))
    (other / "manifest.json").unlink()
    assert call("selection", finished, other).code == 2


def test_a_run_keeps_the_audit_of_its_sampler(finished: Path) -> None:
    assert RunDirectory(finished).audit()["passes"]
    assert "audit of the sampler" in RunDirectory(finished).audit()["sentence"]


def fidelity(scores: list[Score]) -> dict[str, Score]:
    return {score.class_: score for score in select(scores, "label_fidelity")}


def test_label_fidelity_is_how_often_the_judge_sees_what_was_meant(
    made: tuple[Config, Splits, Ruler],
) -> None:
    """Of copies of the pool it is known: the judge is right on each as often as on its original."""
    _, splits, ruler = made
    generator = Bootstrap()
    generator.fit(splits.pool, seed=1, surroundings=Surroundings())
    copies = generator.sample(600, seed=2)
    right = dict(
        zip(
            splits.pool.hashes(),
            ruler.judge.look(splits.pool.images).classes == splits.pool.labels,
            strict=True,
        )
    )
    hits = np.array([right[one] for one in copies.hashes()])
    found = fidelity(ruler.score(copies, splits.pool, 0))
    shown = [name for name, count in zip(BREEDS, copies.counts(), strict=True) if count]
    assert list(found) == ["", *shown]
    assert found[""].value == hits.mean()
    assert found[""].n == 600
    for label, name in enumerate(BREEDS):
        of_class = hits[copies.labels == label]
        if name in found:
            assert (found[name].value, found[name].n) == (of_class.mean(), len(of_class))
    low, high = wilson(np.array([hits.sum()]), 600)
    assert (found[""].low, found[""].high) == pytest.approx((low[0], high[0]))
    assert 0 < found[""].value < 1


def test_label_fidelity_of_the_floor_is_the_judge_s_accuracy(
    made: tuple[Config, Splits, Ruler],
) -> None:
    _, splits, ruler = made
    found = fidelity(ruler.floor(splits.floor))[""]
    seen = ruler.judge.look(splits.floor.images).classes
    assert found.value == (seen == splits.floor.labels).mean()
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 2 * 1.96 * np.sqrt(found.value * (1 - found.value) / found.n)


def test_label_fidelity_is_of_labelled_images_alone(made: tuple[Config, Splits, Ruler]) -> None:
    _, splits, ruler = made
    labels = splits.reference.labels
    bare = replace(splits.reference, labels=np.full_like(labels, UNLABELLED))
    wrong = replace(splits.reference, labels=np.where(labels < 5, (labels + 1) % 10, UNLABELLED))
    assert not fidelity(ruler.score(bare, splits.pool, 1))
    found = fidelity(ruler.score(wrong, splits.pool, 1))
    assert list(found) == ["", *BREEDS[1:6]]
    assert found[""].n == (labels < 5).sum()
    assert found[""].value < 0.2
