"""What the page is filled with: values for its template, and data for its script."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from imgcollapse.drawing.palette import REJECT_COLOUR
from imgcollapse.report.citing_text import CITATION
from imgcollapse.report.contents import Arm, Chain, Contents, scored
from imgcollapse.report.methods import methods
from imgcollapse.report.page_data import Json, page_data, whole_set
from imgcollapse.report.paint import REJECTED, class_paints
from imgcollapse.report.provenance import provenance
from imgcollapse.report.score_names import HEADLINES, SHOWN, NamedScore, with_limits, worded
from imgcollapse.report.setting_words import policy_words
from imgcollapse.report.sprites import Fineness, Sprite, Sprites
from imgcollapse.scores import FLOOR, percent, select

PRINTED = 4


def view(contents: Contents, sprites: Sprites, fineness: Fineness) -> Json:
    """Every name that ``page.html`` uses."""
    text = methods(contents)
    arms = [_arm_view(contents, arm, sprites) for arm in contents.arms]
    last = max(chain.starts + chain.generations[-1] for chain in contents.chains)
    return {
        "name": contents.name,
        "title": _title(contents),
        "lede": _lede(contents),
        "arms": arms,
        "left_out": contents.left_out,
        "last": last,
        "seeds": contents.seeds,
        "has_grids": bool(sprites),
        "drawn_from": drawn_from(contents),
        "shrunk": max((sprite.shrunk for sprite in sprites.values()), default=1),
        "fineness": fineness,
        "has_chance": any(select(chain.scores, "share_null") for chain in contents.chains),
        "has_means": any(arm.means for arm in contents.arms),
        "reject_colour": REJECT_COLOUR,
        "reject_name": REJECTED,
        "scored": scored(contents.chains),
        "methods": text.as_text(),
        "latex": text.as_latex(),
        "bibtex": text.as_bibtex(),
        "provenance": provenance(contents),
        "study": contents.study,
        "data": page_data(contents, sprites, last),
    }


def drawn_from(contents: Contents) -> str:
    """What samples of all generations share: a bootstrap draws images, not noise."""
    kinds = {one.config.generator.kind for one in contents.chains if one.config is not None}
    return "random numbers" if "bootstrap" in kinds else "noise"


def _title(contents: Contents) -> str:
    config = contents.arms[0].chains[0].config
    if config is None:
        return contents.name
    what = f"{config.data.source}, {config.generator.kind}"
    return f"{contents.name}: {what}" if contents.name else what


def _lede(contents: Contents) -> str:
    """How much is shown, in a sentence."""
    chains, arms = contents.chains, contents.arms
    longest = max(chains, key=lambda chain: len(chain.generations))
    counts = longest.initial_counts
    num = len(longest.generations)
    words = f"{num} generation{'s' if num > 1 else ''}"
    if len(arms) > 1:
        words = f"{len(arms)} arms, {words}"
    if len(contents.seeds) > 1:
        words += f", {len(contents.seeds)} seeds"
    head = longest.classes[int(longest.order[0])]
    began = int((counts > 0).sum())
    return (
        f"{words}. Generation 0 was trained on {counts.sum():,} real images of {began} "
        f"class{'es' if began > 1 else ''}, {counts.max():,} of the most common ({head}) and "
        f"{counts[counts > 0].min():,} of the rarest."
    )


def _arm_view(contents: Contents, arm: Arm, sprites: Sprites) -> Json:
    return {
        "name": arm.name,
        "says": _arm_words(arm),
        "headlines": _headlines(arm),
        "chains": [_chain_view(contents, chain, sprites) for chain in arm.chains],
    }


def _arm_words(arm: Arm) -> str:
    """What the policy makes of later pools, without sources."""
    config = arm.chains[0].config
    if config is None:
        return ""
    words = f"Each later pool {CITATION.sub('', policy_words(config.policy)).strip()}."
    unfinished = [chain for chain in arm.chains if len(chain.generations) < config.generations]
    if unfinished:
        done = len(unfinished[0].generations)
        words += f" Not complete: {done} of {config.generations} generations are committed."
    return words


def _headlines(arm: Arm) -> list[Json]:
    """The first against the last generation: means of a study, else the first chain."""
    chain = arm.chains[0]
    lines = []
    for named in (one for one in SHOWN if one.key in HEADLINES):
        if arm.means:
            values = {
                mean.generation: mean.mean
                for mean in arm.means
                if (mean.metric, mean.reference) == (named.metric, named.reference)
            }
        else:
            values = {score.generation: score.value for score in whole_set(chain.scores, named)}
        numbers = sorted(values.keys() - {FLOOR})
        if numbers:
            last = chain.by_generation.get(numbers[-1], [])
            flagged = named.corrected and any(one.value > 1 for one in select(last, "share_fit"))
            lines.append(
                {
                    "title": named.title,
                    "first": worded(values[numbers[0]], named.kind),
                    "last": worded(values[numbers[-1]], named.kind) + ("*" if flagged else ""),
                    "one": len(numbers) == 1,
                }
            )
    return lines


def _chain_view(contents: Contents, chain: Chain, sprites: Sprites) -> Json:
    """The pictures of a chain, and its tables of the first and the last generation."""
    numbers = chain.generations
    ends = list(dict.fromkeys((numbers[0], numbers[-1])))
    pictures = []
    for number in numbers:
        sprite = sprites.get((chain.place, number))
        if sprite is not None:
            pictures.append(
                {
                    "generation": chain.starts + number,
                    "source": f"data:image/png;base64,{base64.b64encode(sprite.png).decode()}",
                    "width": sprite.width,
                    "height": sprite.height,
                    "words": _sprite_words(chain, chain.starts + number, sprite),
                    "end": number in ends,
                    "printed": number in _printed(numbers),
                }
            )
    floor = [FLOOR] if FLOOR in chain.by_generation else []
    return {
        "seed": chain.seed,
        "first_seed": chain.seed == contents.seeds[0],
        "pictures": pictures,
        "columns": [
            "real images" if number == FLOOR else f"generation {chain.starts + number}"
            for number in [*floor, *ends]
        ],
        "scores": [
            (named.title, [_cell(chain, named, number) for number in [*floor, *ends]])
            for named in SHOWN
            if whole_set(chain.scores, named)
        ],
        "shares": _share_rows(chain, ends),
    }


def _printed(numbers: Sequence[int]) -> set[int]:
    """Up to four generations, evenly chosen, that hold the first and the last."""
    last = len(numbers) - 1
    return {numbers[round(place * last / (PRINTED - 1))] for place in range(PRINTED)}


def _sprite_words(chain: Chain, generation: int, sprite: Sprite) -> str:
    names = [*(chain.classes[label] for label in chain.order), REJECTED]
    parts = [f"{num} {name}" for num, name in zip(sprite.counts, names, strict=True) if num]
    num = sum(sprite.counts)
    return f"{num} samples of generation {generation} by judged class: {', '.join(parts)}"


def _cell(chain: Chain, named: NamedScore, generation: int) -> str:
    found = whole_set(chain.by_generation[generation], named)
    return with_limits(found[0].value, found[0].low, found[0].high, named.kind) if found else ""


def _share_rows(chain: Chain, generations: Sequence[int]) -> list[Json]:
    colours = class_paints(len(chain.classes))
    rows = []
    for label in chain.order:
        name = chain.classes[label]
        cells = []
        for generation in generations:
            one = select(chain.by_generation[generation], "share_raw", class_=name)[0]
            cells.append(with_limits(one.value, one.low, one.high, "share"))
        rows.append(
            {
                "name": name,
                "colour": colours[label],
                "began": percent(float(chain.initial_shares[label])),
                "count": int(chain.initial_counts[label]),
                "cells": cells,
            }
        )
    return rows
