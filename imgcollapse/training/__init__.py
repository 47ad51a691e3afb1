"""The one training loop: generators and the judge only bring a model and a loss."""

from imgcollapse.training.loop import Trained, Watcher, train
from imgcollapse.training.state import Checkpoint
from imgcollapse.training.step import Loss, Prepare

__all__ = ["Checkpoint", "Loss", "Prepare", "Trained", "Watcher", "train"]
