"""The one training loop: generators and the judge only bring a model and a loss."""

from imgcollapse.training.loop import train
from imgcollapse.training.task import Checkpoint, Items, Loss, Task, Trained, Watcher

__all__ = ["Checkpoint", "Items", "Loss", "Task", "Trained", "Watcher", "train"]
