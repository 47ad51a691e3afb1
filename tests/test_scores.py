"""The table of scores: what goes in comes back, and no number in it is not one."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import Any

import pytest

from imgcollapse.errors import CorruptError, NumericalError
from imgcollapse.scores import Score, fixed, from_csv, percent, select, to_csv

SHARE = Score(3, "share", "golden-retriever", "", 0.125, 0.0625, 0.25, 1000, "0123abcd")
WHOLE = Score(-1, "fd_judge", "", "initial", 17.5, None, None, 60, "0123abcd")
ODD = Score(0, "share", 'a "b", c\nd', "", 0.0, 0.0, 0.0, 1, "")


def test_scores_come_back_from_the_table() -> None:
    scores = [WHOLE, SHARE, ODD]
    assert from_csv(to_csv(scores)) == scores
    assert from_csv(to_csv([])) == []
    third = replace(SHARE, value=1 / 3, low=1e-12, high=12345.678901)
    (back,) = from_csv(to_csv([third]))
    assert back.value == pytest.approx(1 / 3, rel=1e-9)
    assert back.low == 1e-12
    assert to_csv([back]) == to_csv([third])


def test_the_columns_are_the_contract() -> None:
    header, row, whole = csv.reader(io.StringIO(to_csv([SHARE, WHOLE])))
    assert ",".join(header) == "generation,metric,class,reference,value,low,high,n,extractor"
    assert row == [
        "3",
        "share",
        "golden-retriever",
        "",
        "0.125",
        "0.0625",
        "0.25",
        "1000",
        "0123abcd",
    ]
    assert whole == ["-1", "fd_judge", "", "initial", "17.5", "", "", "60", "0123abcd"]
    assert "\r" not in to_csv([SHARE])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["value", "low", "high"])
def test_a_number_that_is_not_finite_is_refused_with_its_place(place: str, bad: float) -> None:
    changed: dict[str, Any] = {place: bad}
    with pytest.raises(NumericalError, match=r"share golden-retriever, generation 3"):
        replace(SHARE, **changed)


def test_a_table_with_other_columns_is_corrupt() -> None:
    for text in ("", "a,b\n", to_csv([SHARE]).replace("metric", "metrics", 1)):
        with pytest.raises(CorruptError):
            from_csv(text)


@pytest.mark.parametrize("bad", ["nan", "inf", "many", "1,2"])
def test_a_damaged_table_is_named(bad: str) -> None:
    text = to_csv([WHOLE]).replace("17.5", bad)
    with pytest.raises(CorruptError, match=r"other\.csv"):
        from_csv(text, "other.csv")


def test_scores_are_selected_by_metric_reference_and_class() -> None:
    scores = [WHOLE, SHARE, ODD, replace(WHOLE, reference="balanced")]
    assert select(scores, "fd_judge") == [WHOLE, scores[3]]
    assert select(scores, "fd_judge", reference="balanced") == [scores[3]]
    assert select(scores, "share", class_="golden-retriever") == [SHARE]
    assert select(scores, "fd_judge", class_="") == [WHOLE, scores[3]]
    assert select(scores, "kid") == []


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0 %"), (1, "100 %"), (0.5, "50 %"), (0.0996, "10 %"), (0.034, "3.4 %"),
     (0.00999, "1.0 %"), (0.0012, "0.12 %")],
)  # fmt: skip
def test_shares_in_words(share: float, words: str) -> None:
    assert percent(share) == words


def test_a_zero_has_no_sign() -> None:
    assert [fixed(one, 2) for one in (-0.0, -0.004, -0.006, 0.004)] == [
        "0.00", "0.00", "-0.01", "0.00",
    ]  # fmt: skip
    assert [fixed(one, 3, plus=True) for one in (-1e-4, 1e-4, 0.5, -0.5)] == [
        "0.000", "0.000", "+0.500", "-0.500",
    ]  # fmt: skip
