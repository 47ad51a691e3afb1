"""Where the images of a pool come from, and what its filter did, in words."""

from __future__ import annotations

from typing import Any

from imgcollapse.scores import percent

ON_A_LINE = 5
INDENT = " " * 7


def lineage_lines(number: int, pool: dict[str, Any]) -> list[str]:
    """Lines on the pool of a generation, as ``pool.json`` has it."""
    held = {int(origin): sum(classes.values()) for origin, classes in pool["counts"].items()}
    parts = [f"{origin_name(origin)} {held[origin]:,}" for origin in sorted(held)]
    starts = range(0, len(parts), ON_A_LINE)
    lines = [INDENT + ", ".join(parts[start : start + ON_A_LINE]) for start in starts]
    lines[0] = f"{number:>5}  {lines[0].lstrip()}"
    if "filter" in pool:
        lines += [INDENT + line for line in _filter_lines(pool["filter"])]
    if pool.get("watermark", {}).get("marked"):
        marks = pool["watermark"]
        lines.append(
            f"{INDENT}{marks['marked']:,} of its samples marked, median PSNR {marks['psnr']:.1f} dB"
        )
    return lines


def origin_name(origin: int) -> str:
    return f"generation {origin - 1}" if origin else "real"


def _filter_lines(done: dict[str, Any]) -> list[str]:
    """What a filter dropped, and the real share of the pool before and after."""
    name = f"{done['kind']} filter"
    if done["matched_random"]:
        name = f"matched random drop for the {name}"
    share, roc = done["real_share"], done["roc"]
    found, false = done["true_positive_rate"], done["false_positive_rate"]
    rates = [_rate(rate, what) for rate, what in ((found, "generated"), (false, "real")) if rate]
    curve = "" if roc is None else f"; area under its curve {roc['auc']:.3f}"
    predicted = share["predicted"]
    expected = "" if predicted is None else f" ({percent(predicted)} predicted)"
    return [
        f"{name}: {done['dropped']:,} of {done['seen']:,} dropped{curve}",
        f"  {', '.join(rates)}",
        f"  real share {percent(share['incoming'])} → {percent(share['measured'])}{expected}",
    ]


def _rate(rate: dict[str, Any], what: str) -> str:
    limits = f"{percent(rate['low'])} to {percent(rate['high'])}"
    return f"{what} {percent(rate['value'])} of {rate['n']:,} ({limits})"
