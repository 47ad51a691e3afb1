"""Studies by command: cells are the runs of their configs, shared out, and never run twice."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import TINY, Call, lasting

from imgcollapse.errors import NumericalError
from imgcollapse.figures.run_figures import AT_THE_END
from imgcollapse.store.lock import LOCK, is_locked
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study import replicas
from imgcollapse.study.cell_worker import Stop, carry_out
from imgcollapse.study.runner import Committed, Ended, Event, Order
from imgcollapse.study.study_file import read_study
from imgcollapse.study.study_folder import Cell, StudyFolder, read_failure
from imgcollapse.study.study_run import Done, StudyRun, packs_of
from imgcollapse.study.study_tables import HEADERS

ARMS = """
base: tiny.yaml
set: {data: {judge_per_class: 20}, judge: {steps: 10}}
seeds: 1
arms:
  replace: {}
  diverges:
    generator: {kind: vae, network: mlp, width: 8, latent: 4}
    training: {steps: 3, batch_size: 32, learning_rate: 1.0e+30, warmup_steps: 0}
  mix: {policy: {preset: mix}}
quick: {set: {generations: 1}}
"""
Files = Callable[[Path], dict[str, bytes]]
Start = Callable[..., subprocess.Popen[str]]


def write_study(folder: Path, text: str = ARMS) -> Path:
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    (folder / "arms.yaml").write_text(text, encoding="utf-8")
    return folder / "arms.yaml"


def own(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files without what may differ between equal runs or studies."""
    return {
        name: content
        for name, content in lasting(files).items()
        if not (name.startswith("volatile/") or name.endswith(LOCK))
    }


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Begins a study by command, in a process group of its own, as a shell does."""
    begun: list[subprocess.Popen[str]] = []

    def start(*words: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "imgcollapse", "study", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A study of three arms, of which one diverges, and what its command said."""
    folder = tmp_path_factory.mktemp("made")
    path = write_study(folder)
    done = subprocess.run(
        [sys.executable, "-m", "imgcollapse", "study", path, "--out", folder / "study", "--json"],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    return folder / "study", done


def test_a_cell_that_diverges_stops_no_other_and_its_reason_is_in_status(
    made: tuple[Path, Any], call: Call
) -> None:
    study, done = made
    assert done.returncode == NumericalError.exit_code, done.stderr
    assert "1 of 3 cells failed, the first of them diverges seed 3: generation 0: " in done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [(one["arm"], one["seed"], one["state"]) for one in cells] == [
        ("replace", 3, "complete"), ("diverges", 3, "failed"), ("mix", 3, "complete"),
    ]  # fmt: skip
    said = call("status", study, "--json")
    assert said.code == 0
    states = {Path(one["run"]).relative_to(study).as_posix(): one for one in said.json["runs"]}
    assert list(states) == ["replace/seed3", "diverges/seed3", "mix/seed3"]
    assert states["mix/seed3"]["state"] == "complete"
    assert states["diverges/seed3"]["state"].startswith("failed: generation 0: ")
    assert "not finite" in states["diverges/seed3"]["state"]
    assert not list(study.rglob("*.tmp"))
    assert call("verify", study).code == call("show", study).code == 0


@pytest.mark.long
def test_cells_are_the_runs_of_their_configs_to_the_byte(
    made: tuple[Path, Any], tmp_path: Path, files_below: Files
) -> None:
    """Those that began with another's judge and generation 0 too."""
    study, _ = made
    shared = (study / "volatile" / "logs" / "mix" / "seed3.log").read_text(encoding="utf-8")
    assert f"judge, reference and generation 0 are those of {study / 'replace' / 'seed3'}" in shared
    cell = study / "mix" / "seed3"
    out = tmp_path / "alone"
    words = ("run", cell / "config.yaml", "--out", out)
    done = subprocess.run(
        [sys.executable, "-m", "imgcollapse", *map(str, words)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    here, there = (own(files_below(run)) for run in (cell, out))
    assert sorted(here) == sorted(there)
    assert [name for name in here if here[name] != there[name]] == []


def test_tables_are_made_of_what_is_committed(made: tuple[Path, Any]) -> None:
    study, done = made
    assert json.loads(done.stdout)["tables"] == [str(study / name) for name in HEADERS]
    rows = (study / "study.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert {",".join(row.split(",")[:3]) for row in rows} == {
        f"{arm},3,{generation}" for arm in ("replace", "mix") for generation in (-1, 0, 1)
    }
    assert "diverges: no selection: no chain is complete" in done.stderr
    selection = (study / "selection.csv").read_text(encoding="utf-8")
    assert "\nreplace,,," in selection
    survival = (study / "survival.csv").read_text(encoding="utf-8").splitlines()
    unseen = "replace,60,1,0,0,,"
    assert any(row.startswith(unseen) for row in survival), "60 images could show no loss"


@pytest.mark.long
def test_again_does_what_is_missing_and_nothing_else(
    made: tuple[Path, Any], tmp_path: Path, call: Call, files_below: Files
) -> None:
    study, _ = made
    folder = tmp_path / "again"
    subprocess.run(["cp", "-a", study, folder], check=True)
    path = write_study(tmp_path)
    subprocess.run(["rm", "-r", folder / "mix" / "seed3" / "gen_001"], check=True)
    before = {one: one.stat().st_mtime_ns for one in (folder / "replace").rglob("*")}
    said = call("study", path, "--out", folder)
    assert said.code == NumericalError.exit_code
    assert "mix seed 3: complete" in said.out
    assert "replace seed 3" not in said.out
    assert before == {one: one.stat().st_mtime_ns for one in (folder / "replace").rglob("*")}
    was, now = (own(files_below(one)) for one in (study, folder))
    assert sorted(was) == sorted(now)
    assert [name for name in was if was[name] != now[name]] == []


def test_another_study_and_another_run_in_its_place_are_refused(
    made: tuple[Path, Any], tmp_path: Path, call: Call, files_below: Files
) -> None:
    study, _ = made
    before = files_below(study)
    said = call("study", write_study(tmp_path), "--out", study, "--set", "judge.steps=11")
    assert said.code == 2
    assert "+arms.mix.judge.steps: 11" in said.err
    assert call("study", write_study(tmp_path), "--out", study / "mix" / "seed3").code == 2
    assert files_below(study) == before


def test_wrong_configs_and_folders_are_told_before_anything_is_written(
    tmp_path: Path, call: Call
) -> None:
    path = write_study(tmp_path, "base: tiny.yaml\narms: {a: {genrator: {}}, b: {seeds: 3}}")
    said = call("study", path, "--out", "new")
    assert said.code == 2
    assert "a: unknown key genrator" in said.err
    assert "b: unknown key seeds" in said.err
    assert call("study", "polices").err.splitlines()[-1] == "hint: did you mean policies.yaml?"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["arms.yaml", "tiny.yaml"]


def test_dry_run_tells_what_is_missing_from_what_was_measured_and_writes_nothing(
    made: tuple[Path, Any], tmp_path: Path, call: Call, files_below: Files
) -> None:
    study, _ = made
    folder = tmp_path / "copy"
    subprocess.run(["cp", "-a", study, folder], check=True)
    subprocess.run(["rm", "-r", folder / "mix"], check=True)
    subprocess.run(["rm", "-r", folder / "replace" / "seed3" / "gen_001"], check=True)
    before = files_below(folder)
    said = call("study", write_study(tmp_path), "--out", folder, "--dry-run", "--json")
    assert said.code == 0
    cells = {(one["arm"], one["seed"]): one for one in said.json["cells"]}
    assert [one["by"] for one in cells.values()] == ["measured", "", "measured in replace"]
    assert cells["diverges", 3]["seconds"] is None
    lines = (folder / "replace" / "seed3" / "volatile" / "log.jsonl").open()
    log = [one["seconds"] for one in map(json.loads, lines) if "generation" in one]
    mean = sum(log) / len(log)
    assert cells["replace", 3]["seconds"] == pytest.approx(mean)
    assert cells["mix", 3]["seconds"] == pytest.approx(mean), "its beginning is there already"
    made_bytes = sum(len(one) for one in files_below(study / "replace/seed3/gen_000").values())
    assert cells["replace", 3]["disk_bytes"] == made_bytes
    assert said.json["hours"] is None
    assert files_below(folder) == before
    table = call("study", "arms.yaml", "--dry-run", "--quick", "--set", "arms.diverges=null")
    assert table.out.splitlines()[0].split()[:3] == ["arm", "seed", "generations"]
    assert table.out.splitlines()[-2].startswith("3 cells, ")
    assert not (tmp_path / "studies").exists()


@pytest.mark.long
def test_a_cell_that_another_process_has_is_let_be(
    made: tuple[Path, Any], tmp_path: Path, call: Call
) -> None:
    study, _ = made
    folder = tmp_path / "shared"
    subprocess.run(["cp", "-a", study, folder], check=True)
    path = write_study(tmp_path)
    subprocess.run(["rm", "-r", folder / "mix/seed3/gen_001", folder / "study.csv"], check=True)
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys, time; from pathlib import Path; "
         "from imgcollapse.store.lock import RunLock\n"
         f"with RunLock(Path({str(folder / 'mix' / 'seed3')!r})): print(1, flush=True); "
         "time.sleep(600)"],
        stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        said = call("study", path, "--out", folder, "--json")
        states = {(one["arm"], one["seed"]): one["state"] for one in said.json["cells"]}
        assert states["mix", 3] == "elsewhere"
        assert not (folder / "study.csv").exists(), "whoever has the last cell makes the tables"
        assert not (folder / "mix" / "seed3" / "gen_001").exists()
    finally:
        holder.kill()
        holder.communicate()


@pytest.mark.long
def test_a_broken_cell_is_its_own_failure(
    made: tuple[Path, Any], tmp_path: Path, call: Call
) -> None:
    study, _ = made
    folder = tmp_path / "broken"
    subprocess.run(["cp", "-a", study, folder], check=True)
    subprocess.run(["rm", "-r", folder / "mix" / "seed3"], check=True)
    (folder / "replace" / "seed3" / "config.yaml").write_text("{", encoding="utf-8")
    said = call("study", write_study(tmp_path), "--out", folder, "--json")
    states = {(one["arm"], one["seed"]): one["state"] for one in said.json["cells"]}
    assert states["replace", 3] == "failed"
    assert states["mix", 3] == "complete"
    assert said.code == 4
    assert call("status", folder).code == 4


LONG = ARMS.replace("diverges:", "vae:").replace("1.0e+30", "1.0e-3")


@pytest.mark.long
def test_a_killed_worker_is_one_failure_and_the_study_goes_on(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    process = start(write_study(tmp_path, LONG), "--out", folder, "--workers", "1", "--set",
                    "generations=3")  # fmt: skip
    cell = folder / "replace" / "seed3"
    wait_for(lambda: is_locked(cell) and (cell / "judge").is_dir())
    os.kill(json.loads((cell / LOCK).read_text())["pid"], signal.SIGKILL)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 7, err
    assert "replace seed 3: failed: the process of the cell ended with exit code -9" in out
    failure = read_failure(cell)
    assert failure is not None
    assert "ended with exit code -9" in failure["message"]
    for arm in ("vae", "mix"):
        assert len(RunDirectory(folder / arm / "seed3").generations()) == 3
    again = start("arms.yaml", "--out", folder, "--workers", "1", "--set", "generations=3")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert read_failure(cell) is None
    assert out.splitlines()[-1] == f"done: 3 cells and 7 tables in {folder}"


@pytest.mark.long
def test_an_interrupt_stops_in_good_order_and_again_goes_on(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    path = write_study(tmp_path, LONG)
    words = (path, "--out", folder, "--set", "generations=12")
    process = start(*words)
    wait_for(lambda: (folder / "replace" / "seed3" / "gen_001").exists())
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 75, err
    assert "error: stopped: 0 of 3 cells are complete" in err
    assert "hint: give the same command again to go on" in err
    assert not (folder / "study.csv").exists()
    cells = [path for path in folder.glob("*/seed3") if RunDirectory(path).exists]
    assert cells
    assert not any(is_locked(one) or read_failure(one) for one in cells)
    done = {one: len(RunDirectory(one).generations()) for one in cells}
    assert 1 < max(done.values()) < 12
    late = start(*words, "--max-time", "0")
    _, err = late.communicate(timeout=300)
    assert late.returncode == 75, err
    assert {one: len(RunDirectory(one).generations()) for one in cells} == done


@pytest.mark.long
def test_two_commands_share_the_cells_and_never_make_a_generation_twice(
    start: Start, tmp_path: Path, files_below: Files
) -> None:
    path = write_study(tmp_path, LONG)
    words = ("--workers", "2", "--set", "seeds=2")
    alone = start(path, "--out", tmp_path / "alone", *words)
    assert alone.wait(timeout=600) == 0
    both = [start(path, "--out", tmp_path / "both", *words) for _ in range(2)]
    said = [one.communicate(timeout=600) for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    cells = sorted((tmp_path / "both").glob("*/seed*"))
    assert len(cells) == 6
    for cell in cells:
        lines = [json.loads(line) for line in (cell / "volatile" / "log.jsonl").open()]
        made = [line["generation"] for line in lines if "generation" in line]
        assert made == sorted(set(made)), f"{cell}: {made}"
        assert set(made) | {0} == {0, 1}
    complete = [line.split("  ")[-1].split(":")[0] for out, _ in said for line in out.splitlines()
                if ": complete" in line]  # fmt: skip
    assert sorted(complete) == sorted(f"{one.parent.name} seed {one.name[4:]}" for one in cells)
    was, now = (own(files_below(tmp_path / name)) for name in ("alone", "both"))
    assert sorted(was) == sorted(now)
    assert [name for name in was if was[name] != now[name]] == []


def test_cells_go_together_only_where_a_stack_gains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(write_study(tmp_path, LONG), ["seeds=3"])
    folder = StudyFolder(tmp_path / "packed")
    folder.create(study)
    cells = list(folder.cells(study))
    runner: Any = SimpleNamespace(slots=1)
    assert [len(one) for one in packs_of(cells, runner)] == [1] * len(cells)
    monkeypatch.setattr(replicas, "STACKED_ON", ("cpu", "cuda"))
    packs = packs_of(cells, runner)
    assert [one for pack in packs for one in pack] == cells
    for pack in packs:
        assert len({cell.arm for cell in pack}) == 1
        assert len(pack) == (3 if replicas.are_stacked(pack[0].config) else 1)
    assert {len(pack) for pack in packs} == {1, 3}


@pytest.mark.long
def test_stacked_cells_have_the_statistics_of_cells_alone(tmp_path: Path) -> None:
    """What a GPU's slots do: chains of one arm in one process, trained as one stack."""
    study = read_study(write_study(tmp_path, LONG), ["seeds=2"])
    scores = {}
    for name, packs in (("alone", 1), ("stacked", 2)):
        folder = StudyFolder(tmp_path / name)
        folder.create(study)
        cells = [cell for cell in folder.cells(study) if cell.arm == "vae"]
        events: list[Event] = []
        for place in range(0, 2, packs):
            pack = [Order(cell, None) for cell in cells[place : place + packs]]
            carry_out(pack, Stop(Never(), None), events.append)
        assert sum(isinstance(one, Ended) and one.outcome == "complete" for one in events) == 2
        assert sum(isinstance(one, Committed) for one in events) == 4
        scores[name] = [score for cell in cells for score in cell.run.scores()]
    for one, other in zip(*scores.values(), strict=True):
        assert other.value == pytest.approx(one.value, abs=0.1, rel=0.1), one.metric


@pytest.mark.parametrize(
    ("words", "what"),
    [(("study", "arms.yaml"), "study"), (("reproduce", "drift", "--quick"), "experiment")],
)
def test_a_place_where_nothing_can_be_written_is_told_first(
    tmp_path: Path, call: Call, words: tuple[str, ...], what: str
) -> None:
    write_study(tmp_path)
    said = call(*words, "--out", "/proc/none")
    assert said.code == 2
    assert f"error: the {what} cannot be written: " in said.err
    assert "hint: give an --out that lies in a folder that can be written" in said.err


def test_a_complete_cell_that_is_corrupt_has_failed_until_it_is_mended(
    made: tuple[Path, Any], tmp_path: Path, call: Call
) -> None:
    folder = tmp_path / "corrupt"
    subprocess.run(["cp", "-a", made[0], folder], check=True)
    study = read_study(write_study(tmp_path))
    cells = [cell for cell in StudyFolder(folder).cells(study) if cell.arm != "diverges"]
    broken = {
        folder / "replace" / "seed3" / "gen_001" / "COMMITTED": "gen_001/COMMITTED",
        folder / "mix" / "seed3" / "scores.csv": "scores.csv",
    }
    held = {path: path.read_bytes() for path in broken}
    for path in broken:
        path.write_bytes(b"garbage")
    done = carried_out(cells)
    assert done.complete == []
    for (_, ended), name in zip(done.failed, broken.values(), strict=True):
        assert ended.exit_code == 4
        assert f"files differ from the manifest: {name}" in ended.message
    states = [one["state"] for one in call("status", folder, "--json").json["runs"]]
    assert [state.partition(":")[0] for state in states] == ["failed"] * 3
    for path, content in held.items():
        path.write_bytes(content)
    assert carried_out(cells).complete == cells
    states = [one["state"] for one in call("status", folder, "--json").json["runs"]]
    assert [state.partition(":")[0] for state in states] == ["complete", "failed", "complete"]


class Never:
    """An interrupt that does not come."""

    came = False


class Overtaken:
    """A runner of one slot that finds its cells done by another command."""

    slots = 1

    def __init__(self, made: Path, folder: Path, without: str) -> None:
        self.made, self.folder, self.without = made, folder, without
        self.said: list[Event] = []

    def begin(self, pack: Sequence[Order]) -> None:
        for order in pack:
            theirs = self.made / order.cell.path.relative_to(self.folder)
            left_out = shutil.ignore_patterns(self.without)
            shutil.copytree(theirs, order.cell.path, ignore=left_out)
        carry_out(pack, Stop(Never(), None), self.said.append)

    def free(self) -> int:
        return 1

    def events(self, seconds: float) -> list[Event]:
        said, self.said = self.said, []
        return said

    def close(self) -> None: ...


@pytest.mark.parametrize("without", ["nothing", f"{AT_THE_END[-1]}.png"])
def test_a_cell_is_said_to_be_done_by_the_command_that_had_something_left_to_do(
    without: str, made: tuple[Path, Any], tmp_path: Path
) -> None:
    study = read_study(write_study(tmp_path))
    folder = StudyFolder(tmp_path / "overtaken")
    folder.create(study)
    cells = [cell for cell in folder.cells(study) if cell.arm == "mix"]
    skipped: list[Cell] = []
    told: list[Event] = []
    heard: Any = SimpleNamespace(
        skipped=skipped.append, event=lambda cell, event: told.append(event)
    )
    runner = Overtaken(made[0], folder.path, without)
    done = StudyRun(cells, runner, heard).carry_out(lambda: False)
    assert len(cells) == 1
    assert done.complete == cells
    if without == "nothing":
        assert (skipped, told) == (cells, [])
    else:
        assert (skipped, told) == ([], [Ended(cells[0].path, "complete")])


def carried_out(cells: list[Cell]) -> Done:
    """What becomes of cells of which none is to be run."""
    runner: Any = SimpleNamespace(slots=1)
    heard: Any = SimpleNamespace(skipped=lambda cell: None, event=lambda cell, event: None)
    return StudyRun(cells, runner, heard).carry_out(lambda: False)
