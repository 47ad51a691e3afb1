"""Large arrays, made block by block: in memory, or in a file that is mapped into it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Keep = Callable[[tuple[int, ...], DTypeLike, Iterable[NDArray[Any]]], NDArray[Any]]
"""(shape, dtype, blocks of rows) -> the array of all rows, to be read only."""

BLOCK_VALUES = 2**18
FEWEST_ROWS = 64


def row_blocks(num: int, values: int) -> Iterator[slice]:
    """Splits ``num`` rows of so many values into blocks of ``BLOCK_VALUES``, or of 64 rows."""
    rows = max(FEWEST_ROWS, BLOCK_VALUES // max(1, values))
    for start in range(0, num, rows):
        yield slice(start, min(num, start + rows))


def in_memory(
    shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
) -> NDArray[Any]:
    """An array in memory."""
    whole = np.empty(shape, dtype)
    start = 0
    for block in blocks:
        whole[start : start + len(block)] = block
        start += len(block)
    return whole


def in_file(folder: Path | None) -> Keep:
    """Arrays that are mapped from a nameless file, which goes when they do.

    They take no memory that the machine could not have back. The file lies in ``folder``, or where
    the system has temporary files; OSError where the disk is full.
    """

    def keep(
        shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
    ) -> NDArray[Any]:
        with tempfile.TemporaryFile(dir=folder) as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block, dtype).data)
            file.flush()
            return np.memmap(file, dtype, "r", shape=shape)

    return keep


def where_they_fit(folder: Path | None, most_bytes: Callable[[], int]) -> Keep:
    """Arrays of at most so many bytes, asked for anew each time, in memory; others in a file."""

    def keep(
        shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
    ) -> NDArray[Any]:
        fits = math.prod(shape) * np.dtype(dtype).itemsize <= most_bytes()
        return (in_memory if fits else in_file(folder))(shape, dtype, blocks)

    return keep


def is_mapped(array: NDArray[Any]) -> bool:
    """Whether an array, or what it is a part of, lies in a file."""
    return isinstance(array, np.memmap)
