"""The one value that flows through the lab: images with their labels and their origin."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

REAL = 0
UNLABELLED = -1

Index = slice | NDArray[np.integer] | NDArray[np.bool_] | Sequence[int]


@dataclass(frozen=True, eq=False)
class ImageSet:
    """uint8 images N×C×H×W with the class and the origin of each.

    ``labels`` holds positions in ``classes``, or ``UNLABELLED`` (-1). ``origin`` is 0 for a real
    image and t+1 for one that generation t sampled.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    origin: NDArray[np.int32]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            found = f"{self.images.dtype} {self.images.shape}"
            raise ValueError(f"images are uint8 N×C×H×W, not {found}")
        if not len(self.images) == len(self.labels) == len(self.origin):
            raise ValueError("images, labels and origin differ in length")
        if len(self.labels) and not (
            self.labels.min() >= UNLABELLED and self.labels.max() < len(self.classes)
        ):
            raise ValueError("a label names no class")

    @classmethod
    def of(
        cls,
        images: NDArray[np.uint8],
        labels: NDArray[np.integer] | None,
        classes: Sequence[str],
        origin: int = REAL,
    ) -> ImageSet:
        """Images that share one origin; without labels they are all unlabelled."""
        num = len(images)
        return cls(
            images=images,
            labels=np.full(num, UNLABELLED) if labels is None else np.asarray(labels, np.int64),
            origin=np.full(num, origin, np.int32),
            classes=tuple(classes),
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Index) -> ImageSet:
        """The images at a slice, an index array or a mask."""
        return ImageSet(self.images[index], self.labels[index], self.origin[index], self.classes)

    def born(self, origin: int) -> ImageSet:
        """The same images with another origin."""
        return ImageSet(
            self.images, self.labels, np.full(len(self), origin, np.int32), self.classes
        )

    def in_memory(self) -> ImageSet:
        """A copy of the images in memory, in the plain order of their axes."""
        return ImageSet(np.array(self.images, order="C"), self.labels, self.origin, self.classes)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def concat(self, *others: ImageSet) -> ImageSet:
        """These images, then those of the others; all share classes and image shape."""
        sets = (self, *others)
        if any(other.classes != self.classes for other in others):
            raise ValueError("image sets with different classes cannot be joined")
        return ImageSet(
            np.concatenate([one.images for one in sets]),
            np.concatenate([one.labels for one in sets]),
            np.concatenate([one.origin for one in sets]),
            self.classes,
        )

    def counts(self) -> NDArray[np.int64]:
        """Images of each class, in class order; unlabelled ones are left out."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.classes))

    def hashes(self) -> list[bytes]:
        """A 16-byte blake2b hash of each image's shape and content."""
        shape = repr(self.image_shape).encode()
        return [
            hashlib.blake2b(image.tobytes(), digest_size=16, key=shape).digest()
            for image in np.ascontiguousarray(self.images)
        ]


@dataclass(frozen=True, eq=False)
class HashedImages(ImageSet):
    """Images that were hashed once: their parts know the hashes too.

    ``known`` (N) are those of these very images.
    """

    known: NDArray[np.object_]

    @classmethod
    def of_set(cls, images: ImageSet) -> HashedImages:
        """The same images with their hashes; taken now unless they are known already."""
        known = np.empty(len(images), object)
        known[:] = images.hashes()
        return cls(images.images, images.labels, images.origin, images.classes, known)

    def __getitem__(self, index: Index) -> HashedImages:
        part = super().__getitem__(index)
        return HashedImages(part.images, part.labels, part.origin, part.classes, self.known[index])

    def hashes(self) -> list[bytes]:
        return list(self.known)
