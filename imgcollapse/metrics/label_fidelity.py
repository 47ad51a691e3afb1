"""Whether images show the class that they were meant to show."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imgcollapse.images import UNLABELLED
from imgcollapse.metrics.estimates import Estimate
from imgcollapse.metrics.rows import Rows


def add_label_fidelity(
    rows: Rows,
    labels: NDArray[np.int64],
    verdicts: NDArray[np.int64],
    names: Sequence[str],
) -> None:
    """Adds ``label_fidelity``, overall and of each class that is meant: the part judged to be it.

    ``labels`` and ``verdicts`` (N) have ``UNLABELLED`` where no class is meant, and where none is
    seen, which is a miss. No rows without labels. Each row's n counts the images with its label.
    """
    meant = labels != UNLABELLED
    right = labels == verdicts
    if meant.any():
        _add(rows, right[meant], "")
    for label, name in enumerate(names):
        of_class = labels == label
        if of_class.any():
            _add(rows, right[of_class], name)


def _add(rows: Rows, right: NDArray[np.bool_], class_: str) -> None:
    """Of real images, for the floor, any part up to all may be right."""
    part = Estimate.share(float(right.mean()), len(right))
    low, high = part.interval()
    if rows.of_floor:
        low, high = part.floor_interval()[0], 1.0
    rows.add_as_is("label_fidelity", part.value, low, high, class_, n=len(right))
