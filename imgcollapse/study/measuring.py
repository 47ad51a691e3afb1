"""Scores of images from anywhere against a reference, without a chain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.data.resizing import as_channels, fit_images
from imgcollapse.errors import ConfigError, DataError
from imgcollapse.images import UNLABELLED, HashedImages, ImageSet
from imgcollapse.metrics.distances import POOL, Distance, Distances, Seen
from imgcollapse.metrics.frechet import FrechetTo, Moments
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.metrics.judge_network import FEATURES
from imgcollapse.metrics.label_fidelity import add_label_fidelity
from imgcollapse.metrics.neighbours import duplicate_rate
from imgcollapse.metrics.rows import Rows
from imgcollapse.metrics.share_scores import INITIAL, add_comparisons, add_share_scores
from imgcollapse.metrics.shares import outcome_counts
from imgcollapse.scores import FLOOR, Score
from imgcollapse.seeds import random_for, some_of
from imgcollapse.study.given_images import GivenImages
from imgcollapse.study.reference_parts import split_reference, without_judged, write_judged
from imgcollapse.study.statistics_file import num_features, read_statistics, write_statistics
from imgcollapse.training import Watcher

LEAST_SET = 50


@dataclass(frozen=True)
class Measured:
    """Scores of the samples (generation 0) and of the floor (-1), and who saw them.

    ``began`` (C) counts the reference's images of each class, by their labels or else as the judge
    sees them; None where the reference is statistics only. ``made_of`` are the images of which
    the judge was made here.
    """

    scores: list[Score]
    judge: Judge
    began: NDArray[np.int64] | None
    moments: Moments
    notes: tuple[str, ...]
    made_of: ImageSet | None

    def save(self, folder: Path) -> None:
        """Writes ``judge/``, with hashes of what it was made of, and the reference's moments."""
        (folder / "judge").mkdir()
        self.judge.save(folder / "judge")
        if self.made_of is not None:
            write_judged(self.made_of, folder / "judge")
        write_statistics(folder / "stats.npz", self.moments, str(self.judge.facts["sha256"]))


def measure(
    samples: GivenImages,
    reference: GivenImages,
    *,
    judge: Path | None,
    held_out: Path | None = None,
    steps: int,
    seed: int,
    tstr: bool,
    device: torch.device,
    watcher: Watcher | None = None,
) -> Measured:
    """Every judge-based score of ``samples`` against ``reference``.

    The judge is that of a folder, or is trained on one half of each class of a labelled reference.
    What is left of the reference is halved: one half is compared with, the other, real as well,
    gives the floor; samples and floor are thinned to equal numbers. With real images that the
    generator of the samples did not learn from (``held_out``) there is ``nn_ratio``. A reference
    that is an npz of ``mu`` and ``sigma`` needs a judge and gives the Fréchet distance only.
    """
    known = Judge.load(judge / "judge", device) if judge is not None else None
    if num_features(reference.path) is not None:
        return _against_statistics(samples, reference.path, known, seed)
    side = int(known.facts["network"]["side"]) if known is not None else None
    real, notes = reference.at(side)
    real, notes = _square(real, notes, reference.path)
    drawn, more = samples.at(side)
    notes += more
    if known is not None:
        real, more = _as_seen_by(known, real, str(reference.path))
        notes += more
    whole = HashedImages.of_set(real)
    real = whole
    if judge is not None:
        real, more = without_judged(whole, judge / "judge", str(reference.path))
        notes += more
    parts = split_reference(real, trains_judge=known is None, seed=seed, where=str(reference.path))
    if known is None:
        assert parts.judge is not None
        known = train_judge(parts.judge, seed=seed, device=device, steps=steps, watcher=watcher)
    drawn, more = _as_seen_by(known, drawn, str(samples.path), samples=True)
    notes += more
    num = min(len(drawn), len(parts.floor))
    if num < LEAST_SET:
        few = samples.path if num == len(drawn) else reference.path
        raise DataError(
            f"too few images: {num} are left to score ({few})",
            f"at least {LEAST_SET} are needed, and of the reference about four times as many",
        )
    if num < len(drawn):
        notes.append(f"{num:,} of {len(drawn):,} samples scored, as many as the floor has")
    seen = Seen.by(known, parts.reference)
    labelled = bool((real.labels != UNLABELLED).any())
    began = real.counts() if labelled else outcome_counts(seen.verdicts, len(real.classes))[:-1]
    others, more = _held_out(known, held_out)
    notes += more
    ruler = FolderRuler(
        known,
        Distances(
            {INITIAL: seen},
            held_out=others,
            test=parts.reference if tstr and labelled else None,
            seed=seed,
            device=device,
        ),
        began,
        frozenset(whole.hashes()),
        seed,
    )
    scores = ruler.floor(parts.floor, num, real) + ruler.score(drawn, num)
    moments = ruler.distances.moments(INITIAL)
    return Measured(scores, known, began, moments, tuple(notes), parts.judge)


def _square(images: ImageSet, notes: list[str], where: Path) -> tuple[ImageSet, list[str]]:
    """A judge sees squares: the centre of images that are none."""
    _, height, width = images.image_shape
    if height == width:
        return images, notes
    pixels, more = fit_images(images.images, min(height, width), "antialias", str(where))
    return replace(images, images=pixels), [*notes, *more]


