"""The dashboard shows what the directories hold, fits its terminal, and ends when the runs do."""

from __future__ import annotations

import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Call, SilentReporter, StopsAfter
from rich.cells import cell_len
from rich.console import Console

from imgcollapse.cli.bars import share_bar, trend
from imgcollapse.cli.dashboard import frame
from imgcollapse.cli.watching import Watched, Watching
from imgcollapse.drawing.palette import class_colours
from imgcollapse.scores import percent
from imgcollapse.store.lock import RunLock
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.store.volatile import Progress, read_progress, write_progress
from imgcollapse.study.reporters import ProgressFile, Reporters
from imgcollapse.study.run import run_to_disk

UNDER_WAY = Progress("generation 1", 250, 1000, 0.5, 1234.0)


def drawn(runs: list[Watched], width: int = 80, height: int = 24, **console: Any) -> str:
    file = io.StringIO()
    terminal = Console(file=file, width=width, height=height, highlight=False, **console)
    terminal.print(frame(runs, width, height))
    return file.getvalue()


def under_way(run: Path) -> Watched:
    """The run as if another process trained its generation 1 now."""
    (run / "gen_001" / "COMMITTED").unlink()
    write_progress(run, UNDER_WAY)
    with RunLock(run):
        return Watching(run).look()[0]


def test_a_frame_has_shares_scores_and_progress(copy_of_finished: Path) -> None:
    (copy_of_finished / "volatile/log.jsonl").write_text('{"generation": 0, "seconds": 80}\n')
    text = drawn([under_way(copy_of_finished)])
    assert "running  1 of 2 generations" in text
    assert "1m00s left" in text
    assert "generation 1: step 250 of 1,000, loss 0.5000, 1,234 images/s" in text
    scores = RunDirectory(copy_of_finished).scores()
    for name in RunDirectory(copy_of_finished).initial_counts():
        line = next(line for line in text.splitlines() if line.startswith(name))
        one = next(
            score
            for score in scores
            if (score.generation, score.metric, score.class_) == (0, "share_raw", name)
        )
        assert percent(one.value) in line
    for name in ("no class", "fd", "tail", "alive", "reject"):
        assert f"\n{name}" in text


def test_a_complete_run_is_told_without_progress(copy_of_finished: Path) -> None:
    write_progress(copy_of_finished, UNDER_WAY)
    text = drawn(Watching(copy_of_finished).look())
    assert "complete  2 of 2 generations" in text
    assert "step" not in text
    assert "left" not in text


@pytest.mark.parametrize("width", [20, 30, 40, 47, 48, 60, 72, 80, 200])
@pytest.mark.parametrize("num", [1, 3])
def test_no_line_is_wider_than_the_terminal(copy_of_finished: Path, width: int, num: int) -> None:
    run = replace(under_way(copy_of_finished), name="a-study/with a long name/seed12345678901")
    text = drawn([run] * num, width)
    lines = text.splitlines()
    assert max(cell_len(line) for line in lines) <= width
    if width >= 30:
        assert len(lines) <= 26
        assert "golden" in text or num > 1


