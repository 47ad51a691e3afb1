"""How long the classes of a study live, by the images that they began with, and by chance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.metrics.drift import simulate_null, wright_fisher_extinction
from imgcollapse.metrics.survival import Life, Survival, compare, lives_of
from imgcollapse.policies import synthetic_needed
from imgcollapse.policy_config import window_of
from imgcollapse.seeds import seed_for
from imgcollapse.study.chance import resampling_of, shares_are_asked_for
from imgcollapse.study.study_folder import Cell

CHAINS = 4000
Lives = dict[int, Survival]
"""By the images that a class began with, rising."""


def survival_of(arms: Mapping[str, Sequence[Cell]]) -> dict[str, Lives]:
    """The lives of all classes of the chains of each arm, lost by one definition in all arms.

    Where every chain copies images with their labels, a class is lost with its last image; else
    when the judge sees so little of it (``lives_of``), in arms that copy as well.
    """
    exact = all(_copies(cell) for cells in arms.values() for cell in cells)
    return {arm: _lives(cells, exact) for arm, cells in arms.items()}


def _lives(cells: Sequence[Cell], exact: bool) -> Lives:
    lives: Lives = {}
    for cell in cells:
        initial = cell.run.initial_counts()
        for count in initial.values():
            if count:
                lives.setdefault(count, Survival())
        for life in _exact_lives(cell, initial) if exact else lives_of(cell.run.scores(), initial):
            lives[life.initial].add(life)
    return dict(sorted(lives.items()))


def _copies(cell: Cell) -> bool:
    is_copying = cell.config.generator.kind == "bootstrap"
    return is_copying and is_plain(cell.config, cell.run.initial_counts())


def survival_rows(
    arms: Mapping[str, Sequence[Cell]], lives: Mapping[str, Lives]
) -> Iterable[Sequence[object]]:
    """arm, count, generation, at_risk, lost, alive, expected.

    ``alive`` is the Kaplan-Meier estimate after the generation, none where the loss of classes of
    so few images cannot be seen, and ``expected`` is what chance alone leaves.
    """
    for arm, cells in arms.items():
        if not cells:
            continue
        generations = max(len(one.run.generations()) for one in cells)
        expected = _expected(cells[0], generations)
        for count, survival in lives[arm].items():
            seen = bool(survival.at_risk(0))
            alive = survival.alive(np.arange(generations)) if seen else None
            for generation in range(generations):
                yield (
                    arm,
                    count,
                    generation,
                    survival.at_risk(generation),
                    survival.lost.get(generation, 0),
                    None if alive is None else float(alive[generation]),
                    float(expected[count][generation]) if count in expected else None,
                )


def logrank_rows(lives: Mapping[str, Lives], control: str) -> Iterable[Sequence[object]]:
    """arm, control, count, statistic, p; without a count, of all that both have, stratified."""
    for arm, ours in lives.items():
        if arm == control:
            continue
        theirs = lives[control]
        pairs = {count: (ours[count], theirs[count]) for count in ours if count in theirs}
        strata: list[tuple[int | None, list[tuple[Survival, Survival]]]] = [
            (None, list(pairs.values())),
            *((count, [pair]) for count, pair in pairs.items()),
        ]
        for count, held in strata:
            found = compare(held)
            if found is not None:
                yield arm, control, count, *found


def is_plain(config: Config, initial: Mapping[str, int]) -> bool:
    """Whether each pool is as many samples of the one before: plain Wright-Fisher resampling."""
    policy, size = config.policy, sum(initial.values())
    only_last = policy.real == "none" and window_of(policy) == 1
    whole = policy.cap in ("none", "pool") and policy.pool == "fixed"
    needed = synthetic_needed(policy, config.sampling.num_images, size)
    changed = policy.filter is not None or policy.repairs
    return only_last and whole and needed == size and not changed


def _exact_lives(cell: Cell, initial: Mapping[str, int]) -> list[Life]:
    """Of chains that copy images with their labels: a class is lost when no image is left."""
    classes, size = list(initial), sum(initial.values())
    gone: dict[str, int] = {}
    numbers = range(len(cell.run.generations()))
    for number in numbers:
        counts = cell.run.released(number, classes, size).counts()
        for name, count in zip(classes, counts, strict=True):
            if not count:
                gone.setdefault(name, number)
    return [
        Life(count, gone.get(name, numbers[-1]), name in gone)
        for name, count in initial.items()
        if count
    ]


def _expected(cell: Cell, generations: int) -> dict[int, NDArray[np.float64]]:
    """The part of classes of each count that chance alone leaves after each generation.

    Generation g samples what is step g + 1 of resampling. Exact where pools are plain, and else of
    simulated chains. None where class shares are asked for or pools hold what others made.
    """
    config, initial = cell.config, cell.run.initial_counts()
    if shares_are_asked_for(config) or config.lab is not None:
        return {}
    counts = np.array(sorted(initial.values()), np.int64)
    if is_plain(config, initial):
        extinct = wright_fisher_extinction(counts, int(counts.sum()), generations)
    else:
        resampling = resampling_of(config, counts)
        extinct = simulate_null(
            resampling.initial,
            resampling.policy,
            resampling.num_synthetic,
            generations=generations,
            chains=CHAINS,
            seed=seed_for(0, "survival"),
        ).extinct
    return {int(one): 1 - extinct[counts == one].mean(0) for one in counts}
