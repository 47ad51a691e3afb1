"""Common classes crowd out rare ones, with chance and the sampler taken away."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.figures.curves import read_points, select
from imgcollapse.study.claims.chains import Chains, head, rarer_half
from imgcollapse.study.claims.claim import NEGATIVE, POSITIVE, Claim, about
from imgcollapse.study.claims.sampler import computed

SHIFT = "shift"
SLOPE = "crowding of the sampler"
TOLERANCE = 0.05


def claims(folder: Path) -> list[Claim]:
    """Of the arms ``replace``, ``chance`` and ``real-only``; ranks are turned with the seed."""
    chains = Chains.read(folder)
    crowding, tail = chains.score("crowding"), chains.counted_share(rarer_half)
    audited = read_points(folder)
    return [
        Claim(
            "common classes crowd out rare ones: crowding per log share and generation",
            POSITIVE,
            chains.measured_at_end("crowding", "replace"),
        ),
        Claim(
            "chance alone does not: crowding of a generator that copies",
            about(0, TOLERANCE),
            chains.measured_at_end("crowding", "chance"),
        ),
        Claim(
            "more than chance: crowding, replace less chance",
            POSITIVE,
            chains.difference(crowding, "replace", "chance"),
        ),
        Claim(
            "more in each generation than without recursion: crowding, replace less real-only",
            POSITIVE,
            chains.difference(crowding, "replace", "real-only"),
        ),
        *(
            Claim(
                f"the sampler alone does not: {what}",
                about(0, TOLERANCE),
                computed(found),
            )
            for curve, what in (
                (SLOPE, "its crowding with a perfect denoiser"),
                (SHIFT, "its farthest shift of a class's log-odds"),
            )
            for found in select(audited, curve)[:1]
        ),
        Claim(
            "the rarer half of the classes shrinks: change of its counted share, replace",
            NEGATIVE,
            chains.change(tail, "replace"),
        ),
        Claim(
            "by recursion, not by training noise: the rarer half, replace less real-only",
            NEGATIVE,
            chains.difference(tail, "replace", "real-only"),
        ),
        Claim(
            "the commonest class takes over: change of its share of images of any class",
            POSITIVE,
            chains.change(chains.share_of_judged(head), "replace"),
        ),
        Claim(
            "and more than without recursion: that share, replace less real-only",
            POSITIVE,
            chains.difference(chains.share_of_judged(head), "replace", "real-only"),
        ),
        Claim(
            "images leave all classes: change of the rejected share, replace",
            POSITIVE,
            chains.change(chains.score("reject"), "replace"),
        ),
    ]
