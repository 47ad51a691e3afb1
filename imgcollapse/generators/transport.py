"""What a sampler makes of a mixture on a line, by integration instead of drawing.

A sampler of an ordinary differential equation maps starting noise to a point, so the share of a
mode is the probability of the noise that lands in it. An ancestral sampler is a Markov chain, and
E(f(x0) | xt) goes back from step to step by quadrature. Both leave a numerical error only.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import ndtr
from torch import Tensor

from imgcollapse.errors import NumericalError
from imgcollapse.generators.mixture import Mixture, signal_and_noise
from imgcollapse.generators.noise import BlockNoise
from imgcollapse.generators.samplers import run_sampler

Array = NDArray[np.float64]
REACH = 8.0
"""Standard deviations to which noise and points are followed: 1e-15 lies beyond."""
COARSE = 8192
FINE = 256
GRID_POINTS = 800
GRID_WORK = 16_000
NARROWEST = 1.5
"""Spacings of the grid below which a kernel is integrated by three points of Gauss and Hermite."""


@dataclass(frozen=True)
class Outcome:
    """Of each of K modes: its share, a bound of its error, and the width that it came out with.

    ``widths`` are standard deviations over the true ones, not a number where a mode is empty.
    """

    shares: Array
    errors: Array
    widths: Array


class GivenNoise(BlockNoise):
    """Starting noise that is given (float32 N×1) instead of drawn."""

    def __init__(self, start: Tensor) -> None:
        super().__init__(0, 0, 0, start.device)
        self.start = start

    def __len__(self) -> int:
        return len(self.start)

    def normal(self, *shape: int) -> Tensor:
        return self.start.clone()


def transport(
    scheduler: Any, steps: int, mixture: Mixture, objective: str, lambda_: float, ancestral: bool
) -> Outcome:
    """Shares and widths of a mixture in one dimension; NumericalError where they are not finite."""
    if mixture.means.shape[1] != 1:
        raise ValueError("only mixtures in one dimension are integrated")
    follow = _by_chain if ancestral else _by_noise
    outcome = follow(scheduler, steps, mixture, objective, lambda_)
    if not np.isfinite(outcome.shares).all() or abs(outcome.shares.sum() - 1) > 1e-3:
        raise NumericalError(
            f"the sampler's shares sum to {outcome.shares.sum():.4g}",
            "bring sampling.lambda nearer to 1, or take more steps",
        )
    return outcome


def _by_noise(
    scheduler: Any, steps: int, mixture: Mixture, objective: str, lambda_: float
) -> Outcome:
    def land(start: Array) -> tuple[Array, NDArray[np.int64]]:
        noise = GivenNoise(torch.from_numpy(start).float()[:, None])
        denoise = functools.partial(mixture.denoise, objective)
        points = run_sampler(scheduler, steps, denoise, noise, (1,), lambda_).double()
        return points[:, 0].numpy(), mixture.modes_of(points).numpy()

    start = np.linspace(-REACH, REACH, COARSE, dtype=np.float32).astype(np.float64)
    points, modes = land(start)
    edges = np.flatnonzero(modes[1:] != modes[:-1])
    if len(edges):
        part = np.arange(1, FINE) / FINE
        between = (start[edges, None] + part * (start[edges + 1] - start[edges])[:, None]).ravel()
        between = between.astype(np.float32).astype(np.float64)
        more_points, more_modes = land(between)
        start, points = np.append(start, between), np.append(points, more_points)
        modes = np.append(modes, more_modes)
        order = start.argsort(kind="stable")
        start, points, modes = start[order], points[order], modes[order]
    cuts = ndtr(np.r_[-np.inf, (start[1:] + start[:-1]) / 2, np.inf])
    belongs = np.eye(len(mixture.shares))[modes]
    moments = np.diff(cuts) @ np.stack(
        [belongs, belongs * points[:, None], belongs * points[:, None] ** 2], 1
    ).reshape(len(start), -1)
    unsure = np.where(modes[1:] != modes[:-1], np.diff(ndtr(start)) / 2, 0.0)
    errors = unsure @ (belongs[1:] + belongs[:-1])
    return _outcome(moments, errors, mixture)


def _by_chain(
    scheduler: Any, steps: int, mixture: Mixture, objective: str, lambda_: float
) -> Outcome:
    dense = int(np.clip(GRID_WORK / steps, GRID_POINTS, 2 * GRID_POINTS))
    fine, rough = (
        _chain_moments(scheduler, steps, mixture, objective, lambda_, points)
        for points in (dense, dense // 2)
    )
    return _outcome(fine, np.abs(fine - rough)[: len(mixture.shares)], mixture)


def _chain_moments(
    scheduler: Any, steps: int, mixture: Mixture, objective: str, lambda_: float, points: int
) -> Array:
    scheduler.set_timesteps(steps)
    later: tuple[Array, Array] | None = None
    for t in reversed(scheduler.timesteps):
        grid = _grid(mixture, objective, t, max(1.0, lambda_), points)
        mean, spread = _one_step(scheduler, mixture, objective, t, grid)
        expected = _features(mean, mixture) if later is None else _expectation(*later, mean, spread)
        later = grid, expected
    assert later is not None
    grid, expected = later
    weights = np.exp(-((grid / max(lambda_, 1e-3)) ** 2) / 2)
    return weights @ expected / weights.sum()


def _grid(mixture: Mixture, objective: str, t: Tensor, scale: float, points: int) -> Array:
    keep, lose = (float(one) for one in signal_and_noise(objective, t))
    reach = REACH * torch.sqrt((keep * mixture.widths) ** 2 + (scale * lose) ** 2)
    centres = keep * mixture.means[:, 0]
    return np.linspace(float((centres - reach).min()), float((centres + reach).max()), points)


def _one_step(
    scheduler: Any, mixture: Mixture, objective: str, t: Tensor, grid: Array
) -> tuple[Array, float]:
    """Mean and standard deviation of the next point, told from the scheduler's own two draws."""
    x = torch.from_numpy(grid)[:, None]
    prediction = mixture.denoise(objective, x, t.expand(len(x))).double()
    draws, steps = [], []
    for seed in (0, 1):
        random = torch.Generator().manual_seed(seed)
        steps.append(scheduler.step(prediction, t, x, generator=random).prev_sample)
        draws.append(torch.randn(x.shape, generator=random.manual_seed(seed), dtype=x.dtype))
    apart = draws[0] - draws[1]
    spread = float((apart * (steps[0] - steps[1])).sum() / apart.square().sum())
    return (steps[0] - spread * draws[0])[:, 0].numpy(), spread


