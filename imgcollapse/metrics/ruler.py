"""The ruler of a run: judge and references, made once, that turn samples into scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import ImageSet
from imgcollapse.metrics.calibration import lowest_visible_share
from imgcollapse.metrics.distances import Distances, Seen
from imgcollapse.metrics.judge import Judge
from imgcollapse.metrics.label_fidelity import add_label_fidelity
from imgcollapse.metrics.pool_scores import warning_scores
from imgcollapse.metrics.rows import Rows
from imgcollapse.metrics.share_scores import INITIAL, add_comparisons, add_share_scores
from imgcollapse.metrics.shares import unseeable
from imgcollapse.scores import FLOOR, Score
from imgcollapse.seeds import random_for, seed_for, some_of

NULL = "share_null"


@dataclass(frozen=True)
class Measured:
    """The scores of a generation, its samples as they were seen, and as many images of its pool."""

    scores: list[Score]
    samples: Seen
    pool: Seen


@dataclass(frozen=True)
class Ruler:
    """Scores image sets against the real images that a chain began with and balanced ones.

    ``distances`` holds both as references, the first pool by the name of ``initial``. ``null``
    (C×T×3) are the 2.5 %, 50 % and 97.5 % quantiles of each class's share of the scored images
    under chance alone, by generation; None where shares are asked for and not an outcome.
    """

    judge: Judge
    distances: Distances
    null: NDArray[np.float64] | None
    seed: int

    @property
    def first_pool(self) -> Seen:
        return self.distances.references[INITIAL]

    @cached_property
    def initial_counts(self) -> NDArray[np.int64]:
        """The images of each class in the first pool."""
        return self.first_pool.images.counts()

    @property
    def initial(self) -> NDArray[np.float64]:
        """The share of each class in the first pool."""
        shares: NDArray[np.float64] = self.initial_counts / self.initial_counts.sum()
        return shares

    @property
    def lowest_visible_share(self) -> float:
        """The share below which some class of the first pool drowns in the judge's mistakes."""
        seen = lowest_visible_share(self.judge.confusion, self.initial)
        return float(seen[self.initial_counts > 0].max())

    def too_rare(self, n: int) -> list[str]:
        """Classes whose loss n images cannot show, however good the judge."""
        classes = self.judge.facts["classes"]
        return [classes[label] for label in np.flatnonzero(unseeable(self.initial, n))]

    def score(self, samples: ImageSet, pool: ImageSet, generation: int) -> list[Score]:
        """The scores of ``measure``."""
        return self.measure(samples, pool, generation).scores

    def measure(self, samples: ImageSet, pool: ImageSet, generation: int) -> Measured:
        """Every score of what a generation drew, and the warnings of the pool it trained on.

        Labels of the samples are looked at by ``label_fidelity`` and ``tstr_accuracy`` only. Of a
        pool that is larger than the samples, as many images are seen, by a seeded draw.
        """
        seed = seed_for(self.seed, "scores", generation)
        rows, seen = self._shares(samples, generation, seed)
        seen_pool = self._see_pool(pool, len(samples), seed)
        for one in self.distances(seen, seed=seed, pool=seen_pool):
            rows.add_as_is(one.metric, one.value, one.low, one.high, one.class_, one.reference)
        for metric, estimate in warning_scores(seen_pool, self.first_pool, seed=seed):
            rows.add_estimate(metric, estimate, n=len(seen_pool))
        if self.null is not None:
            for label, name in enumerate(samples.classes):
                low, median, high = self.null[label, generation]
                rows.add_as_is(NULL, median, low, high, name, INITIAL)
        return Measured(rows.scores, seen, seen_pool)

    def floor(self, real: ImageSet) -> list[Score]:
        """Every score of held-out real images that stand in for samples."""
        seed = seed_for(self.seed, "scores", FLOOR)
        rows, seen = self._shares(real, FLOOR, seed)
        for one in self.distances.floor(seen, seed=seed, pool=self.first_pool):
            rows.add_as_is(one.metric, one.value, one.low, one.high, one.class_, one.reference)
        return rows.scores

    def _shares(self, images: ImageSet, generation: int, seed: int) -> tuple[Rows, Seen]:
        verdicts = self.judge.look(images.images)
        rows = Rows(generation, len(images), self.judge.extractor)
        shares = add_share_scores(rows, verdicts, self.judge, seed)
        add_comparisons(rows, shares, self.initial_counts)
        add_label_fidelity(rows, images.labels, verdicts.classes, images.classes)
        return rows, Seen(images, verdicts.classes, verdicts.features)

    def _see_pool(self, pool: ImageSet, num: int, seed: int) -> Seen:
        chosen = some_of(len(pool), num, random_for(seed, "pool seen"))
        return Seen.by(self.judge, pool[chosen])
