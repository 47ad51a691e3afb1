"""What the labs of an ecosystem released, generation by generation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imgcollapse.arrays import Keep, in_memory
from imgcollapse.config import Config
from imgcollapse.images import ImageSet
from imgcollapse.policies import joined, remembered
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.web_config import parts_of_web


def web_samples(
    run: RunDirectory,
    config: Config,
    number: int,
    classes: Sequence[str],
    num: int,
    keep: Keep = in_memory,
) -> list[ImageSet]:
    """What pool ``number`` of a lab's run may be made of, as far back as its window reaches.

    ``num`` images of each generation of the web, from the runs that lie beside this one: of every
    lab the first images that it released, as many as its share of the web says. ``keep`` says where
    they are put.
    """
    if config.lab is None:
        raise ValueError("the chain is not that of a lab")
    web = config.lab.web
    sets = []
    for generation in remembered(config.policy, list(range(number + config.starts))):
        parts = [
            RunDirectory(run.path.parent / seat.name)
            .released(generation - seat.starts, classes, int(part))
            .born(generation + 1)
            for seat, part in zip(web, parts_of_web(web, generation, num), strict=True)
            if part
        ]
        sets.append(joined([(part, np.arange(len(part))) for part in parts], keep))
    return sets
