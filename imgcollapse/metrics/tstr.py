"""Train on samples, test on real: what a classifier learns of the classes from generated images."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from imgcollapse.device import seeded
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.estimates import Estimate
from imgcollapse.metrics.judge_network import JudgeNetwork, classification_loss, classifier_recipe
from imgcollapse.seeds import seed_for
from imgcollapse.training import Task, train

WIDTH = 16
STEPS = 300
BATCH = 512
RECIPE = classifier_recipe(STEPS, warmup_steps=20)


def tstr_accuracy(
    samples: ImageSet,
    verdicts: NDArray[np.int64],
    real: ImageSet,
    *,
    seed: int,
    device: torch.device,
) -> tuple[Estimate | None, dict[str, Estimate]]:
    """Accuracy on labelled real images, overall and by class, of a network that saw only samples.

    A small network of its own learns from the images: the judge's features would carry over what
    the judge learned from real ones. Labels are the samples' own where they have any, else the
    judge's ``verdicts``, rejects left out (``UNLABELLED``). Overall, every class that ``real``
    shows counts alike. None where fewer than two samples have a label.
    """
    labels = samples.labels if (samples.labels != UNLABELLED).any() else verdicts
    known = np.flatnonzero(labels != UNLABELLED)
    if len(known) < 2:
        return None, {}
    right = _learn_and_test(samples.images[known], labels[known], real, seed, device)
    by_class = {
        name: Estimate.share(float(right[real.labels == label].mean()), count)
        for label, (name, count) in enumerate(zip(real.classes, real.counts(), strict=True))
        if count
    }
    mean = float(np.mean([one.value for one in by_class.values()]))
    error = float(np.sqrt(sum(one.error**2 for one in by_class.values()))) / len(by_class)
    return Estimate.share_with_error(mean, error, int(real.counts().sum())), by_class


def _learn_and_test(
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    real: ImageSet,
    seed: int,
    device: torch.device,
) -> NDArray[np.bool_]:
    """Whether the network is right on each real image."""
    channels, side, _ = real.image_shape
    with seeded(seed_for(seed, "tstr", "init")):
        network = JudgeNetwork(channels, side, len(real.classes), WIDTH).to(device)

    train(
        Task(
            network,
            None,
            lambda items, targets, random: (_floats(items), targets),
            classification_loss,
            torch.from_numpy(images).to(device),
            torch.from_numpy(labels).to(device),
            RECIPE,
            seed=seed_for(seed, "tstr"),
            where="tstr",
        )
    )
    guesses = np.empty(len(real), np.int64)
    with torch.inference_mode():
        for start in range(0, len(real), BATCH):
            rows = slice(start, start + BATCH)
            batch = torch.from_numpy(real.images[rows]).to(device)
            guesses[rows] = network(_floats(batch)).argmax(1).cpu().numpy()
    right: NDArray[np.bool_] = guesses == real.labels
    return right


def _floats(images: Tensor) -> Tensor:
    return images.float() / 127.5 - 1
