"""Head, tail and rejects of each arm over the generations, beside what chance alone would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from scipy.stats import beta

from imgcollapse.drawing.look import Look
from imgcollapse.figures.arms import HANDLE, INTERVAL, chains_words, log_axis
from imgcollapse.figures.metric_words import percent_of
from imgcollapse.figures.panels import columns_of, grid_of, rows_height, titles, width_of
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.metrics.estimates import Z
from imgcollapse.metrics.over_chains import RULE, OverChains, within_range
from imgcollapse.metrics.shares import tail_classes, wilson
from imgcollapse.scores import FLOOR, Score

HEAD, TAIL, REJECTS = "head", "tail", "rejected"
PARTS = {
    HEAD: "head: the class that began as the commonest",
    TAIL: "tail: the rarer half of the classes",
    REJECTS: "rejected: no class",
}
CHANCE_WORDS = "chance alone: 95 % of single chains"
FAINT = 0.22
EDGES = (0, (1, 1.5))
"""Of the rejects' band, which is not filled: it would look like that of chance."""


@dataclass(frozen=True)
class Chain:
    """Shares of one chain by generation: of its own head, of its own tail, and of the rejects.

    ``chance`` holds the 2.5 and 97.5 % limits of head and tail by generation.
    """

    began: dict[str, float]
    shares: dict[int, dict[str, float]]
    chance: dict[int, dict[str, tuple[float, float]]]
    n: int


def plot_shares(tables: StudyTables) -> Plot:
    """One panel for each arm on a common log axis: chains faint, means bold with bands."""
    arms = {arm: _chains(tables, arm) for arm in tables.arms}
    arms = {arm: chains for arm, chains in arms.items() if chains}
    if not arms:
        raise NotDrawnError("no arm has the counted shares share_raw of classes that began unequal")
    every = [chain for chains in arms.values() for chain in chains.values()]
    least = 0.5 / max(chain.n for chain in every)
    has_chance = any(chain.chance for chain in every)

    def fill(made: Figure, look: Look) -> None:
        heads = titles(list(arms), look, columns_of(len(arms), look))
        panels = grid_of(made, len(arms), look, "generation", share_y=True)
        for axes, chains, head in zip(panels, arms.values(), heads, strict=True):
            _draw_arm(axes, list(chains.values()), look, least)
            axes.set_title(head)
        for axes in panels[:: columns_of(len(arms), look)]:
            axes.set_ylabel("share of the images")
        low = min(_lowest(chain) for chain in every)
        panels[0].set_ylim(max(low, least) * 0.7, 1.15)
        log_axis(panels[0], percent_of)
        _draw_legend(made, look, has_chance)

    def size(look: Look) -> tuple[float, float]:
        heads = titles(list(arms), look, columns_of(len(arms), look))
        legend = (3 + has_chance + 0.8) * look.line
        return (
            width_of(len(arms), look),
            rows_height(len(arms), look, heads, 0.8) + legend + look.line,
        )

    return Plot(
        size=size,
        fill=fill,
        columns=(
            "arm", "seed", "generation", "part", "share", "low", "high", "chance_low",
            "chance_high", "chains",
        ),
        rows=[row for arm, chains in arms.items() for row in _rows(arm, chains)],
        caption=(
            "Counted shares of each generation's samples on a log axis: of the class that was the "
            "commonest of the chain's first pool (head), of the rarer half of its classes together "
            "(tail), and of what the judge takes for no class (rejected). Faint: single chains; "
            f"bold: the mean over {chains_words(len(one) for one in arms.values())}; bands are "
            f"{INTERVAL} ({RULE})."
            + (
                " Grey: where 95 % of single chains would be that only copy their pool; of the "
                "tail, a beta distribution with the variance that chance gives to all classes. "
                if has_chance
                else " "
            )
            + "Chance knows no rejects; their band is drawn by its edges. "
            "Dotted: shares at the beginning. Shares of no image are "
            "drawn at half an image."
        ),
    )  # fmt: skip


