"""The headlines of a study over its chains, as its ``summary.csv`` holds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.report.card_facts import HEADLINES


def summary_rows(study: Path) -> list[dict[str, Any]]:
    """Mean and 95 % limits of each headline in the last generation of each arm.

    Empty where there is no ``summary.csv``; CorruptError where it is not readable.
    """
    if not (study / "summary.csv").is_file():
        return []
    names = {(metric, reference): name for metric, reference, name in HEADLINES}
    found: list[dict[str, Any]] = [
        {
            "arm": one.arm,
            "generation": one.generation,
            "metric": one.metric,
            "name": names[one.metric, one.reference],
            "value": one.mean,
            "low": one.low,
            "high": one.high,
            "chains": one.chains,
        }
        for one in StudyTables(study).summary
        if not one.class_ and (one.metric, one.reference) in names
    ]
    last = {
        row["arm"]: row["generation"] for row in sorted(found, key=lambda row: row["generation"])
    }
    return [row for row in found if row["generation"] == last[row["arm"]]]
