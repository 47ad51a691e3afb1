"""Gaussian mixtures whose best denoiser is known, in place of a trained network."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from imgcollapse.generators.samplers import TRAIN_STEPS, alphas_cumprod


@dataclass(frozen=True)
class Mixture:
    """K isotropic Gaussians in d dimensions.

    ``shares`` (K) sum to 1, ``means`` are K×d, ``widths`` (K) positive standard deviations; all
    float64.
    """

    shares: Tensor
    means: Tensor
    widths: Tensor

    def __post_init__(self) -> None:
        if self.means.dim() != 2 or not len(self.shares) == len(self.means) == len(self.widths):
            raise ValueError("shares, means and widths are K, K×d and K")
        if not (self.widths > 0).all() or not (self.shares > 0).all():
            raise ValueError("shares and widths are positive")
        if abs(float(self.shares.sum()) - 1) > 1e-9:
            raise ValueError("shares sum to 1")

    def posterior(self, x: Tensor, keep: Tensor, lose: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What x = keep * x0 + lose * noise says: P(mode | x) N×K, E(x0 | x) and E(noise | x) N×d.

        ``x`` is float64 N×d, ``keep`` and ``lose`` float64 N.
        """
        keep, lose = keep[:, None], lose[:, None]
        variance = (keep * self.widths) ** 2 + lose**2
        gaps = [x - keep * mean for mean in self.means]
        squares = torch.stack([gap.square().sum(1) for gap in gaps], 1)
        logits = self.shares.log() - squares / (2 * variance) - x.shape[1] / 2 * variance.log()
        modes = logits.softmax(1)
        towards_image = modes * keep * self.widths**2 / variance
        towards_noise = modes * lose / variance
        image, noise = modes @ self.means, torch.zeros_like(x)
        for k, gap in enumerate(gaps):
            image = image + towards_image[:, k : k + 1] * gap
            noise = noise + towards_noise[:, k : k + 1] * gap
        return modes, image, noise

    def modes_of(self, x: Tensor) -> Tensor:
        """The most probable mode of noiseless points (N×d): int64 N."""
        one, zero = torch.ones(len(x), dtype=torch.float64), torch.zeros(len(x)).double()
        return self.posterior(x.double(), one, zero)[0].argmax(1)

    def denoise(self, objective: str, x: Tensor, t: Tensor) -> Tensor:
        """The prediction of least squared error, as a network of ``samplers.Denoise`` sees it.

        ``x`` is float N×d and ``t`` float N in [0, 1000]; float64 inside, float32 out.
        """
        keep, lose = signal_and_noise(objective, t)
        _, image, noise = self.posterior(x.double(), keep, lose)
        if objective == "eps":
            return noise.float()
        if objective == "v":
            return (keep[:, None] * noise - lose[:, None] * image).float()
        return (noise - image).float()


def signal_and_noise(objective: str, t: Tensor) -> tuple[Tensor, Tensor]:
    """What is kept of the image and added of the noise at times t in [0, 1000], float64.

    Between whole steps of the linear schedule the log of lose / keep is interpolated, as the
    schedulers of diffusers do to find t.
    """
    t = t.double()
    if objective == "flow":
        return 1 - t / TRAIN_STEPS, t / TRAIN_STEPS
    table = _log_sigmas()
    t = t.clamp(0, TRAIN_STEPS - 1)
    below = t.floor().long().clamp(max=TRAIN_STEPS - 2)
    sigma = torch.lerp(table[below], table[below + 1], t - below).exp()
    keep = (1 + sigma**2).rsqrt()
    return keep, sigma * keep


@functools.cache
def _log_sigmas() -> Tensor:
    signal = alphas_cumprod().double()
    return ((1 - signal) / signal).log() / 2
