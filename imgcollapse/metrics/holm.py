"""Correction of p values for many tests."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjusted p values (Holm 1979): below a level α, at most α of all families hold a false one.

    The i-th smallest of m is multiplied by m - i + 1, is not below those before it, and not above
    1. None stays None and is no test.
    """
    places = [place for place, p in enumerate(p_values) if p is not None]
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for done, place in enumerate(sorted(places, key=lambda one: p_values[one] or 0.0)):
        largest = max(largest, min(1.0, (len(places) - done) * (p_values[place] or 0.0)))
        adjusted[place] = largest
    return adjusted
