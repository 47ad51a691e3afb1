"""Latents of MNIST shrink under the first encoder (Shumailov et al. 2024, their code's setting)."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.figures.curves import read_points, select
from imgcollapse.study.claims.claim import NEGATIVE, Claim, Region, over_chains

CURVE = "latent deviation of a chain"
FIRST, LATER = Region(0.67, 0.70), Region(0.43, 0.47)
"""What five runs of theirs had in generation 0 and five generations later."""
GENERATIONS = 5


def claims(folder: Path) -> list[Claim]:
    """Of ``curve.csv``: the deviation of latents of each chain (setting) by generation (x)."""
    points = select(read_points(folder), CURVE)
    first = {one.setting: one.value for one in points if one.x == 0}
    later = {one.setting: one.value for one in points if one.x == GENERATIONS}
    chains = sorted(first.keys() & later.keys())
    falls = [later[one] - first[one] for one in chains]
    return [
        Claim(
            "standard deviation of the latents of generation 0's samples",
            FIRST,
            over_chains([first[one] for one in chains]),
        ),
        Claim(
            "the same five generations later",
            LATER,
            over_chains([later[one] for one in chains]),
        ),
        Claim("it falls: generation 5 less generation 0", NEGATIVE, over_chains(falls)),
        Claim(
            "by as much as theirs: generation 5 over generation 0",
            Region(LATER.low / FIRST.high, LATER.high / FIRST.low),
            over_chains([later[one] / first[one] for one in chains]),
        ),
    ]
