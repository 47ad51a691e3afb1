"""The headlines of a study over its chains, as its ``summary.csv`` holds them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from imgcollapse.errors import CorruptError
from imgcollapse.report.card_facts import HEADLINES


def summary_rows(study: Path) -> list[dict[str, Any]]:
    """Mean and 95 % limits of each headline in the last generation of each arm.

    Empty where there is no ``summary.csv``; CorruptError where it is not readable.
    """
    path = study / "summary.csv"
    if not path.is_file():
        return []
    names = {(metric, reference): name for metric, reference, name in HEADLINES}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            found = [
                _row(row, names[row["metric"], row["reference"]])
                for row in csv.DictReader(file)
                if not row["class"] and (row["metric"], row["reference"]) in names
            ]
    except (KeyError, ValueError) as error:
        raise CorruptError(
            f"not the table of a study: {error} ({path})", "imgcollapse study makes it anew"
        ) from error
    last = {
        row["arm"]: row["generation"] for row in sorted(found, key=lambda row: row["generation"])
    }
    return [row for row in found if row["generation"] == last[row["arm"]]]


def _row(row: dict[str, str], name: str) -> dict[str, Any]:
    return {
        "arm": row["arm"],
        "generation": int(row["generation"]),
        "metric": row["metric"],
        "name": name,
        "value": float(row["mean"]),
        "low": float(row["low"]) if row["low"] else None,
        "high": float(row["high"]) if row["high"] else None,
        "chains": int(row["chains"]),
    }
