"""The class-balancing loss of conditional diffusion models (CBDM; Qin et al., CVPR 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from imgcollapse.generators.samplers import TRAIN_STEPS

COMMITMENT = 0.25
"""Gamma of the paper: how far the prediction under the other label comes to meet the own one."""


def other_labels(num: int, num_classes: int, random: torch.Generator) -> Tensor:
    """y' of each image, int64 N: every class as often.

    So the authors' code draws them to fine-tune; from scratch it draws them as the data holds them.
    """
    return torch.randint(num_classes, (num,), generator=random, device=random.device)


def class_balancing_loss(
    network: nn.Module,
    xt: Tensor,
    t: Tensor,
    target: Tensor,
    labels: Tensor,
    others: Tensor,
    *,
    tau: float,
) -> Tensor:
    """||h - target||² + tau t/T (||h - sg(h')||² + gamma ||sg(h) - h'||²), the mean of all values.

    h and h' are the predictions under the labels of the images and under ``others``, of which one
    stands for the mean over all classes; sg stops the gradient. ``tau`` is a multiple of t/T, as in
    the authors' code, where it is 1. They predict noise; here the terms weigh the same against each
    other whatever is predicted.
    """
    own: Tensor = network(xt, t, labels).float()
    other: Tensor = network(xt, t, others).float()
    apart = (own - other.detach()).square() + COMMITMENT * (own.detach() - other).square()
    weight = tau / TRAIN_STEPS * t.view(-1, *(1,) * (xt.dim() - 1))
    return ((own - target).square() + weight * apart).mean()
