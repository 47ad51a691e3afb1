"""Scores of images from anywhere against a reference, without a chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.data.formats import read_images
from imgcollapse.data.resizing import as_channels, fit_images
from imgcollapse.errors import ConfigError, DataError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.distances import Distances, Seen
from imgcollapse.metrics.frechet import FrechetTo, Moments
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.metrics.judge_network import FEATURES
from imgcollapse.metrics.rows import Rows
from imgcollapse.metrics.share_scores import INITIAL, add_comparisons, add_share_scores
from imgcollapse.metrics.shares import outcome_counts
from imgcollapse.scores import FLOOR, Score
from imgcollapse.seeds import random_for, some_of
from imgcollapse.study.statistics_file import num_features, read_statistics, write_statistics
from imgcollapse.training import Watcher

MOST_PER_CLASS = 1000
FEWEST = 15
LEAST_SET = 50


@dataclass(frozen=True)
class Parts:
    """A reference in parts: what trains a judge, if one is to be trained, what is compared with,
    and what stands in for samples to give the floor."""

    judge: ImageSet | None
    reference: ImageSet
    floor: ImageSet


@dataclass(frozen=True)
class Measured:
    """Scores of the samples (generation 0) and of the floor (-1), and who saw them.

    ``began`` (C) counts the reference's images of each class, by their labels or else as the judge
    sees them; None where the reference is statistics only.
    """

    scores: list[Score]
    judge: Judge
    began: NDArray[np.int64] | None
    moments: Moments
    notes: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Writes ``judge/`` and ``stats.npz``, the moments of the reference."""
        (folder / "judge").mkdir()
        self.judge.save(folder / "judge")
        write_statistics(folder / "stats.npz", self.moments, str(self.judge.facts["sha256"]))


def measure(
    samples: Path,
    reference: Path,
    *,
    judge: Path | None,
    steps: int,
    seed: int,
    tstr: bool,
    device: torch.device,
    watcher: Watcher | None = None,
) -> Measured:
    """Every judge-based score of ``samples`` against ``reference``.

    The judge is that of a run, or is trained on one half of each class of a labelled reference.
    What is left of the reference is halved: one half is compared with, the other, real as well,
    gives the floor; samples and floor are thinned to equal numbers. A reference that is an npz of
    ``mu`` and ``sigma`` needs a judge and gives the Fréchet distance only.
    """
    known = Judge.load(judge / "judge", device) if judge is not None else None
    if num_features(reference) is not None:
        return _against_statistics(samples, reference, known, seed)
    real, notes = read_images(reference, image_size=None, how="antialias")
    if known is not None:
        real, more = _as_seen_by(known, real, str(reference))
        notes += more
    drawn, more = read_images(samples, image_size=None, how="antialias")
    parts = _parts(real, known, seed, str(reference))
    if known is None:
        assert parts.judge is not None
        known = train_judge(parts.judge, seed=seed, device=device, steps=steps, watcher=watcher)
    drawn, fitted = _as_seen_by(known, drawn, str(samples))
    notes += [*more, *fitted]
    num = min(len(drawn), len(parts.floor))
    if num < LEAST_SET:
        few = samples if num == len(drawn) else reference
        raise DataError(
            f"too few images: {num} are left to score ({few})",
            f"at least {LEAST_SET} are needed, and of the reference about four times as many",
        )
    if num < len(drawn):
        notes.append(f"{num:,} of {len(drawn):,} samples scored, as many as the floor has")
    seen = Seen.by(known, parts.reference)
    labelled = bool((real.labels != UNLABELLED).any())
    began = real.counts() if labelled else outcome_counts(seen.verdicts, len(real.classes))[:-1]
    distances = Distances(
        {INITIAL: seen}, test=parts.reference if tstr and labelled else None, seed=seed,
        device=device,
    )  # fmt: skip
    scores = _scored(known, distances, _thinned(parts.floor, num, seed), began, FLOOR, seed)
    scores += _scored(known, distances, _thinned(drawn, num, seed), began, 0, seed)
    return Measured(scores, known, began, distances.moments(INITIAL), tuple(notes))


