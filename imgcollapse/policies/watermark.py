"""A keyed mark in generated images: what is stamped, and how strongly an image carries a key.

Zero-bit spread spectrum in pixels: Cox, Kilian, Leighton, Shamoon, *Secure spread spectrum
watermarking for multimedia*, IEEE Transactions on Image Processing 6 (1997). A residual divided by
its local deviation stands in for the whitening of a matched filter: Depovere, Kalker, Linnartz,
*Improved watermark detection reliability using filtering before correlation*, ICIP 1998. More is
stamped where more is hidden: Voloshynovskiy, Herrigel, Baumgaertner, Pun, *A stochastic approach to
content adaptive digital image watermarking*, Information Hiding 1999.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from imgcollapse.errors import DataError
from imgcollapse.seeds import random_for, seed_for, some_of

Key = str | int
"""Any text or integer; 7 and "7" are one key."""
Shape = tuple[int, int, int]
"""Channels, height, width."""
Pixels = NDArray[np.uint8]
Array = NDArray[np.float32]

PSNR = 40.0
BAND = (0.5, 1.5)
"""Pixels: the pattern is what lies between Gaussian blurs of these two widths."""
NEAR = 0.7
"""Pixels: the width of the blur that a residual is taken from, and of its local deviation."""
LEAST_DEVIATION = 0.5
"""Grey levels; below it lies what rounding to uint8 leaves of a flat area."""
FLAT = 0.1
"""A residual in units of its deviation that is shorter is the rounding of an even image."""
HIDING = (1.0, 16.0)
"""Grey levels of deviation from which on more hides more, and up to which."""
STRONGEST = 64.0
HALVINGS = 16
SMALLEST = 16
AT_ONCE = 2**20
"""Pixels that are worked on at once, as many as stay in a cache."""


def generation_key(run_seed: int, generation: int) -> int:
    """The key of the samples of one generation of a chain, so that their marks name it."""
    return seed_for(run_seed, "watermark", "generation", generation)


def chips(key: Key, shape: Shape) -> NDArray[np.int8]:
    """The key's signs, -1 or 1, for images of this shape."""
    return _signs(random_for(0, "watermark", str(key), *shape), shape)


def chips_of_no_key(number: int, shape: Shape) -> NDArray[np.int8]:
    """Signs as those of a key, that no key has: to calibrate with."""
    return _signs(random_for(0, "watermark of no key", number, *shape), shape)


def pattern(key: Key, shape: Shape) -> Array:
    """The key's signs, passed through the band: C×H×W with a mean square of 1."""
    wave = _in_band(chips(key, shape).astype(np.float32))
    wave /= np.sqrt(np.mean(wave**2))
    return wave


def stamp(images: Pixels, key: Key, *, psnr: float = PSNR) -> Pixels:
    """The images N×C×H×W with the key's pattern added, rounded and cut to uint8.

    It is stronger by the root of the local deviation of the image. The strength of each image is
    the largest at which its peak signal-to-noise ratio, over all channels, is at least ``psnr``
    dB after rounding and cutting: that makes up for black and white pixels, which take only half
    of the pattern, and for a pattern below half a grey level, of which rounding would leave
    nothing. An image depends on no other.
    """
    stamped = np.empty_like(images)
    wave = pattern(key, shape_of(images))
    allowed = 255.0**2 / 10 ** (psnr / 10)
    for part in _chunks(images):
        plain = images[part].astype(np.float32)
        hidden = wave * np.sqrt(_deviation(_residual(plain)).clip(*HIDING))
        strength, step = np.zeros(len(plain), np.float32), np.float32(STRONGEST)
        for _ in range(HALVINGS):
            step /= 2
            errors = _added(plain, hidden, strength + step) - plain
            fits = np.square(errors).reshape(len(plain), -1).mean(1, np.float64) <= allowed
            strength[fits] += step
        stamped[part] = _added(plain, hidden, strength)
    return stamped


