"""Chains in one process that train their networks together."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence

from imgcollapse.study.threads import in_threads
from imgcollapse.training import Task, Trained
from imgcollapse.training.together import train_together


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
