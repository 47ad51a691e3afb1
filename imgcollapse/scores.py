"""One score, and the table of scores of a run."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from typing import Any, get_type_hints

from imgcollapse.errors import CorruptError, NumericalError

FLOOR = -1


@dataclass(frozen=True)
class Score:
    """One number with its class, its 95 % interval, n and extractor.

    ``class_`` is empty for a score of the whole set. ``reference`` says what the score compares
    with: ``initial``, ``balanced``, ``pool`` or nothing. ``n`` counts the images scored. Rows of
    generation -1 are real images scored against real images.
    """

    generation: int
    metric: str
    class_: str
    reference: str
    value: float
    low: float | None
    high: float | None
    n: int
    extractor: str

    def __post_init__(self) -> None:
        for number in (self.value, self.low, self.high):
            if number is not None and not math.isfinite(number):
                where = f"{self.metric} {self.class_}".strip()
                raise NumericalError(f"score is not finite ({where}, generation {self.generation})")

    def as_row(self) -> dict[str, Any]:
        """The score by the names of the columns of ``scores.csv``."""
        return dict(zip(COLUMNS, astuple(self), strict=True))

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Score:
        """The score of such a row; TypeError where a value is missing or of another kind."""
        named = {name: row[column] for name, column in zip(KINDS, COLUMNS, strict=True)}
        wrong = [name for name, kind in KINDS.items() if not isinstance(named[name], kind)]
        if wrong or row.keys() != set(COLUMNS):
            raise TypeError(f"not a score: {row}")
        return cls(**named)


KINDS = get_type_hints(Score)
COLUMNS = [name.rstrip("_") for name in KINDS]


def cell(value: object) -> str:
    """A value as it stands in a table: numbers to ten digits, nothing for None."""
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def to_csv(scores: Iterable[Score]) -> str:
    """The tidy table ``scores.csv``: a header and one row for each score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(value) for value in astuple(score)] for score in scores)
    return text.getvalue()


def from_csv(text: str, where: str = "scores.csv") -> list[Score]:
    """The scores of a table that ``to_csv`` wrote; CorruptError names ``where`` it is from."""
    rows = csv.reader(io.StringIO(text))
    try:
        if next(rows, None) != COLUMNS:
            raise CorruptError(f"the table has other columns than {','.join(COLUMNS)} ({where})")
        return _scores_of(rows)
    except (ValueError, NumericalError, csv.Error) as error:
        raise CorruptError(
            f"not a table of scores: {error} ({where})", "score again, or mend the file"
        ) from None


def _scores_of(rows: Iterable[list[str]]) -> list[Score]:
    return [
        Score(
            generation=int(generation),
            metric=metric,
            class_=class_,
            reference=reference,
            value=float(value),
            low=float(low) if low else None,
            high=float(high) if high else None,
            n=int(n),
            extractor=extractor,
        )
        for generation, metric, class_, reference, value, low, high, n, extractor in rows
    ]


def select(
    scores: Iterable[Score], metric: str, *, reference: str | None = None, class_: str | None = None
) -> list[Score]:
    """The scores of one metric, optionally of one reference and one class."""
    return [
        score
        for score in scores
        if score.metric == metric
        and (reference is None or score.reference == reference)
        and (class_ is None or score.class_ == class_)
    ]


def fixed(value: float, digits: int, *, plus: bool = False) -> str:
    """A number to so many decimals, with + before it where asked for; 0.00 never has a sign."""
    text = f"{value:{'+' if plus else ''}.{digits}f}"
    return text if float(text) else text.lstrip("+-")


def percent(share: float) -> str:
    """A share in words: 12 %, 3.4 %, 0.12 %, <0.01 %, 0 %."""
    if share < 5e-5:
        return "<0.01 %" if share > 0 else "0 %"
    digits = 0 if share >= 0.0995 else 1 if share >= 0.00995 else 2
    return f"{100 * share:.{digits}f} %"
