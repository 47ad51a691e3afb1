"""``pack``: several chains in one process against the same chains one after the other."""

from __future__ import annotations

from collections.abc import Iterator

from imgcollapse.bench.results import Result, guard, result
from imgcollapse.bench.setting import Setting, synthetic_pool
from imgcollapse.bench.timing import rates_in_turn, timed
from imgcollapse.bench.training_suite import DIGITS, make_vae
from imgcollapse.generators import Surroundings
from imgcollapse.training import Task, Trained, train
from imgcollapse.training.together import train_together


def packing_suite(setting: Setting) -> Iterator[Result]:
    chains, num, epochs = (4, 10_240, 2) if setting.quick else (32, 60_000, 20)
    pool = synthetic_pool(num, DIGITS)

    def tasks() -> list[Task]:
        """What the generators of the chains would train, each with a network of its own."""
        found: list[Task] = []

        def keep(task: Task) -> Trained:
            found.append(task)
            return Trained(0.0, 0, 0.0)

        for seed in range(chains):
            make_vae(setting, epochs).fit(pool, seed=seed, surroundings=Surroundings(train=keep))
        return found

    rates = rates_in_turn(
        timed(lambda: train_together(tasks()), setting.device),
        timed(lambda: [train(task) for task in tasks()], setting.device),
        ours_units=chains,
        baseline_units=chains,
        rounds=setting.rounds,
    )
    yield result(
        "pack/vae",
        *rates,
        unit="trainings/s",
        target=0.95 if setting.device.type == "cpu" else 6.0,
        says=f"{chains} chains of the dense VAE, {num:,} images, {epochs} epochs, stacked; the "
        "baseline trains them in turn",
    )
    together, alone = tasks(), tasks()
    stacked = train_together(together[:2])
    losses = [one.loss if isinstance(one, Trained) else 0.0 for one in stacked]
    by_itself = [train(task).loss for task in alone[:2]]
    yield guard("pack/guard", sum(losses), sum(by_itself), "loss of two chains, against alone")