def test_colours_are_those_of_the_classes_unless_no_color_is_set(
    copy_of_finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = Watching(copy_of_finished).look()
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal: dict[str, Any] = {"force_terminal": True, "color_system": "truecolor"}
    coloured = drawn(runs, **terminal)
    first = class_colours(10)[0].lstrip("#")
    red, green, blue = (int(first[place : place + 2], 16) for place in (0, 2, 4))
    assert f"38;2;{red};{green};{blue}m█" in coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = drawn(runs, **terminal)
    assert "\x1b[38;" not in plain
    assert "█" in plain


def test_a_bar_is_as_long_as_the_share_and_marks_lie_where_they_belong() -> None:
    assert share_bar(0.25, "red", 16, 0.5).plain == "█" * 8 + " " * 8
    assert share_bar(1 / 16 / 8, "red", 16, 1).plain.startswith("▏ ")
    marked = share_bar(0.5, "red", 20, 1.0, began=0.75, chance=(0.6, 0.9)).plain
    assert marked == "█" * 10 + "  ├──┼──┤ "
    inside = share_bar(0.8, "red", 20, 1.0, began=0.75, chance=(0.6, 0.9)).plain
    assert inside == "█" * 12 + "├██┼──┤ "
    assert share_bar(0, "red", 10, 1.0, began=1.0, chance=(1.0, 1.0)).plain[-1] == "┼"
    assert len(share_bar(2, "red", 10, 1.0, began=2.0).plain) == 10


def test_trends_reach_from_nothing_to_the_largest_and_are_thinned() -> None:
    assert trend([0, 3, 7], 10) == "▁▄█"
    assert trend([0, 0], 10) == "▁▁"
    assert trend([], 10) == ""
    assert len(trend(list(range(100)), 10)) == 10
    assert trend(list(range(100)), 10)[-1] == "█"


def test_a_class_outside_chance_is_marked(copy_of_finished: Path) -> None:
    path = copy_of_finished / "gen_001" / "scores.json"
    rows = json.loads(path.read_text())
    for row in rows:
        if row["metric"] == "share_null":
            row["low"], row["high"] = (0.99, 1.0) if row["class"] == "beagle" else (0.0, 1.0)
    path.write_text(json.dumps(rows))
    lines = drawn(Watching(copy_of_finished).look()).splitlines()
    assert [line.split()[0] for line in lines if "▼" in line and "│ began" not in line] == [
        "beagle"
    ]


def test_many_runs_are_a_table_with_those_under_way_first(
    copy_of_finished: Path, finished: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    for seed in range(3):
        shutil.copytree(finished, folder / "arm" / f"seed{seed}")
    copy_of_finished.rename(folder / "arm" / "seed10")
    (folder / "arm/seed10/gen_001/COMMITTED").unlink()
    write_progress(folder / "arm" / "seed10", UNDER_WAY)
    with RunLock(folder / "arm" / "seed10"):
        runs = Watching(folder).look()
    assert [run.name for run in runs] == ["arm/seed0", "arm/seed1", "arm/seed2", "arm/seed10"]
    text = drawn(runs)
    assert text.splitlines()[0].split("  ") == ["4 runs", "3 complete", "1 running"]
    assert "1,234" in text
    short = drawn(runs, height=8)
    assert "seed10" in short
    assert "and 1 more" in short


def test_a_run_before_its_judge_has_a_frame(copy_of_finished: Path) -> None:
    for name in ("judge", "reference", "gen_000", "gen_001"):
        shutil.rmtree(copy_of_finished / name)
    (copy_of_finished / "manifest.json").unlink()
    write_progress(copy_of_finished, Progress("judge", 50, 100, 0.1, 10.0))
    with RunLock(copy_of_finished):
        runs = Watching(copy_of_finished).look()
    text = drawn(runs)
    assert "judge: step 50 of 100" in text
    assert "0 of 2 generations" in text


def test_one_frame_is_printed_where_there_is_no_terminal(call: Call, finished: Path) -> None:
    said = call("watch", finished)
    assert said.code == 0
    assert "complete  2 of 2 generations" in said.out
    assert "\x1b" not in said.out
    assert call("watch", finished.parent / "none").code == 2


def watch_in_terminal(run: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The command at a terminal of its own; what it shows is read from the descriptor."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "imgcollapse", "watch", str(run), "--interval", "0.1"],
        stdin=theirs, stdout=theirs, stderr=theirs,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    os.close(theirs)
    return process, ours


def shown_until(descriptor: int, words: str) -> str:
    """What a terminal shows up to some words, or to the end of the program."""
    seen = b""
    while words.encode() not in seen:
        if not select.select([descriptor], [], [], 60)[0]:
            pytest.fail(f"the terminal shows nothing more: {seen!r}")
        try:
            part = os.read(descriptor, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    return seen.decode(errors="replace")


def test_at_a_terminal_it_draws_until_the_run_is_complete(copy_of_finished: Path) -> None:
    marker = copy_of_finished / "gen_001" / "COMMITTED"
    marker.unlink()
    process, terminal = watch_in_terminal(copy_of_finished)
    assert "stopped" in shown_until(terminal, "stopped")
    marker.touch()
    assert "complete" in shown_until(terminal, "complete")
    shown_until(terminal, "\0")
    assert process.wait(20) == 0
    os.close(terminal)


def test_an_interrupt_leaves_quietly(copy_of_finished: Path) -> None:
    (copy_of_finished / "gen_001" / "COMMITTED").unlink()
    process, terminal = watch_in_terminal(copy_of_finished)
    shown_until(terminal, "stopped")
    process.send_signal(signal.SIGINT)
    rest = shown_until(terminal, "\0")
    assert process.wait(20) == 0
    assert "Traceback" not in rest
    assert "error" not in rest
    os.close(terminal)


def test_progress_is_written_once_a_second_at_most_and_at_the_last_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "volatile").mkdir()
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    file = ProgressFile(tmp_path)
    file.stage("generation 3")
    assert read_progress(tmp_path) == Progress("generation 3")
    file.progress(10, 100, 1.0, 5.0)
    assert read_progress(tmp_path) == Progress("generation 3")
    now[0] += 1
    file.progress(20, 100, 1.0, 5.0)
    assert read_progress(tmp_path) == Progress("generation 3", 20, 100, 1.0, 5.0)
    file.progress(100, 100, 1.0, 5.0)
    assert read_progress(tmp_path) == Progress("generation 3", 100, 100, 1.0, 5.0)
    assert [path.name for path in (tmp_path / "volatile").iterdir()] == ["progress.json"]


def test_what_cannot_be_read_or_written_is_no_progress_and_no_error(tmp_path: Path) -> None:
    write_progress(tmp_path, UNDER_WAY)
    assert read_progress(tmp_path) is None
    (tmp_path / "volatile").mkdir()
    for content in ("{", "[]", '{"stage": "x", "colour": 1}', ""):
        (tmp_path / "volatile" / "progress.json").write_text(content)
        assert read_progress(tmp_path) is None


class Breaks(SilentReporter):
    def committed(self, run: object, generation: object, scores: object, seconds: float) -> None:
        raise RuntimeError("broken")


def test_a_run_leaves_its_progress_while_it_is_open_and_none_at_its_end(
    copy_of_finished: Path,
) -> None:
    config = RunDirectory(copy_of_finished).config()
    shutil.rmtree(copy_of_finished / "gen_001")
    with pytest.raises(RuntimeError, match="broken"):
        run_to_disk(config, copy_of_finished, Breaks())
    assert read_progress(copy_of_finished) == Progress("generation 1")
    run_to_disk(config, copy_of_finished, SilentReporter())
    assert read_progress(copy_of_finished) is None


def test_any_of_several_reporters_may_ask_for_a_stop() -> None:
    several = Reporters([SilentReporter(), StopsAfter(0), SilentReporter()])
    assert several.should_stop()
    assert not Reporters([SilentReporter(), SilentReporter()]).should_stop()
