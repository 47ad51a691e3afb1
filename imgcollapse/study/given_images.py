"""Images from anywhere, as ``measure`` is given them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from imgcollapse.data.formats import read_images
from imgcollapse.data.resizing import fit_images
from imgcollapse.images import ImageSet


@dataclass(frozen=True)
class GivenImages:
    """Images at a path, in any of the formats.

    ``samples`` need not be whole classes. Those to be used at two sizes are read once, and ``kept``
    as they are; they must be of one size.
    """

    path: Path
    samples: bool = False
    kept: bool = False

    def at(self, side: int | None) -> tuple[ImageSet, list[str]]:
        """The images at ``side``² pixels, or as they are, and notes on what was done to them."""
        if not self.kept:
            return self._read(side)
        images, notes = self._as_they_are
        pixels, more = fit_images(images.images, side, "antialias", str(self.path))
        return replace(images, images=pixels), [*notes, *more]

    @cached_property
    def _as_they_are(self) -> tuple[ImageSet, list[str]]:
        return self._read(None)

    def _read(self, side: int | None) -> tuple[ImageSet, list[str]]:
        return read_images(self.path, image_size=side, how="antialias", samples=self.samples)
