"""Samples beside the pool images that they are nearest to, for people who look for copies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.metrics.distances import Seen
from imgcollapse.metrics.features import finite
from imgcollapse.metrics.neighbours import nearest_distances

NUM_SHOWN = 8
ROWS = 1024


@dataclass(frozen=True)
class Neighbours:
    """Samples, the pool image nearest to each on the judge's features, and how far both are.

    ``samples`` and ``nearest`` are uint8 N×C×H×W: the first eight samples, then the eight of all
    that are nearest to an image of the pool, fewer where there are fewer. ``origins`` say where
    the pool images were born. ``to_pool`` and ``to_held_out`` are distances to the nearest of
    ``num_pool`` images of the pool and of ``num_held_out`` real ones that no generator trains on.
    """

    samples: NDArray[np.uint8]
    nearest: NDArray[np.uint8]
    origins: NDArray[np.int64]
    to_pool: NDArray[np.float64]
    to_held_out: NDArray[np.float64]
    num_pool: int
    num_held_out: int

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """As they are stored, images N×H×W×C; ``counts`` are ``num_pool`` and ``num_held_out``."""
        return {
            "samples": self.samples.transpose(0, 2, 3, 1),
            "nearest": self.nearest.transpose(0, 2, 3, 1),
            "origins": self.origins,
            "to_pool": self.to_pool,
            "to_held_out": self.to_held_out,
            "counts": np.array([self.num_pool, self.num_held_out]),
        }


def find_neighbours(samples: Seen, pool: Seen, held_out: Seen) -> Neighbours:
    """The first eight samples and the eight nearest to their neighbours, beside these."""
    places, distances = _nearest(samples.features, pool.features)
    closest = np.argsort(distances, kind="stable")[:NUM_SHOWN]
    shown = np.concatenate([np.arange(len(samples))[:NUM_SHOWN], closest])
    beside = places[shown]
    features = samples.features[shown]
    return Neighbours(
        samples.images.images[shown],
        pool.images.images[beside],
        np.asarray(pool.images.origin[beside], np.int64),
        nearest_distances(features, pool.features),
        nearest_distances(features, held_out.features),
        len(pool),
        len(held_out),
    )


def _nearest(
    samples: NDArray[np.float32], others: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Of each sample the position of the nearest of the others, and its squared distance.

    In single precision: among images that are as near as its rounding, any may be taken.
    """
    centre = finite(others).mean(0).astype(np.float32)
    samples, others = samples - centre, others - centre
    lengths, columns = (others**2).sum(1), np.ascontiguousarray(-2 * others.T)
    places, distances = [], []
    for start in range(0, len(samples), ROWS):
        rows = samples[start : start + ROWS]
        block = rows @ columns
        block += lengths
        near = block.argmin(1)
        places.append(near)
        distances.append(block[np.arange(len(rows)), near] + (rows**2).sum(1))
    return np.concatenate(places), np.concatenate(distances)
