"""Marks are invisible, found again, and not found where there are none, at a known rate."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from imgcollapse.data.formats import read_idx, read_images
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.errors import DataError
from imgcollapse.policies.watermark import (
    Key,
    Pixels,
    chips,
    chips_of_no_key,
    correlate,
    generation_key,
    pattern,
    psnr_of,
    signatures,
    stamp,
    stamp_share,
)
from imgcollapse.policies.watermark_detection import (
    NO_KEY,
    Threshold,
    detect,
    roc,
    threshold_by_random_keys,
    threshold_by_real_images,
)

REAL_DATA = Path(
    os.environ.get("IMGCOLLAPSE_DATA", Path(__file__).parents[1].parent / "shared" / "data")
)
FILES = {"cifar10": "cifar10-balanced-test.zip", "mnist": "MNIST/raw/t10k-images-idx3-ubyte.gz"}
NUM = 3000
SEED = 0
SETS = ("kennel", "cifar10", "mnist")
LEAST_FOUND = {"kennel": 0.99, "cifar10": 0.99, "mnist": 0.95}


@lru_cache
def real(name: str) -> Pixels:
    """3,000 real images of a set in random order."""
    if name == "kennel":
        found = np.concatenate(
            [
                draw_many(breed, range(NUM // len(BREEDS)), seed=SEED, size=32)
                for breed in range(len(BREEDS))
            ]
        )
    else:
        path = REAL_DATA / FILES[name]
        if not path.is_file():
            pytest.skip(f"no real data at {path}")
        if name == "mnist":
            found = read_idx(path)[:, None]
        else:
            found = read_images(path, image_size=None, how="antialias")[0].images
    return found[np.random.default_rng(SEED).permutation(len(found))[:NUM]]


def mirrored(images: Pixels) -> Pixels:
    return np.ascontiguousarray(images[..., ::-1])


def by_hand(rows: NDArray[np.float32], key: Key, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """z of signatures for one key and both sides, without ``correlate``."""
    channels, height, width = shape
    signs = chips(key, (channels, height, width)).astype(np.float64)
    return np.stack([rows @ signs.ravel(), rows @ signs[..., ::-1].ravel()], -1)


@pytest.mark.parametrize("name", SETS)
def test_marked_images_look_the_same_and_are_found_as_they_are_and_in_the_mirror(name: str) -> None:
    images = real(name)
    held_out, images = images[:1000], images[1000:]
    marked = stamp(images, "a key")
    assert marked.dtype == np.uint8
    ratios = psnr_of(images, marked)
    assert ratios.min() >= 40
    assert ratios.max() < 40.2, "an amplitude is smaller than it could be"
    for threshold in (
        threshold_by_random_keys(marked),
        threshold_by_real_images(held_out, ["a key"]),
    ):
        assert threshold.fpr == 1e-3
        for shown in (marked, mirrored(marked)):
            found = detect(shown, ["a key"], threshold)
            assert found.carries.sum() >= LEAST_FOUND[name] * len(images)
            assert found.sets[0].p < 1e-20


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("carry", ["nothing", "another key"])
def test_wrong_keys_are_found_at_the_calibrated_rate(name: str, carry: str) -> None:
    """10,000 images, each with a key of its own: an exact binomial test of level 1e-3 a rate."""
    images = real(name) if carry == "nothing" else stamp(real(name), "another key")
    rows, num = signatures(images), 10_000
    z = np.array(
        [
            by_hand(rows[number % NUM], f"wrong {number}", images.shape[1:]).max()
            for number in range(num)
        ]
    )
    for fpr in (1e-2, 1e-3):
        alarms = int((z > threshold_by_random_keys(images, fpr=fpr).z).sum())
        assert binomtest(alarms, num, fpr).pvalue > 1e-3, f"{alarms} of {num} at {fpr}"


@pytest.mark.parametrize("fpr", [0.05, 0.002])
def test_real_images_calibrate_the_very_key(fpr: float) -> None:
    """Over 30 keys the mean rate on other images is the calibrated one, within 4 standard errors.

    Chance exceeds them for one seed in 10,000. Images of the kennel have so much in common that
    with one threshold for all keys these rates would differ more from key to key.
    """
    images = real("kennel")
    half, other = images[: NUM // 2], images[NUM // 2 :]
    keys = [f"tried {number}" for number in range(30)]
    calibrated = [threshold_by_real_images(half, [key], fpr=fpr) for key in keys]
    assert {one.fitted for one in calibrated} == {fpr < 0.02}
    z = correlate(other, keys).z.max(2)
    rates = (z > np.array([one.z for one in calibrated])).mean(0)
    assert abs(rates.mean() - fpr) < 4 * rates.std(ddof=1) / np.sqrt(len(keys))
    shared = (z > threshold_by_random_keys(half, fpr=fpr).z).mean(0)
    assert rates.std() < shared.std()


def test_few_images_that_are_much_alike_calibrate_the_very_key() -> None:
    """150 dogs of one breed, 30 keys on 1,000 others: 0.06 % pass where 0.1 % were asked for.

    Of the worst key 0.3 %. A tail about 0 instead of the median gives 1.2 % and 12 %.
    """
    dogs = draw_many(0, range(1150), seed=3, size=32)
    keys = range(30)
    edges = np.array([threshold_by_real_images(dogs[:150], [key]).z for key in keys])
    rates = (correlate(dogs[150:], keys).z.max(2) > edges).mean(0)
    assert rates.mean() < 0.002
    assert rates.max() < 0.02
    marked = stamp(dogs[150:350], 0)
    assert (correlate(marked, [0]).z.max((1, 2)) > edges[0]).mean() > 0.99


def test_flat_images_calibrate_nothing_and_carry_nothing() -> None:
    flat = np.zeros((150, 3, 32, 32), np.uint8)
    with pytest.raises(DataError, match="0 real images, 150 flat ones left out, are too few"):
        threshold_by_real_images(flat, ["a key"])
    mixed = np.concatenate([real("kennel")[:120], flat])
    alone = threshold_by_real_images(real("kennel")[:120], ["a key"])
    assert threshold_by_real_images(mixed, ["a key"]) == alone
    copies = real("kennel")[:1].repeat(150, 0)
    thresholds = [threshold_by_real_images(copies, [key]) for key in range(40)]
    assert min(one.z for one in thresholds) == 0
    for key, threshold in enumerate(thresholds):
        assert not detect(flat, [key], threshold).carries.any()


@pytest.mark.parametrize("key", ["calibration 7", "calibration/int:7", "of no key/int:7"])
def test_no_key_hides_its_mark_among_those_that_calibrate(key: str) -> None:
    shape = (3, 32, 32)
    assert (chips(key, shape) != chips_of_no_key(7, shape)).any()
    edges = [
        threshold_by_random_keys(stamp(real("kennel")[:200], one), fpr=1e-4).z
        for one in (key, "another key")
    ]
    assert edges[0] < edges[1] + 0.5


def test_several_keys_pay_for_each_other() -> None:
    """100 sets of eight keys on thirty images each; a binomial test of level 1e-3."""
    images, fpr = real("kennel"), 0.02
    threshold = threshold_by_random_keys(images, num_keys=8, fpr=fpr)
    assert threshold.z > threshold_by_random_keys(images, fpr=fpr).z + 0.3
    alarms = sum(
        detect(some, [f"{number} of set {index}" for number in range(8)], threshold)
        .carries.any(1)
        .sum()
        for index, some in enumerate(np.split(images, 100))
    )
    assert binomtest(int(alarms), NUM, fpr).pvalue > 1e-3, alarms


def test_z_has_mean_0_and_variance_1_over_keys_whatever_the_image() -> None:
    """Within 5 standard errors over 4,000 keys: chance exceeds them once in 100,000 seeds."""
    random = np.random.default_rng(SEED)
    images = np.concatenate(
        [
            real("kennel")[:2],
            stamp(real("kennel")[:1], "another key"),
            random.integers(0, 2, (1, 3, 32, 32), np.uint8) * np.uint8(255),
            np.eye(32, dtype=np.uint8)[None, None].repeat(3, 1),
        ]
    )
    np.testing.assert_allclose(np.linalg.norm(signatures(images), axis=1), 1, rtol=1e-5)
    num = 4000
    found = correlate(images, range(num))
    for z in (*found.z.transpose(0, 2, 1).reshape(-1, num), found.z[..., 0].mean(0) / found.spread):
        assert abs(z.mean()) < 5 / np.sqrt(num)
        assert abs(z.var() - 1) < 5 * np.sqrt(2 / num)


def test_z_is_the_product_of_signature_and_signs_on_both_sides() -> None:
    images = real("kennel")[:300]
    found = correlate(images, ["a", "b"])
    assert found.z.shape == (300, 2, 2)
    for key, z in zip("ab", found.z.transpose(1, 0, 2), strict=True):
        np.testing.assert_allclose(z, by_hand(signatures(images), key, (3, 32, 32)), atol=1e-4)
    np.testing.assert_allclose(
        correlate(mirrored(images), ["a", "b"]).z, found.z[..., ::-1], atol=1e-4
    )
    assert found.spread == pytest.approx(np.linalg.norm(signatures(images).mean(0)), rel=1e-5)


@pytest.mark.parametrize("level", [0, 3, 255])
def test_an_even_image_carries_no_key_but_can_be_marked(level: int) -> None:
    """Of a pattern on black only the bright half is left, on white the dark half."""
    even = np.full((1, 1, 28, 28), level, np.uint8)
    assert (correlate(even, ["a key"]).z == 0).all()
    threshold = threshold_by_random_keys(even)
    assert detect(even, ["a key"], threshold).strongest.tolist() == [NO_KEY]
    marked = stamp(even, "a key")
    assert 40 <= psnr_of(even, marked)[0] < 40.2
    assert detect(marked, ["a key"], threshold_by_random_keys(marked)).z[0, 0] > 10


def test_a_faint_mark_is_not_rounded_away() -> None:
    """At 50 dB the pattern is below half a grey level nearly everywhere on even areas."""
    images = real("kennel")[:500]
    marked = stamp(images, "a key", psnr=50)
    ratios = psnr_of(images, marked)
    assert 50 <= ratios.min() <= ratios.max() < 50.5
    assert correlate(marked, ["a key"]).z[:, 0, 0].mean() > 3


def test_a_stamp_depends_on_the_image_and_the_key_alone() -> None:
    images = real("kennel")[:600]
    marked = stamp(images, 7)
    np.testing.assert_array_equal(stamp(images[250:260], "7"), marked[250:260])
    np.testing.assert_array_equal(stamp(images[::-1], 7), marked[::-1])
    assert (stamp(images[:5], 8) != marked[:5]).any()
    assert stamp(images[:0], 7).shape == (0, 3, 32, 32)


def test_the_signs_of_a_key_are_for_ever() -> None:
    """Images that were marked long ago have to be found: a golden hash."""
    signs = chips("golden", (3, 32, 32))
    assert set(np.unique(signs)) == {-1, 1}
    assert hashlib.blake2b(signs.tobytes(), digest_size=8).hexdigest() == "7cf5d21ea412a576"
    assert np.mean(pattern("golden", (3, 32, 32)) ** 2) == pytest.approx(1)
    assert np.mean(pattern("golden", (3, 32, 32))) == pytest.approx(0, abs=0.02)


def test_a_pool_tells_the_generations_that_its_images_come_from() -> None:
    images = real("kennel")
    keys = [generation_key(3, generation) for generation in range(4)]
    assert len({*keys, generation_key(4, 0)}) == 5
    parts = np.split(images, [500, 1500, 2300, 2400])
    pool = np.concatenate(
        [parts[0], *(stamp(part, key) for part, key in zip(parts[1:], keys, strict=True))]
    )
    found = detect(pool, keys, threshold_by_random_keys(pool, num_keys=4))
    truth = np.repeat([NO_KEY, 0, 1, 2, 3], [len(part) for part in parts])
    assert (found.strongest == truth).mean() >= 0.99
    np.testing.assert_allclose(found.histogram(), [1000, 800, 100, 600], atol=10)


def test_an_image_may_carry_two_keys_and_the_later_one_is_the_stronger() -> None:
    images = stamp(stamp(real("kennel")[:500], "early", psnr=44), "late")
    found = detect(images, ["early", "late"], threshold_by_random_keys(images, num_keys=2))
    assert found.carries.mean(0).min() >= 0.99
    assert found.histogram()[1] >= 0.9 * len(images)
    assert found.histogram().sum() == len(images)


def test_a_share_of_the_images_is_stamped_and_the_rest_left_alone() -> None:
    images = real("kennel")[:1000]
    some, adopted = stamp_share(images, "a key", 0.3, seed=5)
    assert adopted.sum() == 300
    np.testing.assert_array_equal(some[~adopted], images[~adopted])
    np.testing.assert_array_equal(some[adopted], stamp(images[adopted], "a key"))
    again, other = (stamp_share(images, "a key", 0.3, seed=seed)[1] for seed in (5, 6))
    assert (again == adopted).all()
    assert (other != adopted).any()
    assert [stamp_share(images, "a", share, seed=5)[1].mean() for share in (0, 1)] == [0, 1]


def test_a_set_shows_a_mark_that_no_image_shows() -> None:
    images = real("kennel")[:2000]
    faint = stamp(images, "a key", psnr=50)
    noise = np.random.default_rng(SEED).normal(0, 10, images.shape)
    faint = np.rint(faint + noise).clip(0, 255).astype(np.uint8)
    threshold = threshold_by_random_keys(faint)
    found = detect(faint, ["a key"], threshold)
    assert found.carries.sum() < 0.1 * len(images)
    (whole,) = found.sets
    assert whole.p < 1e-6
    assert whole.low is not None
    assert whole.high is not None
    assert whole.chance < whole.low < whole.mean_z < whole.high
    flipped = np.concatenate([faint[:1000], mirrored(faint[1000:])])
    assert detect(flipped, ["a key"], threshold).sets[0].p < 1e-3


def test_a_set_seldom_shows_a_key_that_has_nothing_to_do_with_it() -> None:
    """p below 0.1 for about a tenth of 300 keys; binomial tests of level 1e-3 to either side."""
    images = real("kennel")[:40]
    threshold = Threshold(9.0, 1e-3, 1)
    ps = [detect(images, [number], threshold).sets[0].p for number in range(300)]
    small = sum(p < 0.1 for p in ps)
    assert binomtest(small, 300, 0.1, "greater").pvalue > 1e-3
    assert binomtest(small, 300, 0.04, "less").pvalue > 1e-3
    many = detect(images, range(50), threshold).sets
    np.testing.assert_allclose([one.p for one in many], np.minimum(1, 50 * np.array(ps[:50])))


def test_one_image_has_no_limits() -> None:
    marked = stamp(real("kennel")[:1], "a key")
    found = detect(marked, ["a key"], threshold_by_random_keys(marked))
    assert found.carries.tolist() == [[True]]
    assert (found.sets[0].low, found.sets[0].high) == (None, None)


def test_the_curve_of_a_detector() -> None:
    random = np.random.default_rng(SEED)
    unmarked, marked = random.normal(0, 1, 400), random.normal(1.5, 1, 300)
    curve = roc(marked, unmarked)
    assert curve.area == pytest.approx((marked[:, None] > unmarked).mean())
    for fpr in (0.0, 0.01, 0.3, 1.0):
        passed = [
            (marked >= edge).mean()
            for edge in [*unmarked, *marked, np.inf]
            if (unmarked >= edge).mean() <= fpr
        ]
        assert curve.tpr_at(fpr) == pytest.approx(max(passed))
    assert roc(unmarked + 100, unmarked).tpr_at(0) == 1
    assert roc(unmarked, unmarked).area == pytest.approx(0.5)


def test_images_too_small_and_too_few_are_refused() -> None:
    with pytest.raises(DataError, match="15×20 pixels are too small"):
        stamp(np.zeros((2, 1, 20, 15), np.uint8), "a key")
    with pytest.raises(DataError, match="99 real images are too few"):
        threshold_by_real_images(real("kennel")[:99], ["a key"])


def test_marks_need_no_torch() -> None:
    code = "import sys, imgcollapse.policies.watermark_detection; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
