"""``imgcollapse demo``: the whole story, offline, on two CPU cores, in five minutes."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from imgcollapse.cli.parameters import read_config
from imgcollapse.cli.reporter import ConsoleReporter
from imgcollapse.cli.words import duration

ARMS = {
    "replace": "every pool after the first is all generated",
    "mix": "every pool after the first is half real, half generated",
}


def demo(
    out: Annotated[Path, typer.Option(help="Where the two runs go.")] = Path("imgcollapse-demo"),
) -> None:
    """Run two chains that differ only in their pool, and draw their figures and one page."""
    started = time.monotonic()
    configs = {arm: read_config("demo.yaml", [f"policy.preset={arm}"]) for arm in ARMS}
    print("importing PyTorch …", file=sys.stderr)
    from imgcollapse.report.page import draw_report
    from imgcollapse.store.files import write_bytes
    from imgcollapse.study.run import run_to_disk

    sibling = None
    for arm, config in configs.items():
        print(f"\n{arm}: {ARMS[arm]}", flush=True)
        reporter = ConsoleReporter(config, None)
        sibling = run_to_disk(config, out / arm, reporter, sibling)
    print(f"\nThe story in words, after {duration(time.monotonic() - started)}:")
    for arm in ARMS:
        print(f"  {arm}: {_story(out / arm)}")
    write_bytes(out / "report.html", draw_report(out))
    print("Look at:")
    print(f"  {out / 'report.html'}  (both side by side; open it in a browser)")
    for arm in ARMS:
        print(f"  {out / arm / 'figures' / 'strip.png'}")
        print(f"  {out / arm / 'figures' / 'chance.png'}")
    print(f"and at grid.png and histogram.png of each generation; imgcollapse show {out}")


def _story(path: Path) -> str:
    """First against last generation, as measured."""
    from imgcollapse.figures.tables import RunTables
    from imgcollapse.scores import fixed, percent, select
    from imgcollapse.store.run_directory import RunDirectory

    tables = RunTables.read(RunDirectory(path))
    first, last = tables.generations[0], tables.generations[-1]
    counted = [tables.shares(generation) for generation in (first, last)]
    heads = [percent(one.shares[0]) for one in counted]
    tails = [percent(one.shares[-len(tables.tail) :].sum()) for one in counted]
    rejects = [percent(one.reject) for one in counted]
    distances = [
        f"{tables.values('fd_judge', 'initial')[generation].value:.1f}"
        for generation in (first, last)
    ]
    chance = select(tables.scores, "share_null", class_=tables.head)[-1]
    crowding = select(tables.scores, "crowding")[-1]
    slope, low, high = (
        fixed(one or 0.0, 2, plus=True) for one in (crowding.value, crowding.low, crowding.high)
    )
    return (
        f"{tables.head} {' → '.join(heads)} (chance alone {percent(chance.low or 0)} to "
        f"{percent(chance.high or 0)}), the {len(tables.tail)} rarest {' → '.join(tails)}, "
        f"rejected as no class {' → '.join(rejects)}, distance {' → '.join(distances)}, crowding "
        f"{slope} ({low} to {high})"
    )
