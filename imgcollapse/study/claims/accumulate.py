"""Damage falls from replace to accumulate-subsample to accumulate (Gerstgrasser, Kazdan 2024)."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.study.claims.chains import Chains, rarer_half
from imgcollapse.study.claims.claim import NEGATIVE, POSITIVE, Claim

ORDER = ("replace", "accumulate-subsample", "accumulate")


def claims(folder: Path) -> list[Claim]:
    """Of the three arms that ``ORDER`` names; all train for the same number of steps."""
    chains = Chains.read(folder)
    distance, tail = chains.score("fd_judge"), chains.counted_share(rarer_half)
    pairs = [(ORDER[0], ORDER[1]), (ORDER[1], ORDER[2]), (ORDER[0], ORDER[2])]
    return [
        Claim(
            "replace does damage: change of the distance to real images",
            POSITIVE,
            chains.change(distance, "replace"),
        ),
        *(
            Claim(
                f"{worse} does more damage than {better}: difference of the distance",
                POSITIVE,
                chains.difference(distance, worse, better),
            )
            for worse, better in pairs
        ),
        *(
            Claim(
                f"{worse} loses more of the rarer half than {better}: its counted share",
                NEGATIVE,
                chains.difference(tail, worse, better),
            )
            for worse, better in pairs
        ),
    ]
