"""``curve.csv``: what an experiment without chains of images measured, tidy."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from pathlib import Path

from imgcollapse.errors import CorruptError
from imgcollapse.scores import cell

FILE = "curve.csv"
COLUMNS = ("curve", "setting", "x", "value", "low", "high", "n", "expected")


@dataclass(frozen=True)
class Point:
    """A point of a curve: ``value`` at ``x`` under a ``setting``, with its 95 % limits over ``n``.

    ``expected`` is the closed form, where there is one.
    """

    curve: str
    setting: str
    x: float
    value: float
    low: float | None = None
    high: float | None = None
    n: int | None = None
    expected: float | None = None


def write_points(points: Iterable[Point]) -> str:
    """The table: a header and one row for each point."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for point in points:
        writer.writerow(cell(value) for value in as_cells(point))
    return text.getvalue()


def as_cells(point: Point) -> tuple[object, ...]:
    """What stands in a point's row, by ``COLUMNS``."""
    return astuple(point)


def read_points(folder: Path) -> list[Point]:
    """The points of a folder; CorruptError where the table is missing or of another kind."""
    path = folder / FILE
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        if not rows or tuple(rows[0]) != COLUMNS:
            raise ValueError(f"its columns are not {','.join(COLUMNS)}")
        return [_point(*row) for row in rows[1:]]
    except FileNotFoundError:
        raise CorruptError(f"a table is missing ({path})", "give the same command again") from None
    except (TypeError, ValueError) as error:
        raise CorruptError(f"not a table of curves: {error} ({path})") from None


def _point(
    curve: str, setting: str, x: str, value: str, low: str, high: str, n: str, expected: str
) -> Point:
    def number(text: str) -> float | None:
        return float(text) if text else None

    return Point(
        curve, setting, float(x), float(value), number(low), number(high),
        int(n) if n else None, number(expected),
    )  # fmt: skip


def select(points: Iterable[Point], curve: str, setting: str | None = None) -> list[Point]:
    """The points of a curve, optionally under one setting, in their order."""
    return [
        one for one in points if one.curve == curve and (setting is None or one.setting == setting)
    ]
