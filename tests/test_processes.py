"""Chains that run at once in processes are the runs of their seeds, and end as one run does."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import SilentReporter

from imgcollapse.config import Config
from imgcollapse.device import usable_cores
from imgcollapse.errors import Stopped
from imgcollapse.store.lock import LOCK, is_locked
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.processes import Processes

SEEDS = (3, 4)
VAE = (
    "--set", "generator.kind=vae", "--set", "generator.width=8", "--set", "training.steps=20",
    "--set", "generations=50",
)  # fmt: skip


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tiny_yaml: Path) -> Iterator[Start]:
    """Begins two replicas by command, in a process group of their own, as a shell does."""
    begun: list[subprocess.Popen[str]] = []

    def start(out: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
        words = ("run", str(tiny_yaml), "--replicas", "2", "--out", str(out), *words)
        process = subprocess.Popen(
            [sys.executable, "-m", "imgcollapse", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | environment,
        )
        begun.append(process)
        return process

    yield start
    for process in begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def threads_in(run: Path) -> int:
    threads: int = RunDirectory(run).environment()["threads"]
    return threads


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def test_each_is_the_run_of_its_seed_to_the_byte(
    finished: Path,
    start: Start,
    tmp_path: Path,
    files_below: Callable[[Path], dict[str, bytes]],
) -> None:
    many = tmp_path / "many"
    process = start(many, "--json")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    runs = [{"run": str(many / f"seed{seed}"), "generations": 2} for seed in SEEDS]
    assert json.loads(out) == {"runs": runs}
    assert [one for one in err.splitlines() if not one.startswith(("seed 3: ", "seed 4: "))] == []
    if threads_in(finished) != threads_in(many / "seed3"):
        pytest.skip("bytes are those of a run with as many threads: set OMP_NUM_THREADS=1")
    volatile = ("environment.json", LOCK, "volatile")
    found, expected = (
        {name: one for name, one in files_below(run).items() if not name.startswith(volatile)}
        for run in (many / "seed3", finished)
    )
    assert found == expected


def test_an_interrupt_from_the_terminal_stops_all_in_good_order(
    start: Start, tmp_path: Path
) -> None:
    """A terminal sends it to the whole group, when one process may still be starting."""
    many = tmp_path / "many"
    process = start(many, *VAE, OMP_NUM_THREADS="64")
    wait_for(lambda: any((many / f"seed{seed}" / LOCK).exists() for seed in SEEDS))
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 75, err
    for seed in SEEDS:
        assert f"seed {seed}: error: stopped" in err
        run = RunDirectory(many / f"seed{seed}")
        assert len(run.generations()) < 50
        assert not run.exists or threads_in(run.path) == max(1, usable_cores() // 2)
    assert err.count("stopping at the next good moment") == 1
    assert "Traceback" not in err


@pytest.mark.long
def test_one_that_is_killed_leaves_the_others_alone_and_all_end_with_their_parent(
    start: Start, tmp_path: Path
) -> None:
    many = tmp_path / "many"
    process = start(many, *VAE)
    wait_for(lambda: is_locked(many / "seed3") and is_locked(many / "seed4"))
    holders = [json.loads((many / f"seed{seed}" / LOCK).read_text())["pid"] for seed in SEEDS]
    assert len({process.pid, *holders}) == 3
    os.kill(holders[0], signal.SIGKILL)
    wait_for(lambda: (many / "seed4" / "gen_000" / "COMMITTED").exists())
    assert process.poll() is None
    process.kill()
    _, err = process.communicate(timeout=60)
    assert "seed 3: error: the process of a run ended with exit code -9" in err
    wait_for(lambda: not is_locked(many / "seed4"), seconds=20)
    assert len(RunDirectory(many / "seed4").generations()) < 50


def test_who_still_waits_for_a_core_does_not_begin_after_a_stop(tmp_path: Path) -> None:
    class Late(SilentReporter):
        def should_stop(self) -> bool:
            return True

    processes = Processes(1)
    errors = []

    def begin() -> None:
        with pytest.raises(Stopped) as caught:
            processes.run(Config(), tmp_path / "run", Late())
        errors.append(caught.value)

    with processes.free:
        thread = threading.Thread(target=begin)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
    thread.join(20)
    assert len(errors) == 1
    assert not (tmp_path / "run").exists()
