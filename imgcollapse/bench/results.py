"""What a benchmark found, as a record and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from imgcollapse.study.claims.claim import over_chains

SAME_LOSS = 0.995
SHARE_OF_LIMIT = 0.6


@dataclass(frozen=True)
class Result:
    """One comparison: medians over ``rounds`` that alternate between both sides.

    ``ratio`` is how many times better ours is, ``low`` and ``high`` its extremes over the rounds;
    of a guard of loss curves, how alike both sides are, 1 being the same, and its 95 % limits.
    ``limit_share`` is ours over the machine's measured limit, in [0, 1]; None where the work is
    not one of arithmetic. ``holds`` says whether ``ratio`` reaches ``target``, or, of a guard of
    loss curves, ``low``.
    """

    suite: str
    name: str
    ours: float
    baseline: float
    unit: str
    ratio: float
    low: float
    high: float
    rounds: int
    target: float
    holds: bool
    limit_share: float | None
    says: str


def result(
    name: str,
    ours: Sequence[float],
    baseline: Sequence[float],
    *,
    unit: str,
    target: float,
    says: str,
    limit: float | None = None,
) -> Result:
    """A result from the rates of each round, more being better; ``limit`` is a rate too."""
    ratios = sorted(one / other for one, other in zip(ours, baseline, strict=True))
    ratio = median(ours) / median(baseline)
    return Result(
        suite=name.partition("/")[0],
        name=name,
        ours=median(ours),
        baseline=median(baseline),
        unit=unit,
        ratio=ratio,
        low=ratios[0],
        high=ratios[-1],
        rounds=len(ours),
        target=target,
        holds=ratio >= target,
        limit_share=median(ours) / limit if limit else None,
        says=says,
    )


def guard(
    name: str, ours: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]], says: str
) -> Result:
    """That a faster way has the same loss curve in the mean: 1 less its greatest mean difference.

    Both sides have the curves of as many trainings, 2 or more, which are paired: rounding that
    differs can make a training of either side faster or slower. Differences are relative, those of
    each point have a 95 % interval (Student's t over the trainings), and the guard holds where none
    of the intervals reaches a difference of 0.5 %: both sides are shown to be equivalent, not only
    not shown to differ. The means of the last points are shown. ValueError where curves are not
    paired.
    """
    fast, slow = np.asarray(ours), np.asarray(baseline)
    if fast.shape != slow.shape or len(fast) < 2:
        raise ValueError(f"curves of shapes {fast.shape} and {slow.shape} are not paired ({name})")
    larger = np.maximum(abs(fast), abs(slow))
    off = np.divide(fast - slow, larger, out=np.zeros_like(larger), where=larger > 0)
    points = [over_chains(values, "trainings") for values in off.T]
    ratio = 1 - max(abs(one.value) for one in points)
    low = 1 - max(max(-one.low, one.high) for one in points)
    high = 1 - max(max(one.low, -one.high, 0.0) for one in points)
    last, last_slow = float(fast[:, -1].mean()), float(slow[:, -1].mean())
    suite = name.partition("/")[0]
    return Result(
        suite, name, last, last_slow, "loss", ratio, low, high, len(off), SAME_LOSS,
        low >= SAME_LOSS, None, says,
    )  # fmt: skip


def against_bar(one: Result, wanted: float) -> Result:
    """That a rate reaches what is wanted of it, or 60 % of the machine's limit, if that is less."""
    bar, says = wanted, f"{wanted:,.0f} {one.unit} are wanted"
    if one.limit_share is not None:
        bar = min(wanted, SHARE_OF_LIMIT * one.ours / one.limit_share)
        says += f", or {SHARE_OF_LIMIT:.0%} of the limit"
    ratio = one.ours / bar
    return replace(
        one, name=f"{one.name}-rate", baseline=bar, ratio=ratio, low=ratio, high=ratio,
        target=1.0, holds=ratio >= 1, says=says,
    )  # fmt: skip


def within(name: str, found: float, limit: float, unit: str, says: str) -> Result:
    """That a faster way is off by less than a limit: the part of it that is left, below 0 none."""
    left = 1 - found / limit
    suite = name.partition("/")[0]
    return Result(suite, name, found, limit, unit, left, left, left, 1, 0.0, left >= 0, None, says)


def median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def as_rows(results: Sequence[Result]) -> list[dict[str, Any]]:
    return [asdict(one) for one in results]


def as_table(
    results: Sequence[dict[str, Any]], style: Literal["plain", "markdown"] = "plain"
) -> str:
    """The results one under the other, as text for a terminal or as a table for a page."""
    head = ("what", "ours", "baseline", "unit", "ratio", "of n", "target", "of the limit")
    rows = [head, *(_cells(one) for one in results)]
    if style == "markdown":
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([lines[0], "|---|" + "---:|" * (len(head) - 1), *lines[1:]])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _cells(one: dict[str, Any]) -> tuple[str, ...]:
    share = one["limit_share"]
    return (
        one["name"],
        _number(one["ours"], one["unit"]),
        _number(one["baseline"], one["unit"]),
        one["unit"],
        "{ratio:.{n}f} ({low:.{n}f} to {high:.{n}f})".format(
            n=3 if one["unit"] == "loss" else 2, **one
        ),
        str(one["rounds"]),
        f"{one['target']:g} {'holds' if one['holds'] else 'MISSED'}",
        "" if share is None else f"{100 * share:.0f} %",
    )


def _number(value: float, unit: str) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.4g}" if unit == "loss" else f"{value:.3g}"
