"""Rows of a run in words: corrected shares, or counted and marked ones where they misfit."""

from __future__ import annotations

import numpy as np
import pytest

from imgcollapse.cli.words import generation_row, header_row
from imgcollapse.metrics.calibration import best_temperature, calibrated, lowest_visible_share
from imgcollapse.scores import Score


def scores(fit: float) -> list[Score]:
    def one(metric: str, value: float, class_: str = "", reference: str = "") -> Score:
        return Score(0, metric, class_, reference, value, None, None, 100, "abc")

    return [
        one("share", 0.7, "dog"),
        one("share", 0.02, "cat"),
        one("share_raw", 0.5, "dog"),
        one("share_raw", 0.1, "cat"),
        one("share_fit", fit),
        one("reject", 0.25),
        one("classes_alive", 2, reference="initial"),
        one("fd_judge", 1.5, reference="initial"),
    ]


@pytest.mark.parametrize(
    ("fit", "cells"),
    [
        (0.9, ["0", "1.50", "2", "70 %", "2.0 %", "25 %"]),
        (1.1, ["0", "1.50", "2", "50 %*", "10 %*", "25 %"]),
    ],
)
def test_shares_that_misfit_are_counted_and_marked(fit: float, cells: list[str]) -> None:
    row = generation_row(scores(fit), "dog", ["cat"], 0)
    assert row.replace(" %", "_%").split() == [cell.replace(" %", "_%") for cell in cells]
    assert len(header_row(timed=False)) == len(row)


def test_a_class_is_visible_above_the_mistakes_at_the_shares_of_the_pool() -> None:
    """1 in 100 cats is called a dog and no bird: the mean rate for dogs depends on the cats."""
    confusion = np.array([[990, 0, 10, 0], [0, 1000, 0, 0], [0, 0, 1000, 0]])
    even = lowest_visible_share(confusion)
    mostly_cats = lowest_visible_share(confusion, np.array([0.98, 0.01, 0.01]))
    spread = np.sqrt(0.01 / 1000)
    assert even[2] == pytest.approx(0.5 * 0.01 + 2 * 0.5 * spread)
    assert mostly_cats[2] == pytest.approx((0.98 * 0.01 + 2 * 0.98 * spread) / 0.99)
    assert even[0] == even[1] == pytest.approx(3.7 / 2000)


def test_the_temperature_makes_an_overconfident_judge_as_sure_as_it_is_right() -> None:
    random = np.random.default_rng(0)
    truth = random.standard_normal((4000, 3)).astype(np.float32) * 2
    labels = np.array([random.choice(3, p=row) for row in calibrated(truth, 1.0)])
    assert best_temperature(truth * 2, labels) == pytest.approx(2, rel=0.1)
    assert calibrated(truth * 2, 2.0) == pytest.approx(calibrated(truth, 1.0))
