"""The scores that a report shows, in words and in their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from imgcollapse.scores import percent


@dataclass(frozen=True)
class NamedScore:
    """A score of the whole set; ``corrected`` ones are made of shares that ``share_fit`` judges."""

    metric: str
    reference: str
    title: str
    says: str
    kind: Literal["share", "number", "count"] = "number"
    corrected: bool = False

    @property
    def key(self) -> str:
        return f"{self.metric} {self.reference}".strip()


SHOWN = (
    NamedScore(
        "tail_share", "initial", "Tail share", "the rarer half of the classes, together",
        kind="share", corrected=True,
    ),
    NamedScore("reject", "", "Rejects", "images that the judge takes for no class", kind="share"),
    NamedScore(
        "fd_judge", "initial", "Fréchet distance",
        "to real images at the initial shares; low is near",
    ),
    NamedScore(
        "classes_alive", "initial", "Classes alive", "not lost; the lower limit: surely alive",
        kind="count", corrected=True,
    ),
    NamedScore(
        "effective_classes", "", "Effective classes", "exp of the entropy of the shares",
        corrected=True,
    ),
    NamedScore(
        "total_variation", "initial", "Total variation", "of the shares to the initial ones",
        kind="share", corrected=True,
    ),
    NamedScore(
        "precision", "initial", "Precision", "part of the samples among real images", kind="share"
    ),
    NamedScore(
        "recall", "initial", "Recall", "part of the real images among samples", kind="share"
    ),
    NamedScore("density", "initial", "Density", "how densely real images surround samples"),
    NamedScore(
        "coverage", "initial", "Coverage", "part of the real images with a sample near",
        kind="share",
    ),
    NamedScore("vendi", "", "Vendi score", "effective number of different images"),
    NamedScore(
        "nn_ratio", "pool", "Nearest neighbours",
        "distance to the pool over that to unseen real images; below 1: copies",
    ),
    NamedScore("duplicate_rate", "pool", "Copies of the pool", "part of the samples", kind="share"),
    NamedScore("crowding", "initial", "Crowding", "above 0, common classes crowd out rare ones"),
    NamedScore(
        "share_fit", "", "Misfit of the shares", "above 1, images do not look like their classes"
    ),
    NamedScore(
        "label_fidelity", "", "Label fidelity", "the judge sees the class that was asked for",
        kind="share",
    ),
    NamedScore(
        "tstr_accuracy", "", "Train on samples, test on real", "accuracy of a classifier",
        kind="share",
    ),
    NamedScore("kid_judge", "initial", "Kernel distance", "on judge features; low is near"),
    NamedScore(
        "radioactivity", "", "Radioactivity", "mark of the generation before, in unmarked samples"
    ),
)  # fmt: skip
"""Those that are drawn as charts; other scores of the whole set are only in a table."""

HEADLINES = ("tail_share initial", "reject", "fd_judge initial", "classes_alive initial")


def worded(value: float, kind: str) -> str:
    """A score as a reader wants it: a share as per cent, a count whole, else three digits."""
    if kind == "share":
        return percent(value) if value >= 0 else f"−{percent(-value)}"
    if kind == "count":
        return f"{value:.0f}"
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    text = f"{size:,.{digits}f}"
    return f"−{text}" if value < 0 and float(text.replace(",", "")) else text


def with_limits(value: float, low: float | None, high: float | None, kind: str) -> str:
    """A score and its interval: ``13.8 (12.6 to 15.0)``."""
    if low is None or high is None:
        return worded(value, kind)
    return f"{worded(value, kind)} ({worded(low, kind)} to {worded(high, kind)})"
