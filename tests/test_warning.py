"""Collapse, alarms and lead times, on tables of known numbers."""

from __future__ import annotations

from pathlib import Path

from conftest import Call

from imgcollapse.metrics.warning import (
    WARNINGS,
    Watched,
    alarm_generation,
    collapse_generation,
    first_loss,
    record_of,
)
from imgcollapse.scores import Score


def path_of(metric: str, values: list[float], half: float = 0.01) -> list[Score]:
    return [
        Score(number, metric, "", "", value, value - half, value + half, 100, "aa")
        for number, value in enumerate(values)
    ]


def test_a_chain_has_collapsed_where_the_upper_limit_is_below_half_of_the_start() -> None:
    scores = path_of("tail_share", [0.10, 0.06, 0.045, 0.035, 0.05])
    assert collapse_generation(scores, 0.10) == 3
    assert collapse_generation(scores[:3], 0.10) is None


def test_the_floor_is_no_generation_of_a_collapse() -> None:
    floor = Score(-1, "tail_share", "", "", 0.001, 0.0, 0.002, 100, "aa")
    assert collapse_generation([floor], 0.10) is None


def test_the_first_loss_is_the_first_class_that_is_not_alive() -> None:
    assert first_loss(path_of("classes_alive", [10, 10, 9, 10]), 10) == 2
    assert first_loss(path_of("classes_alive", [9, 9]), 9) is None


def test_an_alarm_is_an_interval_that_left_that_of_generation_0_in_its_direction() -> None:
    assert alarm_generation(path_of("warn_reject", [0.05, 0.06, 0.08, 0.2]), "warn_reject") == 2
    assert alarm_generation(path_of("warn_reject", [0.05, 0.01, 0.0]), "warn_reject") is None
    assert alarm_generation(path_of("warn_vendi", [5, 5.5, 4]), "warn_vendi") == 2
    assert alarm_generation([], "warn_vendi") is None


def test_a_record_counts_leads_misses_and_false_alarms() -> None:
    def chain(alarm: int | None, collapse: int | None, real_only: bool = False) -> Watched:
        return Watched(real_only, collapse, None, dict.fromkeys(WARNINGS, alarm))

    chains = [
        chain(1, 4),
        chain(6, 5),
        chain(None, 3),
        chain(2, None),
        chain(1, None, real_only=True),
        chain(None, None, real_only=True),
    ]
    record = record_of(chains, "warn_reject")
    assert record.leads == [3, -1]
    assert record.missed == 1
    assert (record.false_alarms, record.real_only) == (1, 2)
    assert (record.idle_alarms, record.uncollapsed) == (2, 3)
    assert record.at_once == 0
    early = record_of([*chains, chain(1, 0)], "warn_reject")
    assert (early.leads, early.missed, early.at_once) == ([3, -1], 1, 1)


def test_warn_reports_every_run_and_every_warning(
    call: Call, finished: Path, tmp_path: Path
) -> None:
    said = call("warn", finished, "--json")
    assert said.code == 0
    assert set(said.json["warnings"]) == set(WARNINGS)
    assert [row["run"] for row in said.json["runs"]] == [str(finished)]
    assert str(finished) in call("warn", finished).out
    assert call("warn", tmp_path).code == 2
