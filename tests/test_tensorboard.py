"""What TensorBoard reads back is what the run committed, once, and the run is the same."""

from __future__ import annotations

import io
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Call, lasting
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from imgcollapse.scores import FLOOR
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.tensorboard import FOLDER, PARTS, TensorBoard

EVERYTHING = {"scalars": 0, "images": 0, "histograms": 0}
FilesBelow = Callable[[Path], dict[str, bytes]]


def events(run: Path, name: str) -> Any:
    read = EventAccumulator(str(run / FOLDER / name), size_guidance=EVERYTHING)
    return read.Reload()


def scalars(run: Path, name: str) -> dict[tuple[str, int], float]:
    """Values by tag and step; a step that came twice fails."""
    read, found = events(run, name), {}
    for tag in read.Tags()["scalars"]:
        for one in read.Scalars(tag):
            assert (tag, one.step) not in found, f"{tag} has step {one.step} twice"
            found[tag, one.step] = one.value
    return found


def committed(run: Path, limit: str) -> dict[tuple[str, int], float]:
    """What the scores of the run say of a limit, or of the value."""
    found = {}
    for score in RunDirectory(run).scores():
        tag = "/".join(part for part in (score.metric, score.reference, score.class_) if part)
        value = getattr(score, limit)
        if score.generation != FLOOR and value is not None:
            found[tag, score.generation] = value
    return found


def begun(finished: Path, tmp_path: Path) -> Path:
    """The finished run without its last generation and figures."""
    run = Path(shutil.copytree(finished, tmp_path / "run"))
    shutil.rmtree(run / "gen_001")
    shutil.rmtree(run / "figures")
    return run


def test_every_score_with_its_limits_and_the_pictures_come_back_and_the_run_is_the_same(
    call: Call, finished: Path, tiny_yaml: Path, tmp_path: Path, files_below: FilesBelow
) -> None:
    run = begun(finished, tmp_path)
    said = call("run", tiny_yaml, "--out", run, "--tensorboard")
    assert said.code == 0
    assert f"tensorboard --logdir {run / FOLDER}" in said.err
    for name, limit in (("scores", "value"), ("low", "low"), ("high", "high")):
        assert scalars(run, name) == pytest.approx(committed(run, limit), rel=1e-6)
    floor = {
        "/".join(part for part in (score.metric, score.reference, score.class_) if part): score
        for score in RunDirectory(run).scores()
        if score.generation == FLOOR
    }
    assert scalars(run, "real") == pytest.approx(
        {(tag, step): score.value for tag, score in floor.items() for step in (0, 1)}, rel=1e-6
    )
    read = events(run, "scores")
    for name in ("grid", "histogram"):
        shown = read.Images(name)
        assert [one.step for one in shown] == [0, 1]
        pixels = np.asarray(Image.open(io.BytesIO(shown[1].encoded_image_string)))
        own = np.asarray(Image.open(run / "gen_001" / f"{name}.png").convert("RGB"))
        np.testing.assert_array_equal(pixels, own)
    (tag,) = read.Tags()["histograms"]
    counted = read.Histograms(tag)[1].histogram_value
    raw = [one for one in RunDirectory(run).scores() if one.metric == "share_raw"]
    judged = sum(one.value * one.n for one in raw if one.generation == 1)
    assert counted.num == pytest.approx(judged)
    assert counted.bucket[0] == pytest.approx(
        next(one.value * one.n for one in raw if one.generation == 1)
    )
    assert lasting(files_below(run)) == lasting(files_below(finished))


def test_a_run_that_goes_on_has_every_step_once(
    call: Call, finished: Path, tiny_yaml: Path, tmp_path: Path
) -> None:
    run = begun(finished, tmp_path)
    TensorBoard(run).finish()
    assert {step for _, step in scalars(run, "scores")} == {0}
    call("run", tiny_yaml, "--out", run, "--tensorboard")
    assert scalars(run, "scores").keys() == committed(run, "value").keys()
    assert [one.step for one in events(run, "scores").Images("grid")] == [0, 1]


def test_a_complete_run_is_written_when_it_is_asked_for(
    call: Call, copy_of_finished: Path, tiny_yaml: Path
) -> None:
    for _ in range(2):
        assert call("run", tiny_yaml, "--out", copy_of_finished, "--tensorboard").code == 0
        assert (
            scalars(copy_of_finished, "scores").keys()
            == committed(copy_of_finished, "value").keys()
        )


def test_training_is_told_once_for_each_thousandth_also_after_an_interruption(
    tmp_path: Path,
) -> None:
    def train(board: TensorBoard, first: int, last: int, loss: float) -> None:
        for step in range(first, last + 1, 2):
            board.progress(step, 5000, loss, 100.0)

    board = TensorBoard(tmp_path)
    board.stage("judge")
    board.progress(50, 100, 9.0, 1.0)
    board.stage("generation 2")
    train(board, 2, 3000, 1.0)
    again = TensorBoard(tmp_path)
    again.stage("generation 2")
    train(again, 2002, 5000, 0.5)
    found = scalars(tmp_path, "training")
    losses = {step: value for (tag, step), value in found.items() if tag == "training/loss"}
    assert sorted(losses) == list(range(2 * PARTS, 3 * PARTS + 1))
    assert {losses[step] for step in losses if step < 2 * PARTS + 400} == {1.0}
    assert {losses[step] for step in losses if step > 2 * PARTS + 400} == {0.5}
    assert 9.0 not in losses.values()


def test_it_can_be_sent_to_a_process_before_it_writes(tmp_path: Path) -> None:
    sent = pickle.loads(pickle.dumps(TensorBoard(tmp_path)))
    assert sent.run.path == tmp_path


def test_without_the_package_it_is_one_sentence_and_nothing_is_written(
    call: Call, tiny_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    said = call("run", tiny_yaml, "--out", tmp_path / "run", "--tensorboard")
    assert (said.code, said.out) == (7, "")
    assert "error: TensorBoard is not installed\n" in said.err
    assert "hint: pip install 'imgcollapse[tensorboard]'" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


@pytest.mark.long
def test_each_lab_and_each_replica_has_its_own(call: Call, tiny_yaml: Path, tmp_path: Path) -> None:
    words = ("run", tiny_yaml, "--set", "generations=1", "--tensorboard")
    assert call(*words, "--out", tmp_path / "runs", "--replicas", 2).code == 0
    labs = "labs=[{name: a, share: 0.5}, {name: b, share: 0.5}]"
    assert call(*words, "--out", tmp_path / "labs", "--set", labs).code == 0
    for name in ("runs/seed3", "runs/seed4", "labs/a", "labs/b"):
        run = tmp_path / name
        assert scalars(run, "scores").keys() == committed(run, "value").keys()
