"""Nine in ten dogs are golden retrievers: soon the generator draws only goldens."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.study.claims.chains import Chains, all_but_head, head
from imgcollapse.study.claims.claim import NEGATIVE, POSITIVE, Claim, Region


def claims(folder: Path) -> list[Claim]:
    """Of the arms ``replace``, ``chance`` and ``mix``."""
    chains = Chains.read(folder)
    others = chains.counted_share(all_but_head)
    return [
        Claim(
            "only goldens are left: their share of images of any breed",
            Region(low=0.98),
            chains.at_end(chains.share_of_judged(head), "replace"),
        ),
        Claim(
            "the nine other breeds are all but gone: their counted share (began with 0.1)",
            Region(high=0.01),
            chains.at_end(others, "replace"),
        ),
        Claim(
            "they shrink over the generations: change of their counted share",
            NEGATIVE,
            chains.change(others, "replace"),
        ),
        Claim(
            "more than by chance: their counted share, replace less chance",
            NEGATIVE,
            chains.difference(others, "replace", "chance"),
        ),
        Claim(
            "breeds are lost: how many are alive, of 10",
            Region(high=9.0),
            chains.measured_at_end("classes_alive", "replace"),
        ),
        Claim(
            "half real images keep them: their counted share, mix less replace",
            POSITIVE,
            chains.difference(others, "mix", "replace"),
        ),
    ]
