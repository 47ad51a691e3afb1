"""Seeds by position, never by history."""

import hashlib

import numpy as np
from numpy.typing import NDArray


def seed_for(run_seed: int, *position: str | int) -> int:
    """The seed of one position of a run, in [0, 2^63).

    A position is a path such as ``("generation", 3, "sample", 17)``. The hash is blake2b over
    the typed path, so that it is the same in every process and ``1`` differs from ``"1"``.
    """
    path = "/".join(f"{type(part).__name__}:{part}" for part in (int(run_seed), *position))
    digest = hashlib.blake2b(path.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def random_for(run_seed: int, *position: str | int) -> np.random.Generator:
    """A counter-based NumPy generator (Philox) that starts at one position of a run."""
    return np.random.Generator(np.random.Philox(key=seed_for(run_seed, *position)))


def some_of(size: int, num: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Places of ``num`` out of ``size`` things, in order, none twice; all where there are fewer."""
    if num >= size:
        return np.arange(size)
    return np.sort(random.permutation(size)[:num])
