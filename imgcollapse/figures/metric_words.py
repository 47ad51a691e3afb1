"""Metrics in words: what an axis or the head of a column says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["up", "down", ""]
MINUS = "\N{MINUS SIGN}"


def percent_of(share: float) -> str:
    """A share as an axis has it: 5 %, −2.5 %."""
    return f"{100 * share or 0.0:.3g} %".replace("-", MINUS)


@dataclass(frozen=True)
class Metric:
    """A score of the whole set, what it compares with, its words, and whether it is a part of 1.

    ``better`` says which way is better where that can be said of a number alone.
    """

    name: str
    reference: str
    words: str
    is_share: bool = False
    better: Better = ""

    def shown(self, value: float) -> str:
        """A value as an axis has it."""
        return percent_of(value) if self.is_share else f"{value or 0.0:g}".replace("-", MINUS)


TAIL = Metric("tail_share", "initial", "tail share", True)
REJECT = Metric("reject", "", "rejected", True, "down")
DISTANCE = Metric("fd_judge", "initial", "Fréchet distance", False, "down")
FID = Metric("fid", "initial", "FID (Inception)", False, "down")
ALIVE = Metric("classes_alive", "initial", "classes alive")
RECALL = Metric("recall", "initial", "recall", True, "up")
PRECISION = Metric("precision", "initial", "precision", True, "up")
EFFECTIVE = Metric("effective_classes", "", "effective classes")
USUAL = (TAIL, REJECT, DISTANCE, ALIVE, RECALL, EFFECTIVE)
"""What policies are compared by."""
KNOWN = (
    *USUAL, PRECISION, FID,
    Metric("crowding", "initial", "crowding"),
    Metric("total_variation", "initial", "total variation", True, "down"),
    Metric("density", "initial", "density"),
    Metric("coverage", "initial", "coverage", True, "up"),
    Metric("kid", "initial", "KID (Inception)", False, "down"),
    Metric("kid_judge", "initial", "kernel distance", False, "down"),
    Metric("fd_judge_inf", "initial", "Fréchet distance, n → ∞", False, "down"),
    Metric("nn_ratio", "pool", "nearest-neighbour ratio"),
    Metric("duplicate_rate", "pool", "copies of the pool", True, "down"),
    Metric("vendi", "", "Vendi score"),
    Metric("tstr_accuracy", "", "accuracy, trained on samples", True, "up"),
    Metric("label_fidelity", "", "label fidelity", True, "up"),
    Metric("hill_0", "", "classes seen"),
    Metric("hill_2", "", "effective classes (Simpson)"),
)  # fmt: skip


def metric_of(name: str, reference: str) -> Metric:
    """The words of a metric; of one that has none, its name."""
    for one in KNOWN:
        if one.name == name:
            other = f", to {reference}" if reference not in ("", one.reference) else ""
            return Metric(name, reference, one.words + other, one.is_share, one.better)
    return Metric(name, reference, name.replace("_", " ") + (f", {reference}" if reference else ""))
