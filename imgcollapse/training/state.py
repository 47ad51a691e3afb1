"""What a training under way depends on besides its position, as arrays by name."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.training.task import Task


def state_of(
    task: Task, optimizer: torch.optim.Optimizer, losses: Tensor
) -> dict[str, NDArray[Any]]:
    """Losses, weights, their moving average and the optimizer's moments."""
    tensors = {"losses": losses}
    tensors |= {f"model.{name}": value for name, value in task.model.state_dict().items()}
    if task.average is not None:
        tensors |= {f"average.{name}": value for name, value in task.average.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
    return {name: as_array(value) for name, value in tensors.items()}


def as_array(value: Tensor) -> NDArray[Any]:
    """In the plain order of its axes, which is what a file of tensors holds."""
    array: NDArray[Any] = value.detach().cpu().contiguous().numpy()
    return array


def restore(task: Task, optimizer: torch.optim.Optimizer, losses: Tensor) -> int:
    """Puts a saved state back; returns the step to go on with, 0 where nothing was saved."""
    saved = task.checkpoint.load(task.seed) if task.checkpoint is not None else None
    if saved is None:
        return 0
    step, arrays = saved
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    losses.copy_(tensors["losses"])
    for prefix, module in (("model.", task.model), ("average.", task.average)):
        if module is not None:
            module.load_state_dict(
                {
                    name.removeprefix(prefix): v
                    for name, v in tensors.items()
                    if name.startswith(prefix)
                }
            )
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        kind, _, rest = name.partition(".")
        if kind == "optimizer":
            number, _, moment = rest.partition(".")
            moments.setdefault(int(number), {})[moment] = value
    state = optimizer.state_dict()
    state["state"] = moments
    optimizer.load_state_dict(state)
    return step
