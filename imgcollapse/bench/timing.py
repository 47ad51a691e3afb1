"""Two ways of doing the same work, timed in turn."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable

import torch


def seconds_of(work: Callable[[], object], device: torch.device) -> float:
    """How long the work takes until the device has done it."""
    wait(device)
    started = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - started


def timed(work: Callable[[], object], device: torch.device) -> Callable[[], float]:
    """The work as a function that does it and returns its seconds."""
    return functools.partial(seconds_of, work, device)


def rates_in_turn(
    ours: Callable[[], float],
    baseline: Callable[[], float],
    *,
    ours_units: float,
    baseline_units: float,
    rounds: int,
) -> tuple[list[float], list[float]]:
    """Units of work a second of both sides, round by round, so that both meet the same machine.

    Each side does its work and returns the seconds that it takes, or would take where only a part
    is done. Its first time does not count.
    """
    ours(), baseline()
    ours_rates, baseline_rates = [], []
    for _ in range(rounds):
        ours_rates.append(ours_units / ours())
        baseline_rates.append(baseline_units / baseline())
    return ours_rates, baseline_rates


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
