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
WORKERS = 2


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


def train(
    network: Callable[[Tensor, Tensor], Tensor],
    parameters: list[nn.Parameter],
    images: NDArray[np.uint8],
    *,
    steps: int,
    tuned: bool,
    device: torch.device,
) -> None:
    """The loop of ``train_unconditional.py``: AdamW, cosine schedule, clipping, EMA, ``.item()``.

    ``tuned`` takes large batches, workers and, on CUDA, bf16; else batches of 16 in fp32.
    ``network(x, t)`` gives the predicted noise of a module in training, whose ``parameters``
    these are.
    """
    batch = TUNED_BATCH if tuned else STOCK_BATCH
    loader = DataLoader(
        PILImages(images),
        batch_size=min(batch, len(images)),
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS if tuned else 0,
        persistent_workers=tuned,
    )
    schedule = DDPMScheduler(num_train_timesteps=1000)
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=1e-6)
    rate = get_cosine_schedule_with_warmup(optimizer, 500, max(steps, 501))
    average = EMAModel(parameters, decay=0.9999, use_ema_warmup=True)
    done = 0
    while done < steps:
        for clean in loader:
            clean = clean.to(device)
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
