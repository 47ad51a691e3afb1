"""Selection and crowding of a chain so far, as rows of its latest generation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.errors import ConfigError
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.metrics.selection import Selection, measure_selection
from imgcollapse.metrics.share_scores import INITIAL
from imgcollapse.policies import synthetic_needed
from imgcollapse.scores import FLOOR, Score, select
from imgcollapse.seeds import seed_for
from imgcollapse.store.files import read_json
from imgcollapse.store.run_directory import RunDirectory


def selection_scores(config: Config, ruler: Ruler, scores: Sequence[Score]) -> list[Score]:
    """Rows ``selection`` of each class and ``crowding`` for the last generation of ``scores``.

    Estimated from the verdicts of all generations up to it, through the judge's confusion. None
    where shares are asked for (``labels: balanced``) and not an outcome.
    """
    if config.generator.labels == "balanced":
        return []
    policy, num_pool = config.policy, int(ruler.initial_counts.sum())
    classes = ruler.judge.facts["classes"]
    confusion = ruler.judge.confusion
    verdicts = verdict_counts(scores, classes)
    found = measure_selection(
        verdicts,
        ruler.initial_counts,
        policy,
        synthetic_needed(policy, config.sampling.num_images, num_pool),
        seed=seed_for(config.seed, "selection", len(verdicts)),
        confusion=confusion / confusion.sum(1, keepdims=True),
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


def selection_of_runs(paths: Sequence[Path]) -> tuple[Selection, list[str], list[str]]:
    """Selection over chains on disk, the classes, and what their samplers' audits say.

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
    if first.generator.labels == "balanced":
        raise ConfigError("shares are asked for here, labels: balanced, and not an outcome")
    initial = runs[0].initial_counts()
    classes = list(initial)
    counts = [verdict_counts(run.scores(), classes) for run in runs]
    shortest = min(len(one) for one in counts)
    confusions = np.array(
        [read_json(path / "judge" / "judge.json", confusion=list)["confusion"] for path in paths],
        np.float64,
    )
    rates = (confusions / confusions.sum(2, keepdims=True)).mean(0)
    found = measure_selection(
        np.stack([one[:shortest] for one in counts]),
        np.array(list(initial.values()), np.int64),
        first.policy,
        synthetic_needed(first.policy, first.sampling.num_images, sum(initial.values())),
        seed=seed_for(first.seed, "selection of runs", len(runs)),
        confusion=rates,
    )
    return found, classes, sorted({str(run.audit()["sentence"]) for run in runs})


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
