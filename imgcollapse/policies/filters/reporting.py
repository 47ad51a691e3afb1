"""What a filter did, against the truth that it did not see, and what was to be expected of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from imgcollapse.images import REAL
from imgcollapse.policies.filters.filtering import Filtered
from imgcollapse.policies.watermark_detection import roc
from imgcollapse.policy_config import FilterConfig

ROC_AT = (0.001, 0.01, 0.1)
"""False positive rates at which a curve is read."""

Mask = NDArray[np.bool_]


def report(config: FilterConfig, done: Filtered, rates_are_known: bool = True) -> dict[str, Any]:
    """As ``pool.json`` records it. Rates are parts of the images that the filter met.

    ``true_positive_rate`` is the part of the generated images that was dropped,
    ``false_positive_rate`` that of the real ones, both with 95 % limits (Clopper and Pearson 1934)
    and None where there was no such image. ``roc`` is the curve of the suspicion, None where all
    images are of one kind. No real share is predicted from rates that are not known: those of
    marks, where not all generated images are marked alike.
    """
    is_real = done.incoming.origin == REAL
    dropped = ~done.kept
    return {
        "kind": config.kind,
        "matched_random": config.matched_random,
        "seen": int(done.seen.sum()),
        "dropped": int(dropped.sum()),
        "threshold": done.finding.threshold,
        "true_positive_rate": _rate(dropped, done.seen & ~is_real),
        "false_positive_rate": _rate(dropped, done.seen & is_real),
        "false_positive_rates": {
            name: _rate(dropped, met)
            for label, name in enumerate(done.incoming.classes)
            if (met := done.seen & is_real & (done.incoming.labels == label)).any()
        },
        "roc": _roc(done.finding.suspicion, is_real[done.seen]),
        "real_share": {
            "incoming": float(is_real.mean()),
            "predicted": _predicted(config, done, is_real, rates_are_known),
            "measured": float(is_real[done.kept].mean()),
        },
    }


def _rate(dropped: Mask, among: Mask) -> dict[str, float | int] | None:
    count, n = int((dropped & among).sum()), int(among.sum())
    if not n:
        return None
    low, high = binomtest(count, n).proportion_ci()
    return {"value": count / n, "low": float(low), "high": float(high), "n": n}


def _roc(suspicion: NDArray[np.float64], is_real: Mask) -> dict[str, Any] | None:
    if is_real.all() or not is_real.any():
        return None
    curve = roc(suspicion[~is_real], suspicion[is_real])
    return {"auc": curve.area, "tpr_at": {f"{fpr:g}": curve.tpr_at(fpr) for fpr in ROC_AT}}


def _predicted(
    config: FilterConfig, done: Filtered, is_real: Mask, rates_are_known: bool
) -> float | None:
    """The real share after dropping at the rates that the filter expects.

    For a part s of generated images: 1 - s (1 - t) / (s (1 - t) + (1 - s) (1 - f)), where a part t
    of them is dropped and a part f of the real ones; what the filter does not meet is not dropped.
    """
    found, false = done.finding.rates
    if config.matched_random:
        found = false = float((~done.kept).sum() / max(1, done.seen.sum()))
    elif not rates_are_known:
        return None
    real = is_real.sum() - false * (done.seen & is_real).sum()
    generated = (~is_real).sum() - found * (done.seen & ~is_real).sum()
    return float(real / (real + generated)) if real + generated > 0 else None
