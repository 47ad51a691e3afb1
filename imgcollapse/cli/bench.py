"""``imgcollapse bench``: how fast the lab is beside what people write today."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.errors import ConfigError


class Suite(StrEnum):
    TRAIN = "train"
    SAMPLE = "sample"
    SCORE = "score"
    GENERATION = "generation"
    PACK = "pack"


def bench(
    suite: Annotated[
        list[Suite] | None, typer.Option(help="Which part; may be given again. [default: all]")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Little work and small networks, for a CPU.")
    ] = False,
    rounds: Annotated[int, typer.Option(help="Times that each side is timed.", min=1)] = 5,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option()] = "auto",
    out: Annotated[Path, typer.Option(help="For the results, as JSON.")] = Path("bench.json"),
    as_json: JsonOption = False,
) -> None:
    """Time the lab and the usual ways of doing the same work, in turn, on this machine.

    Medians over the rounds; in brackets the extremes of the ratio, or of guards of loss curves its
    95 % limits, of which the lower one is to reach the target. The limit is the larger of
    arithmetic and memory traffic, at the speeds that this machine shows in a matrix product and a
    copy.
    """
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise ConfigError(f"no place for a file ({out})", "give a file in an existing folder")
    print("importing PyTorch …", file=sys.stderr)
    from imgcollapse.bench.results import as_table
    from imgcollapse.bench.suites import SUITES, run_suites
    from imgcollapse.device import pick_device, set_up
    from imgcollapse.store.files import write_json

    chosen = pick_device(device)
    set_up(chosen, deterministic=True)
    found = run_suites(
        [one.value for one in suite] if suite else list(SUITES),
        device=chosen,
        quick=quick,
        rounds=rounds,
        heard=lambda text: print(text, file=sys.stderr),
    )
    write_json(out, found)
    if as_json:
        print_json(found)
        return
    machine, limits = found["machine"], found["ceilings"]
    products = (f"{flops / 1e9:,.0f} GFLOP/s ({name})" for name, flops in limits["flops"].items())
    print(
        f"{found['device']}, {machine['threads']} threads, torch {machine['versions']['torch']}; "
        f"{', '.join(products)}, {limits['bytes'] / 1e9:.1f} GB/s"
    )
    print(as_table(found["results"]))
    for one in found["results"]:
        print(f"{one['name']}: {one['says']}")
