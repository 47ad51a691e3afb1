"""The one training loop: generators and the judge only bring a model and a loss."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.config import TrainingConfig
from imgcollapse.device import autocast_dtype
from imgcollapse.errors import NumericalError, Stopped
from imgcollapse.seeds import random_for, seed_for

READ_EVERY_STEPS = 50

Loss = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(items of the batch, their labels, random numbers of this step) -> scalar loss."""


class Watcher(Protocol):
    """What the outside hears of training, and how it asks for a stop."""

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def should_stop(self) -> bool: ...


class Checkpoint(Protocol):
    """Where the state of a training under way is kept: the steps done and arrays by name.

    ``seed`` says which training it is of; ``load`` gives nothing for another one.
    """

    def load(self, seed: int) -> tuple[int, dict[str, Any]] | None: ...

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None: ...

    def due(self) -> bool: ...


@dataclass(frozen=True)
class Trained:
    """``loss`` is the mean over the last tenth of the steps."""

    loss: float
    steps: int
    images_per_second: float


def train(
    model: nn.Module,
    average: nn.Module | None,
    loss_of: Loss,
    items: Tensor,
    labels: Tensor,
    config: TrainingConfig,
    *,
    seed: int,
    watcher: Watcher | None = None,
    checkpoint: Checkpoint | None = None,
    where: str = "training",
) -> Trained:
    """Trains ``model`` in place, and ``average``, its moving average, if there is one.

    ``items`` (N×…, any dtype) and ``labels`` (int64 N) live on the model's device; batches are
    gathered there. Step k draws the same batch and the same random numbers however training was
    interrupted. The learning rate warms up and falls to zero along a cosine. Losses are read
    every ``READ_EVERY_STEPS`` steps: one that is not finite raises NumericalError, a stop that
    was asked for raises Stopped after saving the state.
    """
    device = items.device
    steps, size = config.num_steps(len(items)), min(config.batch_size, len(items))
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    weights: list[Tensor] = list(model.parameters())
    averaged: list[Tensor] = list(average.parameters()) if average is not None else []
    optimizer = torch.optim.AdamW(
        parameters, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    losses = torch.zeros(steps, device=device)
    first = _restore(checkpoint, seed, model, average, optimizer, losses)
    batches = _batches(len(items), size, seed, first)
    dtype = autocast_dtype(device, config.precision)
    random = torch.Generator(device)
    read, started = first, time.perf_counter()

    model.train()
    for step in range(first, steps):
        index = torch.from_numpy(next(batches)).to(device, non_blocking=True)
        random.manual_seed(seed_for(seed, "step", step))
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, steps, config.warmup_steps)
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            loss = loss_of(items[index], labels[index], random)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.gradient_clip, foreach=True)
        optimizer.step()
        if averaged:
            decay = min(config.ema_decay, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(averaged, weights, 1 - decay)
        losses[step] = loss.detach()

        last = step + 1 == steps
        stop = watcher is not None and not last and watcher.should_stop()
        save = checkpoint is not None and not last and (stop or checkpoint.due())
        if not (last or stop or save or (step + 1) % READ_EVERY_STEPS == 0):
            continue
        _raise_unless_finite(losses[read : step + 1], read, where)
        read = step + 1
        if watcher is not None:
            speed = (step + 1 - first) * size / (time.perf_counter() - started)
            watcher.progress(step + 1, steps, float(losses[step]), speed)
        if checkpoint is not None and save:
            checkpoint.save(seed, step + 1, _state(model, average, optimizer, losses))
        if stop:
            raise Stopped(f"stopped at step {step + 1} of {steps} ({where})", "run it again")

    model.eval()
    seconds = time.perf_counter() - started
    return Trained(
        loss=float(losses[-max(1, steps // 10) :].mean()),
        steps=steps,
        images_per_second=(steps - first) * size / max(seconds, 1e-9),
    )


def _schedule(step: int, steps: int, warmup_steps: int) -> float:
    warm = min(1.0, (step + 1) / (warmup_steps + 1))
    return warm * 0.5 * (1 + math.cos(math.pi * step / steps))


def _batches(num: int, size: int, seed: int, first_step: int) -> Iterator[NDArray[np.int64]]:
    """Indices of each batch: a fresh permutation for every epoch, read end to end."""
    epoch, offset = divmod(first_step * size, num)
    order = random_for(seed, "epoch", epoch).permutation(num)
    while True:
        taken = order[offset : offset + size]
        offset += size
        if offset >= num:
            epoch, offset = epoch + 1, offset - num
            order = random_for(seed, "epoch", epoch).permutation(num)
            taken = np.concatenate([taken, order[:offset]])
        yield taken


def _raise_unless_finite(losses: Tensor, first_step: int, where: str) -> None:
    bad = (~torch.isfinite(losses)).nonzero()
    if len(bad):
        raise NumericalError(
            f"the loss is not finite at step {first_step + int(bad[0])} ({where})",
            "lower training.learning_rate; the last committed generation is untouched",
        )


def _state(
    model: nn.Module, average: nn.Module | None, optimizer: torch.optim.Optimizer, losses: Tensor
) -> dict[str, NDArray[Any]]:
    """Everything that a step depends on besides its position, as arrays by name."""
    tensors = {"losses": losses}
    tensors |= {f"model.{name}": value for name, value in model.state_dict().items()}
    if average is not None:
        tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in moments.items()}
    return {name: value.detach().cpu().numpy() for name, value in tensors.items()}


def _restore(
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
