"""Which images carry which key, at a calibrated false positive rate, and whether a set does.

A set of images whose generator was trained on marked ones may carry the mark although no single
image shows it: Sablayrolles, Douze, Schmid, Jégou, *Radioactive data: tracing through training*,
ICML 2020.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from imgcollapse.errors import DataError
from imgcollapse.policies.watermark import (
    Correlation,
    Key,
    Pixels,
    chips_of_no_key,
    correlate,
    shape_of,
    sides,
    signatures,
)
from imgcollapse.seeds import random_for, some_of

FALSE_POSITIVES = 1e-3
NO_KEY = -1
RANDOM_KEYS = 2000
FEWEST_GROUPS = 100
KEYS_AT_ONCE = 64
MOST_IMAGES = 200
"""More keys tell more than more images, which may be much alike."""
FEWEST_REAL = 100
TAIL = 20
"""Values beyond the threshold, below which it comes from a fitted tail."""
WITHIN = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Threshold:
    """The z that a part ``fpr`` of the images without a key passes; ``values`` it is drawn from."""

    z: float
    fpr: float
    values: int

    @property
    def fitted(self) -> bool:
        """Whether it lies in the fitted tail."""
        return self.fpr * self.values < TAIL


@dataclass(frozen=True)
class SetTest:
    """Whether images as a set carry a key, more than keys that have nothing to do with them.

    ``mean_z`` is the mean over the images, as they are or as mirror images, whichever is larger;
    ``low`` and ``high`` are its 95 % limits over other draws of as many images, None for one.
    Within ``chance`` of 0 lie 95 % of random keys on one side of the same images. ``p`` is the
    normal tail, times two for the mirror images and times the number of keys that were tried.
    """

    mean_z: float
    low: float | None
    high: float | None
    chance: float
    p: float


@dataclass(frozen=True)
class Detection:
    """What was found in N images for K keys.

    ``z`` (N×K) is the larger of an image and its mirror image. An image may carry several keys: a
    generator that is trained on marked images hands their mark on. ``sets`` holds the test of the
    whole set for each key.
    """

    z: Array
    threshold: Threshold
    sets: tuple[SetTest, ...]

    @property
    def carries(self) -> NDArray[np.bool_]:
        """Which images carry which keys: N×K."""
        return self.z > self.threshold.z

    @property
    def strongest(self) -> NDArray[np.int64]:
        """The key that an image carries most strongly, or ``NO_KEY``: N."""
        return np.where(self.carries.any(1), self.z.argmax(1), NO_KEY)

    def histogram(self) -> NDArray[np.int64]:
        """Images by their strongest key: their lineage, where keys stand for generations."""
        found = self.strongest
        return np.bincount(found[found != NO_KEY], minlength=len(self.sets))


def detect(images: Pixels, keys: Sequence[Key], threshold: Threshold) -> Detection:
    """Looks for the keys, each different, in images N×C×H×W and in their mirror images.

    The threshold has to be calibrated for as many keys.
    """
    found = correlate(images, keys)
    return Detection(found.z.max(2), threshold, _set_tests(found))


def threshold_by_random_keys(
    images: Pixels, *, num_keys: int = 1, fpr: float = FALSE_POSITIVES
) -> Threshold:
    """Calibrated with random keys on the very images under test, at most 200 of them.

    That holds whatever the images are and whatever keys they carry. The rate is a mean over keys:
    images that have much in common all lie on one side of a key, and its own rate is then another.
    """
    chosen = images[some_of(len(images), MOST_IMAGES, random_for(0, "watermark", "calibration"))]
    rows, shape = signatures(chosen), shape_of(images)
    numbers = range(num_keys * max(FEWEST_GROUPS, RANDOM_KEYS // num_keys))
    groups = [numbers[start:][:KEYS_AT_ONCE] for start in numbers[::KEYS_AT_ONCE]]
    z = [rows @ sides([chips_of_no_key(one, shape) for one in group]).T for group in groups]
    return _threshold(np.concatenate(z, 1).reshape(-1, 2 * num_keys), fpr)


def threshold_by_real_images(
    real: Pixels, keys: Sequence[Key], *, fpr: float = FALSE_POSITIVES
) -> Threshold:
    """Calibrated with the very keys on real images that none of them was stamped on.

    That holds for these keys and images like these. Flat images, which say nothing of any key, are
    left out; DataError for fewer than 100 others.
    """
    z = correlate(real, keys).z.reshape(len(real), -1)
    telling = z[z.any(1)]
    if len(telling) < FEWEST_REAL:
        num_flat = len(real) - len(telling)
        flat = f", {num_flat} flat ones left out," if num_flat else ""
        raise DataError(
            f"{len(telling)} real images{flat} are too few to calibrate with",
            f"{FEWEST_REAL} or more",
        )
    return _threshold(telling, fpr)


def _threshold(z: NDArray[np.floating], fpr: float) -> Threshold:
    """The quantile of the largest of several tests (values × tests) that a part ``fpr`` passes.

    Where fewer than ``TAIL`` values lie beyond it: a normal tail of as many tests, through the
    median and the quantile that ``TAIL`` values pass, because z of one key on images that are much
    alike does not lie about 0. Never below 0, the z of an image that says nothing of any key.
    """
    num, tests = z.shape
    largest = z.max(1)
    fitted = Threshold(0.0, fpr, num).fitted
    part = TAIL / num if fitted else fpr
    edge = float(np.quantile(largest, 1 - part, method="higher"))
    if fitted:
        middle = float(np.median(largest))
        asked, passed, half = norm.isf(np.array([fpr, part, 0.5]) / tests)
        edge = middle + (edge - middle) * float((asked - half) / (passed - half))
    return Threshold(max(0.0, edge), fpr, num)


def _set_tests(found: Correlation) -> tuple[SetTest, ...]:
    num, num_keys, _ = found.z.shape
    means = found.z.mean(0)
    errors = found.z.std(0, ddof=1) / math.sqrt(num) if num > 1 else None
    tests = []
    for key, side in enumerate(means.argmax(1)):
        mean = float(means[key, side])
        half = None if errors is None else WITHIN * float(errors[key, side])
        units = mean / found.spread if found.spread else 0.0
        tests.append(
            SetTest(
                mean,
                None if half is None else mean - half,
                None if half is None else mean + half,
                WITHIN * found.spread,
                min(1.0, 2 * num_keys * float(norm.sf(units))),
            )
        )
    return tuple(tests)


@dataclass(frozen=True)
class Roc:
    """True positive rates at rising false positive rates, and the area below the curve."""

    fpr: Array
    tpr: Array
    area: float

    def tpr_at(self, fpr: float) -> float:
        """The true positive rate at the threshold that at most a part ``fpr`` passes falsely."""
        return float(self.tpr[self.fpr <= fpr].max())


def roc(marked: Array, unmarked: Array) -> Roc:
    """The curve of a detector by the z of marked and of unmarked images."""
    from sklearn.metrics import auc, roc_curve

    z = np.concatenate([marked, unmarked])
    fpr, tpr, _ = roc_curve(np.arange(len(z)) < len(marked), z, drop_intermediate=False)
    return Roc(fpr, tpr, float(auc(fpr, tpr)))
