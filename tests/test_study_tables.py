"""The tables of a study are functions of its cells, however many there are."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from imgcollapse.config_file import to_yaml
from imgcollapse.scores import Score
from imgcollapse.store.run_directory import COMMITTED
from imgcollapse.study.study_file import Study, read_study
from imgcollapse.study.study_folder import Cell, StudyFolder
from imgcollapse.study.study_tables import HEADERS, write_tables
from imgcollapse.study.survival_rows import survival_of

STUDY = """
base: smoke.yaml
set: {generations: 3, device: cpu, generator: {labels: balanced}}
control: one
arms: {one: {}, two: {policy: {preset: mix}}}
"""
INITIAL = {"a": 80, "b, or c": 20}
Value = Callable[[Cell, int], float]


def read(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def fake(cell: Cell, value: Value, generations: int = 3) -> None:
    """A cell with the small files of a run, and three scores in each generation."""
    cell.path.mkdir(parents=True)
    (cell.path / "config.yaml").write_text(to_yaml(cell.config), encoding="utf-8")
    (cell.path / "reference").mkdir()
    counts = json.dumps({"pool": INITIAL, "sha256": {}})
    (cell.path / "reference" / "counts.json").write_text(counts, encoding="utf-8")
    for number in range(-1, generations):
        folder = cell.path / ("reference" if number < 0 else f"gen_{number:03d}")
        folder.mkdir(exist_ok=True)
        now = value(cell, number)
        high = 0.5 if number < 1 or cell.arm == "two" else 0.001
        rows = [
            Score(number, "fd_judge", "", "initial", now, now - 1, now + 1, 1000, "e"),
            Score(number, "share", "a", "", 0.8, 0.7, 0.9, 1000, "e"),
            Score(number, "share", "b, or c", "", high / 2, 0.0, high, 1000, "e"),
        ]
        text = json.dumps([score.as_row() for score in rows])
        (folder / "scores.json").write_text(text, encoding="utf-8")
        (folder / COMMITTED).touch()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[StudyFolder, Study]]:
    def made(seeds: int, value: Value, text: str = STUDY) -> tuple[StudyFolder, Study]:
        (tmp_path / "s.yaml").write_text(text, encoding="utf-8")
        study = read_study(tmp_path / "s.yaml", [f"seeds={seeds}"])
        folder = StudyFolder(tmp_path / "study")
        folder.create(study)
        for cell in folder.cells(study):
            fake(cell, value)
        return folder, study

    return made


def random_value(cell: Cell, number: int) -> float:
    """Any number, and the same whenever it is asked for."""
    offset = 2.0 if cell.arm == "two" else 0.0
    seed = [cell.seed, number + 1, len(cell.arm) + ord(cell.arm[0])]
    return offset + float(np.random.default_rng(seed).normal(5, 2))


def test_each_table_says_what_the_cells_say(make: Any) -> None:
    folder, study = make(4, random_value)
    said: list[str] = []
    paths = write_tables(folder, study, said.append)
    assert [path.name for path in paths] == list(HEADERS)
    tables = {path.name: read(path) for path in paths}
    for name, columns in HEADERS.items():
        first = (folder.path / name).read_bytes().partition(b"\n")[0]
        assert first.decode() == ",".join(columns)
    cells = list(folder.cells(study))
    every = tables["study.csv"]
    assert len(every) == len(cells) * 4 * 3
    order = [(row["arm"], int(row["seed"]), int(row["generation"])) for row in every]
    assert order == sorted(order)
    assert {row["arm"]: row["count"] for row in tables["counts.csv"] if row["class"] != "a"} == {
        "one": "20", "two": "20",
    }  # fmt: skip

    values = {
        arm: np.array([random_value(cell, 1) for cell in cells if cell.arm == arm])
        for arm in study.arms
    }
    here = {
        row["arm"]: row
        for row in tables["summary.csv"]
        if (row["generation"], row["metric"]) == ("1", "fd_judge")
    }
    for arm, row in here.items():
        interval = stats.ttest_1samp(values[arm], 0).confidence_interval()
        found = [float(row[name]) for name in ("mean", "low", "high", "chains")]
        assert found == pytest.approx([values[arm].mean(), *interval, 4], rel=1e-9)
    (row,) = (
        one
        for one in tables["differences.csv"]
        if (one["generation"], one["metric"]) == ("1", "fd_judge")
    )
    paired = stats.ttest_rel(values["two"], values["one"])
    found = [float(row[name]) for name in ("mean", "low", "high", "pairs", "p")]
    expected = [(values["two"] - values["one"]).mean(), *paired.confidence_interval()]
    assert found == pytest.approx([*expected, 4, paired.pvalue], rel=1e-9)
    assert (row["arm"], row["control"]) == ("two", "one")
    asked = "no selection: shares are asked for here, labels: balanced, and not an outcome"
    assert said == [f"one: {asked}", f"two: {asked}"]
    assert tables["selection.csv"] == []


def test_survival_counts_classes_of_all_chains_and_tests_arms(make: Any) -> None:
    folder, study = make(5, random_value)
    write_tables(folder, study, lambda text: None)
    rows = read(folder.path / "survival.csv")
    curve: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for row in rows:
        point = row["at_risk"], row["lost"], row["alive"]
        curve.setdefault((row["arm"], row["count"]), []).append(point)
        assert row["expected"] == "", "the shares of balanced labels are no outcome"
    assert curve["one", "20"] == [("5", "0", "1"), ("5", "5", "0"), ("0", "0", "0")]
    assert curve["two", "20"] == curve["one", "80"] == [("5", "0", "1")] * 3
    tests = {row["count"]: row for row in read(folder.path / "logrank.csv")}
    assert set(tests) == {"", "20"}
    assert float(tests["20"]["statistic"]) < 0
    assert float(tests["20"]["p"]) < 0.01


def test_an_arm_that_copies_is_judged_as_the_arms_that_it_is_compared_with(make: Any) -> None:
    """These cells hold no images to count; both arms' scores say the same."""
    copying = {"generator": {"kind": "bootstrap"}}
    text = f"{{base: smoke.yaml, set: {{generations: 3}}, arms: {{one: {{}}, copies: {copying}}}}}"
    folder, study = make(3, random_value, text)
    cells = {arm: [one for one in folder.cells(study) if one.arm == arm] for arm in study.arms}
    lives = survival_of(cells)
    assert lives["one"] == lives["copies"]
    assert lives["one"][20].lost == {1: 3}
    for cell in cells["copies"]:
        for number in range(3):
            labels = np.repeat([0, 1], [80 + 20 * (number == 2), 20 * (number < 2)])
            np.savez(
                cell.path / f"gen_{number:03d}" / "samples.npz",
                arr_0=np.zeros((100, 2, 2, 3), np.uint8),
                arr_1=labels,
            )
    exact = survival_of({"copies": cells["copies"]})
    assert exact["copies"][20].lost == {2: 3}, "by its last image, where every arm copies"


