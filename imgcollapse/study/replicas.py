"""Several chains of one config, which differ in their seed."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from imgcollapse.config import Config
from imgcollapse.data.splits import make_splits
from imgcollapse.errors import LabError, Stopped
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.chain_run import Reporter
from imgcollapse.study.processes import Processes, sharing_cores
from imgcollapse.study.run import run_to_disk
from imgcollapse.training import Task, Trained
from imgcollapse.training.together import train_together

RunToDisk = Callable[[Config, Path, Reporter], object]


def replica_folder(out: Path, config: Config) -> Path:
    return out / f"seed{config.seed}"


def are_stacked(config: Config) -> bool:
    """Whether the networks of a config's replicas can be trained as one stack, whatever the data.

    It is what ``can_be_stacked`` finds of their trainings.
    """
    generator, training = config.generator, config.training
    is_dense = generator.kind in ("vae", "diffusion") and generator.network == "mlp"
    return is_dense and training.compile != "always" and not training.cuda_graphs


def run_replicas(
    configs: Sequence[Config], out: Path, reporters: Sequence[Reporter]
) -> list[RunDirectory]:
    """Makes or goes on with one run for each config, below ``out``.

    Dense networks are trained as one stack in this process. Chains of others, and those that
    train no network, run at once in processes, to which their reporters are sent. A chain that
    fails does not stop the others: it is told at once, and when all have ended the first error is
    raised, or else that some were stopped.
    """
    errors: list[BaseException] = []

    def follow(carry_out: RunToDisk, config: Config, reporter: Reporter) -> None:
        try:
            carry_out(config, replica_folder(out, config), reporter)
        except BaseException as error:
            errors.append(error)
            reporter.message(f"error: {error}" if isinstance(error, LabError) else repr(error))

    def chains(carry_out: RunToDisk) -> list[Callable[[], None]]:
        both = zip(configs, reporters, strict=True)
        return [functools.partial(follow, carry_out, *one) for one in both]

    if are_stacked(configs[0]):
        company = Company(len(configs))
        company.run(chains(functools.partial(run_to_disk, train=company.train)))
    else:
        if configs[0].data.download:
            make_splits(configs[0])  # fetched once, not by several at the same time
        processes = Processes(len(configs))
        with sharing_cores(processes.at_once):
            in_threads(chains(processes.run))
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Stopped))
    return [RunDirectory(replica_folder(out, config)) for config in configs]


def in_threads(works: Sequence[Callable[[], None]]) -> None:
    """Does all of it at once; signals reach the caller's thread meanwhile."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(timeout=0.2)


class Company:
    """Chains in threads of which one works at a time, until all wait to train: then all train.

    That makes every chain the same, to the number of its random draws, as one that runs alone.
    """

    def __init__(self, num: int) -> None:
        self.turn = threading.Condition()
        self.working = num
        self.wishes: list[_Wish] = []

    def run(self, chains: Sequence[Callable[[], None]]) -> None:
        """Runs the chains to their end."""
        in_threads([functools.partial(self._follow, chain) for chain in chains])

    def _follow(self, chain: Callable[[], None]) -> None:
        with self.turn:
            try:
                chain()
            finally:
                self.working -= 1
                self._train_if_all_wait()

    def train(self, task: Task) -> Trained:
        """What a chain calls to train: waits for the others, and trains with them."""
        wish = _Wish(task)
        self.wishes.append(wish)
        self._train_if_all_wait()
        while wish.found is None:
            self.turn.wait()
        if isinstance(wish.found, Exception):
            raise wish.found
        return wish.found

    def _train_if_all_wait(self) -> None:
        if not self.wishes or len(self.wishes) < self.working:
            return
        wishes, self.wishes = self.wishes, []
        wishes.sort(key=lambda wish: wish.task.seed)
        found: Sequence[Trained | Exception]
        try:
            found = train_together([wish.task for wish in wishes])
        except Exception as error:
            found = [error] * len(wishes)
        for wish, one in zip(wishes, found, strict=True):
            wish.found = one
        self.turn.notify_all()


class _Wish:
    def __init__(self, task: Task) -> None:
        self.task = task
        self.found: Trained | Exception | None = None
