"""The ruler of a run: judge and references, made once, that turn samples into scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.calibration import lowest_visible_share
from imgcollapse.metrics.fit import fit_residual
from imgcollapse.metrics.frechet import FrechetTo, Moments
from imgcollapse.metrics.judge import Judge, Verdicts
from imgcollapse.metrics.shares import (
    ZERO_OF_N,
    Shares,
    hill_number,
    lost,
    measure_em,
    measure_shares,
    surely_alive,
    tail_classes,
    total_variation,
    unseeable,
)
from imgcollapse.scores import Score
from imgcollapse.seeds import seed_for

INITIAL, BALANCED = "initial", "balanced"


@dataclass(frozen=True)
class Ruler:
    """Scores image sets against the real images that a chain began with and balanced ones.

    ``moments`` holds the judge's features of both, by the name of the reference, and
    ``initial_counts`` the images of each class in the first pool.
    """

    judge: Judge
    moments: dict[str, Moments]
    initial_counts: NDArray[np.int64]
    seed: int

    @cached_property
    def distances(self) -> dict[str, FrechetTo]:
        """The Fréchet distance to each reference, by its name."""
        return {name: FrechetTo(moments) for name, moments in self.moments.items()}

    @property
    def initial(self) -> NDArray[np.float64]:
        """The share of each class in the first pool."""
        shares: NDArray[np.float64] = self.initial_counts / self.initial_counts.sum()
        return shares

    @property
    def lowest_visible_share(self) -> float:
        """The share below which some class of the first pool drowns in the judge's mistakes."""
        seen = lowest_visible_share(self.judge.confusion, self.initial)
        return float(seen[self.initial_counts > 0].max())

    def too_rare(self, n: int) -> list[str]:
        """Classes whose loss n images cannot show, however good the judge."""
        classes = self.judge.facts["classes"]
        return [classes[label] for label in np.flatnonzero(unseeable(self.initial, n))]

    def score(self, images: ImageSet, generation: int) -> list[Score]:
        """Every score of a set; its labels are not looked at."""
        verdicts = self.judge.look(images.images)
        seed = seed_for(self.seed, "scores", generation)
        shares = measure_shares(verdicts.classes, self.judge.confusion, seed=seed)
        scored = _Rows(generation, shares.n, self.judge.extractor)
        names = images.classes
        for label, name in enumerate(names):
            scored.add(
                "share", shares.corrected[label], shares.low[label], shares.high[label], name
            )
        for label, name in enumerate(names):
            low, high = shares.raw_low[label], shares.raw_high[label]
            scored.add("share_raw", shares.raw[label], low, high, name)
        self._add_em(scored, verdicts, shares, names, seed)
        scored.add("reject", shares.reject, shares.reject_low, shares.reject_high)
        residual = fit_residual(
            verdicts.unsureness, verdicts.strangeness, shares.corrected, self.judge.held
        )
        scored.add("share_fit", residual)
        self._add_summaries(scored, shares)
        moments = Moments.of(verdicts.features)
        for name, distance in self.distances.items():
            scored.add("fd_judge", distance(moments), reference=name)
        return scored.rows

    def _add_em(
        self, scored: _Rows, verdicts: Verdicts, shares: Shares, names: Sequence[str], seed: int
    ) -> None:
        """Shares by EM over the images that are not rejected, and how far both kinds disagree."""
        accepted = verdicts.probabilities[verdicts.classes != UNLABELLED]
        some = 1 - shares.nothing if len(accepted) else 0.0
        limits = measure_em(accepted, seed=seed) if len(accepted) else np.zeros((3, len(names)))
        value, low, high = (some * one for one in limits)
        for label, name in enumerate(names):
            scored.add("share_em", value[label], low[label], high[label], name)
        scored.add("share_gap", total_variation(value, shares.corrected))

    def _add_summaries(self, scored: _Rows, shares: Shares) -> None:
        tail = tail_classes(self.initial_counts)
        low, high = shares.interval(lambda one: float(one[tail].sum()))
        high = min(1.0, max(high, ZERO_OF_N / shares.n))
        scored.add("tail_share", shares.corrected[tail].sum(), low, high, reference=INITIAL)
        scored.add(
            "effective_classes",
            hill_number(shares.corrected, 1),
            *shares.interval(lambda one: hill_number(one, 1)),
        )
        for order in (0, 2):
            limits = shares.interval(partial(hill_number, order=order))
            scored.add(f"hill_{order}", hill_number(shares.corrected, order), *limits)
        gone, sure = lost(shares, self.initial), surely_alive(shares, self.initial)
        started = np.count_nonzero(self.initial)
        scored.add(
            "classes_alive", started - gone.sum(), sure.sum(), started - gone.sum(), "", INITIAL
        )
        balanced = np.full(len(self.initial), 1 / len(self.initial))
        for name, other in ((INITIAL, self.initial), (BALANCED, balanced)):
            limits = shares.interval(partial(total_variation, other))
            value = total_variation(shares.corrected, other)
            scored.add("total_variation", value, *limits, reference=name)


class _Rows:
    def __init__(self, generation: int, n: int, extractor: str) -> None:
        self.generation, self.n, self.extractor = generation, n, extractor
        self.rows: list[Score] = []

    def add(
        self,
        metric: str,
        value: float,
        low: float | None = None,
        high: float | None = None,
        class_: str = "",
        reference: str = "",
    ) -> None:
        bottom, top = (None if one is None else float(one) for one in (low, high))
        self.rows.append(
            Score(
                generation=self.generation,
                metric=metric,
                class_=class_,
                reference=reference,
                value=float(value),
                low=bottom,
                high=top,
                n=self.n,
                extractor=self.extractor,
            )
        )