def test_selection_has_the_numbers_and_limits_of_the_summary(make: Any) -> None:
    """Crowding that is alike in all chains is no surer than its measurement."""
    text = "{base: smoke.yaml, set: {generations: 3}, arms: {one: {}}}"
    folder, study = make(3, random_value, text)
    for cell in folder.cells(study):
        for number in range(3):
            path = cell.path / f"gen_{number:03d}" / "scores.json"
            ours = [
                Score(number, "selection", name, "initial", now, now - 0.1, now + 0.2, 1000, "e")
                for name in INITIAL
                for now in [random_value(cell, number)]
            ]
            ours.append(Score(number, "crowding", "", "initial", 0.1, 0.0, 0.3, 1000, "e"))
            rows = json.loads(path.read_text(encoding="utf-8"))
            path.write_text(json.dumps([*rows, *(one.as_row() for one in ours)]), encoding="utf-8")
    write_tables(folder, study, lambda text: None)
    found = read(folder.path / "selection.csv")
    assert [(row["class"], row["share"]) for row in found] == [
        ("a", "0.8"), ("b, or c", "0.2"), ("", ""),
    ]  # fmt: skip
    summary = {
        row["class"]: [row["mean"], row["low"], row["high"], row["chains"]]
        for row in read(folder.path / "summary.csv")
        if row["generation"] == "2" and row["metric"] in ("selection", "crowding")
    }
    for row in found:
        assert [row["value"], row["low"], row["high"], row["chains"]] == summary[row["class"]]
    assert float(found[-1]["low"]) == pytest.approx(0.1 - 0.1 / 3**0.5)