def _chains(tables: StudyTables, arm: str) -> dict[int, Chain]:
    """By seed; those that have no counted shares are left out."""
    counts: dict[int, dict[str, int]] = {}
    for one in tables.counts:
        if one.arm == arm:
            counts.setdefault(one.seed, {})[one.class_] = one.count
    found = {
        seed: chain_of(scores, counts[seed])
        for (other, seed), scores in tables.scores.items()
        if other == arm and seed in counts
    }
    return {seed: chain for seed, chain in found.items() if chain is not None}


def chain_of(scores: Sequence[Score], counts: Mapping[str, int]) -> Chain | None:
    """None where there are no counted shares, or no class began rarer than another."""
    names, held = list(counts), np.array(list(counts.values()), np.int64)
    began = dict(zip(names, held / held.sum(), strict=True))
    head = names[int(np.argmax(held))]
    tail = {name for name, rare in zip(names, tail_classes(held), strict=True) if rare}
    shares: dict[int, dict[str, float]] = {}
    ribbons: dict[int, dict[str, tuple[float, float]]] = {}
    n = 0
    for score in scores:
        if score.generation == FLOOR:
            continue
        if score.metric == "share_raw":
            n = score.n
            here = shares.setdefault(score.generation, {HEAD: 0.0, TAIL: 0.0})
            for part in [HEAD] * (score.class_ == head) + [TAIL] * (score.class_ in tail):
                here[part] += score.value
        elif score.metric == "share_null" and score.low is not None and score.high is not None:
            ribbons.setdefault(score.generation, {})[score.class_] = score.low, score.high
    for score in scores:
        if score.metric == "reject" and score.generation in shares:
            shares[score.generation][REJECTS] = score.value
    together = sum(began[name] for name in tail)
    chance = {
        generation: {HEAD: ribbon[head], TAIL: ribbon_of_sum(together, ribbon, began)}
        for generation, ribbon in ribbons.items()
        if head in ribbon
    }
    if not shares or len(set(held[held > 0].tolist())) < 2:
        return None
    return Chain({HEAD: began[head], TAIL: together}, shares, chance, n)


def ribbon_of_sum(
    share: float, ribbon: Mapping[str, tuple[float, float]], began: Mapping[str, float]
) -> tuple[float, float]:
    """Where 95 % of chains have the sum of several classes that began with ``share``.

    Under resampling a share p has the variance p (1 - p) F, with one F for every class and every
    sum of classes (Wright 1931). F is read from the ribbons of all classes; the sum then has about
    a beta distribution (Balding and Nichols 1995).
    """
    pairs = [(began[name], high - low) for name, (low, high) in ribbon.items()]
    spread = sum((width / (2 * Z)) ** 2 for _, width in pairs)
    most = sum(one * (1 - one) for one, _ in pairs)
    if not 0 < share < 1 or not spread or not most:
        return share, share
    size = max(most / spread - 1, 1e-3)
    low, high = beta.ppf([0.025, 0.975], share * size, (1 - share) * size)
    return float(low), float(high)


def _over_chains(chains: Sequence[Chain], generation: int, part: str) -> OverChains:
    held = OverChains()
    for chain in chains:
        if part in chain.shares.get(generation, {}):
            share = chain.shares[generation][part]
            (low,), (high,) = wilson(np.array([round(share * chain.n)]), chain.n)
            held.add(share, low, high)
    return held


def _chance(chains: Sequence[Chain], generation: int, part: str) -> tuple[float, float] | None:
    """The mean over chains of both limits: their ranks are the same, if not their classes."""
    held = [
        chain.chance[generation][part]
        for chain in chains
        if part in chain.chance.get(generation, {})
    ]
    if not held:
        return None
    low, high = np.mean(held, 0)
    return float(low), float(high)


