"""Whether what a generator draws carries the mark of the samples that it was trained on."""

from __future__ import annotations

import math

from imgcollapse.config import Config
from imgcollapse.images import ImageSet
from imgcollapse.metrics.estimates import Estimate, Z
from imgcollapse.metrics.rows import Rows
from imgcollapse.policies import correlate, generation_key
from imgcollapse.scores import FLOOR, Score


def radioactivity_scores(
    config: Config, images: ImageSet, generation: int, extractor: str
) -> list[Score]:
    """Rows of samples as they were drawn, without their own mark; none where nothing is marked.

    ``radioactivity`` is the mean z of the images under the key of the generation before (of real
    images: under the first key), whose 95 % limits hold over other draws of as many images.
    ``radioactivity_null`` has the limits that hold 95 % of keys that have nothing to do with the
    images (Sablayrolles, Douze, Schmid, Jégou, *Radioactive data*, ICML 2020).
    """
    place = generation + config.starts if generation != FLOOR else 1
    if config.watermarks == {None} or place == 0:
        return []
    key = generation_key(config.seed, place - 1)
    found = correlate(images.images, [key])
    z = found.z[:, 0, 0]
    rows = Rows(generation, len(images), extractor)
    error = float(z.std(ddof=1)) / math.sqrt(len(z))
    rows.add_estimate("radioactivity", Estimate(float(z.mean()), error))
    chance = Z * found.spread
    rows.add_as_is("radioactivity_null", 0.0, -chance, chance)
    return rows.scores
