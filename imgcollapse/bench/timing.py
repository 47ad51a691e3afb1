"""Two ways of doing the same work, timed in turn."""

from __future__ import annotations

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


def rates_in_turn(
    ours: Callable[[], object],
    baseline: Callable[[], object],
    *,
    ours_units: float,
    baseline_units: float,
    rounds: int,
    device: torch.device,
) -> tuple[list[float], list[float]]:
    """Units of work a second of both sides, round by round, so that both meet the same machine.

    Each side does its work once before the clock runs.
    """
    ours(), baseline()
    ours_rates, baseline_rates = [], []
    for _ in range(rounds):
        ours_rates.append(ours_units / seconds_of(ours, device))
        baseline_rates.append(baseline_units / seconds_of(baseline, device))
    return ours_rates, baseline_rates


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
