"""The images of a reference: what trains a judge, what is compared with, what gives the floor."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imgcollapse.errors import DataError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.store.run_directory import read_npz, write_npz

MOST_PER_CLASS = 1000
FEWEST = 15
JUDGED = "images.npz"


@dataclass(frozen=True)
class Parts:
    """A reference in parts: what trains a judge, if one is to be trained, what is compared with,
    and what stands in for samples to give the floor."""

    judge: ImageSet | None
    reference: ImageSet
    floor: ImageSet


class NoJudge(DataError):
    """The reference cannot train a judge, and none was given."""


def split_reference(real: ImageSet, *, trains_judge: bool, seed: int, where: str) -> Parts:
    """Halves of the images, after half of each class was set aside for a judge to be trained.

    NoJudge where the images have no labels, DataError where a class has too few.
    """
    if not trains_judge:
        return Parts(None, *_halves(real, seed))
    order = random_for(seed, "measure").permutation(len(real))
    counts = real.counts()
    if (real.labels == UNLABELLED).all() or len(counts) < 2:
        raise NoJudge(
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
    return Parts(real[np.concatenate(for_judge)], *_halves(real[np.concatenate(rest)], seed))


def _halves(real: ImageSet, seed: int) -> tuple[ImageSet, ImageSet]:
    """Two halves that depend on the images alone, so that a judge used again meets the same."""
    key = seed_for(seed, "halves").to_bytes(8, "big")
    places = [hashlib.blake2b(one, key=key, digest_size=8).digest() for one in real.hashes()]
    order = sorted(range(len(real)), key=places.__getitem__)
    return real[order[::2]], real[order[1::2]]


def write_judged(images: ImageSet, folder: Path) -> None:
    """Hashes of what a judge was made of, beside it."""
    hashes = np.frombuffer(b"".join(images.hashes()), np.uint8)
    write_npz(folder / JUDGED, hashes=hashes.reshape(len(images), -1))


def without_judged(real: ImageSet, folder: Path, where: str) -> tuple[ImageSet, list[str]]:
    """Without the images that a judge of ``measure`` was made of: it knows them too well."""
    path = folder / JUDGED
    if not path.is_file():
        return real, []
    (hashes,) = read_npz(path, "hashes")
    judged = {row.tobytes() for row in hashes}
    kept = np.array([one not in judged for one in real.hashes()], bool)
    if kept.all():
        return real, []
    if not kept.any():
        raise DataError(
            f"the judge was made of all these images ({where})", "give other real images"
        )
    note = f"{(~kept).sum():,} images that the judge was made of are left out ({where})"
    return real[kept], [note]
