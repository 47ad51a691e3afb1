"""A run that was killed anywhere ends with the bytes of one that was left alone."""

from __future__ import annotations

import functools
import importlib
import json
import multiprocessing
import os
import pickle
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from conftest import TINY, SilentReporter, StopsAfter

from imgcollapse.config_file import parse_config
from imgcollapse.errors import CorruptError, Stopped
from imgcollapse.generators import networks
from imgcollapse.store.files import write_json
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.beginning import share_beginning
from imgcollapse.study.run import run_to_disk

if TYPE_CHECKING:
    from imgcollapse.config import Config
    from imgcollapse.data.splits import Splits

Reader = Callable[[Path], dict[str, bytes]]

STEPS = 12
SAVES = STEPS - 1
JUDGE_STEPS = 6
JUDGE_SAVES = JUDGE_STEPS - 1
GENERATIONS = 3
CONFIG = f"""
seed: 5
generations: {GENERATIONS}
data: {{source: kennel, image_size: 16, judge_per_class: 16, reference_per_class: 15}}
profile: {{kind: exp, num_max: 40, imbalance: 0.1}}
generator:
  {{kind: diffusion, network: mlp, width: 16, depth: 1, objective: flow,
   first_stage: {{kind: pca, dim: 4}}}}
training: {{steps: {STEPS}, batch_size: 16, warmup_steps: 2}}
sampling: {{sampler: heun, steps: 15}}
policy: {{preset: accumulate-subsample}}
judge: {{steps: {JUDGE_STEPS}}}
scores: {{num_images: 60, grid_images: 8}}
device: cpu
"""


class Blow(NamedTuple):
    """A signal to this process before or after the n-th call of ``module:attribute``."""

    target: str
    when: str
    call: int
    signal: int = signal.SIGKILL


JUDGE_IS_THERE = Blow("imgcollapse.store.run_directory:move_folder", "after", 1)
REFERENCE_IS_STAGED = Blow("imgcollapse.store.run_directory:move_folder", "before", 2)
IN_JUDGE = Blow("imgcollapse.store.progress:TrainingState.save", "after", 4)
FIRST_STEP_IS_SAVED = Blow(IN_JUDGE.target, "after", JUDGE_SAVES + 1)
IN_TRAINING = Blow(
    "imgcollapse.store.progress:TrainingState.save", "after", JUDGE_SAVES + SAVES + 7
)
IN_SECOND_PASS = IN_TRAINING._replace(call=JUDGE_SAVES + SAVES + 11)
STATE_IS_HALF_WRITTEN = Blow(
    "imgcollapse.store.progress:write_bytes", "before", JUDGE_SAVES + SAVES + 7
)
GENERATION_IS_STAGED = Blow("imgcollapse.store.run_directory:move_folder", "before", 4)
TABLES_ARE_OLD = Blow("imgcollapse.store.run_directory:move_folder", "after", 4)
LAST_TABLES_ARE_OLD = Blow("imgcollapse.store.run_directory:move_folder", "after", 5)
MANIFEST_IS_OLD = Blow("imgcollapse.store.run_directory:write_manifest", "before", 3)
BETWEEN_GENERATIONS = Blow("imgcollapse.policies.pool_maker:compose_pool", "before", 2)
FIGURES_ARE_MISSING = Blow("imgcollapse.study.run:draw_run", "before", 1)


