"""Which classes a set of images has too few of, by how much, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imgcollapse.metrics.shares import LOST_BELOW, unseeable, wilson
from imgcollapse.scores import Score, percent, select

Verdict = Literal["lost", "rarer", "commoner", "alike", "unseeable"]


@dataclass(frozen=True)
class Represented:
    """One class: its share of the samples with 95 % limits, and of the reference with its own.

    ``verdict`` is ``rarer`` or ``commoner`` where the two intervals lie apart, ``lost`` where the
    samples' upper limit is below a tenth of the reference's share, ``unseeable`` where so few
    images could not show that, and none is seen; else ``alike``: no difference that so many images
    show. Where ``counted``, the shares are of the samples that show a class.
    """

    name: str
    share: float
    low: float
    high: float
    began: float
    began_low: float
    began_high: float
    verdict: Verdict
    counted: bool

    def in_words(self) -> str:
        """One sentence."""
        limits = f"{percent(self.low)} to {percent(self.high)}"
        whole = "samples that show a class" if self.counted else "samples"
        ours = f"{percent(self.share)} ({limits}) of the {whole}"
        theirs = f"{percent(self.began)} of the reference"
        if self.verdict == "lost":
            return f"{self.name} is lost: {ours}, {theirs}"
        if self.verdict == "unseeable":
            return f"{self.name}: {ours}, {theirs}: too few images to see its loss"
        if self.verdict == "alike":
            return f"{self.name}: {ours}, {theirs}: no difference is seen"
        if self.share == 0:
            return f"{self.name} is too rare: {ours}, {theirs}"
        factor, side = self.share / self.began, "common"
        if self.verdict == "rarer":
            factor, side = 1 / factor, "rare"
        return f"{self.name} is {factor:.1f} times too {side}: {ours}, {theirs}"


def representation(
    scores: Sequence[Score], classes: Sequence[str], began: NDArray[np.int64]
) -> list[Represented]:
    """Every class that the reference shows, those that lost most first.

    ``scores`` are of one set; ``began`` (C) counts the reference's images of each class. Where
    ``share_fit`` flags the corrected shares, what counts is the part of each class among the
    images that show any.
    """
    misfit = any(score.value > 1 for score in select(scores, "share_fit"))
    shares = {one.class_: one for one in select(scores, "share_raw" if misfit else "share")}
    shown = max(sum(one.value for one in shares.values()), 1e-12) if misfit else 1.0
    hidden = unseeable(began / began.sum(), max(1, round(shown * max(one.n for one in scores))))
    lows, highs = wilson(began, int(began.sum()))
    found = []
    for label, name in enumerate(classes):
        one, part = shares[name], float(began[label] / began.sum())
        if not part:
            continue
        value = one.value / shown
        low, high = (one.low or 0.0) / shown, min(1.0, (one.high or 0.0) / shown)
        if high < LOST_BELOW * part:
            verdict: Verdict = "lost"
        elif high < lows[label]:
            verdict = "rarer"
        elif hidden[label] and not value:
            verdict = "unseeable"
        else:
            verdict = "commoner" if low > highs[label] else "alike"
        limits = float(lows[label]), float(highs[label])
        found.append(Represented(name, value, low, high, part, *limits, verdict, misfit))
    return sorted(found, key=lambda one: (one.share / one.began, one.name))
