"""What a training under way depends on besides its position, as arrays by name."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.training.optimizer import AdamW
from imgcollapse.training.task import Task


def state_of(task: Task, optimizer: AdamW, losses: Tensor) -> dict[str, NDArray[Any]]:
    """Losses, weights, their moving average and the optimizer's moments."""
    tensors = {"losses": losses}
    tensors |= {f"model.{name}": value for name, value in task.model.state_dict().items()}
    if task.average is not None:
        tensors |= {f"average.{name}": value for name, value in task.average.state_dict().items()}
    tensors |= {f"optimizer.{name}": value for name, value in optimizer.state().items()}
    return {name: as_array(value) for name, value in tensors.items()}


def as_array(value: Tensor) -> NDArray[Any]:
    """In the plain order of its axes, which is what a file of tensors holds."""
    array: NDArray[Any] = value.detach().cpu().contiguous().numpy()
    return array


def restore(task: Task, optimizer: AdamW, losses: Tensor) -> int:
    """Puts a saved state back; returns the step to go on with, 0 where nothing was saved."""
    saved = task.checkpoint.load(task.seed) if task.checkpoint is not None else None
    if saved is None:
        return 0
    step, arrays = saved
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    losses.copy_(tensors["losses"])
    task.model.load_state_dict(_named(tensors, "model."))
    if task.average is not None:
        task.average.load_state_dict(_named(tensors, "average."))
    optimizer.load(_named(tensors, "optimizer."))
    return step


def _named(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)
    }
