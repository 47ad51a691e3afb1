"""diffusers' unconditional training recipe and its pipeline: as shipped, and tuned."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from diffusers.optimization import get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

STOCK_BATCH = 16
TUNED_BATCH = 128
WORKERS = 4


class PILImages(Dataset[Tensor]):
    """Images as the recipe sees them: PIL, to tensor, normalised to [-1, 1]."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self.images = images
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        shown = self.images[index].transpose(1, 2, 0).squeeze()
        made: Tensor = self.transform(Image.fromarray(shown))
        return made


def make_loader(
    images: NDArray[np.uint8], *, tuned: bool, device: torch.device
) -> DataLoader[Tensor]:
    """Batches of 16, or large ones, with workers where the CPU does not train itself."""
    workers = WORKERS if tuned and device.type == "cuda" else 0
    return DataLoader(
        PILImages(images),
        batch_size=min(TUNED_BATCH if tuned else STOCK_BATCH, len(images)),
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=workers > 0,
    )


def train(
    network: Callable[[Tensor, Tensor], Tensor],
    parameters: list[nn.Parameter],
    loader: DataLoader[Tensor],
    *,
    steps: int,
    tuned: bool,
    device: torch.device,
) -> None:
    """The loop of ``train_unconditional.py``: AdamW, cosine schedule, clipping, EMA, ``.item()``.

    ``tuned`` computes in bf16 on CUDA.
    ``network(x, t)`` gives the predicted noise of a module in training, whose ``parameters``
    these are.
    """
    schedule = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=1e-6)
    rate = get_cosine_schedule_with_warmup(optimizer, 500, max(steps, 501))
    average = EMAModel(parameters, decay=0.9999, use_ema_warmup=True)
    done = 0
    while done < steps:
        for clean in loader:
            clean = clean.to(device, non_blocking=True)
            noise = torch.randn_like(clean)
            t = torch.randint(0, 1000, (len(clean),), device=device).long()
            noisy = schedule.add_noise(clean, noise, t)
            with torch.autocast(
                device.type, torch.bfloat16, enabled=tuned and device.type == "cuda"
            ):
                loss = F.mse_loss(network(noisy, t).float(), noise)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
            average.step(parameters)
            loss.detach().item()
            done += 1
            if done == steps:
                break
