"""Pictures of any mode and size become one uint8 array of one shape, and notes say how."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from imgcollapse.errors import DataError

How = Literal["antialias", "pad"]

Size = tuple[int, int]
"""Width, height."""

PICTURE_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
EIGHT_BITS = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    SyntaxError,  # what Pillow raises for a broken PNG chunk
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def as_channels(
    images: NDArray[np.uint8], channels: int, where: str
) -> tuple[NDArray[np.uint8], list[str]]:
    """Images N×C×H×W in grey or in colour, and a note if that changed them.

    Grey by ITU-R 601 luma, colour by three equal planes.
    """
    have = images.shape[1]
    if have == channels:
        return images, []
    if channels == 3:
        return np.repeat(images, 3, axis=1), [f"turned grey images into RGB ({where})"]
    weights = np.array([0.299, 0.587, 0.114])
    grey = np.round(np.tensordot(weights, images, ([0], [1]))).astype(np.uint8)
    return grey[:, None], [f"turned RGB images grey ({where})"]


def fit_images(
    images: NDArray[np.uint8], image_size: int | None, how: How, where: str
) -> tuple[NDArray[np.uint8], list[str]]:
    """Images N×C×H×W at ``image_size``² pixels, and a note if that changed them.

    ``antialias`` brings the shorter side to size with Pillow's Lanczos filter, whose support grows
    as it shrinks, and cuts out the centre; ``pad`` centres the image on black. DataError where an
    image is too large to be padded.
    """
    height, width = images.shape[2:]
    if image_size is None or (height, width) == (image_size, image_size):
        return images, []
    if how == "pad":
        left, top = _margins((width, height), image_size, where)
        fitted = np.zeros((*images.shape[:2], image_size, image_size), np.uint8)
        fitted[:, :, top : top + height, left : left + width] = images
    else:
        fitted = np.empty((*images.shape[:2], image_size, image_size), np.uint8)
        for fitted_image, image in zip(fitted, images, strict=True):
            for fitted_plane, plane in zip(fitted_image, image, strict=True):
                fitted_plane[:] = _antialias(Image.fromarray(plane), image_size)
    return fitted, [_resize_note(Counter({(width, height): len(images)}), image_size, how, where)]


def decode_images(
    names: Sequence[str],
    open_one: Callable[[str], IO[bytes]],
    *,
    image_size: int | None,
    how: How,
    where: str,
) -> tuple[NDArray[np.uint8], list[str]]:
    """Decodes image files into an array N×C×H×W, one channel if all of them are grey.

    Palette and CMYK pictures become RGB; transparency is laid over white. DataError where there
    is no image, where one is unreadable, and where sizes differ though no ``image_size`` is asked.
    """
    images: NDArray[np.uint8] | None = None
    resized: Counter[Size] = Counter()
    changes: Counter[str] = Counter()
    num_grey = 0
    for index, name in enumerate(names):
        picture, change = _decode(name, open_one, where)
        changes[change] += 1
        num_grey += picture.mode == "L"
        if image_size is not None and picture.size != (image_size, image_size):
            resized[picture.size] += 1
            picture = _fit(picture, image_size, how, f"{name} in {where}")
        pixels = np.atleast_3d(np.asarray(picture)).transpose(2, 0, 1)
        if images is None:
            images = np.empty((len(names), *pixels.shape), np.uint8)
        if images.shape[2:] != pixels.shape[1:]:
            first = _by((images.shape[3], images.shape[2]))
            raise DataError(
                f"images of different sizes, {first} and {_by(picture.size)} ({name} in {where})",
                "bring all of them to one size (in a config: data.image_size)",
            )
        if len(pixels) > images.shape[1]:
            images = np.repeat(images, len(pixels), axis=1)
        images[index] = pixels
    if images is None:
        raise DataError(f"no images ({where})", "png, jpg, jpeg, webp and bmp files are read")
    del changes[""]
    notes = [f"{change}: {_num_images(num)} ({where})" for change, num in sorted(changes.items())]
    if num_grey and images.shape[1] == 3:
        notes.append(
            f"turned {_num_images(num_grey)} from grey to RGB, as others are in colour ({where})"
        )
    if image_size is not None and resized:
        notes.append(_resize_note(resized, image_size, how, where))
    return images, notes


def _decode(name: str, open_one: Callable[[str], IO[bytes]], where: str) -> tuple[Image.Image, str]:
    """A picture of mode L or RGB, and what was done to its mode, if anything."""
    try:
        with open_one(name) as file, Image.open(file, formats=PICTURE_FORMATS) as opened:
            opened.load()
            return _to_grey_or_rgb(opened)
    except UNREADABLE as error:
        # Pillow's message for an unknown file ends in the address of an object
        reason = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        raise DataError(
            f"an image cannot be read{reason} ({name} in {where})",
            "replace the file or take it out; 8-bit png, jpg, webp and bmp are read",
        ) from error


def _to_grey_or_rgb(picture: Image.Image) -> tuple[Image.Image, str]:
    if picture.mode not in EIGHT_BITS:
        raise ValueError(f"pixels of mode {picture.mode}, not of 8 bits")
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        paper = Image.new("RGBA", seen.size, "white")
        flat = Image.alpha_composite(paper, seen).convert("RGB")
        return flat, "laid transparent pictures over white"
    if picture.mode in ("1", "L"):
        return picture.convert("L"), ""
    change = "" if picture.mode == "RGB" else f"turned {picture.mode} pictures into RGB"
    return picture.convert("RGB"), change


def _fit(picture: Image.Image, side: int, how: How, where: str) -> Image.Image:
    if how == "antialias":
        return _antialias(picture, side)
    padded = Image.new(picture.mode, (side, side))
    padded.paste(picture, _margins(picture.size, side, where))
    return padded


def _antialias(picture: Image.Image, side: int) -> Image.Image:
    """The shorter side resized to ``side``, then the centre cut out."""
    scale = side / min(picture.size)
    width, height = (max(side, round(scale * length)) for length in picture.size)
    resized = picture.resize((width, height), Image.Resampling.LANCZOS)
    if width == height:
        return resized
    left, top = (width - side) // 2, (height - side) // 2
    return resized.crop((left, top, left + side, top + side))


def _margins(size: Size, side: int, where: str) -> tuple[int, int]:
    """Black pixels on the left and above; the odd one goes to the right and below."""
    if max(size) > side:
        raise DataError(
            f"an image of {_by(size)} is too large to be padded to {_by((side, side))} ({where})",
            "data.resize=antialias shrinks it",
        )
    return (side - size[0]) // 2, (side - size[1]) // 2


def _resize_note(sizes: Counter[Size], side: int, how: How, where: str) -> str:
    smallest, largest = min(sizes), max(sizes)
    if len(sizes) == 1:
        old = _by(smallest)
    else:
        old = f"{len(sizes)} sizes between {_by(smallest)} and {_by(largest)}"
    changed = f"{_num_images(sizes.total())} from {old} to {_by((side, side))}"
    if how == "pad":
        return f"padded {changed} with black ({where})"
    cut = any(width != height for width, height in sizes)
    centre = ", cutting out the centre of those that are not square" if cut else ""
    return f"resized {changed} with antialiasing{centre} ({where})"


def _num_images(num: int) -> str:
    return "1 image" if num == 1 else f"{num:,} images"


def _by(size: Size) -> str:
    return f"{size[0]}×{size[1]}"
