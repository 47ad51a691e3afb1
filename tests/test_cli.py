"""The commands: exit codes, what goes to stdout, and that nothing is written on an error."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import typer.main
from conftest import Call, Said

from imgcollapse import cli
from imgcollapse.config import SourceName
from imgcollapse.config_file import load_config, to_yaml
from imgcollapse.store.lock import RunLock

COMMANDS = {
    "demo", "run", "status", "show", "verify", "compare", "warn", "audit-sampler", "null",
    "measure", "watermark", "data", "config", "doctor",
}  # fmt: skip


def assert_error(said: Said, code: int, *parts: str) -> None:
    """One sentence and perhaps a hint at the end, no traceback, nothing on stdout."""
    assert said.code == code
    assert said.out == ""
    last = [line for line in said.err.splitlines() if not line.startswith(("hint: ", "  "))][-1]
    assert last.startswith("error: ")
    assert "Traceback" not in said.err
    for part in parts:
        assert part in said.err


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        found.append(path)
        for name, inner in getattr(command, "commands", {}).items():
            walk(inner, (*path, name))

    walk(typer.main.get_command(cli.app), ())
    return found


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_has_help(call: Call, path: tuple[str, ...]) -> None:
    said = call(*path, "--help")
    assert said.code == 0
    assert said.out.startswith("Usage: ")
    assert said.err == ""


def test_the_commands_are_those_of_the_contract() -> None:
    paths = all_commands()
    assert {path[0] for path in paths if path} >= COMMANDS
    assert {path[1] for path in paths if len(path) == 2 and path[0] == "data"} >= {
        "list", "make", "inspect",
    }  # fmt: skip
    assert {path[1] for path in paths if path[:1] == ("config",) and len(path) == 2} >= {
        "show", "schema",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "none.yaml"), "no config file none.yaml"),
        (("run", "tiny.yaml", "--set", "generator.widht=3"), "unknown key generator.widht"),
        (("run", "tiny.yaml", "--set", "generator.width"), "key=value"),
        (("run", "tiny.yaml", "--device", "tpu"), "device: 'tpu'"),
        (("run", "tiny.yaml", "--seed", "-4"), "seed: -4"),
        (("run", "wrong.yaml"), "unknown key genrator"),
        (("run", "broken.yaml"), "not readable as YAML"),
        (("config", "show", "none.yaml"), "no config file"),
        (("config", "show", "tiny.yaml", "--set", "seed"), "key=value"),
        (("data", "make", "wrong.yaml", "out.npz"), "unknown key genrator"),
        (("data", "make", "tiny.yaml", "out.npz", "--split", "tests"), "no split tests"),
        (("data", "make", "tiny.yaml", "out.foo"), "not written as .foo"),
        (("status", "."), "no run here"),
        (("show", "nowhere"), "no run here"),
        (("verify", "tiny.yaml"), "no run here"),
        (("run", "tiny.yaml", "--out", "."), "something else than a run"),
        (("run", "tiny.yaml", "--out", "tiny.yaml"), "something else than a run"),
    ],
)
def test_wrong_usage_is_exit_2_and_writes_nothing(
    call: Call, tiny_yaml: Path, words: tuple[str, ...], says: str
) -> None:
    (tiny_yaml.parent / "wrong.yaml").write_text("genrator: {kind: vae}\n")
    (tiny_yaml.parent / "broken.yaml").write_text("seed: [\n")
    before = sorted(path.name for path in tiny_yaml.parent.iterdir())
    assert_error(call(*words), 2, says, "\nhint: ")
    assert sorted(path.name for path in tiny_yaml.parent.iterdir()) == before


@pytest.mark.parametrize(
    "words",
    [("fly",), ("run",), ("run", "tiny.yaml", "--sed", "1"), ("run", "tiny.yaml", "--seed", "x"),
     ("run", "tiny.yaml", "--max-time", "-1"), ("data", "eat"), ("verify",)],
)  # fmt: skip
def test_words_that_are_no_command_are_exit_2(
    call: Call, tiny_yaml: Path, words: tuple[str, ...]
) -> None:
    said = call(*words)
    assert (said.code, said.out) == (2, "")
    assert "Error" in said.err
    assert "Traceback" not in said.err
    assert [path.name for path in tiny_yaml.parent.iterdir()] == ["tiny.yaml"]


def test_cuda_where_there_is_none_is_exit_7_and_writes_nothing(
    call: Call, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = call("run", "tiny.yaml", "--out", "out", "--device", "cuda")
    assert_error(said, 7, "no CUDA device", "hint: use --device auto or --device cpu")
    assert [path.name for path in tiny_yaml.parent.iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize(
    "words",
    [
        ("data", "inspect", "nowhere"),
        ("data", "inspect", "tiny.yaml"),
        ("data", "inspect", "empty"),
        ("run", "tiny.yaml", "--set", "data.source=files", "--set", "data.root=nowhere"),
        ("run", "tiny.yaml", "--set", "data.source=mnist", "--set", "data.root=nowhere"),
        ("run", "tiny.yaml", "--set", "data.source=digits", "--set", "profile.num_max=5000"),
        ("data", "make", "tiny.yaml", "o.npz", "--set", "data.source=svhn"),
    ],
)
def test_data_that_is_not_there_is_exit_3_and_writes_nothing(
    call: Call, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.delenv("IMGCOLLAPSE_DATA", raising=False)
    (tiny_yaml.parent / "empty").mkdir()
    assert_error(call(*words), 3)
    assert sorted(path.name for path in tiny_yaml.parent.iterdir()) == ["empty", "tiny.yaml"]


def test_a_run_that_another_process_writes_is_exit_5(
    call: Call, copy_of_finished: Path, files_below: Callable[[Path], dict[str, bytes]]
) -> None:
    (copy_of_finished / "figures" / "fd.png").unlink()
    with RunLock(copy_of_finished):
        before = files_below(copy_of_finished)
        said = call("run", copy_of_finished / "config.yaml", "--out", copy_of_finished)
        assert_error(said, 5, "another process is writing this run: process ")
        assert call("status", copy_of_finished).out.split(": ")[1].startswith("running (process")
        assert files_below(copy_of_finished) == before


def test_another_config_is_exit_2_with_the_difference(call: Call, copy_of_finished: Path) -> None:
    config = copy_of_finished / "config.yaml"
    said = call("run", config, "--out", copy_of_finished, "--set", "generations=5")
    assert_error(said, 2, "-generations: 2", "+generations: 5", "hint: ")


def refuse_to_read(config: object) -> None:
    raise AssertionError("data were read")


@pytest.mark.parametrize(
    "out", ["tiny.yaml/below", "tiny.yaml/below/that", "/proc/run", "shut/a/b"]
)
def test_a_place_that_cannot_be_written_is_exit_2_before_data_are_read(
    call: Call, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    shut = tiny_yaml.parent / "shut"
    shut.mkdir(mode=0o500)
    if out.startswith("shut") and os.access(shut, os.W_OK):
        pytest.skip("root writes anywhere")
    monkeypatch.setattr("imgcollapse.study.run.make_splits", refuse_to_read)
    said = call("run", "tiny.yaml", "--out", out)
    assert_error(said, 2, "cannot be written", f"({out})", "hint: ")
    assert sorted(path.name for path in tiny_yaml.parent.iterdir()) == ["shut", "tiny.yaml"]


POOL = int(sum(int(60 * 0.1 ** (i / 9) + 1e-9) for i in range(10)))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (("kind=gaussian", f"components={POOL + 1}"), f"generation 0 holds {POOL}"),
        (("kind=gaussian", "first_stage={dim: 500}"), f"generation 0 holds {POOL}"),
        (("kind=gaussian", "first_stage={dim: 5000}"), "an image, which has 768"),
        (("network=mlp", "kind=diffusion", "first_stage={dim: 500}"), f"holds {POOL}"),
        (("kind=gaussian", "first_stage={dim: 60}", "sampling.num_images=50"), "1 holds 50"),
        (("kind=gaussian", "components=40", "policy.cap=30"), "generation 1 holds 30"),
        (
            ("kind=gaussian", "first_stage={dim: 60}", "sampling.num_images=50", "generations=3",
             "policy.real=hoarded", "policy.hoarded_until=2"),
            "generation 2 holds 50",
        ),
    ],
)  # fmt: skip
def test_a_generator_that_needs_larger_pools_is_exit_2_and_writes_nothing(
    call: Call, tiny_yaml: Path, settings: tuple[str, ...], says: str
) -> None:
    words = []
    for one in settings:
        is_whole = "." in one.split("=")[0] or one.startswith("generations=")
        words += ["--set", one if is_whole else f"generator.{one}"]
    assert_error(call("run", "tiny.yaml", "--out", "out", *words), 2, says, "hint: lower")
    assert [path.name for path in tiny_yaml.parent.iterdir()] == ["tiny.yaml"]


def test_going_on_elsewhere_is_a_warning_that_names_what_differs(
    call: Call, copy_of_finished: Path, tiny_yaml: Path
) -> None:
    shutil.rmtree(copy_of_finished / "gen_001")
    path = copy_of_finished / "environment.json"
    recorded = json.loads(path.read_text())
    recorded["threads"] += 7
    recorded["bf16"] = "sometimes"
    recorded["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(recorded))
    said = call("run", tiny_yaml, "--out", copy_of_finished)
    assert said.code == 0
    (warning,) = [line for line in said.err.splitlines() if line.startswith("warning: ")]
    assert f"(was {recorded['threads']})" in warning
    assert "(was sometimes)" in warning
    assert "torch " in warning
    assert "(was 1.0)" in warning
    assert "numpy" not in warning
    log = (copy_of_finished / "volatile" / "log.jsonl").read_text().splitlines()
    assert sum("environment_changed" in line for line in log) == 1
    assert json.loads(path.read_text()) == recorded


def test_a_signal_in_the_middle_of_a_print_is_heard(capfd: pytest.CaptureFixture[str]) -> None:
    """CPython refuses to enter a buffered stream from a handler that interrupted it there."""
    program = """
