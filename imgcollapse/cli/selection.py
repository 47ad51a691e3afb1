"""``imgcollapse selection``: what the model does to its classes, over one chain or several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, SupportsFloat

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.scores import fixed

if TYPE_CHECKING:
    from imgcollapse.metrics.selection import Selection
    from imgcollapse.study.selection_scores import SelectionOverChains


def selection(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Chains of one config.")],
    as_json: JsonOption = False,
) -> None:
    """Estimate selection and crowding from all generations of one chain or several together.

    Chains must differ in their seed only. Together they share their coefficients, whose limits
    hold chance and counting; how chains differ is in the limits over chains. The sampler's own
    shift is printed beside them.
    """
    from imgcollapse.study.selection_scores import selection_of_runs

    found = selection_of_runs(runs)
    if as_json:
        print_json(_as_dict(found))
        return
    print(f"{len(runs)} chain{'s' if len(runs) > 1 else ''}: p' is proportional to p exp(s)")
    if found.together is None:
        print("the chains began with different counts: no coefficients of classes over all of them")
    else:
        _print_together(found.together, found.classes)
    if found.low is not None and found.high is not None:
        each = ", ".join(_signed(one) for one in found.crowding)
        print(
            f"over chains: crowding {_signed(found.mean)} "
            f"({_signed(found.low)} to {_signed(found.high)}), mean of {each}"
        )
    for sentence in found.audits:
        print(sentence)


def _print_together(found: Selection, classes: list[str]) -> None:
    for place, label in enumerate(found.classes):
        one = found.selection
        print(
            f"  {classes[label]:<22} s = {_signed(one.value[place])} "
            f"({_signed(one.low[place])} to {_signed(one.high[place])}) per generation"
        )
    slope = found.crowding
    print(
        f"crowding {_signed(slope.value)} ({_signed(slope.low)} to {_signed(slope.high)}) "
        "per unit of log initial share (limits: chance and counting, not how chains differ); "
        f"no selection at all: p = {found.p_value:.3g}"
    )


def _signed(value: SupportsFloat) -> str:
    return fixed(float(value), 3, plus=True)


def _as_dict(found: SelectionOverChains) -> dict[str, Any]:
    chains = {
        "crowding": found.crowding, "mean": found.mean, "low": found.low, "high": found.high
    }  # fmt: skip
    rest = {"chains": chains, "audits": found.audits}
    if found.together is None:
        return {"selection": None, "crowding": None, **rest}
    one, slope = found.together.selection, found.together.crowding
    return {
        "selection": [
            {
                "class": found.classes[label],
                "value": float(one.value[place]),
                "low": float(one.low[place]),
                "high": float(one.high[place]),
            }
            for place, label in enumerate(found.together.classes)
        ],
        "crowding": {
            "value": float(slope.value),
            "low": float(slope.low),
            "high": float(slope.high),
            "p_value": found.together.p_value,
        },
        **rest,
    }
