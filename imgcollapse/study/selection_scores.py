"""Selection and crowding of a chain so far, as rows of its latest generation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.metrics.selection import measure_selection
from imgcollapse.metrics.share_scores import INITIAL
from imgcollapse.policies import synthetic_needed
from imgcollapse.scores import FLOOR, Score, select
from imgcollapse.seeds import seed_for


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