def _rows(arm: str, chains: Mapping[int, Chain]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    every = list(chains.values())
    for generation in sorted({number for chain in every for number in chain.shares}):
        for part in PARTS:
            held = _over_chains(every, generation, part)
            if not held.num:
                continue
            limits = within_range("share_raw", held.limits(), 1)
            chance = _chance(every, generation, part) or (None, None)
            rows.append((arm, None, generation, part, held.mean, *limits, *chance, held.num))
            rows.extend(
                (
                    arm,
                    seed,
                    generation,
                    part,
                    chain.shares[generation][part],
                    None,
                    None,
                    None,
                    None,
                    1,
                )
                for seed, chain in chains.items()
                if part in chain.shares.get(generation, {})
            )
    return rows


def _lowest(chain: Chain) -> float:
    return min(
        [share for here in chain.shares.values() for share in here.values()]
        + [limits[0] for here in chain.chance.values() for limits in here.values()]
    )


def _style(part: str, look: Look) -> dict[str, Any]:
    colour, marker, dashes = {
        HEAD: (look.theme.ink, "o", "solid"),
        TAIL: (look.theme.accent, "v", "solid"),
        REJECTS: (look.theme.soft_ink, "x", (0, (3, 1.2))),
    }[part]
    return {
        "color": colour, "marker": marker, "linestyle": dashes, "linewidth": 1.2,
        "markersize": 0.4 * look.venue.size,
    }  # fmt: skip


def _draw_arm(axes: Axes, chains: Sequence[Chain], look: Look, least: float) -> None:
    numbers = sorted({number for chain in chains for number in chain.shares})
    for part in (HEAD, TAIL):
        chance = {g: held for g in numbers if (held := _chance(chains, g, part))}
        if chance:
            low, high = np.maximum(np.array(list(chance.values())).T, least)
            if len(chance) == 1:
                axes.vlines(list(chance), low, high, color=look.theme.chance, linewidth=8)
            axes.fill_between(list(chance), low, high, color=look.theme.chance, linewidth=0)
        began = float(np.mean([chain.began[part] for chain in chains]))
        axes.axhline(began, color=look.theme.soft_ink, linestyle=":", linewidth=0.7, zorder=1)
    for part in PARTS:
        style = _style(part, look)
        colour = str(style["color"])
        over = {g: one for g in numbers if (one := _over_chains(chains, g, part)).num}
        if not over:
            continue
        if len(chains) > 1:
            for chain in chains:
                single = {
                    g: max(here[part], least) for g, here in chain.shares.items() if part in here
                }
                axes.plot(
                    list(single), list(single.values()), color=colour, linewidth=0.6, alpha=FAINT
                )
        limits = {g: within_range("share_raw", one.limits(), 1) for g, one in over.items()}
        limits = {g: pair for g, pair in limits.items() if pair[0] is not None}
        if limits:
            low, high = np.maximum(np.array(list(limits.values()), np.float64).T, least)
            if part == REJECTS:
                for end in (low, high):
                    axes.plot(list(limits), end, color=colour, linewidth=0.6, linestyle=EDGES)
            else:
                axes.fill_between(list(limits), low, high, color=colour, alpha=0.18, linewidth=0)
            if len(limits) == 1:
                axes.vlines(list(limits), low, high, color=colour, linewidth=0.9)
        means = [max(one.mean, least) for one in over.values()]
        axes.plot(list(over), means, **style, markevery=-(-len(over) // 10))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
    axes.grid(axis="y")


def _draw_legend(made: Figure, look: Look, has_chance: bool) -> None:
    handles: list[Line2D | Patch] = [
        Line2D([], [], label=words, **_style(part, look)) for part, words in PARTS.items()
    ]
    if has_chance:
        handles.append(Patch(color=look.theme.chance, label=CHANCE_WORDS))
    made.legend(
        handles=handles, loc="outside lower center", ncols=2 if made.get_figwidth() > 6 else 1,
        handlelength=HANDLE, labelspacing=0.35, borderaxespad=0.2, borderpad=0.2,
    )  # fmt: skip
