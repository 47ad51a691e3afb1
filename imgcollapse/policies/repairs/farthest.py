"""Farthest-point selection (Gonzalez 1985), in blocks of points that matrix products compare."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CANDIDATES = 256
"""Points of a block: 10,000 of 20,000 points of 96 values take 3 to 5 s so on a busy core."""


def farthest_points(
    points: NDArray[np.float32], num: int, random: np.random.Generator
) -> NDArray[np.int64]:
    """Positions of ``num`` points (N×D): a random one, then always the farthest from all before it.

    Of points that are equally far any may be next, and none is taken twice. A point comes no
    nearer to being chosen when others are: so the farthest of a block of candidates is the
    farthest of all while it is farther than the rest were when the block was made.
    """
    order = random.permutation(len(points))
    points = points[order].astype(np.float64)
    squares = (points**2).sum(1)
    gaps = np.full(len(points), np.inf)
    chosen: list[int] = []
    while len(chosen) < num:
        block = np.argsort(-gaps, kind="stable")[: CANDIDATES + 1]
        block, bound = block[:CANDIDATES], gaps[block[-1]] if len(block) > CANDIDATES else -np.inf
        inner, inside = points[block], gaps[block]
        taken: list[int] = []
        while len(chosen) + len(taken) < num:
            best = int(inside.argmax())
            if taken and (inside[best] < bound or inside[best] < 0):
                break
            taken.append(block[best])
            inside = np.minimum(inside, ((inner - inner[best]) ** 2).sum(1))
            inside[best] = -1.0
        new = points[taken]
        between = squares[:, None] + squares[taken] - 2 * points @ new.T
        gaps = np.minimum(gaps, between.min(1).clip(0))
        gaps[block] = inside
        chosen += taken
    return order[chosen]
