"""What the store promises: files whole or not at all, one writer, and no silent change."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imgcollapse.config import Config
from imgcollapse.config_file import load_config, to_yaml
from imgcollapse.errors import ConfigError, CorruptError, EnvironmentalError, LockedError
from imgcollapse.images import ImageSet
from imgcollapse.store import files
from imgcollapse.store.lock import RunLock, is_locked
from imgcollapse.store.progress import TrainingState
from imgcollapse.store.run_directory import (
    RunDirectory,
    counts_by_origin,
    read_npz,
    read_scores,
    write_npz,
)

Reader = Callable[[Path], dict[str, bytes]]


def refuse(*arguments: object) -> None:
    raise OSError("the disk is gone")


def test_a_file_is_the_old_one_until_it_is_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.csv"
    files.write_text(path, "old")
    seen = []
    replace = os.replace

    def look_and_replace(source: Path, target: Path) -> None:
        seen.append((path.read_text(), Path(source).read_text(), Path(source).parent))
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_and_replace)
    files.write_text(path, "new")
    assert seen == [("old", "new", tmp_path)]
    assert path.read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["scores.csv"]


def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.csv"
    files.write_text(path, "old")
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="the disk is gone"):
        files.write_text(path, "new")
    assert [one.name for one in tmp_path.iterdir()] == ["scores.csv"]
    assert path.read_text() == "old"


def test_a_file_is_flushed_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def flush(descriptor: int) -> None:
        steps.append("flush")
        fsync(descriptor)

    def rename(source: Path, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "replace", rename)
    files.write_bytes(tmp_path / "a", b"content")
    assert steps[:2] == ["flush", "rename"]


def test_a_process_killed_between_write_and_rename_leaves_the_old_file(tmp_path: Path) -> None:
    program = f"""
import os, pathlib, signal
from imgcollapse.store.files import write_text
path = pathlib.Path({str(tmp_path / "scores.csv")!r})
write_text(path, "old")
os.replace = lambda *two: os.kill(os.getpid(), signal.SIGKILL)
write_text(path, "new")
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    assert (tmp_path / "scores.csv").read_text() == "old"
    files.write_text(tmp_path / "scores.csv", "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_json_refuses_what_json_does_not_have(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "a.json", {"value": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_arrays_are_written_without_a_copy_of_the_whole(tmp_path: Path) -> None:
    """Numpy takes 16 MB at a time."""
    values = np.zeros((20_000, 3, 32, 32), np.uint8).transpose(0, 2, 3, 1)
    tracemalloc.start()
    write_npz(tmp_path / "a.npz", arr_0=values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.7 * values.nbytes


@pytest.mark.parametrize("turned", [(0, 1, 2), (2, 1, 0), (0, 2, 1)])
def test_an_array_is_in_c_order_however_it_lies_in_memory(
    turned: tuple[int, ...], tmp_path: Path
) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(turned)
    write_npz(tmp_path / "a.npz", arr_0=values)
    with zipfile.ZipFile(tmp_path / "a.npz") as stored:
        content = stored.read("arr_0.npy")
    assert content.endswith(values.tobytes())
    assert b"'fortran_order': False" in content


def test_arrays_come_back_and_their_bytes_depend_on_nothing_else(tmp_path: Path) -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    write_npz(tmp_path / "a.npz", arr_0=values.transpose(2, 0, 1), arr_1=np.array([1, -1]))
    time.sleep(0.01)
    write_npz(tmp_path / "b.npz", arr_0=values.transpose(2, 0, 1).copy(), arr_1=np.array([1, -1]))
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    (back,) = read_npz(tmp_path / "a.npz", "arr_0")
    assert np.array_equal(back, values.transpose(2, 0, 1))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:100])
    for broken, name in (("a.npz", "arr_0"), ("b.npz", "arr_7"), ("none.npz", "arr_0")):
        with pytest.raises(CorruptError, match=broken):
            read_npz(tmp_path / broken, name)


def test_no_pickle_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", arr_0=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CorruptError):
        read_npz(tmp_path / "a.npz", "arr_0")


