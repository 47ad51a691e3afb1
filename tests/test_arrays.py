"""Arrays made in blocks: equal in memory and in a file, and nothing is left of the file."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from imgcollapse.arrays import (
    BLOCK_VALUES,
    FEWEST_ROWS,
    Keep,
    in_file,
    in_memory,
    is_mapped,
    row_blocks,
    where_they_fit,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (100, 5, 4, 3), dtype=np.uint8)


def kept(keep: Keep) -> NDArray[np.float64]:
    """Channels first, as float64, in three blocks of which none lies in plain order."""
    turned = IMAGES.transpose(0, 3, 1, 2)
    return keep((100, 3, 5, 4), np.float64, (turned[rows] for rows in np.split(np.arange(100), 4)))


def test_blocks_are_all_rows_in_order_and_not_too_small() -> None:
    for num, values in ((1000, 3072), (1, 7), (64, 10**9), (10**7, 64)):
        where = list(row_blocks(num, values))
        assert where[0].start == 0
        assert where[-1].stop == num
        assert all(one.stop == other.start for one, other in itertools.pairwise(where))
        rows = max(one.stop - one.start for one in where)
        assert rows * values <= max(BLOCK_VALUES, FEWEST_ROWS * values)
        assert rows >= min(num, FEWEST_ROWS)
    assert list(row_blocks(0, 5)) == []


@pytest.mark.parametrize("place", ["memory", "file", "file of the system", "fits", "does not fit"])
def test_an_array_is_the_same_wherever_it_is_kept(place: str, tmp_path: Path) -> None:
    num_bytes = IMAGES.size * 8
    keeps: dict[str, Keep] = {
        "memory": in_memory,
        "file": in_file(tmp_path),
        "file of the system": in_file(None),
        "fits": where_they_fit(tmp_path, lambda: num_bytes),
        "does not fit": where_they_fit(tmp_path, lambda: num_bytes - 1),
    }
    found = kept(keeps[place])
    np.testing.assert_array_equal(found, IMAGES.transpose(0, 3, 1, 2))
    assert found.dtype == np.float64
    assert found.flags.c_contiguous
    assert is_mapped(found) == (place not in ("memory", "fits"))
    assert list(tmp_path.iterdir()) == [], "the file has no name"


def test_what_fits_is_asked_for_each_time(tmp_path: Path) -> None:
    left = iter((10**9, 0, 10**9))
    keep = where_they_fit(tmp_path, lambda: next(left))
    assert [is_mapped(kept(keep)) for _ in range(3)] == [False, True, False]


def test_a_part_of_a_mapped_array_is_mapped_and_rows_taken_from_it_are_not(tmp_path: Path) -> None:
    found = kept(in_file(tmp_path))
    assert is_mapped(found[3:].transpose(0, 2, 3, 1))
    assert not is_mapped(found[np.array([5, 1])])
    with pytest.raises(ValueError, match="read-only"):
        found[0] = 0


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 10,000 bytes, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("small_files")
def test_a_full_disk_is_an_error_of_the_system_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        kept(in_file(tmp_path))
    assert list(tmp_path.iterdir()) == []
