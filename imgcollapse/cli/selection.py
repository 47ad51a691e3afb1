"""``imgcollapse selection``: what the model does to its classes, over one chain or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, print_json

if TYPE_CHECKING:
    from imgcollapse.metrics.selection import Selection


def selection(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Chains of one config.")],
    as_json: JsonOption = False,
) -> None:
    """Estimate selection and crowding from all generations of one chain or several together.

    Several chains share their coefficients, so they must differ in their seed only. Chance is in
    the intervals; the sampler's own shift is printed beside them.
    """
    from imgcollapse.study.selection_scores import selection_of_runs

    found, classes, audits = selection_of_runs(runs)
    if as_json:
        print_json(_as_dict(found, classes, audits))
        return
    print(f"{len(runs)} chain{'s' if len(runs) > 1 else ''}: p' is proportional to p exp(s)")
    for place, label in enumerate(found.classes):
        one = found.selection
        print(
            f"  {classes[label]:<22} s = {one.value[place]:+.3f} "
            f"({one.low[place]:+.3f} to {one.high[place]:+.3f}) per generation"
        )
    slope = found.crowding
    print(
        f"crowding {float(slope.value):+.3f} ({float(slope.low):+.3f} to {float(slope.high):+.3f}) "
        f"per unit of log initial share; no selection at all: p = {found.p_value:.3g}"
    )
    for sentence in audits:
        print(sentence)


def _as_dict(found: Selection, classes: list[str], audits: list[str]) -> dict[str, Any]:
    one, slope = found.selection, found.crowding
    return {
        "selection": [
            {
                "class": classes[label],
                "value": float(one.value[place]),
                "low": float(one.low[place]),
                "high": float(one.high[place]),
            }
            for place, label in enumerate(found.classes)
        ],
        "crowding": {
            "value": float(slope.value),
            "low": float(slope.low),
            "high": float(slope.high),
            "p_value": found.p_value,
        },
        "audits": audits,
    }
