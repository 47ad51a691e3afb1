"""Several chains of one config, which differ in their seed, in one process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from imgcollapse.config import Config
from imgcollapse.errors import LabError, Stopped
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.run import Reporter, run_to_disk
from imgcollapse.training import Task, Trained
from imgcollapse.training.together import train_together


def replica_folder(out: Path, config: Config) -> Path:
    return out / f"seed{config.seed}"


def run_replicas(
    configs: Sequence[Config], out: Path, reporters: Sequence[Reporter]
) -> list[RunDirectory]:
    """Makes or goes on with one run for each config, below ``out``; their trainings are joined.

    A chain that fails does not stop the others: it is told at once, and when all have ended the
    first error is raised, or else that some were stopped.
    """
    company = Company(len(configs))
    errors: list[BaseException] = []

    def chain(config: Config, reporter: Reporter) -> None:
        try:
            run_to_disk(config, replica_folder(out, config), reporter, train=company.train)
        except BaseException as error:
            errors.append(error)
            reporter.message(f"error: {error}" if isinstance(error, LabError) else repr(error))

    company.run([functools.partial(chain, *one) for one in zip(configs, reporters, strict=True)])
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Stopped))
    return [RunDirectory(replica_folder(out, config)) for config in configs]


class Company:
    """Chains in threads of which one works at a time, until all wait to train: then all train.

    That makes every chain the same, to the number of its random draws, as one that runs alone.
    """

    def __init__(self, num: int) -> None:
        self.turn = threading.Condition()
        self.working = num
        self.wishes: list[_Wish] = []

    def run(self, chains: Sequence[Callable[[], None]]) -> None:
        """Runs the chains to their end; signals reach the caller's thread meanwhile."""
        threads = [threading.Thread(target=self._follow, args=(one,)) for one in chains]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(timeout=0.2)

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
