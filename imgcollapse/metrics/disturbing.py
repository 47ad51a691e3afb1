"""Images as they come with a little blur, noise or shift: what a judge must not mind."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LEAST_BLUR, MOST_BLUR = 0.2, 1.2
LOUDEST_NOISE = 0.1
FARTHEST_SHIFT = 2


def soften(x: Tensor, random: torch.Generator) -> Tensor:
    """Blurs about half of the images and adds noise to about half, each by an amount of its own.

    float N×C×H×W in [-1, 1]; Gaussian blur of 0.2 to 1.2 pixels, noise of up to 0.1.
    """

    def drawn() -> Tensor:
        return torch.rand((len(x), 1, 1, 1), generator=random, device=x.device)

    sigma = LEAST_BLUR + drawn() * (MOST_BLUR - LEAST_BLUR)
    x = torch.where(drawn() < 0.5, blur(x, sigma), x)
    amount = LOUDEST_NOISE * drawn()
    noise = torch.randn(x.shape, generator=random, device=x.device)
    return torch.where(drawn() < 0.5, x + amount * noise, x)


def blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Gaussian blur over 5 pixels of each image by its own sigma (N×1×1×1), edges reflected."""
    offsets = torch.arange(-2, 3, device=x.device)
    kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights = (kernel / kernel.sum(-1, keepdim=True)).unbind(-1)
    height, width = x.shape[2:]
    padded = F.pad(x, (2, 2, 2, 2), mode="reflect")
    across = torch.zeros_like(padded[..., :width])
    for offset, weight in enumerate(weights):
        across += padded[..., offset : offset + width] * weight[..., None]
    blurred = torch.zeros_like(x)
    for offset, weight in enumerate(weights):
        blurred += across[:, :, offset : offset + height] * weight[..., None]
    return blurred


def shift(x: Tensor, random: torch.Generator) -> Tensor:
    """Moves each image by up to ``FARTHEST_SHIFT`` pixels up or down and left or right.

    float N×C×H×W; what comes in at the edge is a reflection.
    """
    num, channels, height, width = x.shape
    reach = FARTHEST_SHIFT
    padded = F.pad(x, (reach, reach, reach, reach), mode="reflect")
    moves = torch.randint(0, 2 * reach + 1, (2, num, 1), generator=random, device=x.device)
    rows = (moves[0] + torch.arange(height, device=x.device))[:, None, :, None]
    columns = (moves[1] + torch.arange(width, device=x.device))[:, None, None, :]
    image = torch.arange(num, device=x.device)[:, None, None, None]
    channel = torch.arange(channels, device=x.device)[None, :, None, None]
    return padded[image, channel, rows, columns]
