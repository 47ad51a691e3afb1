"""Samples that are mapped are those that were written, or the file is refused."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imgcollapse.errors import CorruptError
from imgcollapse.images import ImageSet
from imgcollapse.store.mapping import allow_open_files, mapped_array
from imgcollapse.store.run_directory import RunDirectory, write_npz, write_samples

CLASSES = ("cat", "dog")


def samples(num: int = 6) -> ImageSet:
    pixels = np.random.default_rng(num).integers(0, 256, (num, 3, 4, 5), dtype=np.uint8)
    return ImageSet.of(pixels, np.arange(num) % 2, CLASSES, origin=1)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "gen_000" / "samples.npz"
    path.parent.mkdir()
    write_samples(path, samples())
    return path


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4),
        np.asfortranarray(np.arange(24.0).reshape(4, 6)),
        np.array([7], np.int64),
        np.array(["a", "ä"]),
    ],
)  # fmt: skip
def test_every_array_of_an_npz_can_be_mapped(tmp_path: Path, array: NDArray[Any]) -> None:
    np.savez(tmp_path / "one.npz", before=np.arange(5), it=array, after=np.arange(9.0))
    with np.load(tmp_path / "one.npz") as stored:
        for name in stored.files:
            found = mapped_array(tmp_path / "one.npz", name)
            np.testing.assert_array_equal(found, stored[name])
            assert found.dtype == stored[name].dtype
            assert isinstance(found, np.memmap)
            assert not found.flags.writeable


def test_samples_are_in_the_file_and_not_in_memory(written: Path) -> None:
    found = RunDirectory(written.parent.parent).samples(0, CLASSES)
    assert isinstance(found.images, np.memmap)
    np.testing.assert_array_equal(found.images, samples().images)
    assert found.in_memory().images.tobytes() == samples().images.tobytes()
    assert found.in_memory().images.flags.c_contiguous
    assert not isinstance(found.in_memory().images, np.memmap)
    with open(written, "r+b") as file:
        content = file.read()
        start = content.find(samples().images.transpose(0, 2, 3, 1).tobytes())
        file.seek(start)
        file.write(b"\0\xff")
    assert found.images[0, :2, 0, 0].tolist() == [0, 255], "what the file holds now"


def test_a_file_cut_anywhere_is_refused_by_name(written: Path) -> None:
    whole = written.read_bytes()
    for size in (*range(0, len(whole), 37), len(whole) - 1):
        written.write_bytes(whole[:size])
        with pytest.raises(CorruptError, match=r"samples\.npz"):
            RunDirectory(written.parent.parent).samples(0, CLASSES)


def test_a_file_whose_parts_disagree_is_refused(written: Path) -> None:
    whole = written.read_bytes()
    for part, other in (
        (b"PK\3\4", b"PK\3\5"),
        (b"\x93NUMPY", b"\x93NUMPZ"),
        (b"(6, 4, 5, 3)", b"(9, 4, 5, 3)"),
        (b"'|u1'", b"'<i8'"),
        (b"arr_0", b"arr_9"),
    ):
        written.write_bytes(whole.replace(part, other))
        with pytest.raises((ValueError, KeyError)):
            mapped_array(written, "arr_0")
        with pytest.raises(CorruptError, match=r"samples\.npz"):
            RunDirectory(written.parent.parent).samples(0, CLASSES)
    np.savez_compressed(written, arr_0=samples().images.transpose(0, 2, 3, 1))
    with pytest.raises(CorruptError, match="compressed"):
        RunDirectory(written.parent.parent).samples(0, CLASSES)


@pytest.fixture
def most_open() -> Iterator[int]:
    """A limit of open files, lower than that of the system."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    lower = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 20
    resource.setrlimit(resource.RLIMIT_NOFILE, (lower, limits[1]))
    yield lower
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs the open files of Linux")
def test_more_arrays_are_mapped_than_files_may_be_open_at_first(
    tmp_path: Path, most_open: int
) -> None:
    write_npz(tmp_path / "one.npz", it=np.arange(5))

    def mapped() -> list[NDArray[Any]]:
        return [mapped_array(tmp_path / "one.npz", "it") for _ in range(most_open)]

    with pytest.raises(OSError, match="Too many open files"):
        mapped()
    allow_open_files(most_open)
    assert len(mapped()) == most_open
    allow_open_files(10**12)  # as many as the system gives
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert soft == hard
