"""The imbalance: how many real images each class starts with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import ProfileConfig
from imgcollapse.errors import ConfigError
from imgcollapse.seeds import random_for


def counts_by_rank(profile: ProfileConfig, num_classes: int) -> NDArray[np.int64]:
    """Images of each rank, most common first; at least 1 except in ``counts``.

    exp: n_max * imbalance^(i/(C-1)) (Cui et al. 2019); step: the first half of the ranks holds
    n_max, the rest n_max * imbalance; zipf: n_max / (i+1)^exponent; counts: as given. The result
    is rounded down, as the published CIFAR-LT lists are.
    """
    rank = np.arange(num_classes)
    if profile.kind == "counts":
        counts = np.array(profile.counts, np.int64)
        if len(counts) != num_classes:
            raise ConfigError(
                f"profile.counts names {len(counts)} classes, the data holds {num_classes}"
            )
        return counts
    parts: NDArray[np.floating[Any]]
    if profile.kind == "exp":
        parts = profile.imbalance ** (rank / max(1, num_classes - 1))
    elif profile.kind == "step":
        parts = np.where(rank < (num_classes + 1) // 2, 1.0, profile.imbalance)
    elif profile.kind == "zipf":
        parts = (rank + 1.0) ** -profile.exponent
    else:
        raise ValueError(f"profile {profile.kind} has no counts of its own")
    return np.maximum(1, np.floor(profile.num_max * parts + 1e-9).astype(np.int64))


def class_of_rank(
    ranks: str | Sequence[int | str], classes: Sequence[str], seed: int
) -> NDArray[np.int64]:
    """The class that holds each rank: its own order, one by the seed, or a list of all classes.

    With ``latin`` class c holds rank (c + seed) mod C: a cyclic Latin square over seeds in a row.
    """
    num_classes = len(classes)
    if isinstance(ranks, str):
        if ranks == "natural":
            return np.arange(num_classes)
        if ranks == "latin":
            return (np.arange(num_classes) - seed) % num_classes
        return random_for(seed, "ranks").permutation(num_classes)
    known = {name: index for index, name in enumerate(classes)}
    try:
        order = [known[one] if isinstance(one, str) else int(one) for one in ranks]
    except KeyError as error:
        raise ConfigError(
            f"profile.ranks names no class {error.args[0]!r}", f"classes: {', '.join(classes)}"
        ) from None
    if sorted(order) != list(range(num_classes)):
        raise ConfigError(
            f"profile.ranks is not a list of all {num_classes} classes, each once",
            f"classes: {', '.join(classes)}",
        )
    return np.array(order)


def counts_by_class(profile: ProfileConfig, classes: Sequence[str], seed: int) -> NDArray[np.int64]:
    """Images that each class starts with, in class order."""
    counts = np.zeros(len(classes), np.int64)
    counts[class_of_rank(profile.ranks, classes, seed)] = counts_by_rank(profile, len(classes))
    return counts
