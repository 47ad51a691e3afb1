"""Splits of the real images, disjoint by content: pool, judge, reference, and the floor's."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.config_file import data_root, expand
from imgcollapse.data.formats import read_images
from imgcollapse.data.fresh import FreshDogs, FreshImages, distinct_from
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.data.profile import counts_by_class
from imgcollapse.data.sources import load_source
from imgcollapse.errors import ConfigError, DataError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.seeds import random_for, seed_for

KENNEL_SIZE = 32
KENNEL_JUDGE, KENNEL_REFERENCE = 500, 250
AMPLE = 300
MOST = 1000
FEWEST = 15


@dataclass(frozen=True)
class Splits:
    """Real images in disjoint parts.

    ``pool`` is what generation 0 trains on; ``judge`` trains and calibrates the judge and
    ``reference`` is what scores compare with, both balanced; ``floor`` is a held-out draw at the
    pool's shares, its class counts multinomial as those of samples are, that gives the floor of
    the scores: as many images as are scored each generation where the source is unlimited, else
    as many as are left. ``fresh`` gives the new real images of a generation, where the policy
    asks for them; ``rest_sha256`` stands for the images that a finite source has left for it.
    """

    pool: ImageSet
    judge: ImageSet
    reference: ImageSet
    floor: ImageSet
    notes: tuple[str, ...] = ()
    fresh: Callable[[int], ImageSet] | None = None
    rest_sha256: str | None = None

    def parts(self) -> dict[str, ImageSet]:
        return {name: getattr(self, name) for name in ("pool", "judge", "reference", "floor")}


def make_splits(config: Config) -> Splits:
    """Loads or draws the real images of a config and splits them.

    Raises DataError where a class has too few images, naming the class and both counts, also
    where fresh images would run out in some generation.
    """
    if config.profile.kind == "as-is":
        splits = _as_is(config)
    elif config.data.source == "kennel":
        splits = _kennel(config)
    else:
        splits = _finite(config)
    assert_disjoint(splits)
    sizes = ", ".join(f"{name} {len(part):,}" for name, part in splits.parts().items())
    return replace(splits, notes=(*splits.notes, f"real images: {sizes}, no image in two of them"))


def assert_disjoint(splits: Splits) -> None:
    """DataError if an image, by its content, is in two of the splits."""
    hashes = {name: set(part.hashes()) for name, part in splits.parts().items()}
    for one, other in itertools.combinations(hashes, 2):
        shared = len(hashes[one] & hashes[other])
        if shared:
            raise DataError(
                f"{shared} images are both in the {one} and in the {other} split",
                "give sources that do not overlap; a judge is never trained on a pool",
            )


def _kennel(config: Config) -> Splits:
    size = config.data.image_size or KENNEL_SIZE
    per_judge = config.data.judge_per_class or KENNEL_JUDGE
    per_reference = config.data.reference_per_class or KENNEL_REFERENCE
    pool_counts = counts_by_class(config.profile, BREEDS, config.seed)
    floor_counts = random_for(config.seed, "floor").multinomial(
        config.scores.num_images, pool_counts / pool_counts.sum()
    )

    def part(name: str, counts: Sequence[int] | NDArray[np.int64]) -> ImageSet:
        seed = seed_for(config.seed, "kennel", name)
        drawn = [
            draw_many(breed, range(int(num)), seed=seed, size=size)
            for breed, num in enumerate(counts)
        ]
        labels = np.repeat(np.arange(len(BREEDS)), counts)
        return ImageSet.of(np.concatenate(drawn), labels, BREEDS)

    return Splits(
        pool=part("pool", pool_counts),
        judge=part("judge", [per_judge] * len(BREEDS)),
        reference=part("reference", [per_reference] * len(BREEDS)),
        floor=part("floor", floor_counts),
        fresh=FreshDogs(config, pool_counts, size) if config.policy.real == "fresh" else None,
    )


def _finite(config: Config) -> Splits:
    data = config.data
    source = load_source(
        data.source,
        root=data_root(data),
        image_size=data.image_size,
        how=data.resize,
        download=data.download,
    )
    train, notes = _distinct(source.train, "the source's training images")
    test = source.test
    if test is not None:
        test, more = _distinct(test, "the source's test images", but=train)
        notes += more
    wanted = counts_by_class(config.profile, train.classes, config.seed)
    held = train.counts()
    for name, need, have in zip(train.classes, wanted, held, strict=True):
        if need > have:
            raise DataError(
                f"too few images of class {name}: the profile asks for {need}, "
                f"{data.source} holds {have}",
                "lower profile.num_max or change profile.ranks",
            )
    shelf = _Shelf(train, config.seed, "train")
    pool = shelf.take(wanted)
    second = _Shelf(test, config.seed, "test") if test is not None else shelf
    rest, spare = int(shelf.left().min()), int(second.left().min())
    if second is not shelf and rest >= AMPLE:
        judge_shelf, for_judge, for_reference = shelf, rest // 2, spare // 2
    else:
        judge_shelf, for_judge, for_reference = second, spare // 2, spare // 4
    per_judge = data.judge_per_class or min(MOST, for_judge)
    per_reference = data.reference_per_class or min(MOST, for_reference)
    judge = judge_shelf.balanced(per_judge, "the judge")
    reference = second.balanced(per_reference, "the reference")
    shelves = [shelf] if second is shelf else [shelf, second]
    floor = _like(wanted, config.seed, *shelves)
    splits = Splits(pool, judge, reference, floor, (*source.notes, *notes))
    return _with_rest(splits, config, shelves)


def _with_rest(splits: Splits, config: Config, shelves: Sequence[_Shelf]) -> Splits:
    """The splits with what they leave on the shelves: its hash, and its use for fresh images."""
    digest = hashlib.sha256(b"".join(content for one in shelves for content in one.left_hashes()))
    splits = replace(splits, rest_sha256=digest.hexdigest())
    if config.policy.real != "fresh":
        return splits
    rest = [one.take(one.left()) for one in shelves]
    stock = distinct_from(rest[0].concat(*rest[1:]), splits.parts().values())
    fresh = FreshImages(config, splits.pool.counts(), stock)
    fresh.refuse_to_run_out()
    return replace(splits, fresh=fresh)


def _distinct(
    images: ImageSet, what: str, but: ImageSet | None = None
) -> tuple[ImageSet, list[str]]:
    """The labelled images without later copies of one, or of one in ``but``, and what was left out.

    Raises DataError where fewer than two classes are left.
    """
    notes = []
    labelled = images.labels != UNLABELLED
    if not labelled.all():
        notes.append(f"{int((~labelled).sum()):,} images without a class left out of {what}")
        images = images[labelled]
    distinct = distinct_from(images, [] if but is None else [but])
    if copies := len(images) - len(distinct):
        notes.append(f"{copies:,} exact copies left out of {what}")
    if np.count_nonzero(distinct.counts()) < 2:
        raise DataError(
            f"{what} show fewer than two classes",
            "the lab follows classes: give labelled images of two or more",
        )
    return distinct, notes


def _like(wanted: NDArray[np.int64], seed: int, *shelves: _Shelf) -> ImageSet:
    """A multinomial draw at the shares of ``wanted``, as large as what is left allows.

    Where some class has nearly nothing left, the others are not cut down to it.
    """
    available = np.sum([one.left() for one in shelves], axis=0)
    asked = wanted > 0
    ratios = np.minimum(1.0, available[asked] / wanted[asked])
    part = float(ratios.min())
    if part * wanted.sum() < FEWEST * asked.sum():
        part = float(np.median(ratios))
    num = int(part * wanted.sum())
    counts = random_for(seed, "floor").multinomial(num, wanted / wanted.sum())
    counts = np.minimum(available, counts)
    drawn = []
    for shelf in shelves:
        now = np.minimum(counts, shelf.left())
        drawn.append(shelf.take(now))
        counts = counts - now
    return drawn[0].concat(*drawn[1:])


def _as_is(config: Config) -> Splits:
    data = config.data
    if data.judge_root is None or data.reference_root is None or data.root is None:
        raise ConfigError("profile.kind: as-is needs data.root, judge_root and reference_root")

    def read(root: str) -> tuple[ImageSet, list[str]]:
        images, notes = read_images(expand(root), image_size=data.image_size, how=data.resize)
        images, more = _distinct(images, root)
        return images, [*notes, *more]

    pool, notes = read(data.root)
    _all_classes_present(pool, data.root)
    judged, judge_notes = read(data.judge_root)
    judge_shelf = _Shelf(judged, config.seed, "judge")
    shared = expand(data.judge_root).resolve() == expand(data.reference_root).resolve()
    if shared:
        reference_shelf = judge_shelf
        reference_notes: list[str] = []
    else:
        referenced, reference_notes = read(data.reference_root)
        reference_shelf = _Shelf(referenced, config.seed, "reference")
    for shelf, root in ((judge_shelf, data.judge_root), (reference_shelf, data.reference_root)):
        _all_classes_present(shelf.images, root)
        if shelf.images.classes != pool.classes or shelf.images.image_shape != pool.image_shape:
            raise DataError(
                f"classes or image shape differ from those of the pool ({root})",
                "judge, reference and pool hold the same classes at the same size",
            )
    held = int(judge_shelf.left().min())
    judge = judge_shelf.balanced(
        data.judge_per_class or (held // 2 if shared else held), "the judge"
    )
    left = int(reference_shelf.left().min())
    reference = reference_shelf.balanced(
        data.reference_per_class or left - left * 2 // 5, "the reference"
    )
    floor = _like(pool.counts(), config.seed, reference_shelf)
    splits = Splits(pool, judge, reference, floor, (*notes, *judge_notes, *reference_notes))
    return _with_rest(splits, config, [judge_shelf] if shared else [reference_shelf, judge_shelf])


def _all_classes_present(images: ImageSet, root: str) -> None:
    for name, count in zip(images.classes, images.counts(), strict=True):
        if count == 0:
            raise DataError(f"class {name} has no images ({root})", "every class needs some")


class _Shelf:
    """Images that are taken away class by class in a seeded order."""

    def __init__(self, images: ImageSet, seed: int, name: str) -> None:
        self.images = images
        order = random_for(seed, "shelf", name).permutation(len(images))
        self.queues = [order[images.labels[order] == c] for c in range(len(images.classes))]

    def left(self) -> NDArray[np.int64]:
        return np.array([len(queue) for queue in self.queues])

    def left_hashes(self) -> Iterator[bytes]:
        """A hash of each image that is left, class by class; one class at a time is copied."""
        for queue in self.queues:
            yield from self.images[queue].hashes()

    def balanced(self, per_class: int, purpose: str) -> ImageSet:
        """So many images of each class; DataError names the class that has too few."""
        rarest = int(self.left().argmin())
        need = max(per_class, FEWEST)
        if self.left()[rarest] < need:
            raise DataError(
                f"too few images of class {self.images.classes[rarest]}: {purpose} needs {need} "
                f"beside the pool, {int(self.left()[rarest])} are left",
                "lower profile.num_max, data.judge_per_class or data.reference_per_class",
            )
        return self.take([per_class] * len(self.images.classes))

    def take(self, counts: Sequence[int] | NDArray[np.int64]) -> ImageSet:
        """So many images of each class; the caller has looked that they are there."""
        taken = [queue[:num] for queue, num in zip(self.queues, counts, strict=True)]
        self.queues = [queue[num:] for queue, num in zip(self.queues, counts, strict=True)]
        return self.images[np.concatenate(taken)]
