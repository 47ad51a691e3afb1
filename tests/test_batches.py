"""Rows that a thread fetches make the same training, and the thread ends when training does."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.arrays import Keep, in_file, in_memory
from imgcollapse.config_file import parse_config
from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.images import ImageSet
from imgcollapse.training import Task, Trained, batches, train
from imgcollapse.training.batches import Batches, placed
from imgcollapse.training.together import can_be_stacked, train_together

CPU = torch.device("cpu")
CLASSES = ("dark", "light")
NUM = 90
MLP = {"network": "mlp", "width": 16, "depth": 1}
KINDS: dict[str, dict[str, Any]] = {
    "vae": {"kind": "vae", "width": 8, "latent": 4},
    "vae mlp": {"kind": "vae", "network": "mlp", "width": 16, "latent": 4, "labels": "from-pool"},
    "unet": {"network": "unet", "width": 8, "depth": 2},
    "mlp": MLP,
    "mlp pca": {**MLP, "labels": "balanced", "first_stage": {"kind": "pca", "dim": 6}},
}


def pool() -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (NUM, 1, 8, 8), dtype=np.uint8)
    return ImageSet.of(pixels, np.arange(NUM) % 2, CLASSES)


def task(kind: str, where: str, keep: Keep = in_memory, seed: int = 1, steps: int = 7) -> Task:
    """What a generator would have trained, on a pool of which every batch size leaves a rest."""
    config = parse_config(
        {
            "generator": KINDS[kind],
            "training": {"steps": steps, "batch_size": 32, "warmup_steps": 2, "pool": where},
        }
    )
    found: list[Task] = []

    def catch(one: Task) -> Trained:
        found.append(one)
        return Trained((0.0,), 0, 0.0)

    make_generator(config, (1, 8, 8), CLASSES, CPU).fit(
        pool(), seed=seed, surroundings=Surroundings(train=catch, keep=keep)
    )
    return found[0]


def weights(one: Task) -> Tensor:
    assert one.average is not None
    both = (*one.model.parameters(), *one.average.parameters())
    return torch.cat([weight.detach().flatten() for weight in both])


def fetching() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("batches")]


def assert_ended(caught: pytest.ExceptionInfo[BaseException]) -> None:
    """No thread is left even while the error holds all that the training knew."""
    assert caught.tb is not None
    assert not fetching()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert not fetching()
    yield
    assert not fetching()


@pytest.mark.parametrize("kind", KINDS)
def test_fetched_rows_train_to_the_same_bytes(kind: str, tmp_path: Path) -> None:
    resident, mapped = task(kind, "resident"), task(kind, "mapped", in_file(tmp_path))
    assert isinstance(resident.items, Tensor)
    assert isinstance(mapped.items, np.ndarray)
    assert isinstance(mapped.items, np.memmap) == (kind == "mlp pca")
    assert mapped.device == CPU
    assert train(resident).loss == train(mapped).loss
    assert torch.equal(weights(resident), weights(mapped))


@pytest.mark.parametrize("first", [0, 1, 2, 5, 17])
def test_batches_are_those_of_their_step_wherever_they_begin(first: int) -> None:
    resident, mapped = task("vae", "resident"), task("vae", "mapped")
    with Batches(resident) as from_start, Batches(resident) as gathered, Batches(mapped) as fetched:
        for step in range(first):
            from_start.prepared(step)
        for step in range(first, first + 9):
            expected = from_start.prepared(step)
            for one in (gathered.prepared(step), fetched.prepared(step)):
                assert all(torch.equal(*both) for both in zip(one, expected, strict=True))


def test_every_row_comes_once_an_epoch() -> None:
    num, size = 96, 32
    one = replace(task("vae", "mapped"), items=np.arange(num, dtype=np.uint8).reshape(num, 1, 1, 1))
    one = replace(
        one, labels=torch.arange(num), prepare=lambda items, labels, random: (items, labels)
    )
    with Batches(one) as found:
        for epoch in range(3):
            epoch_rows = [found.prepared(epoch * num // size + part) for part in range(num // size)]
            rows = torch.cat([items.flatten() for items, _ in epoch_rows])
            assert sorted(rows.tolist()) == list(range(num))
            assert torch.equal(rows, torch.cat([labels for _, labels in epoch_rows]))


def test_a_stacked_training_fetches_for_all() -> None:
    stacked = [task("vae mlp", "mapped", seed=seed) for seed in range(3)]
    resident = [task("vae mlp", "resident", seed=seed) for seed in range(3)]
    assert can_be_stacked(stacked)
    losses = [one.loss for one in train_together(stacked) if isinstance(one, Trained)]
    assert losses == [one.loss for one in train_together(resident) if isinstance(one, Trained)]
    for one, other in zip(stacked, resident, strict=True):
        assert torch.equal(weights(one), weights(other))


@dataclass
class StopAfter:
    steps: int

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def should_stop(self) -> bool:
        assert fetching()
        self.steps -= 1
        return self.steps == 0


class Unreadable:
    """An array of which some rows are on a broken disk."""

    def __init__(self, rows: NDArray[Any], whole: int) -> None:
        self.rows = rows
        self.whole = whole
        self.taken = 0

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: NDArray[np.int64], axis: int) -> NDArray[Any]:
        self.taken += 1
        if self.taken > self.whole:
            raise OSError(5, "Input/output error", "pool")
        return self.rows.take(index, axis)


@pytest.mark.parametrize("whole", [0, 1, batches.AHEAD, 10])
def test_an_error_of_the_thread_reaches_the_caller_at_its_batch(whole: int) -> None:
    rows = Unreadable(pool().images, whole)
    broken = replace(task("vae", "mapped", steps=12), items=cast(Any, rows))
    steps: list[int] = []

    def prepare(items: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
        steps.append(len(items))
        return task("vae", "mapped").prepare(items, labels, random)

    with pytest.raises(OSError, match="Input/output error: 'pool'") as caught:
        train(replace(broken, prepare=prepare))
    assert len(steps) == whole
    assert_ended(caught)


def test_the_thread_ends_with_a_stop() -> None:
    with pytest.raises(Stopped) as caught:
        train(replace(task("vae", "mapped"), watcher=StopAfter(4)))
    assert_ended(caught)


def test_the_thread_ends_with_a_loss_that_is_not_finite() -> None:
    one = task("vae", "mapped")
    with torch.no_grad():
        next(one.model.parameters()).fill_(torch.nan)
    with pytest.raises(NumericalError) as caught:
        train(one)
    assert_ended(caught)


@pytest.mark.parametrize("stacked", [False, True])
def test_the_thread_ends_with_an_error_of_the_training(stacked: bool) -> None:
    def fails(*parts: Tensor) -> Tensor:
        raise KeyboardInterrupt

    tasks = [replace(task("vae mlp", "mapped", seed=seed), loss_of=fails) for seed in range(2)]
    with pytest.raises(KeyboardInterrupt) as caught:
        train_together(tasks if stacked else tasks[:1])
    assert_ended(caught)


def test_the_thread_waits_when_it_is_ahead() -> None:
    rows = Unreadable(pool().images, 10**6)
    with Batches(replace(task("vae", "mapped"), items=cast(Any, rows))) as found:
        found.prepared(0)
        found.prepared(1)
        for _ in range(1000):  # ten seconds at most
            if rows.taken == 2 + batches.AHEAD:
                break
            time.sleep(0.01)
        time.sleep(0.05)
    assert rows.taken == 2 + batches.AHEAD


def test_items_are_placed_as_asked_for_and_else_by_where_they_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = pool().images
    mapped = in_file(tmp_path)(array.shape, array.dtype, [array])
    assert isinstance(placed(array, CPU, "auto"), Tensor)
    assert placed(mapped, CPU, "auto") is mapped
    copied = placed(mapped, CPU, "resident")
    assert isinstance(copied, Tensor)
    assert torch.equal(copied, torch.from_numpy(array))
    assert placed(array, CPU, "mapped") is array
    assert isinstance(placed(array, CPU, "resident"), Tensor)
    cuda = torch.device("cuda")
    monkeypatch.setattr(batches, "free_memory", lambda device: 2 * array.nbytes - 1)
    assert placed(array, cuda, "auto") is array
    monkeypatch.setattr(batches, "free_memory", lambda device: 2 * array.nbytes)
    monkeypatch.setattr(torch.Tensor, "to", lambda items, device: (items, device))
    items, device = cast(Any, placed(array, cuda, "auto"))
    assert np.shares_memory(items.numpy(), array)
    assert device == cuda
