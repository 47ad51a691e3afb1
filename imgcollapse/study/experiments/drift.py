"""Chance alone: chains of a generator that copies, against exact Wright-Fisher resampling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from imgcollapse.chain import run_chain
from imgcollapse.config_file import parse_config
from imgcollapse.figures.curves import Point
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import ImageSet
from imgcollapse.metrics.drift import (
    asymptotic_extinction,
    wright_fisher_extinction,
    wright_fisher_variance,
)
from imgcollapse.section import Section
from imgcollapse.study.experiments.experiment import Hearer, point_over, stop_if_asked

COUNTS = (5, 10, 20, 50)
CLASSES_EACH = 20
"""Classes that begin with so many images, for each of ``COUNTS``; they are averaged in a chain."""
POOL = 2000
SHOWN = (1, 2, 5, 10, 12, 15, 20, 28, 40, 56, 80, 110, 149, 200)


class Size(Section):
    """How much is measured. The pool holds 2,000 images; a head class takes what is left."""

    chains: int = Field(5000, ge=2, le=100_000)
    generations: int = Field(149, ge=2, le=1000)


QUICK = Size(chains=1000)


def measure(size: Size, hearer: Hearer) -> list[Point]:
    """The curves of classes by the images that they begin with, over pools x and chains.

    ``extinct`` is the share of the classes that are gone by pool x, and expects the Markov chain
    of Wright and Fisher, solved exactly. ``mean share`` is over the share that a class began with,
    and ``variance of shares`` over p (1 - p) (1 - (1 - 1/N)^x); both expect 1.
    ``asymptote`` is exp(-2c/x), the limit of ``extinct``.
    """
    counts = _counts_of_chains(size, hearer)
    exact = wright_fisher_extinction(np.array(COUNTS), POOL, size.generations)
    asymptote = asymptotic_extinction(np.array(COUNTS), size.generations)
    points = []
    for row, count in enumerate(COUNTS):
        held = counts[:, :, row]
        setting = f"{count} images"
        for k in (k for k in SHOWN if k <= size.generations):
            gone = (held[:, k] == 0).mean(1)
            points.append(point_over("extinct", setting, k, gone, float(exact[row, k - 1])))
            points.append(Point("asymptote", setting, k, float(asymptote[row, k - 1])))
            began = count / POOL
            share = held[:, k] / POOL
            points.append(point_over("mean share", setting, k, share.mean(1) / began, 1.0))
            variance = float(wright_fisher_variance(np.array(began), POOL, k))
            spread = np.square(share - began).mean(1) / variance
            points.append(point_over("variance of shares", setting, k, spread, 1.0))
    return points


def _counts_of_chains(size: Size, hearer: Hearer) -> NDArray[np.int64]:
    """Images by chain, pool 0 … T, row of ``COUNTS``, and class (R×(T+1)×4×20)."""
    shape = size.chains, size.generations + 1, len(COUNTS), CLASSES_EACH
    held = np.empty(shape, np.int64)
    real = _real_pool()
    tenth = max(1, size.chains // 10)
    for chain in range(size.chains):
        stop_if_asked(hearer)
        if chain and chain % tenth == 0:
            hearer.message(f"chain {chain} of {size.chains}")
        for k, labels in enumerate(_pools(real, chain, size.generations)):
            classes = np.bincount(labels, minlength=len(real.classes))[:-1]
            held[chain, k] = classes.reshape(len(COUNTS), CLASSES_EACH)
    return held


def _real_pool() -> ImageSet:
    """Images of one pixel, whose classes are all that matters here; the head class comes last."""
    counts = [count for count in COUNTS for _ in range(CLASSES_EACH)]
    counts.append(POOL - sum(counts))
    labels = np.repeat(np.arange(len(counts)), counts)
    images = np.zeros((POOL, 1, 1, 1), np.uint8)
    return ImageSet.of(images, labels, [str(number) for number in range(len(counts))])


def _pools(real: ImageSet, seed: int, generations: int) -> Iterator[NDArray[np.int64]]:
    """The labels of pool 0 … T of a real chain of the lab."""
    config = parse_config(
        {
            "seed": seed,
            "generations": generations,
            "generator": {"kind": "bootstrap"},
            "policy": {"preset": "replace"},
        }
    )
    yield real.labels
    for generation in run_chain(config, real, Bootstrap()):
        yield generation.samples.labels
