"""The judge: a frozen classifier that gives classes, features, and says when it sees no class."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imgcollapse.errors import CorruptError, DataError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.calibration import (
    best_temperature,
    calibrated,
    calibration_error,
    lowest_visible_share,
)
from imgcollapse.metrics.disturbing import shift, soften
from imgcollapse.metrics.features import finite
from imgcollapse.metrics.fit import HeldOut
from imgcollapse.metrics.judge_network import (
    FEATURES,
    JudgeNetwork,
    classification_loss,
    classifier_recipe,
    fresh_network,
)
from imgcollapse.metrics.shares import outcome_counts
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.training import Checkpoint, Task, Watcher, train

ROWS = {"cpu": 128, "cuda": 4096}
"""Images that a judge sees at once. Two cores look at 28×28 twice as fast by 128 as by 512."""
HELD_OUT = 0.3
REJECT_QUANTILE = 0.01


@dataclass(frozen=True)
class Verdicts:
    """What the judge says of N images, all on the host.

    ``classes`` (int64 N) has ``UNLABELLED`` for rejects and ``nearest`` the likeliest class even
    then; ``features`` is float32 N×96 and ``probabilities`` float64 N×C, calibrated for classes
    that are equally common. ``unsureness`` is one minus the likeliest class's probability and
    ``strangeness`` the squared Mahalanobis distance to the nearest class, both float64 N.
    """

    classes: NDArray[np.int64]
    nearest: NDArray[np.int64]
    features: NDArray[np.float32]
    probabilities: NDArray[np.float64]
    unsureness: NDArray[np.float64]
    strangeness: NDArray[np.float64]


class Judge:
    """Frozen once made; ``facts`` is what ``judge.json`` records."""

    def __init__(
        self, network: JudgeNetwork, tensors: dict[str, Tensor], facts: dict[str, Any]
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.tensors = tensors
        self.facts = facts

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @property
    def extractor(self) -> str:
        """The short hash that names the feature network in every score."""
        return str(self.facts["sha256"])[:12]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Held-out real images by true class (rows) and verdict (columns; rejects last)."""
        return np.array(self.facts["confusion"], np.int64)

    @property
    def held(self) -> HeldOut:
        """How the held-out real images were seen."""
        return HeldOut(
            labels=self.tensors["held_labels"].numpy(),
            unsureness=self.tensors["held_unsureness"].numpy(),
            strangeness=self.tensors["held_strangeness"].numpy(),
        )

    @torch.inference_mode()
    def look(self, images: NDArray[np.uint8], numbers: NDArray[np.int64] | None = None) -> Verdicts:
        """Verdicts on uint8 N×C×H×W.

        NumericalError names an image whose features are not finite, by its place or by ``numbers``.
        """
        features, logits = _outputs(self.network, images, None)
        finite(features, numbers)
        probabilities = calibrated(logits, self.facts["temperature"])
        verdicts = Verdicts(
            classes=logits.argmax(1),
            nearest=logits.argmax(1),
            features=features,
            probabilities=probabilities,
            unsureness=1 - probabilities.max(1),
            strangeness=_strangeness(features, self.tensors),
        )
        rejected = (verdicts.strangeness > self.facts["max_strangeness"]) | (
            verdicts.unsureness > self.facts["max_unsureness"]
        )
        verdicts.classes[rejected] = UNLABELLED
        return verdicts

    def save(self, folder: Path) -> None:
        """Writes ``model.safetensors`` and ``judge.json`` into an existing folder."""
        weights = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors = {
            name: value.cpu().contiguous() for name, value in (weights | self.tensors).items()
        }
        save_file(tensors, str(folder / "model.safetensors"))
        text = json.dumps(self.facts, indent=1) + "\n"
        (folder / "judge.json").write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, device: torch.device) -> Judge:
        """Reads a judge; CorruptError if it does not have the recorded hash."""
        try:
            facts = json.loads((folder / "judge.json").read_text(encoding="utf-8"))
            tensors = load_file(str(folder / "model.safetensors"))
            network = JudgeNetwork(**facts["network"])
            prefix = "network."
            network.load_state_dict(
                {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
            )
            others = {n: tensor for n, tensor in tensors.items() if not n.startswith(prefix)}
            if facts["sha256"] != _sha256(network, others, facts):
                raise ValueError("it is not the one that was frozen")
        except Exception as error:
            raise CorruptError(
                f"the judge cannot be loaded ({folder}): {error}",
                "scores of different judges cannot be compared: start the run anew",
            ) from error
        return cls(network.to(device), others, facts)


def train_judge(
    images: ImageSet,
    *,
    seed: int,
    device: torch.device,
    steps: int,
    watcher: Watcher | None = None,
    checkpoint: Checkpoint | None = None,
) -> Judge:
    """Trains, calibrates and freezes a judge on balanced real images that no chain trains on.

    Seven tenths of each class train it, with blur and noise; the rest, held out, gives accuracy,
    confusion, temperature (Guo et al. 2017) and the thresholds beyond which an image shows no
    class: one in a hundred held-out real images, as they are or softened, is rejected, for its
    confidence or for its features' distance from every class (Lee et al. 2018).
    """
    fitting, held = _hold_out(images, seed)
    network = fresh_network(images, seed_for(seed, "init")).to(device)

    def prepare(items: Tensor, labels: Tensor, random: torch.Generator) -> tuple[Tensor, ...]:
        return soften(shift(_to_floats(items), random), random), labels

    train(
        Task(
            network,
            None,
            prepare,
            classification_loss,
            torch.from_numpy(fitting.images).to(device),
            torch.from_numpy(fitting.labels).to(device),
            classifier_recipe(steps, warmup_steps=30),
            seed=seed,
            watcher=watcher,
            checkpoint=checkpoint,
            where="judge",
        )
    )
    return _calibrate(network.eval(), fitting, held, seed, steps)


def _hold_out(images: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    order = random_for(seed, "hold out").permutation(len(images))
    rank = np.empty(len(images), np.int64)
    for label in range(len(images.classes)):
        members = order[images.labels[order] == label]
        rank[members] = np.arange(len(members))
    held = rank < np.ceil(HELD_OUT * images.counts())[images.labels]
    return images[~held], images[held]


@torch.inference_mode()
def _calibrate(
    network: JudgeNetwork, fitting: ImageSet, held: ImageSet, seed: int, steps: int
) -> Judge:
    device = next(network.parameters()).device
    random = torch.Generator(device).manual_seed(seed_for(seed, "soften"))
    features, _ = _outputs(network, fitting.images, None)
    clean, logits = _outputs(network, held.images, None)
    soft, soft_logits = _outputs(network, held.images, random)
    temperature = best_temperature(logits, held.labels)
    tensors = _class_gaussians(features, fitting.labels, len(held.classes))
    strange = _strangeness(np.concatenate([clean, soft]), tensors)
    unsure = 1 - calibrated(np.concatenate([logits, soft_logits]), temperature).max(1)
    facts: dict[str, Any] = {
        "classes": list(held.classes),
        "network": network.settings,
        "steps": steps,
        "num_fitting": len(fitting),
        "num_held_out": len(held),
        "temperature": temperature,
        "max_strangeness": float(np.quantile(strange, 1 - REJECT_QUANTILE / 2)),
        "max_unsureness": float(np.quantile(unsure, 1 - REJECT_QUANTILE / 2)),
    }
    judge = Judge(network, tensors, facts)
    verdicts = judge.look(held.images)
    tensors["held_labels"] = torch.from_numpy(held.labels)
    tensors["held_unsureness"] = torch.from_numpy(verdicts.unsureness)
    tensors["held_strangeness"] = torch.from_numpy(verdicts.strangeness)
    confusion = np.stack(
        [
            outcome_counts(verdicts.classes[held.labels == label], len(held.classes))
            for label in range(len(held.classes))
        ]
    )
    right = verdicts.nearest == held.labels
    confidence = 1 - verdicts.unsureness
    facts["confusion"] = confusion.tolist()
    facts["accuracy"] = float(right.mean())
    facts["calibration_error"] = calibration_error(confidence, right)
    facts["false_reject"] = float(confusion[:, -1].sum() / len(held))
    facts["lowest_visible_share"] = lowest_visible_share(confusion).tolist()
    facts["sha256"] = _sha256(network, tensors, facts)
    return judge


def _outputs(
    network: JudgeNetwork, images: NDArray[np.uint8], random: torch.Generator | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features and logits, softened first with random numbers if there are any."""
    device = next(network.parameters()).device
    rows = ROWS[device.type]
    features = torch.empty(len(images), FEATURES, device=device)
    logits = torch.empty(len(images), network.head.out_features, device=device)
    for start in range(0, len(images), rows):
        where = slice(start, start + rows)
        x = _to_floats(torch.from_numpy(images[where]).to(device))
        features[where] = network.features(x if random is None else soften(x, random))
        logits[where] = network.head(features[where])
    return features.cpu().numpy(), logits.cpu().numpy()


def _class_gaussians(
    features: NDArray[np.float32], labels: NDArray[np.int64], num_classes: int
) -> dict[str, Tensor]:
    """Class means and the root of the precision that the classes share, for Mahalanobis."""
    wide = features.astype(np.float64)
    means = np.stack([wide[labels == label].mean(0) for label in range(num_classes)])
    within = wide - means[labels]
    covariance = within.T @ within / len(within)
    values, vectors = np.linalg.eigh(covariance)
    if values.max() <= 0:
        raise DataError("the images of each class are all alike, so a judge learns nothing")
    floor = 1e-3 * values.mean()
    return {
        "class_means": torch.from_numpy(means),
        "whitening": torch.from_numpy(vectors / np.sqrt(np.maximum(values, floor))),
    }


def _strangeness(features: NDArray[np.float32], tensors: dict[str, Tensor]) -> NDArray[np.float64]:
    """Squared Mahalanobis distance to the nearest class mean."""
    whitening = tensors["whitening"].numpy()
    at = features.astype(np.float64) @ whitening
    means = tensors["class_means"].numpy() @ whitening
    squares = (at**2).sum(1)[:, None] + (means**2).sum(1) - 2 * at @ means.T
    nearest: NDArray[np.float64] = squares.min(1)
    return nearest


def _sha256(network: nn.Module, tensors: dict[str, Tensor], facts: dict[str, Any]) -> str:
    others = {name: value for name, value in facts.items() if name != "sha256"}
    digest = hashlib.sha256(json.dumps(others).encode())
    for name, value in sorted((network.state_dict() | tensors).items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _to_floats(images: Tensor) -> Tensor:
    """uint8 to [-1, 1], in the plain order of axes: another one gives other last digits."""
    floats = torch.empty(images.shape, device=images.device).copy_(images)
    return floats.div_(127.5).sub_(1)
