"""Selection and crowding over the chains of each arm of a study."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from imgcollapse.metrics.over_chains import OverChains
from imgcollapse.scores import select
from imgcollapse.study.chance import why_no_selection
from imgcollapse.study.study_folder import Cell


def selection_rows(
    arms: Mapping[str, Sequence[Cell]], say: Callable[[str], None]
) -> Iterable[Sequence[object]]:
    """arm, class, share, value, low, high, chains; crowding has no class and no share.

    Each is the mean of the chains' own in their last generation, with the limits of
    ``summary.csv``. Of chains that are as long as they are to be. Classes are left out where chains
    began with different counts; ``say`` hears of that, and of arms without selection.
    """
    for arm, cells in arms.items():
        whole = [one for one in cells if len(one.run.generations()) == one.config.generations]
        reason = "no chain is complete" if not whole else why_no_selection(whole[0].config)
        found = {} if reason else _over_chains(whole)
        if not found:
            say(f"{arm}: no selection: {reason or 'it needs two classes or more'}")
            continue
        counts = whole[0].run.initial_counts()
        total = sum(counts.values())
        if any(one.run.initial_counts() != counts for one in whole):
            say(f"{arm}: crowding only, for its chains began with different counts")
            found = {"": found[""]}
        for name, over in found.items():
            share = counts[name] / total if name else None
            yield arm, name, share, over.mean, *over.limits(), over.num


def _over_chains(cells: Sequence[Cell]) -> dict[str, OverChains]:
    """By class, and of crowding by no class; empty where the chains were not scored for it."""
    found: dict[str, OverChains] = {}
    for one in cells:
        scores = one.run.scores()
        last = [score for score in scores if score.generation == one.config.generations - 1]
        for score in [*select(last, "selection"), *select(last, "crowding")]:
            found.setdefault(score.class_, OverChains()).add(score.value, score.low, score.high)
    return found