def stamp_share(
    images: Pixels, key: Key, share: float, *, seed: int, psnr: float = PSNR
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Stamps a drawn ``share`` (0 to 1) of the images, N×C×H×W, and says which: partial adoption.

    Returns all images, and the mask N of those that are stamped.
    """
    random = random_for(seed, "watermark", "adoption")
    chosen = some_of(len(images), round(share * len(images)), random)
    stamped = images.copy()
    stamped[chosen] = stamp(images[chosen], key, psnr=psnr)
    adopted = np.zeros(len(images), np.bool_)
    adopted[chosen] = True
    return stamped, adopted


def psnr_of(images: Pixels, stamped: Pixels) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio of each image in dB; infinite where nothing changed."""
    errors = np.square(images.astype(np.float32) - stamped).mean((1, 2, 3), np.float64)
    with np.errstate(divide="ignore"):
        ratios: NDArray[np.float64] = 10 * np.log10(255.0**2 / errors)
    return ratios


def signatures(images: Pixels) -> Array:
    """What each image N×C×H×W says about any key: N×(CHW) of length 1, or 0 for a flat image.

    The residual over its local deviation, in the band of the pattern.
    """
    residual = _residual(images.astype(np.float32))
    rows = _in_band(residual / _deviation(residual)).reshape(len(images), -1)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    lengths[lengths <= FLAT] = np.inf
    rows /= lengths
    return rows


def sides(signs: Sequence[NDArray[np.int8]]) -> Array:
    """The signs of each of K keys, C×H×W, and those of its mirror image: (2K)×(CHW)."""
    stacked = np.stack(signs)
    both = np.stack([stacked, stacked[..., ::-1]], 1)
    return both.reshape(2 * len(signs), -1).astype(np.float32)


@dataclass(frozen=True)
class Correlation:
    """How strongly images carry keys.

    ``z`` is N×K×2, for each image as it is and for its mirror image: the product of its signature
    with the key's signs. Over keys that have nothing to do with an image its mean is 0 and its
    variance exactly 1, whatever the image, and its tails lie below exp(-z²/2) (Hoeffding 1963),
    because it is a sum of random signs with weights of length 1. ``spread`` is the standard
    deviation over such keys of the mean of ``z`` over the images: the length of the mean signature.
    """

    z: NDArray[np.float64]
    spread: float


def correlate(images: Pixels, keys: Sequence[Key]) -> Correlation:
    """The correlation of images N×C×H×W with each of the keys."""
    shape = shape_of(images)
    both = sides([chips(key, shape) for key in keys])
    z = np.empty((len(images), 2 * len(keys)))
    total = np.zeros(both.shape[1])
    for part in _chunks(images):
        rows = signatures(images[part])
        z[part] = rows @ both.T
        total += rows.sum(0, np.float64)
    spread = float(np.linalg.norm(total)) / max(1, len(images))
    return Correlation(z.reshape(len(images), len(keys), 2), spread)


def _signs(random: np.random.Generator, shape: Shape) -> NDArray[np.int8]:
    return (2 * random.integers(0, 2, shape, np.int8) - 1).astype(np.int8)


def _added(plain: Array, hidden: Array, strength: Array) -> Array:
    added: Array = np.rint(plain + strength[:, None, None, None] * hidden).clip(0, 255)
    return added


def _residual(plain: Array) -> Array:
    return plain - _blurred(plain, NEAR)


def _deviation(residual: Array) -> Array:
    deviation: Array = np.sqrt(_blurred(residual**2, NEAR) + np.float32(LEAST_DEVIATION**2))
    return deviation


def _in_band(images: Array) -> Array:
    return _blurred(images, BAND[0]) - _blurred(images, BAND[1])


def _blurred(images: Array, width: float) -> Array:
    """A Gaussian blur of the last two axes, mirrored at the rim, as a product of matrices."""
    rows, columns = (_blur(side, width) for side in images.shape[-2:])
    blurred: Array = np.matmul(np.matmul(rows, images), columns.T)
    return blurred


@lru_cache
def _blur(side: int, width: float) -> Array:
    blur: Array = gaussian_filter1d(np.eye(side), width, axis=0, mode="reflect").astype(np.float32)
    return blur


def _chunks(images: Pixels) -> Iterator[slice]:
    num = max(1, AT_ONCE // math.prod(images.shape[1:]))
    return (slice(start, start + num) for start in range(0, len(images), num))


def shape_of(images: Pixels) -> Shape:
    """Channels, height and width; DataError where the images are too small for a mark."""
    channels, height, width = images.shape[1:]
    if min(height, width) < SMALLEST:
        raise DataError(
            f"images of {width}×{height} pixels are too small for a watermark",
            f"{SMALLEST} pixels a side or more",
        )
    return channels, height, width