def test_the_same_cells_give_the_same_bytes(make: Any) -> None:
    folder, study = make(3, random_value)
    found = []
    for _ in range(2):
        paths = write_tables(folder, study, lambda text: None)
        found.append([path.read_bytes() for path in paths])
    assert found[0] == found[1]
    assert not list(folder.path.glob("*.tmp"))


def test_cells_that_are_missing_or_broken_are_left_out(make: Any) -> None:
    folder, study = make(3, random_value)
    cells = list(folder.cells(study))
    (cells[0].path / "gen_001" / "scores.json").write_text("[", encoding="utf-8")
    for number in range(3):
        (cells[4].path / f"gen_00{number}" / COMMITTED).unlink()
    (cells[5].path / "gen_002" / COMMITTED).unlink()
    said: list[str] = []
    write_tables(folder, study, said.append)
    assert said[0].startswith("one seed 0 is left out of the tables: not readable as JSON")
    rows = read(folder.path / "summary.csv")
    chains = {
        (row["arm"], row["generation"]): row["chains"] for row in rows if row["metric"] == "share"
    }
    assert [chains["one", str(number)] for number in range(-1, 3)] == ["2"] * 4
    assert {arm: one for arm, one in chains.items() if arm[0] == "two"} == {
        ("two", "-1"): "2", ("two", "0"): "2", ("two", "1"): "2", ("two", "2"): "1",
    }  # fmt: skip
    pairs = {
        row["generation"]: (row["pairs"], row["low"], row["p"])
        for row in read(folder.path / "differences.csv")
        if row["metric"] == "fd_judge"
    }
    assert {number: one[0] for number, one in pairs.items()} == {"-1": "1", "0": "1", "1": "1"}
    assert pairs["1"][1:] == ("", "")


def test_a_study_of_one_arm_and_one_seed_has_tables_without_limits(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(STUDY.replace("arms: {one: {}, two: {policy: {preset: mix}}}",
                                                   "arms: {one: {}}"))  # fmt: skip
    study = read_study(tmp_path / "s.yaml", ["seeds=1"])
    folder = StudyFolder(tmp_path / "study")
    folder.create(study)
    write_tables(folder, study, lambda text: None)
    assert all(read(folder.path / name) == [] for name in HEADERS)
    for cell in folder.cells(study):
        fake(cell, random_value)
    write_tables(folder, study, lambda text: None)
    assert {(row["low"], row["high"]) for row in read(folder.path / "summary.csv")} == {("", "")}
    assert read(folder.path / "differences.csv") == []


def test_memory_does_not_grow_with_the_number_of_cells(make: Any, tmp_path: Path) -> None:
    folder, _ = make(60, random_value)
    peaks = []
    for seeds in (6, 60):
        few = read_study(tmp_path / "s.yaml", [f"seeds={seeds}"])
        tracemalloc.start()
        write_tables(folder, few, lambda text: None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.6 * peaks[0] + 400_000


def test_parquet_holds_the_scores_where_pyarrow_is(make: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    folder, study = make(3, random_value)
    write_tables(folder, study, lambda text: None)
    table = parquet.read_table(folder.path / "study.parquet").to_pylist()
    rows = read(folder.path / "study.csv")
    assert len(table) == len(rows)
    for one, row in zip(table, rows, strict=True):
        assert [one["arm"], str(one["seed"]), one["class"]] == [
            row["arm"], row["seed"], row["class"],
        ]  # fmt: skip
        assert one["value"] == pytest.approx(float(row["value"]))
