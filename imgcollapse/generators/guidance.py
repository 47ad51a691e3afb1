"""Classifier-free guidance: one network that knows the classes and also draws without them.

Ho and Salimans 2022. The label after that of the last class stands for no class.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from imgcollapse.generators.samplers import Denoise


def hide_some(labels: Tensor, part: float, no_class: int, random: torch.Generator) -> Tensor:
    """Labels (int64 N) of which each is ``no_class`` with probability ``part``: algorithm 1."""
    hidden = torch.rand(len(labels), generator=random, device=labels.device) < part
    return labels.masked_fill(hidden, no_class)


def guided(denoise: Callable[..., Tensor], labels: Tensor, weight: float, no_class: int) -> Denoise:
    """``denoise(x, t, labels)`` for these labels, led away from what it says without a class.

    (1 + w) with - w without, equation 6. That is written for the noise, of which the predictions
    of all objectives are affine functions, so that it holds for them too. Weight 0 asks once.
    """

    def guide(x: Tensor, t: Tensor) -> Tensor:
        with_class = denoise(x, t, labels=labels)
        if weight == 0:
            return with_class
        without = denoise(x, t, labels=torch.full_like(labels, no_class))
        return (1 + weight) * with_class - weight * without

    return guide
