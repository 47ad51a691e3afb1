"""Trainings that are stacked give what each would give by itself, but for rounding."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Call, lasting

from imgcollapse.config_file import parse_config
from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.images import ImageSet
from imgcollapse.scores import from_csv
from imgcollapse.study import replicas
from imgcollapse.study import run as study_run
from imgcollapse.training import Task, Trained, train
from imgcollapse.training.together import can_be_stacked, train_together

Reader = Callable[[Path], dict[str, bytes]]

CPU = torch.device("cpu")
CLASSES = ("dark", "light")
KINDS: dict[str, dict[str, Any]] = {
    "vae": {"kind": "vae", "network": "mlp", "width": 16, "latent": 4},
    "vae with labels": {
        "kind": "vae", "network": "mlp", "width": 16, "latent": 4, "labels": "from-pool"
    },
    "flow": {"network": "mlp", "width": 16, "depth": 2, "objective": "flow"},
    "class balance": {
        "network": "mlp", "width": 16, "depth": 2, "labels": "balanced", "class_balance": 2.0
    },
    "eps with labels": {
        "network": "mlp", "width": 16, "depth": 2, "objective": "eps", "labels": "balanced"
    },
    "flow with hidden labels": {
        "network": "mlp", "width": 16, "depth": 2, "objective": "flow", "labels": "balanced",
        "label_dropout": 0.2,
    },
}  # fmt: skip


DENSE = (
    "--set", "generator.kind=vae", "--set", "generator.network=mlp", "--set", "generator.width=16",
    "--set", "generator.latent=4", "--set", "training.steps=40", "--set", "training.batch_size=32",
)  # fmt: skip


class Caught(Exception):
    pass


def task(kind: dict[str, Any], seed: int, **training: Any) -> Task:
    """The training of one generator on a pool of its own, as it would be carried out."""
    recipe: dict[str, Any] = {"steps": 60, "batch_size": 32, "warmup_steps": 2}
    recipe |= {"gradient_clip": 0.5, "precision": "fp32"}
    sampler = "flow" if kind.get("objective") == "flow" else "dpm++"
    config = parse_config(
        {"generator": kind, "training": recipe | training, "sampling": {"sampler": sampler}}
    )
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (80, 1, 8, 8), dtype=np.uint8)
    pool = ImageSet.of(pixels, np.arange(80) % 2, CLASSES)
    found: list[Task] = []

    def catch(one: Task) -> Trained:
        found.append(one)
        raise Caught

    with pytest.raises(Caught):
        make_generator(config, (1, 8, 8), CLASSES, CPU).fit(
            pool, seed=seed, surroundings=Surroundings(train=catch)
        )
    return found[0]


@dataclass
class Kept:
    """A checkpoint in memory, saved at every chance."""

    saved: tuple[int, int, dict[str, Any]] | None = None

    def load(self, seed: int) -> tuple[int, dict[str, Any]] | None:
        return self.saved[1:] if self.saved and self.saved[0] == seed else None

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None:
        self.saved = seed, step, copy.deepcopy(arrays)

    def due(self) -> bool:
        return False


@dataclass
class StopAt:
    step: int
    seen: int = 0
    losses: list[float] = field(default_factory=list)

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        self.losses.append(loss)

    def should_stop(self) -> bool:
        self.seen += 1
        return self.seen == self.step


@dataclass
class Seen(Kept):
    """A watcher and checkpoint in one: what it heard, and a state that is due every 30 steps."""

    asked: int = 0
    told: list[tuple[str, int]] = field(default_factory=list)

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None:
        self.told.append(("read", step))

    def should_stop(self) -> bool:
        return False

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None:
        self.told.append(("saved", step))

    def due(self) -> bool:
        self.asked += 1
        return self.asked % 30 == 0


def weights(one: Task) -> torch.Tensor:
    assert one.average is not None
    both = (*one.model.parameters(), *one.average.parameters())
    return torch.cat([weight.detach().flatten() for weight in both])


@pytest.mark.parametrize(("precision", "apart"), [("fp32", 1e-4), ("bf16", 1e-2)])
@pytest.mark.parametrize("kind", KINDS)
def test_stacked_is_the_same_as_alone(kind: str, precision: str, apart: float) -> None:
    alone, stacked = (
        [task(KINDS[kind], seed, precision=precision) for seed in range(3)] for _ in range(2)
    )
    assert can_be_stacked(stacked)
    by_itself = [train(one) for one in alone]
    found = train_together(stacked)
    for one, other, result, expected in zip(stacked, alone, found, by_itself, strict=True):
        assert isinstance(result, Trained)
        assert result.loss == pytest.approx(expected.loss, rel=apart)
        torch.testing.assert_close(weights(one), weights(other), rtol=10 * apart, atol=apart)
    assert (weights(stacked[0]) - weights(stacked[1])).abs().max() > 0.01


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stack_multiplies_in_the_precision_that_was_asked_for(precision: str) -> None:
    tasks = [task(KINDS["vae"], seed, precision=precision, steps=2) for seed in range(2)]
    asked = []

    def heard(*given: Any) -> torch.Tensor:
        asked.append(torch.is_autocast_enabled("cpu"))
        return tasks[0].loss_of(*given)

    train_together([replace(one, loss_of=heard) for one in tasks])
    assert set(asked) == {precision == "bf16"}


def test_convolutions_are_trained_in_turn_to_the_same_bytes() -> None:
    kind = {"kind": "vae", "width": 8, "latent": 4}
    alone, together = ([task(kind, seed, steps=10) for seed in range(2)] for _ in range(2))
    assert not can_be_stacked(together)
    results = [train(one).loss for one in alone]
    assert [one.loss for one in train_together(together) if isinstance(one, Trained)] == results
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(weights(one), weights(other))


def test_what_differs_is_not_stacked() -> None:
    one = task(KINDS["vae"], 0)
    assert not can_be_stacked([one, task(KINDS["vae"], 1, steps=61)])
    assert not can_be_stacked([one, task({**KINDS["vae"], "latent": 5}, 1)])
    assert not can_be_stacked([one, replace(one, average=None)])


def test_one_that_diverges_leaves_the_others_alone() -> None:
    bad = task(KINDS["flow"], 0)
    with torch.no_grad():
        next(bad.model.parameters()).fill_(torch.nan)
    good, alone = task(KINDS["flow"], 1), task(KINDS["flow"], 1)
    failed, fine = train_together([bad, good])
    assert isinstance(failed, NumericalError)
    assert isinstance(fine, Trained)
    assert fine.loss == pytest.approx(train(alone).loss, rel=1e-4)


def test_alone_and_stacked_pause_at_the_same_steps() -> None:
    """Losses every 50 steps and at the end, states when they are due, nothing saved at the end."""
    due = [(what, step) for step in (30, 60, 90) for what in ("read", "saved")]
    expected = sorted([*due, ("read", 50), ("read", 100), ("read", 110)], key=lambda one: one[1])
    for num in (1, 2):
        seen = Seen()
        tasks = [task(KINDS["vae"], seed, steps=110) for seed in range(num)]
        train_together([replace(tasks[0], watcher=seen, checkpoint=seen), *tasks[1:]])
        assert seen.told == expected, num


@pytest.mark.parametrize(
    ("kind", "training"),
    [
        *((kind, {}) for kind in KINDS.values()),
        (KINDS["vae"], {"compile": "always"}),
        (KINDS["flow"], {"cuda_graphs": True}),
        ({"kind": "vae", "width": 8, "latent": 4}, {}),
        ({"network": "unet", "width": 8, "depth": 2}, {}),
    ],
)
def test_the_config_tells_whether_trainings_can_be_stacked(
    monkeypatch: pytest.MonkeyPatch, kind: dict[str, Any], training: dict[str, Any]
) -> None:
    sampler = "flow" if kind.get("objective") == "flow" else "dpm++"
    config = parse_config(
        {"generator": kind, "training": training, "sampling": {"sampler": sampler}}
    )
    assert not replicas.are_stacked(config.model_copy(update={"device": "cpu"}))
    monkeypatch.setattr(replicas, "STACKED_ON", ("cpu", "cuda"))
    tasks = [task(kind, seed, **training) for seed in (0, 1)]
    assert replicas.are_stacked(config) == can_be_stacked(tasks)


@pytest.mark.parametrize("goes_on", ["together", "alone"])
def test_a_stop_is_gone_on_from(goes_on: str) -> None:
    kept = [Kept() for _ in range(2)]
    stopped = [replace(task(KINDS["vae"], seed), checkpoint=kept[seed]) for seed in range(2)]
    watched = [replace(stopped[0], watcher=StopAt(25)), stopped[1]]
    assert all(isinstance(one, Stopped) for one in train_together(watched))
    assert [one.saved[1] for one in kept if one.saved] == [25, 25]

    whole = [task(KINDS["vae"], seed) for seed in range(2)]
    train_together(whole)
    again = [replace(task(KINDS["vae"], seed), checkpoint=kept[seed]) for seed in range(2)]
    results = train_together(again) if goes_on == "together" else [train(one) for one in again]
    assert all(isinstance(one, Trained) for one in results)
    for one, other in zip(again, whole, strict=True):
        if goes_on == "together":
            assert torch.equal(weights(one), weights(other))
        else:
            torch.testing.assert_close(weights(one), weights(other), rtol=1e-3, atol=1e-4)


def test_states_of_different_steps_are_gone_on_from_one_by_one() -> None:
    kept = [Kept() for _ in range(2)]
    for seed, stop in enumerate((25, 30)):
        one = replace(task(KINDS["vae"], seed), checkpoint=kept[seed], watcher=StopAt(stop))
        assert isinstance(train_together([one])[0], Stopped)
    whole = [task(KINDS["vae"], seed) for seed in range(2)]
    for one in whole:
        train(one)
    again = [replace(task(KINDS["vae"], seed), checkpoint=kept[seed]) for seed in range(2)]
    assert all(isinstance(one, Trained) for one in train_together(again))
    for one, other in zip(again, whole, strict=True):
        assert torch.equal(weights(one), weights(other))


def test_what_diverged_is_not_saved() -> None:
    kept = [Kept() for _ in range(2)]
    tasks = [replace(task(KINDS["vae"], seed), checkpoint=kept[seed]) for seed in range(2)]
    with torch.no_grad():
        next(tasks[0].model.parameters()).fill_(torch.nan)
    found = train_together([tasks[0], replace(tasks[1], watcher=StopAt(25))])
    assert isinstance(found[0], NumericalError)
    assert isinstance(found[1], Stopped)
    assert kept[0].saved is None
    assert kept[1].saved is not None


def test_replicas_are_the_runs_of_their_seeds_and_go_on_after_a_stop(
    call: Call, tiny_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "STACKED_ON", ("cpu", "cuda"))
    few = ("--set", "generations=2", *DENSE)
    out = tmp_path / "many"
    stopped = call("run", tiny_yaml, *few, "--replicas", 2, "--out", out, "--max-time", 0)
    assert stopped.code == 75
    said = call("run", tiny_yaml, *few, "--replicas", 2, "--out", out, "--json")
    assert said.code == 0
    assert {Path(row["run"]).name for row in said.json["runs"]} == {"seed3", "seed4"}
    for seed in (3, 4):
        alone = tmp_path / f"alone{seed}"
        assert call("run", tiny_yaml, *few, "--seed", seed, "--out", alone).code == 0
        assert call("verify", out / f"seed{seed}").code == 0
        ours, theirs = (
            from_csv((path / "scores.csv").read_text()) for path in (out / f"seed{seed}", alone)
        )
        for one, other in zip(ours, theirs, strict=True):
            assert (one.metric, one.class_, one.n) == (other.metric, other.class_, other.n)
            if one.generation < 1:
                assert one.value == pytest.approx(other.value, rel=0.02, abs=0.02)


def test_stacked_replicas_that_are_scored_meanwhile_leave_the_same_files(
    call: Call,
    tiny_yaml: Path,
    tmp_path: Path,
    files_below: Reader,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As dense chains are on a GPU: one stack, each generation scored while the next one trains."""
    monkeypatch.setattr(replicas, "STACKED_ON", ("cpu", "cuda"))
    original = study_run.run_to_disk
    for overlap in (False, True):
        monkeypatch.setattr(study_run, "run_to_disk", functools.partial(original, overlap=overlap))
        words = ("run", tiny_yaml, "--set", "generations=3", *DENSE, "--replicas", 2)
        assert call(*words, "--out", tmp_path / str(overlap)).code == 0
    for seed in (3, 4):
        apart, beside = (
            lasting(files_below(tmp_path / str(overlap) / f"seed{seed}"))
            for overlap in (False, True)
        )
        assert apart == beside


def test_a_replica_that_fails_does_not_stop_the_others(
    call: Call, tiny_yaml: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "STACKED_ON", ("cpu", "cuda"))
    few = ("--set", "generations=1", *DENSE)
    (tmp_path / "many" / "seed3").mkdir(parents=True)
    (tmp_path / "many" / "seed3" / "something").touch()
    said = call("run", tiny_yaml, *few, "--replicas", 2, "--out", tmp_path / "many")
    assert said.code == 2
    assert "seed 3: error" in said.err
    assert call("status", tmp_path / "many" / "seed4").code == 0


def test_networks_that_go_on_are_stacked_with_fresh_ones() -> None:
    """As after a stop that left one chain a generation behind, with ``init: warm``."""
    tasks = [task(KINDS[next(iter(KINDS))], seed) for seed in (1, 2)]
    tasks[0].model.eval()
    assert can_be_stacked(tasks)
    assert all(isinstance(one, Trained) for one in train_together(tasks))
