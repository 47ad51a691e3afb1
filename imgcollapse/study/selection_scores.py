"""Selection and crowding of a chain so far, as rows of its latest generation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.errors import ConfigError
from imgcollapse.metrics.over_chains import OverChains
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.metrics.selection import Selection, measure_selection
from imgcollapse.metrics.share_scores import INITIAL
from imgcollapse.scores import FLOOR, Score, select
from imgcollapse.seeds import seed_for
from imgcollapse.store.files import read_json
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.chance import resampling_of, resampling_of_first, why_no_selection


def selection_scores(config: Config, ruler: Ruler, scores: Sequence[Score]) -> list[Score]:
    """Rows ``selection`` of each class and ``crowding`` for the last generation of ``scores``.

    Estimated from the verdicts of all generations up to it, through the judge's confusion. None
    where ``why_no_selection`` says why, or of one class only.
    """
    if why_no_selection(config) or np.count_nonzero(ruler.initial_counts) < 2:
        return []
    classes = ruler.judge.facts["classes"]
    verdicts = verdict_counts(scores, classes)
    resampling = resampling_of(config, ruler.initial_counts)
    if len(verdicts) == 1:
        resampling = resampling_of_first(ruler.initial_counts)
    found = measure_selection(
        verdicts,
        resampling.initial,
        resampling.policy,
        resampling.num_synthetic,
        seed=seed_for(config.seed, "selection", len(verdicts)),
        confusion=ruler.judge.confusion,
    )

    def row(metric: str, value: float, low: float, high: float, class_: str = "") -> Score:
        return Score(
            generation=len(verdicts) - 1,
            metric=metric,
            class_=class_,
            reference=INITIAL,
            value=float(value),
            low=float(low),
            high=float(high),
            n=int(verdicts[-1].sum()),
            extractor=ruler.judge.extractor,
        )

    each = zip(
        found.classes,
        found.selection.value,
        found.selection.low,
        found.selection.high,
        strict=True,
    )
    rows = [row("selection", value, low, high, classes[c]) for c, value, low, high in each]
    slope = found.crowding
    return [*rows, row("crowding", float(slope.value), float(slope.low), float(slope.high))]


@dataclass(frozen=True)
class SelectionOverChains:
    """What several chains say.

    ``together`` takes all of them for one process; its limits are chance and counting, not how
    chains differ. None where they began with different counts. ``crowding`` holds each chain's
    own, and ``mean`` theirs with 95 % limits over chains (Student's t, never narrower than
    measurement error allows); one chain has no limits.
    """

    classes: list[str]
    together: Selection | None
    crowding: list[float]
    mean: float
    low: float | None
    high: float | None
    audits: list[str]


def selection_of_runs(paths: Sequence[Path]) -> SelectionOverChains:
    """Selection over chains on disk, and what their samplers' audits say.

    ConfigError where they differ in more than their seed, or do not differ in it.
    """
    runs = [RunDirectory(path) for path in paths]
    configs = [run.config() for run in runs]
    first = configs[0]
    for path, run, config in zip(paths, runs, configs, strict=True):
        if config.model_copy(update={"seed": first.seed}) != first:
            raise ConfigError(
                f"the chains differ in more than their seed ({path})",
                "chains that are estimated together share all else",
            )
        if not run.generations():
            raise ConfigError(f"no generation is committed yet ({path})", "imgcollapse status DIR")
    seeds = [config.seed for config in configs]
    if len(set(seeds)) < len(seeds):
        raise ConfigError(
            "two of the chains have the same seed, and would count one chain twice",
            "give each run once; chains of one config differ in --set seed=N",
        )
    if reason := why_no_selection(first):
        raise ConfigError(f"selection cannot be estimated: {reason}")
    initial = [run.initial_counts() for run in runs]
    if any(np.count_nonzero(list(one.values())) < 2 for one in initial):
        raise ConfigError("selection needs two classes or more")
    over, slopes = OverChains(), [select(run.scores(), "crowding")[-1] for run in runs]
    for slope in slopes:
        over.add(slope.value, slope.low, slope.high)
    alike = all(one == initial[0] for one in initial)
    together = _together(paths, runs, first, initial[0]) if alike else None
    audits = sorted({str(run.audit()["sentence"]) for run in runs})
    each = [slope.value for slope in slopes]
    return SelectionOverChains(list(initial[0]), together, each, over.mean, *over.limits(), audits)


def _together(
    paths: Sequence[Path], runs: Sequence[RunDirectory], config: Config, initial: Mapping[str, int]
) -> Selection:
    counts = [verdict_counts(run.scores(), list(initial)) for run in runs]
    shortest = min(len(one) for one in counts)
    confusions = np.array(
        [read_json(path / "judge" / "judge.json", confusion=list)["confusion"] for path in paths],
        np.int64,
    )
    resampling = resampling_of(config, np.array(list(initial.values()), np.int64))
    return measure_selection(
        np.stack([one[:shortest] for one in counts]),
        resampling.initial,
        resampling.policy,
        resampling.num_synthetic,
        seed=seed_for(config.seed, "selection of runs", len(runs)),
        confusion=confusions,
    )


def verdict_counts(scores: Sequence[Score], classes: Sequence[str]) -> NDArray[np.int64]:
    """Images of each verdict by generation, T×(C+1), rejects last, from their shares."""
    counts: dict[int, NDArray[np.int64]] = {}
    places = {name: place for place, name in enumerate(classes)}
    for score in [*select(scores, "share_raw"), *select(scores, "reject")]:
        if score.generation == FLOOR:
            continue
        held = counts.setdefault(score.generation, np.zeros(len(classes) + 1, np.int64))
        held[places.get(score.class_, len(classes))] = round(score.value * score.n)
    return np.stack([counts[number] for number in sorted(counts)])
