"""The suites by name, and one file for what they found."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from imgcollapse.bench.ceilings import measure_ceilings
from imgcollapse.bench.generation_suite import generation_suite
from imgcollapse.bench.packing_suite import packing_suite
from imgcollapse.bench.results import Result, as_rows
from imgcollapse.bench.sampling_suite import sampling_suite
from imgcollapse.bench.scoring_suite import scoring_suite
from imgcollapse.bench.setting import Setting
from imgcollapse.bench.training_suite import training_suite
from imgcollapse.device import describe

SUITES: dict[str, Callable[[Setting], Iterator[Result]]] = {
    "train": training_suite,
    "sample": sampling_suite,
    "score": scoring_suite,
    "generation": generation_suite,
    "pack": packing_suite,
}


def run_suites(
    names: Sequence[str],
    *,
    device: torch.device,
    quick: bool,
    rounds: int,
    heard: Callable[[str], None],
) -> dict[str, Any]:
    """Runs the suites and returns what ``bench.json`` holds; ``heard`` is told of each result."""
    heard("measuring the machine's limits")
    ceilings = measure_ceilings(device)
    setting = Setting(device, ceilings, quick, rounds)
    results: list[Result] = []
    for name in names:
        heard(f"suite {name}")
        for one in SUITES[name](setting):
            results.append(one)
            heard(f"{one.name}: {one.ratio:.2f}")
    facts = describe(device)
    facts.pop("command")
    return {
        "device": facts.pop("device_name"),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "quick": quick,
        "machine": facts,
        "ceilings": ceilings.as_dict(),
        "results": as_rows(results),
    }