HOLDER = """
import pathlib, sys, time
from imgcollapse.store.lock import RunLock
with RunLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def locker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of ``tmp_path``."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_writer_is_refused_until_the_first_is_killed(
    tmp_path: Path, locker: subprocess.Popen[str]
) -> None:
    assert is_locked(tmp_path)
    with pytest.raises(LockedError, match=f"process {locker.pid} on ") as caught, RunLock(tmp_path):
        pass
    assert caught.value.exit_code == 5
    assert str(locker.pid) in (tmp_path / "run.lock").read_text(), "the refused one wrote nothing"
    locker.send_signal(signal.SIGKILL)
    locker.wait()
    assert not is_locked(tmp_path)
    with RunLock(tmp_path):
        assert is_locked(tmp_path)
        assert str(os.getpid()) in (tmp_path / "run.lock").read_text()
    assert not is_locked(tmp_path)


def test_the_lock_is_freed_by_an_error_too_and_a_folder_without_one_is_free(tmp_path: Path) -> None:
    assert not is_locked(tmp_path)
    assert list(tmp_path.iterdir()) == [], "looking makes no file"
    with pytest.raises(RuntimeError), RunLock(tmp_path):
        raise RuntimeError
    assert not is_locked(tmp_path)


def test_looking_never_makes_a_starting_run_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run.lock").touch()
    with open(tmp_path / "run.lock", encoding="utf-8") as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not is_locked(tmp_path), "two may look at once"
        monkeypatch.setattr(time, "sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
        with RunLock(tmp_path):
            assert is_locked(tmp_path)


def test_a_file_system_without_locks_is_not_said_to_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(EnvironmentalError, match="No locks available") as caught, RunLock(tmp_path):
        pass
    assert caught.value.exit_code == 7
    assert "local disk" in caught.value.hint
    assert not is_locked(tmp_path)


def test_a_training_goes_on_only_from_its_own_state(tmp_path: Path) -> None:
    state = TrainingState(tmp_path / "training.safetensors", every_seconds=0)
    assert state.load(7) is None
    assert state.due()
    weights = np.linspace(0, 1, 5, dtype=np.float32)
    state.save(7, 12, {"model.w": weights})
    loaded = TrainingState(tmp_path / "training.safetensors").load(7)
    assert loaded is not None
    assert loaded[0] == 12
    assert np.array_equal(loaded[1]["model.w"], weights)
    assert list(loaded[1]) == ["model.w"]
    assert state.load(8) is None
    assert not TrainingState(state.path, every_seconds=60).due()
    whole = state.path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", whole[:-1], b"\0" * 64):
        state.path.write_bytes(broken)
        assert state.load(7) is None
    state.clear()
    state.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_finished_run_is_what_its_manifest_says(finished: Path, files_below: Reader) -> None:
    committed = {
        name
        for name in files_below(finished)
        if name.split("/")[0] in ("judge", "reference", "gen_000", "gen_001")
    } | {"config.yaml", "scores.csv"}
    assert RunDirectory(finished).check() == len(committed)
    manifest = json.loads((finished / "manifest.json").read_text())
    listed = set(manifest["files"]).union(*(one["files"] for one in manifest["generations"]))
    assert listed == committed
    first, second = manifest["generations"]
    assert first["previous"] == ""
    assert len(second["previous"]) == 64


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "name",
    [
        "gen_000/samples.npz", "gen_001/model/pool.npz", "gen_001/grid.png", "gen_000/scores.json",
        "judge/model.safetensors", "reference/stats.npz", "scores.csv",
    ],
)  # fmt: skip
def test_a_changed_byte_is_found_and_named(copy_of_finished: Path, name: str) -> None:
    flip(copy_of_finished / name)
    with pytest.raises(CorruptError, match=name) as caught:
        RunDirectory(copy_of_finished).check()
    assert caught.value.exit_code == 4
    flip(copy_of_finished / name)
    RunDirectory(copy_of_finished).check()


@pytest.mark.parametrize(
    "name",
    ["gen_000/samples.npz", "gen_001/COMMITTED", "gen_000/COMMITTED", "judge/judge.json",
     "reference/counts.json", "scores.csv"],
)  # fmt: skip
def test_a_missing_file_is_found_and_named(copy_of_finished: Path, name: str) -> None:
    (copy_of_finished / name).unlink()
    with pytest.raises(CorruptError, match=name):
        RunDirectory(copy_of_finished).check()


@pytest.mark.parametrize(
    "name", ["gen_001/more.npz", "judge/more.json", "reference/more", "gen_000/model/more/file"]
)
def test_an_extra_file_is_found_and_named(copy_of_finished: Path, name: str) -> None:
    (copy_of_finished / name).parent.mkdir(exist_ok=True)
    (copy_of_finished / name).write_text("more")
    with pytest.raises(CorruptError, match=name):
        RunDirectory(copy_of_finished).check()


def test_swapped_and_missing_generations_are_found(copy_of_finished: Path) -> None:
    first, second = copy_of_finished / "gen_000", copy_of_finished / "gen_001"
    first.rename(copy_of_finished / "aside")
    second.rename(first)
    with pytest.raises(CorruptError, match="gen_00"):
        RunDirectory(copy_of_finished).check()
    (copy_of_finished / "aside").rename(second)
    with pytest.raises(CorruptError, match="gen_00"):
        RunDirectory(copy_of_finished).check()


def rewrite_manifest(run: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((run / "manifest.json").read_text())
    change(manifest)
    (run / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["generations"][1].update(previous="0" * 64),
        lambda m: m["generations"][0]["files"].update({"gen_000/grid.png": "0" * 64}),
        lambda m: m["generations"].reverse(),
        lambda m: m["generations"].pop(0),
        lambda m: m["generations"].pop(1),
        lambda m: m["generations"][1].update(generation=2),
        lambda m: m.pop("files"),
        lambda m: m["generations"][1].pop("files"),
        lambda m: m["generations"][1].pop("previous"),
        lambda m: m.update(generations=7),
        lambda m: m.update(files=[]),
        lambda m: m.clear(),
    ],
)
def test_a_manifest_that_was_tampered_with_is_corrupt(
    copy_of_finished: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite_manifest(copy_of_finished, change)
    with pytest.raises(CorruptError):
        RunDirectory(copy_of_finished).check()


def test_one_changed_generation_breaks_the_chain_even_if_its_own_entry_follows(
    copy_of_finished: Path,
) -> None:
    flip(copy_of_finished / "gen_000" / "grid.png")
    new = files.sha256_of(copy_of_finished / "gen_000" / "grid.png")
    rewrite_manifest(
        copy_of_finished,
        lambda m: m["generations"][0]["files"].update({"gen_000/grid.png": new}),
    )
    with pytest.raises(CorruptError, match="chain of hashes breaks at generation 1"):
        RunDirectory(copy_of_finished).check()


def test_going_on_does_not_bless_a_generation_that_changed(copy_of_finished: Path) -> None:
    flip(copy_of_finished / "gen_000" / "grid.png")
    RunDirectory(copy_of_finished).write_tables()
    with pytest.raises(CorruptError, match=r"gen_000/grid\.png"):
        RunDirectory(copy_of_finished).check()


def test_a_manifest_or_table_that_is_unreadable_is_corrupt(copy_of_finished: Path) -> None:
    for content in ("{", "[]", "7", "null", "\x00"):
        (copy_of_finished / "manifest.json").write_text(content)
        with pytest.raises(CorruptError):
            RunDirectory(copy_of_finished).check()
    for content in ("{", "[]", "[1]", '[{"metric": "share"}]', "7", "null"):
        (copy_of_finished / "scores.json").write_text(content)
        with pytest.raises(CorruptError):
            read_scores(copy_of_finished / "scores.json")
    with pytest.raises(CorruptError, match=r"none\.json"):
        read_scores(copy_of_finished / "none.json")


def test_json_that_is_missing_broken_or_of_another_kind_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with pytest.raises(CorruptError, match="missing"):
        files.read_json(path)
    files.write_json(path, {"a": [1], "b": None})
    assert files.read_json(path, a=list, b=float | None) == {"a": [1], "b": None}
    for kinds in ({"a": dict}, {"b": int}, {"c": int}, {"c": int | None}):
        with pytest.raises(CorruptError, match=f"{next(iter(kinds))} is missing or"):
            files.read_json(path, **kinds)
    for content in (b"", b'{"a": [1', b"\xff", b"[]", b"7"):
        path.write_bytes(content)
        with pytest.raises(CorruptError, match=r"a\.json"):
            files.read_json(path, a=list)


def test_a_score_is_written_with_the_names_of_the_contract(finished: Path) -> None:
    rows = files.read_json(finished / "gen_000" / "scores.json")
    assert list(rows[0]) == [
        "generation", "metric", "class", "reference", "value", "low", "high", "n", "extractor",
    ]  # fmt: skip
    assert [score.as_row() for score in read_scores(finished / "gen_000" / "scores.json")] == rows


@pytest.mark.parametrize("change", [{"value": "1"}, {"class": 7}, {"n": None}, {"more": 1}])
def test_a_score_with_a_value_of_another_kind_is_corrupt(
    copy_of_finished: Path, change: dict[str, object]
) -> None:
    path = copy_of_finished / "gen_000" / "scores.json"
    rows = json.loads(path.read_text())
    path.write_text(json.dumps([rows[0] | change]))
    with pytest.raises(CorruptError, match="not a score"):
        read_scores(path)


def changed(config: Config, **values: object) -> Config:
    return config.model_copy(update=values)


def test_another_config_is_refused_with_a_diff_and_nothing_changes(
    copy_of_finished: Path, files_below: Reader
) -> None:
    before = files_below(copy_of_finished)
    config = load_config(copy_of_finished / "config.yaml")
    RunDirectory(copy_of_finished).refuse_unless_same(config)
    with pytest.raises(ConfigError) as caught:
        RunDirectory(copy_of_finished).refuse_unless_same(changed(config, seed=4))
    assert caught.value.exit_code == 2
    assert "-seed: 3" in caught.value.message
    assert "+seed: 4" in caught.value.message
    assert "generations" not in caught.value.message
    assert files_below(copy_of_finished) == before


@pytest.mark.parametrize("name", ["thesis.tex", "gen_000", ".git", "scores.csv"])
def test_a_folder_that_is_something_else_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match="something else than a run"):
        RunDirectory(tmp_path).refuse_unless_same(Config())
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_place_of_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="something else than a run"):
        RunDirectory(tmp_path / "file").refuse_unless_same(Config())
    assert (tmp_path / "file").read_text() == "mine"


def test_new_empty_and_hardly_begun_folders_are_taken(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "new").refuse_unless_same(Config())
    assert not (tmp_path / "new").exists()
    RunDirectory(tmp_path).refuse_unless_same(Config())
    for name in ("run.lock", "environment.json", "config.yaml.tmp"):
        (tmp_path / name).touch()
    (tmp_path / "state").mkdir()
    RunDirectory(tmp_path).refuse_unless_same(Config())


def test_the_config_of_a_run_is_the_one_it_was_made_with(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    with pytest.raises(ConfigError, match="not a run directory"):
        run.config()
    config = changed(Config(), seed=9, generations=4)
    run.create(config, {"threads": 1})
    assert run.config() == config
    assert (run.path / "config.yaml").read_text() == to_yaml(config)
    run.create(config, {"threads": 2})
    assert json.loads((run.path / "environment.json").read_text()) == {"threads": 1}


def test_a_commit_that_fails_leaves_no_generation(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    (tmp_path / "state").mkdir()

    def fail_in_the_middle() -> None:
        with run.commit("gen_000") as folder:
            (folder / "samples.npz").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_in_the_middle()
    assert run.generations() == []
    assert not (tmp_path / "gen_000").exists()
    with run.commit("gen_000") as folder:
        assert list(folder.iterdir()) == []
        (folder / "samples.npz").write_text("whole")
        assert not (tmp_path / "gen_000").exists()
    assert run.generations() == [tmp_path / "gen_000"]
    assert sorted(path.name for path in (tmp_path / "gen_000").iterdir()) == [
        "COMMITTED", "samples.npz",
    ]  # fmt: skip


def test_generations_end_at_the_first_gap(tmp_path: Path) -> None:
    for number in (0, 1, 3):
        (tmp_path / f"gen_{number:03d}").mkdir()
        (tmp_path / f"gen_{number:03d}" / "COMMITTED").touch()
    (tmp_path / "gen_002").mkdir()
    assert [path.name for path in RunDirectory(tmp_path).generations()] == ["gen_000", "gen_001"]


def test_samples_come_back_with_their_origin(finished: Path) -> None:
    counts = json.loads((finished / "reference" / "counts.json").read_text())["pool"]
    samples = RunDirectory(finished).samples(1, tuple(counts))
    assert samples.image_shape == (3, 16, 16)
    assert set(samples.origin.tolist()) == {2}
    few = RunDirectory(finished).samples(1, tuple(counts), 5)
    assert few.hashes() == samples.hashes()[:5]
    assert few.labels.tolist() == samples.labels[:5].tolist()


def test_a_pool_is_counted_by_origin_and_class() -> None:
    images = np.zeros((6, 1, 2, 2), np.uint8)
    pool = ImageSet(
        images,
        np.array([0, 1, 1, -1, 0, 2]),
        np.array([0, 0, 0, 2, 2, 2], np.int32),
        ("a", "b", "c"),
    )
    assert counts_by_origin(pool.origin, pool.labels, pool.classes) == {
        "0": {"a": 1, "b": 2}, "2": {"a": 1, "c": 1, "unlabelled": 1},
    }  # fmt: skip
