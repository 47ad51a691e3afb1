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
        rows.add_estimate("label_fidelity", _part(right[meant]), n=int(meant.sum()))
    for label, name in enumerate(names):
        of_class = labels == label
        if of_class.any():
            rows.add_estimate(
                "label_fidelity", _part(right[of_class]), n=int(of_class.sum()), class_=name
            )


def _part(right: NDArray[np.bool_]) -> Estimate:
    return Estimate.share(float(right.mean()), len(right))
