"""``imgcollapse audit-sampler``: what the sampler does to class shares all by itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from imgcollapse.cli.parameters import (
    ConfigArgument,
    JsonOption,
    SetOption,
    WithOption,
    print_json,
    read_config,
)

if TYPE_CHECKING:
    from imgcollapse.study.audit import Audit


def audit_sampler(
    config: ConfigArgument,
    set_: SetOption = None,
    with_: WithOption = None,
    as_json: JsonOption = False,
    table: Annotated[
        bool, typer.Option("--table", help="Instead, compare all samplers at 5 to 250 steps.")
    ] = False,
) -> None:
    """Say how far a config's sampler moves class shares even with a perfect denoiser."""
    resolved = read_config(config, set_, with_)
    if table:
        _print_table(as_json)
        return
    from imgcollapse.study.audit import audit

    result = audit(resolved)
    if as_json:
        print_json(result.as_dict())
    else:
        _print_audit(result)


def _print_audit(result: Audit) -> None:
    if not result.rows:
        print(result.sentence())
        return
    for key, value in result.setting.items():
        print(f"{key.replace('_', ' ')}: {value}")
    for geometry in result.geometries:
        places = ", ".join(f"{mean:.3g}" for mean in geometry.means)
        print(f"\n{geometry.name}: means {places}; width {geometry.width:.3g}, in one dimension")
        print(f"{'truth':>9}{'share':>9}{'s.e.':>9}{'shift':>9}{'low':>9}{'high':>9}{'width':>8}")
        for row in result.rows:
            if row.geometry == geometry.name:
                width = "" if row.width is None else f"{row.width:.2f}"
                print(
                    f"{row.truth:>9.4f}{row.share:>9.4f}{row.standard_error:>9.0e}{row.shift:>+9.4f}"
                    f"{row.low:>+9.4f}{row.high:>+9.4f}{width:>8}{'' if row.passes else '  fails'}"
                )
    print(f"\n{result.sentence()}")


def _print_table(as_json: bool) -> None:
    from imgcollapse.study.audit_table import TABLE_GEOMETRY, TABLE_STEPS, sampler_table

    if as_json:
        rows = [dataclasses.asdict(row) for row in sampler_table()]
        print_json({"geometry": dataclasses.asdict(TABLE_GEOMETRY), "rows": rows})
        return
    places = " and ".join(f"{mean:g}" for mean in TABLE_GEOMETRY.means)
    print(
        f"share of the minority (truth {TABLE_GEOMETRY.shares[1]:g}), and in brackets the width of "
        f"the majority over the true one; modes at {places}, width {TABLE_GEOMETRY.width:g}, "
        "in one dimension, not clipped"
    )
    print(f"{'sampler':<26}" + "".join(f"{steps:>14}" for steps in TABLE_STEPS))
    for row in sampler_table():
        name = " ".join(word for word in (row.sampler, row.objective, row.variance) if word)
        cells = (f"{row.shares[one]:.4f} ({row.widths[one]:.2f})" for one in TABLE_STEPS)
        print(f"{name:<26}" + "".join(f"{cell:>14}" for cell in cells))
