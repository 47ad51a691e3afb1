"""What a training under way depends on besides its position, as arrays by name."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Checkpoint(Protocol):
    """Where the state of a training under way is kept: the steps done and arrays by name.

    ``seed`` says which training it is of; ``load`` gives nothing for another one.
    """

    def load(self, seed: int) -> tuple[int, dict[str, Any]] | None: ...

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None: ...

    def due(self) -> bool: ...


def state_of(
    model: nn.Module, average: nn.Module | None, optimizer: torch.optim.Optimizer, losses: Tensor
) -> dict[str, NDArray[Any]]:
    """Losses, weights, their moving average and the optimizer's moments."""
    tensors = {"losses": losses}
    tensors |= {f"model.{name}": value for name, value in model.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def restore(
    checkpoint: Checkpoint | None,
    seed: int,
    model: nn.Module,
    average: nn.Module | None,
    optimizer: torch.optim.Optimizer,
    losses: Tensor,
) -> int:
    """Puts a saved state back; returns the step to go on with, 0 where nothing was saved."""
    saved = checkpoint.load(seed) if checkpoint is not None else None
    if saved is None:
        return 0
    step, arrays = saved
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    losses.copy_(tensors["losses"])
    for prefix, module in (("model.", model), ("average.", average)):
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
