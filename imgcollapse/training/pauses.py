"""When trainings pause between two steps: to read their losses, to save, to stop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgcollapse.training.task import Task

READ_EVERY_STEPS = 50


@dataclass(frozen=True)
class Pause:
    """Losses are read at every pause; whether the state is saved then, and training stops."""

    save: bool
    stop: bool


def pause_after(step: int, tasks: Sequence[Task]) -> Pause | None:
    """The pause after step number ``step`` of tasks that have as many steps, if there is one.

    Every ``READ_EVERY_STEPS`` steps, after the last, and where a watcher asks for a stop or a
    checkpoint is due. Who stops saves; after the last step there is nothing left to do either for.
    """
    done = step + 1
    if done == tasks[0].steps:
        return Pause(save=False, stop=False)
    stop = any(task.watcher is not None and task.watcher.should_stop() for task in tasks)
    save = stop or any(task.checkpoint is not None and task.checkpoint.due() for task in tasks)
    return Pause(save, stop) if save or done % READ_EVERY_STEPS == 0 else None
