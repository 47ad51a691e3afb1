"""A pool is gathered row by row, and is what thinning the whole union would have given."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compositions import COMPOSITIONS, policy
from numpy.typing import DTypeLike, NDArray
from test_policies import SIZE, images

from imgcollapse.arrays import in_file
from imgcollapse.images import REAL, ImageSet
from imgcollapse.policies import compose_pool, remembered, takes_part
from imgcollapse.seeds import random_for

UNIFORM = [name for name in COMPOSITIONS if policy(name).subsample == "uniform"]


def real_part(name: str, generation: int) -> ImageSet | None:
    return images(REAL) if takes_part(policy(name), generation) else None


def joined_first(name: str, generations: int, seed: int) -> ImageSet:
    """As ``compose_pool``: the union made whole, then thinned."""
    chosen, real = policy(name), real_part(name, generations)
    synthetic = remembered(chosen, [images(number + 1) for number in range(generations)])
    size = {"pool": SIZE, "none": 10**9}.get(str(chosen.cap), chosen.cap)
    assert isinstance(size, int)

    def thinned(sets: list[ImageSet], size: int, purpose: str) -> ImageSet:
        union = sets[0].concat(*sets[1:])
        if size >= len(union):
            return union
        rows = random_for(seed, "pool", purpose).choice(len(union), size, replace=False)
        return union[np.sort(rows)]

    if chosen.real_fraction is None or real is None:
        return thinned([*([] if real is None else [real]), *synthetic], size, "union")
    num_real = round(chosen.real_fraction * size)
    parts = thinned([real], num_real, "real"), thinned(synthetic, size - num_real, "synthetic")
    return parts[0].concat(parts[1])


@pytest.mark.parametrize("generations", [1, 4])
@pytest.mark.parametrize("name", UNIFORM)
def test_only_the_rows_of_the_pool_are_gathered_and_they_are_those_of_the_thinned_union(
    name: str, generations: int, tmp_path: Path
) -> None:
    """The same from images that lie in files, channels last, into a file."""
    gathered: list[int] = []

    def keep(
        shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[Any]]
    ) -> NDArray[Any]:
        kept = list(blocks)
        gathered.append(sum(map(len, kept)))
        assert shape[0] == gathered[-1]
        return in_file(tmp_path)(shape, dtype, kept)

    def mapped(one: ImageSet) -> ImageSet:
        last = one.images.transpose(0, 2, 3, 1)
        turned = in_file(tmp_path)(last.shape, last.dtype, [last]).transpose(0, 3, 1, 2)
        return ImageSet(turned, one.labels, one.origin, one.classes)

    past = [mapped(images(number + 1)) for number in range(generations)]
    found = compose_pool(
        policy(name), real_part(name, generations), past, size=SIZE, seed=7, keep=keep
    )
    expected = joined_first(name, generations, 7)
    assert found.images.tobytes() == expected.images.tobytes()
    assert found.labels.tolist() == expected.labels.tolist()
    assert found.origin.tolist() == expected.origin.tolist()
    assert found.images.flags.c_contiguous
    assert gathered == ([] if policy(name).window == "none" else [len(expected)])


def test_a_set_that_is_the_whole_pool_is_copied_out_of_files_only(tmp_path: Path) -> None:
    last = images(1)
    assert compose_pool(policy("replace"), None, [last], size=SIZE, seed=1) is last
    other = ImageSet.of(last.images, None, ("a", "b"))
    with pytest.raises(ValueError, match="different classes"):
        compose_pool(policy("accumulate"), images(REAL), [other], size=SIZE, seed=1)
