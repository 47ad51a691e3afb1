"""Means over chains with 95 % limits that hold for as few as three chains.

A study has two sources of error: chains differ, and each chain's score is measured on finitely many
images. The values of independent chains hold both, so that Student's t on them covers both: the
limits of normal chains held the truth in 95 of 100 simulated studies, and in 91 where the values of
chains are lognormal with a deviation of a half. The hierarchical percentile bootstrap, of chains
and within them of their measurement errors, held it in 76 to 80 where there are three chains, in 84
to 88 where there are five, and in 89 to 91 of ten (``tests/test_over_chains.py``). Widening its
quantiles (Hesterberg 2015, section 4.4) does not help, because those that three chains would need
lie beyond the means that three chains can give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

from scipy.stats import t as student

from imgcollapse.metrics.estimates import Z

LEVEL = 0.95
RULE = "Student's t, never narrower than measurement error allows"
"""How limits are found, in words."""

PROPORTIONS = frozenset(
    {
        "share", "share_raw", "share_em", "share_gap", "share_null", "reject", "tail_share",
        "total_variation", "precision", "recall", "coverage", "duplicate_rate", "tstr_accuracy",
        "label_fidelity",
    }
)  # fmt: skip
"""Metrics in 0 to 1, where their limits end too."""

CLASS_COUNTS = frozenset({"classes_alive", "hill_0", "effective_classes", "hill_2"})
"""Metrics in 0 to the number of classes."""

Limits = tuple[float | None, float | None]


@dataclass
class OverChains:
    """Mean and variance of values that come one by one (Welford 1962); memory stays the same."""

    num: int = 0
    mean: float = 0.0
    squares: float = 0.0
    below: float = 0.0
    above: float = 0.0

    def add(self, value: float, low: float | None = None, high: float | None = None) -> None:
        """One chain's value, and the 95 % limits of its measurement where it has any."""
        self.num += 1
        apart = value - self.mean
        self.mean += apart / self.num
        self.squares += apart * (value - self.mean)
        self.below += 0.0 if low is None else ((value - low) / Z) ** 2
        self.above += 0.0 if high is None else ((high - value) / Z) ** 2

    def limits(self) -> Limits:
        """95 % limits of the mean, none of one chain: mean ± max(t s, z e) / sqrt(n).

        s is the standard deviation over chains, t Student's quantile for n - 1 degrees of freedom,
        and e the root mean square of the chains' measurement errors to that side, which s can
        fall short of by chance, as where no chain shows a class at all.
        """
        if self.num < 2:
            return None, None
        spread = _quantile(self.num) * math.sqrt(self.squares / (self.num - 1))
        low, high = (
            max(spread, Z * math.sqrt(measured / self.num)) / math.sqrt(self.num)
            for measured in (self.below, self.above)
        )
        return self.mean - low, self.mean + high

    def p_value(self) -> float | None:
        """Student's t-test of a mean of 0, for differences that are paired (two-sided).

        1 where all values are 0; None where they are alike otherwise, which tells a test nothing.
        """
        if self.num < 2 or (self.squares == 0 and self.mean != 0):
            return None
        if self.squares == 0:
            return 1.0
        error = math.sqrt(self.squares / (self.num - 1) / self.num)
        return float(2 * student.sf(abs(self.mean) / error, self.num - 1))


def within_range(metric: str, limits: Limits, num_classes: int) -> Limits:
    """Limits that do not leave what the metric can be."""
    if metric not in PROPORTIONS | CLASS_COUNTS:
        return limits
    most = 1.0 if metric in PROPORTIONS else float(num_classes)
    low, high = (None if one is None else min(most, max(0.0, one)) for one in limits)
    return low, high


@cache
def _quantile(num: int) -> float:
    return float(student.ppf((1 + LEVEL) / 2, num - 1))