def _scored(
    judge: Judge,
    distances: Distances,
    images: ImageSet,
    began: NDArray[np.int64],
    generation: int,
    seed: int,
) -> list[Score]:
    verdicts = judge.look(images.images)
    rows = Rows(generation, len(images), judge.extractor)
    add_comparisons(rows, add_share_scores(rows, verdicts, judge, seed), began)
    seen = Seen(images, verdicts.classes, verdicts.features)
    compare = distances.floor if generation == FLOOR else distances
    for one in compare(seen, seed=seed):
        rows.add_as_is(one.metric, one.value, one.low, one.high, one.class_, one.reference)
    return rows.scores


def _against_statistics(samples: Path, reference: Path, judge: Judge | None, seed: int) -> Measured:
    if judge is None:
        raise ConfigError(
            f"statistics alone train no judge ({reference})",
            "give --judge RUN whose features they are",
        )
    moments, signed = read_statistics(reference, FEATURES, str(judge.facts["sha256"]))
    drawn, notes = read_images(samples, image_size=None, how="antialias")
    drawn, more = _as_seen_by(judge, drawn, str(samples))
    if not signed:
        notes.append(f"mu and sigma are taken to be of this judge's features ({reference})")
    verdicts = judge.look(drawn.images)
    rows = Rows(0, len(drawn), judge.extractor)
    add_share_scores(rows, verdicts, judge, seed)
    distance = FrechetTo(moments)(Moments.of(verdicts.features))
    rows.add_as_is("fd_judge", distance, None, None, reference=INITIAL)
    return Measured(rows.scores, judge, None, moments, (*notes, *more))


def _parts(real: ImageSet, judge: Judge | None, seed: int, where: str) -> Parts:
    order = random_for(seed, "measure").permutation(len(real))
    if judge is not None:
        return Parts(None, real[order[::2]], real[order[1::2]])
    counts = real.counts()
    if (real.labels == UNLABELLED).all() or len(counts) < 2:
        raise DataError(
            f"a judge needs labelled images of two classes or more ({where})",
            "give --judge RUN, or a reference with labels",
        )
    rarest = int(counts.argmin())
    per_class = min(MOST_PER_CLASS, int(counts[rarest]) // 2)
    if per_class < FEWEST:
        raise DataError(
            f"too few images of class {real.classes[rarest]}: a judge needs {2 * FEWEST} of each, "
            f"there are {counts[rarest]} ({where})",
            "give --judge RUN, or more images of it",
        )
    for_judge, rest = [], []
    for label, count in enumerate(counts):
        members = order[real.labels[order] == label]
        half = int(count) // 2
        for_judge.append(members[:half][:per_class])
        rest.append(members[half:])
    left = random_for(seed, "measure rest").permutation(np.concatenate(rest))
    return Parts(real[np.concatenate(for_judge)], real[left[::2]], real[left[1::2]])


def _as_seen_by(judge: Judge, images: ImageSet, where: str) -> tuple[ImageSet, list[str]]:
    """The images at the side and with the channels and classes that a judge knows."""
    network: dict[str, Any] = judge.facts["network"]
    classes: Sequence[str] = judge.facts["classes"]
    pixels, notes = as_channels(images.images, int(network["channels"]), where)
    pixels, more = fit_images(pixels, int(network["side"]), "antialias", where)
    labels = images.labels
    if (labels != UNLABELLED).any() and tuple(classes) != images.classes:
        if set(images.classes) <= set(classes):
            places = np.array([classes.index(name) for name in images.classes], np.int64)
            labels = np.where(labels == UNLABELLED, UNLABELLED, places[labels])
        elif len(images.classes) == len(classes):
            notes.append(f"class numbers are taken to be those of the judge ({where})")
        else:
            raise DataError(
                f"its {len(images.classes)} classes are not the judge's {len(classes)} ({where})",
                "give images of the same classes, or without labels",
            )
    fitted = replace(images, images=pixels, labels=labels, classes=tuple(classes))
    return fitted, [*notes, *more]


def _thinned(images: ImageSet, num: int, seed: int) -> ImageSet:
    return images[some_of(len(images), num, random_for(seed, "measure thin"))]
