"""Part of ``generation``: how the memory of a generation grows with the images of a mapped pool."""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.arrays import in_file, in_memory, row_blocks
from imgcollapse.bench.memory import STATUS, PeakMemory
from imgcollapse.bench.results import Result, result
from imgcollapse.bench.setting import CLASSES, Setting, config_of
from imgcollapse.device import keep_freed_memory
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.images import ImageSet

KINDS: dict[str, dict[str, Any]] = {
    "bootstrap": {"kind": "bootstrap"},
    "gaussian": {"kind": "gaussian", "components": 4, "first_stage": {"kind": "pca", "dim": 16}},
    "vae": {"kind": "vae", "network": "mlp", "width": 32, "latent": 8},
}
SHAPE = (3, 16, 16)
SIZES = (20_000, 200_000)
SAMPLED = 2_000
MOST_GROWTH = 1.1


def memory_of_generations(setting: Setting) -> Iterator[Result]:
    """Nothing where the system does not tell the memory of a process apart from that of files."""
    for kind in KINDS if STATUS.exists() else ():
        peaks = np.array([peaks_of(kind, "mapped", SIZES) for _ in range(setting.rounds)]) / 2**20
        few, many = np.median(peaks, 0)
        yield result(
            f"generation/memory-{kind}",
            (peaks[:, 0] / peaks[:, 1]).tolist(),
            [1 / MOST_GROWTH] * setting.rounds,
            unit="1/growth",
            target=1.0,
            says=f"peak memory of a process that fits and samples, pool mapped: {few:,.0f} MB with "
            f"{SIZES[0]:,} images, {many:,.0f} MB with {SIZES[1]:,} of {math.prod(SHAPE)} bytes "
            f"(at most {MOST_GROWTH} times)",
        )


def peaks_of(kind: str, pool: str, sizes: tuple[int, ...]) -> list[int]:
    """Peak memory in bytes with pools of each size, smallest first, in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(_peaks, kind, pool, sizes).result()


def _peaks(kind: str, pool: str, sizes: tuple[int, ...]) -> list[int]:
    torch.set_num_threads(1)
    keep_freed_memory()
    keep = in_file(None) if pool == "mapped" else in_memory
    config = config_of(
        generator=KINDS[kind], training={"steps": 30, "batch_size": 256, "pool": pool}
    )
    found = []
    for num in sizes:
        with PeakMemory() as peak:
            images = ImageSet.of(
                keep((num, *SHAPE), np.uint8, _noise(num)), np.arange(num) % len(CLASSES), CLASSES
            )
            generator = make_generator(config, SHAPE, CLASSES, torch.device("cpu"))
            generator.fit(images, seed=1, surroundings=Surroundings(keep=keep))
            generator.sample(SAMPLED, seed=1)
        found.append(peak.bytes)
    return found


def _noise(num: int) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    for where in row_blocks(num, math.prod(SHAPE)):
        yield random.integers(0, 256, (where.stop - where.start, *SHAPE), dtype=np.uint8)
