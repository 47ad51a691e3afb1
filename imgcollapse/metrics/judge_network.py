"""The network of the judge."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from imgcollapse.device import seeded
from imgcollapse.images import ImageSet
from imgcollapse.training_config import TrainingConfig

FEATURES = 96


class JudgeNetwork(nn.Module):
    """Three convolutional stages, a maximum over the image, 96 features, one logit per class."""

    def __init__(self, channels: int, side: int, num_classes: int, width: int = 32) -> None:
        super().__init__()
        self.settings = {
            "channels": channels,
            "side": side,
            "num_classes": num_classes,
            "width": width,
        }
        strides = (1, 1, 2) if side < 16 else (2, 2, 2) if side <= 32 else (2, 2, 4)
        sizes = (channels, width, 2 * width, FEATURES)
        stages: list[nn.Module] = []
        for enter, leave, stride in zip(sizes[:-1], sizes[1:], strides, strict=True):
            stages += [
                nn.Conv2d(enter, leave, 3, padding=1, stride=stride),
                nn.GroupNorm(8, leave),
                nn.SiLU(),
            ]
        self.stages = nn.Sequential(*stages)
        self.mix = nn.Conv2d(FEATURES, FEATURES, 3, padding=1)
        self.head = nn.Linear(FEATURES, num_classes)

    def features(self, x: Tensor) -> Tensor:
        """float N×C×H×W in [-1, 1] to N×96."""
        return F.silu(self.mix(self.stages(x))).amax((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(x))
        return logits


def fresh_network(images: ImageSet, seed: int) -> JudgeNetwork:
    """A judge's network for such images, its weights drawn with a seed."""
    channels, side, _ = images.image_shape
    with seeded(seed):
        return JudgeNetwork(channels, side, len(images.classes))


def classifier_recipe(steps: int, warmup_steps: int) -> TrainingConfig:
    """How a classifier that measures is trained: in fp32 whatever the device could."""
    return TrainingConfig(
        steps=steps,
        batch_size=128,
        learning_rate=3e-3,
        warmup_steps=warmup_steps,
        weight_decay=1e-3,
        precision="fp32",
    )


def classification_loss(network: nn.Module, x: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of a classifier's logits, labels smoothed by 0.02 (Szegedy et al. 2016)."""
    return F.cross_entropy(network(x), labels, label_smoothing=0.02)
