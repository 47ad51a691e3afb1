"""The scores that say which classes a set of images shows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.em import measure_em
from imgcollapse.metrics.fit import fit_residual
from imgcollapse.metrics.judge import Judge, Verdicts
from imgcollapse.metrics.rows import Rows
from imgcollapse.metrics.shares import (
    Shares,
    hill_number,
    lost,
    measure_shares,
    surely_alive,
    tail_classes,
    total_variation,
)

INITIAL, BALANCED = "initial", "balanced"


def add_share_scores(rows: Rows, verdicts: Verdicts, judge: Judge, seed: int) -> Shares:
    """Adds the shares of a set as a judge sees it; returns them."""
    shares = measure_shares(verdicts.classes, judge.confusion, seed=seed)
    names: Sequence[str] = judge.facts["classes"]
    for label, name in enumerate(names):
        rows.add("share", shares.corrected[label], shares.low[label], shares.high[label], name)
    for label, name in enumerate(names):
        low, high = shares.raw_low[label], shares.raw_high[label]
        rows.add("share_raw", shares.raw[label], low, high, name)
    _add_em(rows, verdicts, shares, names, seed)
    rows.add("reject", shares.reject, shares.reject_low, shares.reject_high)
    residual = fit_residual(verdicts.unsureness, verdicts.strangeness, shares.corrected, judge.held)
    rows.add_as_is("share_fit", residual, *((0.0, 1.0) if rows.of_floor else (None, None)))
    for name, order in (("effective_classes", 1), ("hill_0", 0), ("hill_2", 2)):
        low, high = shares.interval(partial(hill_number, order=order), len(names))
        if order == 0:
            low = min(low, np.count_nonzero(shares.low))
        rows.add(name, hill_number(shares.corrected, order), low, high, most=len(names))
    return shares


def _add_em(
    rows: Rows, verdicts: Verdicts, shares: Shares, names: Sequence[str], seed: int
) -> None:
    """Shares by EM over the images that are not rejected, and how far both kinds disagree."""
    accepted = verdicts.probabilities[verdicts.classes != UNLABELLED]
    some = 1 - shares.nothing if len(accepted) else 0.0
    em = measure_em(accepted, seed=seed) if len(accepted) else np.zeros((3, len(names)))
    value, low, high = (some * one for one in em)
    for label, name in enumerate(names):
        rows.add("share_em", value[label], low[label], high[label], name)
    limits = shares.interval_of_distance(value)
    rows.add("share_gap", total_variation(value, shares.corrected), *_from_zero(rows, limits))


def add_comparisons(rows: Rows, shares: Shares, initial_counts: NDArray[np.int64]) -> None:
    """Adds what compares shares with those of the images (C) that a chain began with."""
    initial = initial_counts / initial_counts.sum()
    tail = tail_classes(initial_counts)
    limits = shares.interval_of_sum(tail)
    rows.add("tail_share", shares.corrected[tail].sum(), *limits, reference=INITIAL)
    started = np.count_nonzero(initial)
    left = started - lost(shares, initial).sum()
    sure = surely_alive(shares, initial).sum()
    rows.add_as_is("classes_alive", left, sure, left, reference=INITIAL)
    balanced = np.full(len(initial), 1 / len(initial))
    for name, other in ((INITIAL, initial), (BALANCED, balanced)):
        limits = shares.interval_of_distance(other)
        value = total_variation(shares.corrected, other)
        rows.add("total_variation", value, *_from_zero(rows, limits), reference=name)


def _from_zero(rows: Rows, limits: tuple[float, float]) -> tuple[float, float]:
    """Limits of a distance between shares, which for real images may be anything from 0."""
    return (0.0, limits[1]) if rows.of_floor else limits
