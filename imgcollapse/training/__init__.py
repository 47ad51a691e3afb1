"""The one training loop: generators and the judge only bring a model and a loss."""

from imgcollapse.training.loop import train
from imgcollapse.training.task import Checkpoint, Items, Task, Trained, Watcher

__all__ = ["Checkpoint", "Items", "Task", "Trained", "Watcher", "train"]