import signal, sys
from imgcollapse.cli.reporter import ConsoleReporter
from imgcollapse.config import Config
class Stream:
    def isatty(self): return False
    def write(self, text): raise RuntimeError("reentrant call")
    def flush(self): pass
sys.stderr = Stream()
reporter = ConsoleReporter(Config(), None)
signal.raise_signal(signal.SIGTERM)
assert reporter.should_stop()
"""
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
    assert "stopping at the next good moment" in capfd.readouterr().err


def test_running_a_complete_run_again_says_so(call: Call, copy_of_finished: Path) -> None:
    words = ("run", copy_of_finished / "config.yaml", "--out", copy_of_finished)
    assert call(*words).out == f"done: {copy_of_finished} (imgcollapse show {copy_of_finished})\n"
    assert call(*words, "--json").json == {"run": str(copy_of_finished), "generations": 2}


def test_a_dry_run_needs_no_data_and_writes_nothing(call: Call, tiny_yaml: Path) -> None:
    words = ["run", "tiny.yaml", "--dry-run", "--set", "data.source=mnist", "--seed", "8"]
    words += ["--set", "data.image_size=28"]
    said = call(*words)
    assert said.code == 0
    assert "seed: 8\n" in said.out
    assert "# about " in said.out
    plan = call(*words, "--json").json
    assert plan["config"]["seed"] == 8
    counts = [int(60 * 0.1 ** (i / 9) + 1e-9) for i in range(10)]
    assert plan["cost"]["pool_images"] == sum(counts)
    many = call(*words, "--replicas", 3)
    assert "# 3 chains, as if one after the other: about " in many.out
    cost = call(*words, "--replicas", 3, "--json").json["cost"]
    assert (cost["chains"], cost["pool_images"]) == (3, plan["cost"]["pool_images"])
    for what in ("training_images", "sampled_images", "disk_bytes"):
        assert cost[what] == 3 * plan["cost"][what]
    files = call("run", "tiny.yaml", "--dry-run", "--json", "--set", "data.source=files")
    assert files.json["cost"] is None
    assert [path.name for path in tiny_yaml.parent.iterdir()] == ["tiny.yaml"]


@pytest.mark.parametrize(
    "generator",
    ["{kind: gaussian, components: 130}", "{kind: gaussian, first_stage: {dim: 140}}",
     "{network: mlp, width: 8, depth: 1, first_stage: {dim: 140}}"],
)  # fmt: skip
def test_a_dry_run_takes_what_the_run_would_take(
    call: Call, tiny_yaml: Path, generator: str
) -> None:
    words = ["run", "tiny.yaml", "--dry-run", "--json", "--set", f"generator={generator}"]
    cost = call(*words).json["cost"]
    assert cost["pool_images"] > 140
    per_fit = cost["training_images"] / 2
    assert per_fit == (
        cost["pool_images"] if "gaussian" in generator else 4000 * cost["pool_images"]
    )
    assert_error(call(*words, "--set", "profile.num_max=20"), 2, "as many", "hint: ")


def test_status_says_how_far_runs_have_come(call: Call, copy_of_finished: Path) -> None:
    assert call("status", copy_of_finished).out == (
        f"{copy_of_finished}: complete, 2 of 2 generations\n"
    )
    half = Path(shutil.copytree(copy_of_finished, copy_of_finished.with_name("half")))
    shutil.rmtree(half / "gen_001")
    found = call("status", half.parent, "--json").json["runs"]
    assert [(one["done"], one["generations"]) for one in found] == [(2, 2), (1, 2)]
    assert found[0]["state"] == "complete"
    assert found[1]["state"].startswith("stopped")


def test_show_prints_every_generation_and_class(call: Call, finished: Path) -> None:
    said = call("show", finished)
    assert said.code == 0
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["real", "0", "1"]
    assert sum(line.startswith("  ") and "%" in line for line in lines[5:]) >= 10
    assert "golden-retriever" in said.out
    shown = call("show", finished, "--json").json
    with open(finished / "scores.csv", encoding="utf-8") as file:
        num_rows = len(file.readlines()) - 1
    assert len(shown["runs"][0]["scores"]) == num_rows
    assert {"class", "metric", "low"} < shown["runs"][0]["scores"][0].keys()
    assert shown["runs"][0]["run"] == str(finished)


def test_show_of_many_runs_is_one_object_and_of_a_run_just_begun_too(
    call: Call, copy_of_finished: Path
) -> None:
    begun = copy_of_finished.with_name("begun")
    begun.mkdir()
    shutil.copy(copy_of_finished / "config.yaml", begun)
    shown = call("show", copy_of_finished.parent, "--json").json["runs"]
    assert [Path(one["run"]).name for one in shown] == ["begun", "copy"]
    assert shown[0]["scores"] == []
    assert "nothing committed yet" in call("show", begun).out
    assert call("verify", begun)[:2] == (0, f"{begun}: nothing is committed yet\n")


def test_verify_compares_every_file_and_a_changed_byte_is_exit_4(
    call: Call, copy_of_finished: Path
) -> None:
    said = call("verify", copy_of_finished)
    assert said.code == 0
    assert "files are what the manifest says" in said.out
    assert list(call("verify", copy_of_finished, "--json").json["files"]) == [str(copy_of_finished)]
    path = copy_of_finished / "gen_001" / "samples.npz"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert_error(call("verify", copy_of_finished), 4, "gen_001/samples.npz", "hint: ")
    assert_error(call("verify", copy_of_finished, "--json"), 4)
    done = subprocess.run(
        [sys.executable, "-c", "import imgcollapse.cli as c; c.main()", "verify", copy_of_finished],
        capture_output=True,
        text=True,
    )
    assert_error(Said(done.returncode, done.stdout, done.stderr), 4)


SMALL_FILES = (
    "config.yaml", "judge/judge.json", "reference/counts.json", "reference/scores.json",
    "gen_001/pool.json", "gen_001/scores.json",
)  # fmt: skip


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "another kind"])
@pytest.mark.parametrize("name", SMALL_FILES)
def test_a_small_file_that_is_missing_or_broken_is_exit_4_in_every_command(
    call: Call, copy_of_finished: Path, tiny_yaml: Path, name: str, damage: str
) -> None:
    path = copy_of_finished / name
    whole = path.read_text()
    path.unlink()
    if damage != "missing":
        broken = {"empty": "", "truncated": whole[: len(whole) // 2], "another kind": "[]"}
        path.write_text(broken[damage])
    assert_error(call("verify", copy_of_finished), 4, name, "hint: ")
    assert_error(call("show", copy_of_finished), 4, name)
    assert_error(call("show", copy_of_finished, "--json"), 4, name)
    assert_error(call("run", tiny_yaml, "--out", copy_of_finished), 4, name)
    said = call("status", copy_of_finished)
    assert (said.code, said.err) == (4, "")
    assert f"{copy_of_finished}: corrupt: " in said.out


def test_a_corrupt_run_does_not_keep_status_from_the_others(
    call: Call, copy_of_finished: Path
) -> None:
    broken = Path(shutil.copytree(copy_of_finished, copy_of_finished.with_name("broken")))
    (broken / "gen_000" / "pool.json").unlink()
    said = call("status", broken.parent)
    assert said.code == 4
    assert [line.split(": ")[1] for line in said.out.splitlines()] == [
        "corrupt", "complete, 2 of 2 generations",
    ]  # fmt: skip
    said = call("status", broken.parent, "--json")
    assert said.code == 4
    assert [one["generations"] for one in said.json["runs"]] == [None, 2]


def test_config_show_and_schema(call: Call, tiny_yaml: Path) -> None:
    config = load_config(tiny_yaml, ["seed=9"])
    said = call("config", "show", "tiny.yaml", "--set", "seed=9")
    assert (said.code, said.out, said.err) == (0, to_yaml(config), "")
    shown = call("config", "show", "tiny.yaml", "--set", "seed=9", "--json").json
    assert shown == config.model_dump(mode="json", by_alias=True)
    assert "generator" in call("config", "schema").json["properties"]
    assert call("config", "show", "smoke").code == 0


def test_data_list_names_every_source(call: Call) -> None:
    names = set(SourceName.__args__)  # type: ignore[attr-defined]
    assert set(call("data", "list", "--json").json) == names
    lines = call("data", "list").out.splitlines()
    assert {line.split()[0] for line in lines} == names


@pytest.mark.parametrize("out", ["pool.npz", "pool.zip", "pool"])
def test_what_data_make_writes_data_inspect_reads(call: Call, tiny_yaml: Path, out: str) -> None:
    said = call("data", "make", "tiny.yaml", out)
    counts = [int(60 * 0.1 ** (i / 9) + 1e-9) for i in range(10)]
    assert (said.code, said.out) == (0, f"{out}: {sum(counts):,} images\n")
    said = call("data", "make", "tiny.yaml", f"j{out}", "--split", "judge", "--json")
    assert said.json == {"path": f"j{out}", "split": "judge", "images": 300}
    facts = call("data", "inspect", out, "--json").json
    assert sorted(facts["counts"].values(), reverse=True) == counts
    assert facts["images"] == sum(counts)
    assert (facts["channels"], facts["height"], facts["width"]) == (3, 16, 16)
    assert (facts["unlabelled"], facts["duplicates"]) == (0, 0)
    shown = call("data", "inspect", out)
    assert (shown.code, shown.err) == (0, "")
    assert f"{sum(counts)} images" in shown.out


def test_data_inspect_counts_copies_and_images_without_a_class(call: Call, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), np.uint8)
    images[4] = images[0]
    np.savez(tmp_path / "plain.npz", arr_0=images)
    facts = call("data", "inspect", "plain.npz", "--json").json
    assert (facts["images"], facts["unlabelled"], facts["duplicates"]) == (5, 5, 1)
    assert "1 of them are copies" in call("data", "inspect", "plain.npz").out


def test_doctor_finds_a_healthy_lab(call: Call) -> None:
    said = call("doctor", "--json")
    assert said.code == 0, said.out
    assert said.json["healthy"] is True
    names = [one["check"] for one in said.json["checks"]]
    assert {"python", "torch", "torchvision", "device", "threads", "bf16", "configs"} <= set(names)
    assert {"diffusers", "safetensors", "scikit-learn", "matplotlib", "pillow"} <= set(names)
    assert "pytest" not in names
    lines = call("doctor").out.splitlines()
    assert all(line.startswith(("ok ", "note ")) for line in lines)
    assert len(lines) == len(names)


def test_doctor_notes_a_data_folder_that_is_not_there(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder, mark in ((tmp_path, "ok"), (tmp_path / "none", "note")):
        monkeypatch.setenv("IMGCOLLAPSE_DATA", str(folder))
        said = call("doctor")
        assert said.code == 0
        (line,) = [line for line in said.out.splitlines() if line.split()[1] == "data"]
        assert line.split()[0] == mark


def test_doctor_compares_versions_with_what_the_package_needs(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def install(name: str, version: str, *lines: str) -> None:
        folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir(parents=True)
        text = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *lines])
        (folder / "METADATA").write_text(text + "\n")

    install("scikit-learn", "1.4.9")
    install(
        "imgcollapse", "0.1.0", "Requires-Dist: scikit-learn>=1.5", "Requires-Dist: no-such-one>=2",
        'Requires-Dist: nor-this; extra == "test"',
    )  # fmt: skip
    monkeypatch.syspath_prepend(tmp_path / "site")
    said = call("doctor")
    assert said.code == 7
    bad = [line.split(maxsplit=2)[1:] for line in said.out.splitlines() if line.startswith("BAD")]
    assert bad == [
        ["scikit-learn", "1.4.9 is not >=1.5: pip install 'scikit-learn>=1.5'"],
        ["no-such-one", "not installed: pip install no-such-one"],
    ]


@pytest.mark.parametrize(
    ("module", "error", "says"),
    [
        ("torchvision", RuntimeError("operator torchvision::nms does not exist"),
         "torch and torchvision were built for different versions: install both"),
        ("diffusers", ModuleNotFoundError("No module named 'diffusers'"), "pip install diffusers"),
    ],
)  # fmt: skip
def test_doctor_says_how_to_mend_what_is_broken(
    call: Call, monkeypatch: pytest.MonkeyPatch, module: str, error: Exception, says: str
) -> None:
    real = importlib.import_module

    def broken(name: str, package: str | None = None) -> Any:
        if name == module:
            raise error
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", broken)
    said = call("doctor")
    assert said.code == 7
    (bad,) = [line for line in said.out.splitlines() if line.startswith("BAD")]
    assert bad.split()[1] == module
    assert says in bad
    assert "Traceback" not in said.err
    in_json = call("doctor", "--json")
    assert in_json.code == 7
    assert in_json.json["healthy"] is False


def test_doctor_warns_of_more_threads_than_cores(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5000")
    said = call("doctor")
    assert said.code == 7
    assert "export OMP_NUM_THREADS=" in said.out


@pytest.mark.parametrize("place", [0, 1, 2])
def test_debug_shows_the_traceback_wherever_it_stands(call: Call, place: int) -> None:
    words = ["run", "none.yaml"]
    plain = call(*words)
    assert_error(plain, 2)
    words.insert(place, "--debug")
    said = call(*words)
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.endswith(plain.err)


@pytest.mark.parametrize(
    ("raised", "code", "says"),
    [
        (RuntimeError("operator torchvision::nms does not exist"), 7, "hint: imgcollapse doctor"),
        (MemoryError(), 7, "out of memory: MemoryError\nhint: lower training.batch_size"),
        (
            torch.OutOfMemoryError("CUDA out of memory.\nMore"),
            7,
            "of memory: CUDA out of memory.\nh",
        ),
        (RuntimeError("[x] DefaultCPUAllocator: can't allocate memory"), 7, "hint: lower"),
        (ZeroDivisionError("division by zero"), 1, "ZeroDivisionError: division by zero"),
        (PermissionError(13, "Permission denied", "/root/x"), 7, "Permission denied (/root/x)"),
        (OSError(28, "No space left on device"), 7, "No space left on device"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_other_errors_are_one_sentence_too(
    call: Call, monkeypatch: pytest.MonkeyPatch, raised: BaseException, code: int, says: str
) -> None:
    def fail(words: list[str]) -> None:
        raise raised

    monkeypatch.setattr(cli, "app", fail)
    said = call("run", "x")
    assert (said.code, said.out) == (code, "")
    assert says in said.err
    assert "Traceback" not in said.err


def test_a_chain_of_one_generation_is_a_run(call: Call, tiny_yaml: Path) -> None:
    assert call("run", tiny_yaml, "--out", "one", "--set", "generations=1").code == 0
    assert call("verify", "one").code == 0
    assert call("show", "one").code == 0
