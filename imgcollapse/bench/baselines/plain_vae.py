"""A VAE loop in the style of Model-Ouroboros: DataLoader, Adam, a classifier each generation.

Written from its description, with the sizes of the lab's dense VAE.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision import transforms

BATCH = 512
HIDDEN, INNER, LATENT = 512, 256, 128
CLASSIFIER = 128
Data = Dataset[tuple[Tensor, ...]]
"""Images as flat floats in [0, 1], with labels."""


class PlainVAE(nn.Module):
    def __init__(self, values: int) -> None:
        super().__init__()
        self.values = values
        self.encoder = nn.Sequential(
            nn.Linear(values, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, INNER), nn.ReLU()
        )
        self.mean = nn.Linear(INNER, LATENT)
        self.log_variance = nn.Linear(INNER, LATENT)
        self.decoder = nn.Sequential(
            nn.Linear(LATENT, INNER),
            nn.ReLU(),
            nn.Linear(INNER, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, values),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.decoder(z), mean, log_variance


class ImagesThroughPIL(Dataset[tuple[Tensor, ...]]):
    """As torchvision's data sets hand out images: one by one, through PIL and transforms."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.images = images
        self.labels = labels
        self.transform = transforms.Compose([transforms.ToTensor(), transforms.Lambda(_flat)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        image = Image.fromarray(self.images[index, 0])
        return self.transform(image), torch.tensor(self.labels[index])


def _flat(x: Tensor) -> Tensor:
    return x.view(-1)


def train_vae(vae: PlainVAE, data: Data, epochs: int) -> float:
    """Trains with Adam and returns the loss of the last epoch."""
    device = next(vae.parameters()).device
    loader = DataLoader(data, batch_size=BATCH, shuffle=True)
    optimizer = torch.optim.Adam(vae.parameters(), lr=1e-3)
    vae.train()
    total = 0.0
    for _ in range(epochs):
        total = 0.0
        for x, _ in loader:
            x = x.to(device)
            optimizer.zero_grad()
            made, mean, log_variance = vae(x)
            kl = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
            loss = F.mse_loss(made, x, reduction="sum") + kl
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
            optimizer.step()
    return total


def fresh_classifier(values: int, num_classes: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(values, CLASSIFIER), nn.ReLU(), nn.Linear(CLASSIFIER, num_classes)
    )


def generation(
    vae: PlainVAE,
    data: Data,
    *,
    epochs: int,
    num_images: int,
    num_classes: int,
    earlier: list[nn.Module],
) -> TensorDataset:
    """A whole generation: VAE, its classifier, samples, and every earlier classifier on them."""
    device = next(vae.parameters()).device
    train_vae(vae, data, epochs)
    classifier = fresh_classifier(vae.values, num_classes).to(device)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-3)
    for _ in range(epochs):
        for x, labels in DataLoader(data, batch_size=BATCH, shuffle=True):
            x, labels = x.to(device), labels.to(device)
            optimizer.zero_grad()
            loss = F.cross_entropy(classifier(x), labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            loss.item()
    vae.eval()
    with torch.no_grad():
        made = vae.decoder(torch.randn(num_images, LATENT, device=device))
        labels = classifier(made).argmax(1)
        new = TensorDataset(made.cpu(), labels.cpu())
        for judge in [*earlier, classifier]:
            right = 0
            for x, labels in DataLoader(new, batch_size=BATCH):
                right += (judge(x.to(device)).argmax(1).cpu() == labels).sum().item()
    return new