def _features(points: Array, mixture: Mixture) -> Array:
    """Mode, mode times point and mode times point squared: N×3K."""
    belongs = np.eye(len(mixture.shares))[
        mixture.modes_of(torch.from_numpy(points)[:, None]).numpy()
    ]
    column = points[:, None]
    return np.concatenate([belongs, belongs * column, belongs * column**2], 1)


def _expectation(grid: Array, values: Array, mean: Array, spread: float) -> Array:
    """E(values(mean + spread * noise)) of functions that are known on an even grid."""
    spacing = grid[1] - grid[0]
    if spread < NARROWEST * spacing:
        spline = CubicSpline(grid, values)
        nodes = ((-np.sqrt(3.0), 1 / 6), (0.0, 2 / 3), (np.sqrt(3.0), 1 / 6))
        inside = [np.clip(mean + node * spread, grid[0], grid[-1]) for node, _ in nodes]
        ends: Array = sum(
            weight * spline(one) for one, (_, weight) in zip(inside, nodes, strict=True)
        )
        return ends
    inside_mean = np.clip(mean, grid[0], grid[-1])
    kernel = np.exp(-(((grid - inside_mean[:, None]) / spread) ** 2) / 2)
    averaged: Array = kernel @ values / kernel.sum(1, keepdims=True)
    return averaged


def _outcome(moments: Array, errors: Array, mixture: Mixture) -> Outcome:
    shares, first, second = moments.reshape(3, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = second / shares - (first / shares) ** 2
        widths = np.sqrt(np.maximum(variance, 0)) / mixture.widths.numpy()
    return Outcome(np.clip(shares, 0, 1), errors, widths)
