"""``imgcollapse warn``: which early warnings came before the collapse, and which for nothing."""

from __future__ import annotations

import statistics
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.errors import ConfigError

if TYPE_CHECKING:
    from imgcollapse.metrics.warning import Record, Watched


def warn(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run directories.")],
    as_json: JsonOption = False,
) -> None:
    """Report each warning's lead time before the collapse, and its false alarms.

    Chains whose policy is real-only are the control: whatever warns there is a false alarm. Where
    their pool stays as it is, the control tells of the counting alone; with policy.real: fresh its
    images are new each time. The collapse is read from corrected shares, also where share_fit
    flags them.
    """
    from imgcollapse.metrics.warning import WARNINGS, record_of

    chains = {str(path): _watched(path) for path in runs}
    records = {metric: record_of(list(chains.values()), metric) for metric in WARNINGS}
    if as_json:
        rows = [
            {"run": path, **asdict(chain), "leads": {m: chain.lead(m) for m in WARNINGS}}
            for path, chain in chains.items()
        ]
        print_json({"runs": rows, "warnings": {m: asdict(one) for m, one in records.items()}})
        return
    for path, chain in chains.items():
        print(f"{path}: {_story(chain)}")
    print()
    for metric, record in records.items():
        print(f"{metric:<16} {_in_words(record)}")


def _watched(path: Path) -> Watched:
    from imgcollapse.figures.tables import RunTables
    from imgcollapse.metrics.warning import (
        WARNINGS,
        Watched,
        alarm_generation,
        collapse_generation,
        first_loss,
    )
    from imgcollapse.store.run_directory import RunDirectory

    run = RunDirectory(path)
    policy = run.config().policy
    if not run.generations():
        raise ConfigError(f"no generation is committed yet ({path})", "imgcollapse status DIR")
    tables = RunTables.read(run)
    began = dict(zip(tables.classes, tables.initial_counts, strict=True))
    tail = sum(began[name] for name in tables.tail) / tables.initial_counts.sum()
    return Watched(
        real_only=policy.window == "none",
        collapse=collapse_generation(tables.scores, float(tail)),
        first_loss=first_loss(tables.scores, sum(count > 0 for count in began.values())),
        alarms={metric: alarm_generation(tables.scores, metric) for metric in WARNINGS},
    )


def _story(chain: Watched) -> str:
    kind = "real-only, " if chain.real_only else ""
    collapse = "no collapse" if chain.collapse is None else f"collapse at {chain.collapse}"
    loss = "no class lost" if chain.first_loss is None else f"first loss at {chain.first_loss}"
    alarms = [
        f"{metric.removeprefix('warn_')} {'never' if at is None else at}"
        for metric, at in chain.alarms.items()
    ]
    return f"{kind}{collapse}, {loss}; warned at: {', '.join(alarms)}"


def _in_words(record: Record) -> str:
    parts = []
    if record.leads:
        parts.append(
            f"{statistics.median(record.leads):g} generations ahead (median of "
            f"{len(record.leads)}, {min(record.leads)} to {max(record.leads)})"
        )
    if record.missed:
        parts.append(f"silent in {record.missed} that collapsed")
    if record.at_once:
        parts.append(f"too late for {record.at_once} that collapsed at generation 0")
    if record.uncollapsed:
        parts.append(f"warned in {record.idle_alarms} of {record.uncollapsed} without collapse")
    if record.real_only:
        parts.append(f"false alarms in {record.false_alarms} of {record.real_only} real-only")
    return "; ".join(parts)
