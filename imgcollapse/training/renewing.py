"""The batches of a training whose items are other ones in every pass over them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.seeds import random_for
from imgcollapse.training.task import Items, Task

Rows = tuple[Tensor, Tensor]
"""Items of one batch and their labels, on the device."""


def renewed_rows(task: Task, renewed: Callable[[int], Items], first_step: int) -> Generator[Rows]:
    """Items and labels of each batch from some step on, in the order of a task that keeps its own.

    A batch that begins in one pass ends in the next. The items of a pass are let go before those of
    the next are asked for, which is when a batch needs them.
    """
    num, size = len(task.items), task.batch_size
    number, offset = divmod(first_step * size, num)
    begun: list[Rows] = []
    while True:
        items, labels = renewed(number) if number else (task.items, task.labels)
        order = torch.from_numpy(order_of_pass(num, task.seed, number)).to(task.device)
        while offset < num:
            index = order[offset : offset + size - sum(len(one) for _, one in begun)]
            offset += len(index)
            begun.append((_rows(items, index), labels.index_select(0, index)))
            if sum(len(one) for _, one in begun) == size:
                yield _joined(begun)
                begun = []
        del items, labels
        number, offset = number + 1, 0


def order_of_pass(num: int, seed: int, number: int) -> NDArray[np.int64]:
    """The order in which one pass goes over ``num`` items, their own or others."""
    return random_for(seed, "epoch", number).permutation(num)


def _rows(items: Tensor | NDArray[Any], index: Tensor) -> Tensor:
    if isinstance(items, Tensor):
        return items.index_select(0, index)
    return torch.from_numpy(items.take(index.cpu().numpy(), axis=0)).to(index.device)


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    items, labels = zip(*parts, strict=True)
    return torch.cat(items), torch.cat(labels)