def strike(blow: Blow) -> None:
    """Puts the signal in place."""
    module_name, _, path = blow.target.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for one in owners:
        owner = getattr(owner, one)
    original, calls = getattr(owner, name), 0

    @functools.wraps(original)
    def struck(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == blow.call and blow.when == "before":
            os.kill(os.getpid(), blow.signal)
        result = original(*arguments, **named)
        if calls == blow.call and blow.when == "after":
            os.kill(os.getpid(), blow.signal)
        return result

    setattr(owner, name, struck)


def count_steps(into: Path) -> None:
    """Adds a byte to a file for every step of any training."""
    from imgcollapse.training.optimizer import AdamW

    original = AdamW.step

    def counted(self: AdamW) -> None:
        with open(into, "ab") as file:
            file.write(b".")
        original(self)

    AdamW.step = counted  # type: ignore[method-assign]


def prepare_process(out: Path, blow: Blow | None, *, quick: bool) -> None:
    """Saves the training after every step.

    To be quick, pictures are replaced by their data, real images drawn once for all runs here,
    nothing is flushed to the disk, which only a power cut would notice, and intervals are rough.
    """
    from imgcollapse.figures import plot
    from imgcollapse.metrics import shares
    from imgcollapse.store import progress, run_directory

    run: Any = importlib.import_module("imgcollapse.study.run")
    chain_run: Any = importlib.import_module("imgcollapse.study.chain_run")

    def state(self: run_directory.RunDirectory) -> progress.TrainingState:
        return progress.TrainingState(self.path / "state" / "training.safetensors", 0.0)

    def described(*arguments: object) -> bytes:
        return repr(arguments).encode()

    run_directory.RunDirectory.training_state = state  # type: ignore[method-assign]
    if quick:
        run.make_splits = functools.partial(drawn_once, out.parent.parent / "splits.pickle")
        os.fsync = lambda fd: None
        shares.REPLICATES = 20
        chain_run.draw_grid = described
        chain_run.draw_histogram = described
        plot.Plot.render = lambda self, *_: self.table().encode()  # type: ignore[method-assign]
    count_steps(out.with_suffix(".steps"))
    if blow is not None:
        strike(blow)


def drawn_once(path: Path, config: Config) -> Splits:
    """The splits of ``CONFIG``, drawn by the first that asks for them."""
    from imgcollapse.data.splits import make_splits

    if not path.exists():
        path.write_bytes(pickle.dumps(make_splits(config)))
    splits: Splits = pickle.loads(path.read_bytes())
    return splits


def go(config: str, out: Path, blow: Blow | None, quick: bool) -> None:
    """One attempt at a run, in a process of its own."""
    from imgcollapse.config_file import load_config

    prepare_process(out, blow, quick=quick)
    out.with_suffix(".yaml").write_text(config, encoding="utf-8")
    run_to_disk(load_config(out.with_suffix(".yaml")), out, SilentReporter())


def go_by_command(out: Path, blow: Blow | None, *options: str) -> None:
    """One attempt at a run by the command line, in a process of its own."""
    from imgcollapse.cli import main

    prepare_process(out, blow, quick=True)
    out.with_suffix(".yaml").write_text(CONFIG, encoding="utf-8")
    sys.argv = ["imgcollapse", "run", str(out.with_suffix(".yaml")), "--out", str(out), *options]
    sys.stdout = sys.stderr = open(out.with_suffix(".log"), "a", encoding="utf-8")  # noqa: SIM115
    try:
        main()
    finally:
        sys.stdout.flush()


def in_a_process(target: Callable[..., None], *arguments: object) -> int | None:
    """Runs a function in a fresh process whose imports are done; returns its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["imgcollapse.study.run", "imgcollapse.generators.diffusion"])
    process = context.Process(target=target, args=arguments)
    process.start()
    process.join(120)
    assert process.exitcode is not None, "the process hangs"
    return process.exitcode


def steps_run(out: Path) -> int:
    """Steps of training, the judge's included, since the last time this was asked."""
    file = out.with_suffix(".steps")
    count = file.stat().st_size if file.exists() else 0
    file.unlink(missing_ok=True)
    return count


def lasting(folder: Path) -> dict[str, bytes]:
    """All files of a run that two identical runs share."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.relative_to(folder).parts[0]
        not in ("volatile", "state", "environment.json", "run.lock")
    }


def assert_same_run(found: Path, expected: Path) -> None:
    here, there = lasting(found), lasting(expected)
    assert sorted(here) == sorted(there)
    assert [name for name in here if here[name] != there[name]] == []


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run of each variant that nobody interrupted."""
    folder = tmp_path_factory.mktemp("undisturbed")
    for name in VARIANTS:
        assert in_a_process(go, variant(name), folder / name, None, True) == 0
        assert steps_run(folder / name) == JUDGE_STEPS + GENERATIONS * STEPS
    return {name: folder / name for name in VARIANTS}


VARIANTS = {
    "scratch": ("", ""),
    "warm": ("depth: 1,", "depth: 1, init: warm,"),
    "on-the-fly": ("preset: accumulate-subsample", "preset: replace, pool: on-the-fly"),
}


def variant(name: str) -> str:
    return CONFIG.replace(*VARIANTS[name])


def test_two_fresh_runs_are_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    config = (finished.parent / "tiny.yaml").read_text(encoding="utf-8")
    assert in_a_process(go, config, tmp_path / "again", None, False) == 0
    assert_same_run(tmp_path / "again", finished)
    names = set(lasting(finished))
    assert {"config.yaml", "scores.csv", "manifest.json", "figures/strip.png"} <= names
    assert {"gen_001/COMMITTED", "gen_001/grid.png", "gen_001/samples.npz"} <= names
    assert {"judge/model.safetensors", "reference/stats.npz"} <= names
    assert not list((finished / "state").iterdir())


def test_a_warm_start_and_another_seed_give_other_bytes(undisturbed: dict[str, Path]) -> None:
    cold, warm = (lasting(undisturbed[init]) for init in ("scratch", "warm"))
    assert cold["gen_000/samples.npz"] == warm["gen_000/samples.npz"]
    assert cold["gen_001/samples.npz"] != warm["gen_001/samples.npz"]


def test_the_report_of_a_pool_says_what_kind_it_is(undisturbed: dict[str, Path]) -> None:
    for name, kinds in (("on-the-fly", ["fixed", "on-the-fly"]), ("scratch", ["fixed", "fixed"])):
        reports = [
            json.loads((undisturbed[name] / f"gen_00{number}" / "pool.json").read_bytes())
            for number in (0, 1)
        ]
        assert [one["pool"] for one in reports] == kinds


@pytest.mark.parametrize(
    ("name", "blow", "done", "steps_left"),
    [
        ("scratch", IN_JUDGE, 0, JUDGE_STEPS - 4 + 3 * STEPS),
        ("scratch", JUDGE_IS_THERE, 0, 3 * STEPS),
        ("scratch", REFERENCE_IS_STAGED, 0, 3 * STEPS),
        ("scratch", FIRST_STEP_IS_SAVED, 0, 3 * STEPS - 1),
        ("scratch", IN_TRAINING, 1, 2 * STEPS - 7),
        ("scratch", STATE_IS_HALF_WRITTEN, 1, 2 * STEPS - 6),
        ("scratch", GENERATION_IS_STAGED, 1, 2 * STEPS - SAVES),
        ("scratch", TABLES_ARE_OLD, 2, STEPS),
        ("scratch", LAST_TABLES_ARE_OLD, 3, 0),
        ("scratch", MANIFEST_IS_OLD, 2, STEPS),
        ("scratch", BETWEEN_GENERATIONS, 2, STEPS),
        ("scratch", FIGURES_ARE_MISSING, 3, 0),
        ("warm", IN_TRAINING, 1, 2 * STEPS - 7),
        ("warm", BETWEEN_GENERATIONS, 2, STEPS),
        ("on-the-fly", IN_SECOND_PASS, 1, 2 * STEPS - 11),
    ],
)
def test_a_killed_run_goes_on_from_where_it_was_and_ends_alike(
    undisturbed: dict[str, Path],
    tmp_path: Path,
    name: str,
    blow: Blow,
    done: int,
    steps_left: int,
) -> None:
    out = tmp_path / "run"
    assert in_a_process(go, variant(name), out, blow, True) == -signal.SIGKILL
    assert len(list(out.glob("gen_*/COMMITTED"))) == done
    assert len(list(out.glob("gen_*"))) == done
    assert not (out / "figures" / "fd.png").exists()
    steps_run(out)
    assert in_a_process(go, variant(name), out, None, True) == 0
    assert steps_run(out) == steps_left
    assert_same_run(out, undisturbed[name])


def test_a_run_killed_again_and_again_ends_alike(
    undisturbed: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for _ in range(2):
        blow = Blow(IN_TRAINING.target, "after", JUDGE_SAVES + 13)
        assert in_a_process(go, variant("warm"), out, blow, True) == -signal.SIGKILL
    assert in_a_process(go, variant("warm"), out, None, True) == 0
    assert steps_run(out) == JUDGE_STEPS + GENERATIONS * STEPS
    assert_same_run(out, undisturbed["warm"])


def test_sigterm_stops_in_good_order_and_the_same_command_goes_on(
    undisturbed: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    blow = IN_TRAINING._replace(signal=signal.SIGTERM)
    assert in_a_process(go_by_command, out, blow) == 75
    assert steps_run(out) == JUDGE_STEPS + STEPS + 8, "one step more than the signal"
    assert "hint: " in out.with_suffix(".log").read_text(encoding="utf-8")
    assert in_a_process(go_by_command, out, None) == 0
    assert steps_run(out) == 2 * STEPS - 8
    assert_same_run(out, undisturbed["scratch"])


def test_no_time_at_all_is_exit_75_and_still_one_step_further(
    undisturbed: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    for _ in range(2):
        assert in_a_process(go_by_command, out, None, "--max-time", "0") == 75
        assert steps_run(out) == 1
    assert not (out / "judge").exists()
    assert RunDirectory(out).check() == 0, "nothing is committed yet"
    blow = Blow(JUDGE_IS_THERE.target, "after", 2)
    assert in_a_process(go_by_command, out, blow) == -signal.SIGKILL
    assert steps_run(out) == JUDGE_STEPS - 2
    for _ in range(2):
        assert in_a_process(go_by_command, out, None, "--max-time", "0") == 75
        assert steps_run(out) == 1
    assert in_a_process(go_by_command, out, None) == 0
    assert steps_run(out) == 3 * STEPS - 2
    assert_same_run(out, undisturbed["scratch"])


@pytest.mark.parametrize(
    ("gone", "steps"), [((1,), 2 * STEPS), ((2,), STEPS), ((0, 1), 3 * STEPS), ((1, 2), 2 * STEPS)]
)
def test_generations_taken_away_are_made_anew_with_all_that_follow(
    undisturbed: dict[str, Path], tmp_path: Path, gone: tuple[int, ...], steps: int
) -> None:
    out = Path(shutil.copytree(undisturbed["scratch"], tmp_path / "run"))
    for number in gone:
        shutil.rmtree(out / f"gen_{number:03d}")
    assert in_a_process(go_by_command, out, None, "--max-time", "0") == 75
    assert [path.name for path in out.glob("gen_*")] == [f"gen_{n:03d}" for n in range(gone[0])]
    RunDirectory(out).check()
    blow = Blow("imgcollapse.store.run_directory:move_folder", "after", 1)
    assert in_a_process(go_by_command, out, blow) == -signal.SIGKILL
    assert in_a_process(go_by_command, out, None) == 0
    assert steps_run(out) == steps
    RunDirectory(out).check()
    assert_same_run(out, undisturbed["scratch"])


def go_on_here(run: Path) -> None:
    run_to_disk(parse_config(yaml.safe_load(TINY)), run, SilentReporter())


@pytest.mark.parametrize("gone", [None, "figures", "gen_001"])
@pytest.mark.parametrize(
    "name",
    [
        "judge/judge.json", "judge/model.safetensors", "reference/stats.npz",
        "reference/counts.json", "reference/scores.json", "config.yaml", "gen_000/samples.npz",
        "gen_000/model/pool.npz", "gen_000/COMMITTED",
    ],
)  # fmt: skip
def test_a_run_does_not_go_on_from_what_was_changed(
    copy_of_finished: Path, files_below: Reader, name: str, gone: str | None
) -> None:
    if gone:
        shutil.rmtree(copy_of_finished / gone)
    path = copy_of_finished / name
    if name.endswith("COMMITTED"):
        path.unlink()
    elif path.suffix in (".json", ".yaml"):
        text = path.read_text()
        digit = max(text.rfind(one) for one in "12345678")
        path.write_text(text[:digit] + "9" + text[digit + 1 :])
    else:
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    before = files_below(copy_of_finished)
    with pytest.raises(CorruptError, match=path.name):
        go_on_here(copy_of_finished)
    assert files_below(copy_of_finished) == before


def begun(path: Path, sibling: RunDirectory) -> RunDirectory:
    """A run beside ``sibling``, as far as it is when a beginning may be shared."""
    run = RunDirectory(path)
    values = yaml.safe_load(TINY) | {"policy": {"preset": "accumulate-subsample"}}
    run.create(parse_config(values), sibling.environment())
    return run


def test_a_beginning_is_shared_by_arms_that_begin_alike(
    finished: Path, tmp_path: Path, files_below: Reader
) -> None:
    sibling = RunDirectory(finished)
    run = begun(tmp_path / "arm", sibling)
    assert share_beginning(run, run.config(), sibling)
    for part in ("judge", "reference", "gen_000"):
        assert files_below(run.path / part) == files_below(finished / part)
    assert not share_beginning(run, run.config(), sibling), "it has one already"


def test_a_beginning_made_elsewhere_or_by_another_config_is_not_shared(
    copy_of_finished: Path, tmp_path: Path
) -> None:
    sibling = RunDirectory(copy_of_finished)
    run = begun(tmp_path / "arm", sibling)
    other = run.config().model_copy(update={"seed": 8})
    assert not share_beginning(run, other, sibling)
    environment = sibling.environment()
    changes = (
        {"threads": 99},
        {"device": "tpu"},
        {"bf16": None},
        {"versions": {"torch": "1"}},
    )
    for change in changes:
        write_json(copy_of_finished / "environment.json", environment | change)
        assert not share_beginning(run, run.config(), sibling)
    assert not list(run.path.glob("gen_*"))


@pytest.mark.parametrize("name", ["judge/judge.json", "gen_000/samples.npz"])
def test_a_corrupt_beginning_is_not_shared(
    copy_of_finished: Path, tmp_path: Path, name: str
) -> None:
    sibling = RunDirectory(copy_of_finished)
    run = begun(tmp_path / "arm", sibling)
    path = copy_of_finished / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(CorruptError, match=name):
        share_beginning(run, run.config(), sibling)
    assert not (run.path / "judge").exists()


def test_a_chain_does_not_go_on_with_a_network_of_other_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a UNet that an earlier version made, even where its weights are not needed any more."""
    config = parse_config(
        {
            **yaml.safe_load(TINY),
            "generator": {"network": "unet", "width": 8, "depth": 2},
            "training": {"steps": 2, "batch_size": 16},
            "sampling": {"sampler": "ddim", "steps": 2},
        }
    )
    with monkeypatch.context() as patch:
        patch.setattr(networks, "HEAD", 8)
        with pytest.raises(Stopped):
            run_to_disk(config, tmp_path / "run", StopsAfter(1))
    with pytest.raises(CorruptError, match="attention_head_dim 8 and not 16"):
        run_to_disk(config, tmp_path / "run", SilentReporter())


def test_nothing_is_left_of_the_state_of_a_run_that_is_complete(copy_of_finished: Path) -> None:
    shutil.rmtree(copy_of_finished / "gen_001")
    state = copy_of_finished / "state"
    (state / "training.safetensors.tmp").touch()
    (state / "gen_001").mkdir()
    (state / "judge").mkdir()
    go_on_here(copy_of_finished)
    assert list(state.iterdir()) == []


def test_a_complete_run_is_left_alone(copy_of_finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copy_of_finished.rglob("*")}
    go_on_here(copy_of_finished)
    assert {path: path.stat().st_mtime_ns for path in copy_of_finished.rglob("*")} == before
