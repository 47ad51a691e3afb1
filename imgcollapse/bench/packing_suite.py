"""``pack``: several chains at once against the same chains one after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor

from imgcollapse.bench.results import Result, against_bar, guard, result
from imgcollapse.bench.setting import Setting, synthetic_pool
from imgcollapse.bench.timing import rates_in_turn, timed, wait
from imgcollapse.bench.training_suite import (
    COLOURS,
    DIGITS,
    GUARDED_CHAINS,
    GUARDED_EPOCHS,
    GUARDED_IMAGES,
    SMALL,
    make_unet,
    make_vae,
)
from imgcollapse.device import set_up, usable_cores
from imgcollapse.generators import Surroundings
from imgcollapse.images import ImageSet
from imgcollapse.study.processes import SPAWN, sharing_cores
from imgcollapse.study.replicas import STACKED_ON
from imgcollapse.training import Task, Trained, train
from imgcollapse.training.together import train_together

STACKED_RATE = 15.0
"""Trainings a second of 60,000 images × 20 epochs that are wanted on CUDA."""


def packing_suite(setting: Setting) -> Iterator[Result]:
    chains, num, epochs = (4, 10_240, 2) if setting.quick else (32, 60_000, 20)
    if setting.device.type in STACKED_ON:
        yield from _stacked(setting, chains, num, epochs)
    else:
        yield _in_processes(
            setting,
            "pack/vae",
            chains,
            functools.partial(_fit_vae, setting, num, epochs),
            f"chains of the dense VAE, {num:,} images, {epochs} epochs",
        )
    chains, steps = (2, 2) if setting.quick else (8, 200)
    yield _in_processes(
        setting,
        "pack/unet",
        chains,
        functools.partial(_fit_unet, setting, steps),
        f"chains of the small UNet, {steps} steps",
    )


def _stacked(setting: Setting, chains: int, num: int, epochs: int) -> Iterator[Result]:
    pool = synthetic_pool(num, DIGITS)
    tasks = functools.partial(_tasks, setting, pool, chains, epochs)
    rates = rates_in_turn(
        timed(lambda: train_together(tasks()), setting.device),
        timed(lambda: [train(task) for task in tasks()], setting.device),
        ours_units=chains,
        baseline_units=chains,
        rounds=setting.rounds,
    )
    row = result(
        "pack/vae",
        *rates,
        unit="trainings/s",
        target=0.95,
        says=f"{chains} chains of the dense VAE, {num:,} images, {epochs} epochs, stacked; the "
        "baseline trains them in turn",
    )
    yield row
    if not setting.quick:
        yield against_bar(row, STACKED_RATE)
    yield _stacking_guard(setting)


def _tasks(setting: Setting, pool: ImageSet, chains: int, epochs: int) -> list[Task]:
    """What the generators of the chains would train, each with a network of its own."""
    found: list[Task] = []

    def keep(task: Task) -> Trained:
        found.append(task)
        return Trained((0.0,), 0, 0.0)

    for seed in range(chains):
        make_vae(setting, epochs).fit(pool, seed=seed, surroundings=Surroundings(train=keep))
    return found


def _stacking_guard(setting: Setting) -> Result:
    tasks = functools.partial(
        _tasks, setting, synthetic_pool(GUARDED_IMAGES, DIGITS), GUARDED_CHAINS, GUARDED_EPOCHS
    )
    stacked = []
    for one in train_together(tasks()):
        if isinstance(one, Exception):
            raise one
        stacked.append(one.curve)
    alone = [train(task).curve for task in tasks()]
    says = f"curves of {GUARDED_CHAINS} chains of the dense VAE in a stack, against alone"
    return guard("pack/guard", stacked, alone, says)


def _in_processes(
    setting: Setting, name: str, chains: int, fit: Callable[[int], object], says: str
) -> Result:
    at_once = min(chains, usable_cores())

    def in_turn() -> None:
        for seed in range(chains):
            fit(seed)

    with (
        sharing_cores(at_once),
        ProcessPoolExecutor(
            at_once, SPAWN, initializer=set_up, initargs=(setting.device, True)
        ) as workers,
    ):
        rates = rates_in_turn(
            timed(lambda: list(workers.map(fit, range(chains))), setting.device),
            timed(in_turn, setting.device),
            ours_units=chains,
            baseline_units=chains,
            rounds=setting.rounds,
        )
    return result(
        name,
        *rates,
        unit="trainings/s",
        target=0.95 if setting.quick or setting.device.type == "cpu" else 6.0,
        says=f"{chains} {says}, in {at_once} processes at once whose start is not timed; the "
        "baseline trains them in turn in one",
    )


def _fit_vae(setting: Setting, num: int, epochs: int, seed: int) -> None:
    pool = synthetic_pool(num, DIGITS)
    make_vae(setting, epochs).fit(pool, seed=seed, surroundings=Surroundings())
    wait(setting.device)


def _fit_unet(setting: Setting, steps: int, seed: int) -> None:
    pool = synthetic_pool(1024, COLOURS)
    make_unet(setting, SMALL, steps).fit(pool, seed=seed, surroundings=Surroundings())
    wait(setting.device)
