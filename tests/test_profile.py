"""Profiles by their closed forms, and which class gets which rank."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from imgcollapse.config import ProfileConfig
from imgcollapse.data.profile import class_of_rank, counts_by_class, counts_by_rank
from imgcollapse.errors import ConfigError


def by_rank(num_classes: int, **values: Any) -> list[int]:
    return [int(n) for n in counts_by_rank(ProfileConfig(**values), num_classes)]


def test_exp_gives_the_published_cifar_10_lt() -> None:
    counts = by_rank(10, kind="exp", num_max=5000, imbalance=0.01)
    assert counts == [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]
    assert sum(counts) == 12_406


def test_exp_gives_the_published_cifar_100_lt() -> None:
    counts = by_rank(100, kind="exp", num_max=500, imbalance=0.01)
    assert (counts[0], counts[-1], sum(counts)) == (500, 5, 10_847)


@pytest.mark.parametrize("num_classes", [2, 3, 10, 37])
@pytest.mark.parametrize("imbalance", [1.0, 0.3, 0.02])
def test_exp_is_its_closed_form(num_classes: int, imbalance: float) -> None:
    counts = by_rank(num_classes, kind="exp", num_max=1234, imbalance=imbalance)
    exact = [1234 * imbalance ** (i / (num_classes - 1)) for i in range(num_classes)]
    assert all(
        n in (math.floor(x), math.floor(x + 1e-9)) for n, x in zip(counts, exact, strict=True)
    )
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == 1234


def test_step_cuts_in_half_and_the_middle_class_is_common() -> None:
    assert by_rank(4, kind="step", num_max=200, imbalance=0.1) == [200, 200, 20, 20]
    assert by_rank(5, kind="step", num_max=200, imbalance=0.1) == [200, 200, 200, 20, 20]


def test_zipf_is_a_power_of_the_rank() -> None:
    assert by_rank(5, kind="zipf", num_max=600, exponent=1) == [600, 300, 200, 150, 120]
    assert by_rank(3, kind="zipf", num_max=900, exponent=2) == [900, 225, 100]
    assert by_rank(3, kind="zipf", num_max=900, exponent=0) == [900, 900, 900]


def test_counts_are_taken_as_given_and_may_be_zero() -> None:
    assert by_rank(3, kind="counts", counts=[5, 0, 7]) == [5, 0, 7]
    with pytest.raises(ConfigError, match="names 3 classes, the data holds 4"):
        by_rank(4, kind="counts", counts=[5, 0, 7])


def test_no_class_is_left_empty_and_one_class_is_enough() -> None:
    assert by_rank(3, kind="exp", num_max=10, imbalance=0.001) == [10, 1, 1]
    assert by_rank(2, kind="step", num_max=3, imbalance=0.01) == [3, 1]
    assert by_rank(1, kind="exp", num_max=10, imbalance=0.1) == [10]


def test_as_is_has_no_counts_of_its_own() -> None:
    with pytest.raises(ValueError, match="as-is"):
        by_rank(3, kind="as-is")


def test_ranks_by_nature_by_seed_and_by_list() -> None:
    classes = tuple("abcdefghij")
    assert class_of_rank("natural", classes, 5).tolist() == list(range(10))
    seeded = [class_of_rank("seeded", classes, seed).tolist() for seed in range(20)]
    assert all(sorted(order) == list(range(10)) for order in seeded)
    assert len({tuple(order) for order in seeded}) == 20
    assert seeded[3] == class_of_rank("seeded", classes, 3).tolist()
    assert class_of_rank(("c", 0, "b"), ("a", "b", "c"), 0).tolist() == [2, 0, 1]


def test_the_class_of_the_first_rank_is_the_most_common() -> None:
    profile = ProfileConfig(kind="exp", num_max=100, imbalance=0.01, ranks=("c", "a", "b"))
    assert counts_by_class(profile, ("a", "b", "c"), 0).tolist() == [10, 1, 100]
    seeded = ProfileConfig(kind="exp", num_max=100, imbalance=0.01, ranks="seeded")
    counts = counts_by_class(seeded, ("a", "b", "c"), 4)
    assert int(np.argmax(counts)) == class_of_rank("seeded", ("a", "b", "c"), 4)[0]
    assert sorted(counts.tolist()) == [1, 10, 100]


@pytest.mark.parametrize(
    ("ranks", "says"),
    [(("a", "z", "b"), "'z'"), (("a", "b"), "all 3"), (("a", "a", "b"), "each once"),
     ((0, 1, 3), "all 3"), ((0, "a", 1), "each once")],
)  # fmt: skip
def test_ranks_that_are_no_list_of_all_classes_are_refused(
    ranks: tuple[int | str, ...], says: str
) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        class_of_rank(ranks, ("a", "b", "c"), 0)
    assert "classes: a, b, c" in caught.value.hint


@pytest.mark.parametrize("num_classes", [2, 3, 10])
def test_latin_ranks_give_each_class_each_rank_once_over_as_many_seeds(num_classes: int) -> None:
    classes = tuple("abcdefghij"[:num_classes])
    for first in (0, 7):
        square = np.stack(
            [class_of_rank("latin", classes, first + seed) for seed in range(num_classes)]
        )
        for order in (*square, *square.T):
            assert sorted(order.tolist()) == list(range(num_classes))
    for seed, label in ((0, 0), (4, 1), (13, num_classes - 1)):
        rank = (label + seed) % num_classes
        assert class_of_rank("latin", classes, seed)[rank] == label
    latin = ProfileConfig(kind="exp", num_max=100, imbalance=0.01, ranks="latin")
    assert counts_by_class(latin, ("a", "b", "c"), 1).tolist() == [10, 1, 100]
