"""The batches of a training: rows by position, gathered on the device or fetched ahead."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.arrays import is_mapped, row_blocks
from imgcollapse.device import free_memory
from imgcollapse.seeds import seed_for
from imgcollapse.training.renewing import order_of_pass, renewed_rows
from imgcollapse.training.task import Task

AHEAD = 3
"""Batches that are fetched before they are asked for."""


def placed(
    items: NDArray[Any], device: torch.device, wanted: Literal["auto", "resident", "mapped"]
) -> Tensor | NDArray[Any]:
    """Items as a task takes them: on the device, or as they are where rows are to be fetched.

    ``auto`` puts on a CUDA device what takes at most half of its free memory, and fetches rows of
    what, for a CPU, lies in a file.
    """
    if wanted == "auto":
        is_gpu = device.type == "cuda"
        fits = 2 * items.nbytes <= free_memory(device) if is_gpu else not is_mapped(items)
        wanted = "resident" if fits else "mapped"
    if wanted == "mapped":
        return items
    if not is_mapped(items):
        return torch.from_numpy(items).to(device)
    dtype = torch.from_numpy(items[:0].copy()).dtype
    whole = torch.empty(items.shape, dtype=dtype, device=device)
    for where in row_blocks(len(items), math.prod(items.shape[1:])):
        whole[where] = torch.from_numpy(items[where].copy())
    return whole


class Batches:
    """The batches of one task, prepared on its device; a context, at whose end fetching ends."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.random = torch.Generator(task.device)
        self.gathered: Generator[tuple[Tensor, Tensor]] | None = None

    def prepared(self, step: int) -> tuple[Tensor, ...]:
        """What the loss of this step is made of; each call is for the step after the last one."""
        task = self.task
        if self.gathered is None:
            self.gathered = self._rows(step)
        items, labels = next(self.gathered)
        self.random.manual_seed(seed_for(task.seed, "step", step))
        return task.prepare(items, labels, self.random)

    def _rows(self, first_step: int) -> Generator[tuple[Tensor, Tensor]]:
        task = self.task
        if task.renewed is not None:
            return renewed_rows(task, task.renewed, first_step)
        indices = _indices(len(task.items), task.batch_size, task.seed, first_step)
        if isinstance(task.items, Tensor):
            return _gather(task.items, task.labels, indices)
        return _fetch_ahead(task.items, task.labels, indices)

    def __enter__(self) -> Batches:
        return self

    def __exit__(self, *_: object) -> None:
        if self.gathered is not None:
            self.gathered.close()


def _gather(
    items: Tensor, labels: Tensor, indices: Iterator[NDArray[np.int64]]
) -> Generator[tuple[Tensor, Tensor]]:
    """The rows of each batch, and their labels."""
    for places in indices:
        index = torch.from_numpy(places).to(items.device, non_blocking=True)
        rows = items.index_select(0, index)  # copies rows; indexing goes number by number
        yield rows, labels.index_select(0, index)


def _fetch_ahead(
    items: NDArray[Any], labels: Tensor, indices: Iterator[NDArray[np.int64]]
) -> Generator[tuple[Tensor, Tensor]]:
    """As ``_gather``, by a thread that is ahead: what it raises comes with the batch it is of."""
    device = labels.device

    def fetch() -> tuple[Tensor, Tensor]:
        index = next(indices)
        both = torch.from_numpy(items.take(index, axis=0)), torch.from_numpy(index)
        if device.type == "cuda":
            return both[0].pin_memory(), both[1].pin_memory()
        return both

    thread = ThreadPoolExecutor(1, "batches")
    try:
        waiting = deque(thread.submit(fetch) for _ in range(AHEAD))
        while True:
            rows, index = waiting.popleft().result()
            waiting.append(thread.submit(fetch))
            index = index.to(device, non_blocking=True)
            yield rows.to(device, non_blocking=True), labels.index_select(0, index)
    finally:
        thread.shutdown(cancel_futures=True)


def _indices(num: int, size: int, seed: int, first_step: int) -> Iterator[NDArray[np.int64]]:
    """Indices of each batch: a fresh permutation for every epoch, read end to end."""
    epoch, offset = divmod(first_step * size, num)
    order = order_of_pass(num, seed, epoch)
    while True:
        taken = order[offset : offset + size]
        offset += size
        if offset >= num:
            epoch, offset = epoch + 1, offset - num
            order = order_of_pass(num, seed, epoch)
            taken = np.concatenate([taken, order[:offset]])
        yield taken
