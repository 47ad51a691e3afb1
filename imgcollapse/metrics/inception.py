"""FID and KID with the reference Inception network, where its weights are at hand."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from imgcollapse.device import seeded
from imgcollapse.errors import EnvironmentalError
from imgcollapse.metrics.features import finite
from imgcollapse.metrics.frechet import FrechetTo, Moments
from imgcollapse.metrics.kernel import KernelTo
from imgcollapse.seeds import seed_for

FILE_NAMES = (
    "weights-inception-2015-12-05-6726825d.pth",
    "pt_inception-2015-12-05-6726825d.pth",
)
URL = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/" + FILE_NAMES[0]
REFERENCE_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
VARIABLE = "IMGCOLLAPSE_INCEPTION"
FEATURES = 2048
BATCH = {"cpu": 32, "cuda": 256}
"""Images that the network sees at once."""
KID_SUBSETS, KID_SUBSET = 100, 1000
NO_PACKAGE = "pip install 'imgcollapse[inception]'"


def find_weights(path: Path | None, *, download: bool = False) -> Path:
    """The weights file: as given, of $IMGCOLLAPSE_INCEPTION, in torch's cache, or downloaded.

    EnvironmentalError (exit 7) where there is none. What is downloaded goes into torch's cache,
    and only if it has the reference checksum.
    """
    named = path or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if not named.is_file():
            raise EnvironmentalError(f"no Inception weights there ({named})")
        return named
    cache = Path(torch.hub.get_dir()) / "checkpoints"
    for name in FILE_NAMES:
        if (cache / name).is_file():
            return cache / name
    if not download:
        raise EnvironmentalError(
            "fid and kid need the reference Inception weights, which are not here",
            f"--download fetches them (91 MB) from {URL}; or give a path in ${VARIABLE}",
        )
    return _download(cache / FILE_NAMES[0])


def _download(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    try:
        urllib.request.urlretrieve(URL, partial)
        _check(sha256_of(partial), REFERENCE_SHA256, partial)
        partial.replace(target)
    except OSError as error:
        raise EnvironmentalError(
            f"the Inception weights cannot be fetched: {error}", URL
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return target


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(found: str, expected: str, path: Path) -> None:
    if found != expected:
        raise EnvironmentalError(
            f"these are not the expected Inception weights: sha256 {found[:12]}… ({path})",
            f"the reference file has {expected[:12]}…: fetch it from {URL}",
        )


@dataclass(frozen=True)
class InceptionStatistics:
    """Moments of a set's features, and the N×d features where they are at hand."""

    moments: Moments
    features: NDArray[np.float32] | None = None


class Inception:
    """The feature network, frozen; ``sha256`` is that of its weights file, ``dim`` its features."""

    def __init__(
        self, network: nn.Module, sha256: str, device: torch.device, dim: int = FEATURES
    ) -> None:
        self.network = network.to(device)
        self.sha256 = sha256
        self.device = device
        self.dim = dim

    @classmethod
    def load(
        cls,
        path: Path,
        device: torch.device,
        *,
        expected_sha256: str = REFERENCE_SHA256,
        dim: int = FEATURES,
    ) -> Inception:
        """Loads a weights file after checking its hash.

        EnvironmentalError (exit 7) for a missing package, another hash or what is no Inception.
        Another ``expected_sha256``, or a layer of other ``dim`` (64, 192, 768), is for tests: its
        scores are not called fid and kid.
        """
        try:
            from torchmetrics.image.fid import NoTrainInceptionV3
        except ImportError as error:
            raise EnvironmentalError("fid and kid need torchmetrics", NO_PACKAGE) from error
        sha256 = sha256_of(path)
        _check(sha256, expected_sha256, path)
        try:
            torch.load(path, weights_only=True)  # the constructor unpickles whatever it is given
            network = NoTrainInceptionV3("inception-v3-compat", [str(dim)], str(path), False)
        except ModuleNotFoundError as error:
            raise EnvironmentalError("fid and kid need torch-fidelity", NO_PACKAGE) from error
        except Exception as error:
            raise EnvironmentalError(f"no Inception weights ({path}): {error}") from error
        return cls(network, sha256, device, dim)

    @property
    def extractor(self) -> str:
        """The short hash that names the feature network in every score."""
        return self.sha256[:12]

    @property
    def metric_names(self) -> tuple[str, str]:
        """``fid`` and ``kid`` for the reference features, and other names for any others."""
        if self.sha256 == REFERENCE_SHA256 and self.dim == FEATURES:
            return "fid", "kid"
        return "fd_other_inception", "kid_other_inception"

    @torch.inference_mode()
    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×d features of uint8 N×C×H×W in [0, 255]; one channel is shown as three.

        The preprocessing is torch-fidelity's, which is TensorFlow 1's: bilinear to 299×299 without
        antialiasing. Always ``BATCH`` images at once, so that an image's features do not depend
        on how many follow it.
        """
        rows = BATCH[self.device.type]
        found = torch.empty(len(images), self.dim, device=self.device)
        for start in range(0, len(images), rows):
            batch = torch.from_numpy(images[start : start + rows]).to(self.device)
            num = len(batch)
            padded = torch.cat([batch, batch[-1:].expand(rows - num, -1, -1, -1)])
            found[start : start + num] = self.network(padded.expand(-1, 3, -1, -1))[:num].float()
        return found.cpu().numpy()

    def statistics(self, images: NDArray[np.uint8]) -> InceptionStatistics:
        """Features and moments; NumericalError names an image whose are not finite."""
        features = self.features(images)
        return InceptionStatistics(Moments.of(features), features)


def inception_scores(
    inception: Inception, samples: InceptionStatistics, real: InceptionStatistics, *, seed: int
) -> Mapping[str, tuple[float, float | None]]:
    """Value and standard error, by metric name.

    ``fid`` has no error. ``kid`` is torchmetrics', the mean over 100 seeded subsets of at most
    1,000 images, and there only if both sides have features; its error is over draws of the samples
    while the real images stay, from all pairs, because the subsets overlap.
    """
    fid_name, kid_name = inception.metric_names
    distance = FrechetTo(real.moments)(samples.moments)
    scores: dict[str, tuple[float, float | None]] = {fid_name: (distance, None)}
    if samples.features is not None and real.features is not None:
        scores[kid_name] = _kid(samples.features, real.features, seed)
    return scores


class _GivenFeatures(nn.Module):
    """Hands features through, so that torchmetrics does not look at the images again."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.num_features = dim

    def forward(self, features: Tensor) -> Tensor:
        return features


def _kid(samples: NDArray[np.float32], real: NDArray[np.float32], seed: int) -> tuple[float, float]:
    from torchmetrics.image.kid import KernelInceptionDistance

    size = min(KID_SUBSET, len(samples), len(real))
    network = _GivenFeatures(real.shape[1])
    metric = KernelInceptionDistance(network, subsets=KID_SUBSETS, subset_size=size)
    metric.update(torch.from_numpy(finite(samples)), real=False)
    metric.update(torch.from_numpy(finite(real)), real=True)
    with seeded(seed_for(seed, "kid")):
        mean, _ = metric.compute()
    return float(mean), KernelTo(real)(samples).error
