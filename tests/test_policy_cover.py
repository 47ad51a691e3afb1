"""The laws of pools over compositions, filters and repairs together, on every generator.

All triples on the generator that copies; on the others every pair of composition, filter, repair
and generator meets in some chain (a greedy pairwise cover).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import compositions
import numpy as np
import pytest
import torch
from compositions import COMPOSITIONS
from test_filters import FILTERS
from test_repairs import REPAIRS, look

from imgcollapse.chain import Generation, run_chain
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.errors import ConfigError, NumericalError
from imgcollapse.generators import make_generator
from imgcollapse.images import REAL, ImageSet
from imgcollapse.policies import PoolMaker, pool_size
from imgcollapse.store.run_directory import counts_by_origin

SIZE, GENERATIONS = 120, 3
NAMES = ("a", "b", "c")
PCA = {"first_stage": {"kind": "pca", "dim": 2}}
BOOTSTRAP: dict[str, dict[str, Any]] = {"bootstrap": {"generator": {"kind": "bootstrap"}}}
GENERATORS: dict[str, dict[str, Any]] = {
    "gaussian": {"generator": {"kind": "gaussian", "components": 1, **PCA}},
    "vae": {
        "generator": {"kind": "vae", "network": "mlp", "width": 8, "latent": 2},
        "training": {"steps": 2, "batch_size": 16},
    },
    "diffusion": {
        "generator": {"network": "mlp", "width": 8, "depth": 1, "objective": "flow", **PCA},
        "training": {"steps": 2, "batch_size": 16},
        "sampling": {"sampler": "flow", "steps": 2},
    },
}
WITH_SAMPLES = [name for name in COMPOSITIONS if compositions.policy(name).window != "none"]
NO_FILTER = "no filter"
Case = tuple[str, str, str, str]


def all_cases(generators: Sequence[str]) -> list[Case]:
    return list(itertools.product(WITH_SAMPLES, [NO_FILTER, *FILTERS], REPAIRS, generators))


def pairwise(cases: Sequence[Case]) -> list[Case]:
    """Cases, a small part of all, in which every pair of values of two factors occurs."""

    def pairs(case: Case) -> set[Any]:
        return set(itertools.combinations(enumerate(case), 2))

    left: set[Any] = set().union(*map(pairs, cases))
    random = np.random.default_rng(0)
    chosen = []
    while left:
        tried = [cases[place] for place in random.integers(len(cases), size=200)]
        best = max(tried, key=lambda case: len(pairs(case) & left))
        if not pairs(best) & left:
            best = next(case for case in cases if pairs(case) & left)
        left -= pairs(best)
        chosen.append(best)
    return chosen


def images(seed: int = 0) -> ImageSet:
    random = np.random.default_rng(seed)
    labels = np.searchsorted([0.6, 0.9, 1.0], (np.arange(SIZE) + 0.5) / SIZE)
    pixels = random.integers(40, 216, (SIZE, 1, 16, 16), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.clip(80 * labels + random.normal(40, 10, SIZE), 0, 255)
    return ImageSet.of(pixels, labels, NAMES)[random.permutation(SIZE)]


def config(case: Case) -> Config | None:
    """None where the policy is refused for what its filter would leave."""
    composition, filter_, repairs, generator = case
    policy: dict[str, Any] = {**COMPOSITIONS[composition], "repairs": REPAIRS[repairs]}
    if filter_ != NO_FILTER:
        policy |= {"filter": FILTERS[filter_], "watermark": {"psnr": 38.0, "adoption": 0.5}}
    settings = (BOOTSTRAP | GENERATORS)[generator]
    try:
        return parse_config({"seed": 3, "generations": GENERATIONS, "policy": policy, **settings})
    except ConfigError as error:
        if "leaves nothing" not in error.message:
            raise
        return None


def chain(settings: Config, **start: Any) -> list[Generation]:
    real = images()
    maker = PoolMaker(settings, real, fresh=lambda number: images(100 + number), look=look)
    made = make_generator(settings, real.image_shape, NAMES, torch.device("cpu"))
    return list(run_chain(settings, real, made, maker=maker, **start))


def holds(case: Case) -> None:
    settings = config(case)
    if settings is None:
        return
    try:
        whole = chain(settings)
    except NumericalError as error:
        if "left no image" not in error.message:
            raise
        return
    policy = settings.policy
    real = set(images().hashes()) | {
        content for number in range(1, GENERATIONS) for content in images(100 + number).hashes()
    }
    for one in whole:
        declared = pool_size(policy, one.number, first=SIZE, released=SIZE) if one.number else SIZE
        dropped = 0 if one.filtered is None else int((~one.filtered.kept).sum())
        assert len(one.pool) == declared - dropped
        assert len(one.released) == SIZE
        assert set(one.released.origin) == {one.number + 1}
        counts = counts_by_origin(one.pool.origin, one.pool.labels, one.pool.classes)
        assert sum(sum(held.values()) for held in counts.values()) == len(one.pool)
        assert set(one.pool[one.pool.origin == REAL].hashes()) <= real
    past = [one.released for one in whole[:1]]
    again = chain(settings, first=1, past=past)
    for expected, found in zip(whole[1:], again, strict=True):
        assert expected.pool.images.tobytes() == found.pool.images.tobytes()
        assert expected.pool.origin.tobytes() == found.pool.origin.tobytes()
        assert expected.released.labels.tobytes() == found.released.labels.tobytes()


@pytest.mark.long
@pytest.mark.parametrize("composition", WITH_SAMPLES)
def test_every_composition_filter_and_repair_keep_the_laws_on_copies(composition: str) -> None:
    for case in all_cases(["bootstrap"]):
        if case[0] == composition:
            holds(case)


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_pairwise_cover_keeps_the_laws_on_generators_that_learn(generator: str) -> None:
    for case in pairwise(all_cases(list(GENERATORS))):
        if case[3] == generator:
            holds(case)


def test_the_cover_is_one() -> None:
    cases = all_cases(list(GENERATORS))
    cover = pairwise(cases)
    assert len(cover) < len(cases) / 5
    for first, second in itertools.combinations(range(4), 2):
        wanted = {(case[first], case[second]) for case in cases}
        assert {(case[first], case[second]) for case in cover} == wanted
