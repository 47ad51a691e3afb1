"""A claim: what is expected of a number, what was measured, and whether it holds.

One rule decides all of them. What is expected is a region of the number line, stated before
anything is run; the claim holds when the whole 95 % interval of what was measured lies in the
region, is contradicted when none of it does, and else is not shown. A claim that two numbers are
equal is a region around their equality, so that a wide interval never passes for agreement.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from imgcollapse.errors import NumericalError
from imgcollapse.scores import cell

COLUMNS = ("claim", "expected", "measured", "low", "high", "n", "unit", "holds")
YES, NOT_SHOWN, CONTRADICTED = "yes", "not shown", "contradicted"
RULE = (
    "A claim holds (yes) when the 95 % interval lies wholly in the expected region, is "
    "contradicted when it lies wholly outside, and is not shown otherwise."
)


@dataclass(frozen=True)
class Region:
    """Where a number is expected.

    Between two limits both belong to it; a region with one limit lies beyond that.
    """

    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"a region from {self.low} to {self.high} is empty")

    def __str__(self) -> str:
        if math.isinf(self.low) and math.isinf(self.high):
            return "anything"
        if math.isinf(self.high):
            return f"above {self.low:.4g}"
        if math.isinf(self.low):
            return f"below {self.high:.4g}"
        return f"{self.low:.4g} to {self.high:.4g}"

    def verdict(self, low: float, high: float) -> str:
        """What an interval says of it."""
        if self.low < low and high < self.high:
            return YES
        if math.isfinite(self.high - self.low) and self.low <= low and high <= self.high:
            return YES
        return CONTRADICTED if high < self.low or low > self.high else NOT_SHOWN


POSITIVE, NEGATIVE = Region(low=0.0), Region(high=0.0)


def about(value: float, tolerance: float) -> Region:
    """A value, and what still counts as the same."""
    return Region(value - tolerance, value + tolerance)


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval and what it is a mean of: ``n`` such units."""

    value: float
    low: float
    high: float
    n: int
    unit: str


@dataclass(frozen=True)
class Claim:
    """A row of the claim table; ``holds`` is ``yes``, ``not shown`` or ``contradicted``."""

    claim: str
    expected: Region
    measured: Measured

    def __post_init__(self) -> None:
        found = self.measured
        if not all(map(math.isfinite, (found.value, found.low, found.high))):
            raise NumericalError(f"what was measured is not finite ({self.claim})")
        if not found.low <= found.value <= found.high:
            raise NumericalError(f"what was measured is not in its interval ({self.claim})")

    @property
    def holds(self) -> str:
        return self.expected.verdict(self.measured.low, self.measured.high)

    def as_row(self) -> dict[str, object]:
        """The claim by the names of the columns."""
        found = self.measured
        cells = (
            self.claim, str(self.expected), found.value, found.low, found.high, found.n,
            found.unit, self.holds,
        )  # fmt: skip
        return dict(zip(COLUMNS, cells, strict=True))


def over_chains(values: Sequence[float] | NDArray[np.float64], unit: str = "chains") -> Measured:
    """The mean of one number from each chain with 95 % limits over chains (Student's t).

    NumericalError of fewer than two: a single chain says nothing of how chains differ.
    """
    each = np.asarray(values, np.float64)
    if len(each) < 2:
        raise NumericalError(
            f"an interval over {unit} needs two or more, and there is {len(each)}",
            "more seeds",
        )
    mean = float(each.mean())
    half = float(student.ppf(0.975, len(each) - 1) * each.std(ddof=1) / math.sqrt(len(each)))
    return Measured(mean, mean - half, mean + half, len(each), unit)


def to_csv(claims: Sequence[Claim]) -> str:
    """``claims.csv``: a header and one row for each claim."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for claim in claims:
        writer.writerow(cell(value) for value in claim.as_row().values())
    return text.getvalue()


def to_markdown(claims: Sequence[Claim], title: str, how: str) -> str:
    """``claims.md``: the table, the rule, and ``how`` it was made."""
    lines = [f"# {title}", "", "| claim | expected | measured (95 % interval) | n | holds |"]
    lines.append("|---|---|---|---|---|")
    lines += [f"| {' | '.join(_words(claim))} |" for claim in claims]
    return "\n".join([*lines, "", RULE, "", how, ""])


def to_text(claims: Sequence[Claim]) -> str:
    """The table in aligned columns."""
    head = ("claim", "expected", "measured (95 % interval)", "n", "holds")
    rows = [head, *map(_words, claims)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(head))]
    return "\n".join(
        "  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _words(claim: Claim) -> tuple[str, ...]:
    found = claim.measured
    number = f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"
    return claim.claim, str(claim.expected), number, f"{found.n:,} {found.unit}", claim.holds
