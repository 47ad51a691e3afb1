"""The numbers that the page's script shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from imgcollapse.drawing.palette import REJECT_COLOUR
from imgcollapse.report.contents import Arm, Chain, Contents
from imgcollapse.report.paint import REJECTED, class_paints
from imgcollapse.report.score_names import SHOWN, NamedScore
from imgcollapse.report.sprites import Sprites
from imgcollapse.scores import FLOOR, Score, select

Json = dict[str, Any]


def page_data(contents: Contents, sprites: Sprites, last: int) -> Json:
    """Classes, shares, scores and tiles of every chain, up to generation ``last``."""
    named = named_scores(contents)
    return {
        "last": last,
        "seeds": contents.seeds,
        "reject": {"name": REJECTED, "colour": REJECT_COLOUR},
        "scores": [
            {
                "key": one.key,
                "title": one.title,
                "says": one.says,
                "kind": one.kind,
                "corrected": one.corrected,
                "named": bool(one.says),
            }
            for one in named
        ],
        "arms": [
            {
                "name": arm.name,
                "chains": [_chain_data(chain, sprites, named) for chain in arm.chains],
                "means": _means_data(arm, named),
            }
            for arm in contents.arms
        ],
    }


def named_scores(contents: Contents) -> list[NamedScore]:
    """Scores of the whole set that some chain has: those with a name, then the others."""
    found = dict.fromkeys(
        (score.metric, score.reference)
        for chain in contents.chains
        for score in chain.scores
        if not score.class_
    )
    known = [one for one in SHOWN if (one.metric, one.reference) in found]
    seen = {(one.metric, one.reference) for one in known}
    others = [
        NamedScore(
            metric, reference, f"{metric} {f'({reference})' if reference else ''}".strip(), ""
        )
        for metric, reference in found
        if (metric, reference) not in seen
    ]
    return known + others


def whole_set(scores: Iterable[Score], named: NamedScore) -> list[Score]:
    """The scores of one name, which are not of a single class."""
    return select(scores, named.metric, reference=named.reference, class_="")


def _chain_data(chain: Chain, sprites: Sprites, named: Sequence[NamedScore]) -> Json:
    """Numbers of a chain, by generation from -1 (the floor) on; classes common first."""
    colours = class_paints(len(chain.classes))
    order = [int(label) for label in chain.order]
    tables = [chain.by_generation.get(number, []) for number in [FLOOR, *chain.generations]]
    sprite = [sprites.get((chain.place, number)) for number in chain.generations]
    return {
        "seed": chain.seed,
        "starts": chain.starts,
        "classes": [
            [
                chain.classes[label],
                colours[label],
                int(chain.initial_counts[label]),
                _short(float(chain.initial_shares[label])),
            ]
            for label in order
        ],
        "shares": [_by_class(chain, order, scores, "share_raw") for scores in tables],
        "chance": [_by_class(chain, order, scores, "share_null") for scores in tables],
        "scores": {
            one.key: [
                _row(found[0]) if (found := whole_set(scores, one)) else None for scores in tables
            ]
            for one in named
        },
        "tiles": [
            one and {"counts": one.counts, "columns": one.columns, "step": one.step,
                     "width": one.width, "height": one.height}
            for one in sprite
        ],
    }  # fmt: skip


def _by_class(
    chain: Chain, order: Sequence[int], scores: Iterable[Score], metric: str
) -> list[list[float | None]] | None:
    """Value and limits of each class; None where there are none."""
    found = {score.class_: score for score in select(scores, metric)}
    if not found:
        return None
    return [_row(found[chain.classes[label]])[:3] for label in order]


def _row(score: Score) -> list[float | None]:
    return [_short(score.value), _short(score.low), _short(score.high), score.n]


def _means_data(arm: Arm, named: Sequence[NamedScore]) -> Json | None:
    """Mean, limits and number of chains, by generation from -1 on."""
    if not arm.means:
        return None
    last = max(mean.generation for mean in arm.means)
    found: Json = {}
    for one in named:
        rows = {
            mean.generation: [_short(mean.mean), _short(mean.low), _short(mean.high), mean.chains]
            for mean in arm.means
            if (mean.metric, mean.reference) == (one.metric, one.reference)
        }
        if rows:
            found[one.key] = [rows.get(number) for number in range(FLOOR, last + 1)]
    return found


def _short(value: float | None) -> float | None:
    """Five digits, which are more than a page can show."""
    return None if value is None else float(f"{value:.5g}")