def _held_out(judge: Judge, path: Path | None) -> tuple[Seen | None, list[str]]:
    if path is None:
        return None, []
    images, notes = GivenImages(path, samples=True).at(None)
    images, more = _as_seen_by(judge, images, str(path), samples=True)
    return Seen.by(judge, images), [*notes, *more]


@dataclass(frozen=True)
class FolderRuler:
    """Scores sets of images; ``copies`` are hashes of all images of the reference."""

    judge: Judge
    distances: Distances
    began: NDArray[np.int64]
    copies: frozenset[bytes]
    seed: int

    def score(self, samples: ImageSet, num: int) -> list[Score]:
        """Of ``num`` samples, by a seeded draw."""
        rows, seen = self._shares(samples, num, 0)
        self._add(rows, self.distances(seen, seed=self.seed, pool=self._pool))
        self._add_copies(rows, seen.images, self.copies)
        return rows.scores

    def floor(self, real: ImageSet, num: int, reference: ImageSet) -> list[Score]:
        """Of ``num`` real images, which are part of the reference."""
        rows, seen = self._shares(real, num, FLOOR)
        self._add(rows, self.distances.floor(seen, seed=self.seed, pool=self._pool))
        known = Counter(reference.hashes())
        known.subtract(seen.images.hashes())
        self._add_copies(rows, seen.images, frozenset(one for one in known if known[one] > 0))
        return rows.scores

    @property
    def _pool(self) -> Seen | None:
        """What stands for the samples' pool, where there are held-out images beside it."""
        return self.distances.references[INITIAL] if self.distances.held_out else None

    def _shares(self, images: ImageSet, num: int, generation: int) -> tuple[Rows, Seen]:
        chosen = some_of(len(images), num, random_for(self.seed, "measure thin"))
        verdicts = self.judge.look(images.images[chosen], chosen)
        rows = Rows(generation, num, self.judge.extractor)
        add_comparisons(rows, add_share_scores(rows, verdicts, self.judge, self.seed), self.began)
        add_label_fidelity(rows, images.labels[chosen], verdicts.classes, images.classes)
        thinned = HashedImages.of_set(images[chosen])
        return rows, Seen(thinned, verdicts.classes, verdicts.features)

    def _add(self, rows: Rows, distances: list[Distance]) -> None:
        for one in distances:
            if (one.metric, one.reference) != ("duplicate_rate", POOL):
                rows.add_as_is(one.metric, one.value, one.low, one.high, one.class_, one.reference)

    def _add_copies(self, rows: Rows, images: ImageSet, known: frozenset[bytes]) -> None:
        rows.add_estimate("duplicate_rate", duplicate_rate(images.hashes(), known), INITIAL)


def _against_statistics(
    samples: GivenImages, reference: Path, judge: Judge | None, seed: int
) -> Measured:
    if judge is None:
        raise ConfigError(
            f"statistics alone train no judge ({reference})",
            "give --judge RUN whose features they are",
        )
    moments, signed = read_statistics(reference, FEATURES, str(judge.facts["sha256"]))
    drawn, notes = samples.at(None)
    drawn, more = _as_seen_by(judge, drawn, str(samples.path), samples=True)
    if len(drawn) < 2:
        raise DataError(f"a distance needs two images or more ({samples.path})")
    if not signed:
        notes.append(f"mu and sigma are taken to be of this judge's features ({reference})")
    verdicts = judge.look(drawn.images)
    rows = Rows(0, len(drawn), judge.extractor)
    add_share_scores(rows, verdicts, judge, seed)
    add_label_fidelity(rows, drawn.labels, verdicts.classes, drawn.classes)
    distance = FrechetTo(moments)(Moments.of(verdicts.features))
    rows.add_as_is("fd_judge", distance, None, None, reference=INITIAL)
    return Measured(rows.scores, judge, None, moments, (*notes, *more), None)


def _as_seen_by(
    judge: Judge, images: ImageSet, where: str, *, samples: bool = False
) -> tuple[ImageSet, list[str]]:
    """The images at the side and with the channels and classes that a judge knows.

    Labels of ``samples`` that do not go with its classes are dropped, as all but two scores do
    without them; those of a reference are an error.
    """
    network: dict[str, Any] = judge.facts["network"]
    classes: Sequence[str] = judge.facts["classes"]
    pixels, notes = as_channels(images.images, int(network["channels"]), where)
    pixels, more = fit_images(pixels, int(network["side"]), "antialias", where)
    labels = images.labels
    if (labels != UNLABELLED).any() and tuple(classes) != images.classes:
        if set(images.classes) <= set(classes):
            places = np.array([classes.index(name) for name in images.classes], np.int64)
            labels = np.where(labels == UNLABELLED, UNLABELLED, places[labels])
        elif len(images.classes) == len(classes) or (
            samples and _are_numbers(images.classes) and len(images.classes) < len(classes)
        ):
            notes.append(f"class numbers are taken to be those of the judge ({where})")
        elif samples:
            labels = np.full(len(images), UNLABELLED)
            notes.append(f"labels are not the judge's classes and are left aside ({where})")
        else:
            raise DataError(
                f"its {len(images.classes)} classes are not the judge's {len(classes)} ({where})",
                "give images of the same classes, or without labels",
            )
    fitted = replace(images, images=pixels, labels=labels, classes=tuple(classes))
    return fitted, [*notes, *more]


def _are_numbers(classes: Sequence[str]) -> bool:
    return tuple(classes) == tuple(str(number) for number in range(len(classes)))
