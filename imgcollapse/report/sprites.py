"""The samples of a generation as one small PNG: tiles, each over the mark of its class."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, inf

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from PIL import Image

from imgcollapse.drawing.palette import REJECT_COLOUR, class_colours
from imgcollapse.drawing.tiles import by_class
from imgcollapse.errors import CorruptError
from imgcollapse.report.contents import Chain
from imgcollapse.store.run_directory import read_npz

LARGEST_SIDE = 64
BUDGET_BYTES = 10_000_000
TELLING, SLACK = 16, 1.1
"""After so many sprites the size of all is foreseen, and may be beyond the budget by so much."""


@dataclass(frozen=True)
class Fineness:
    """How many tiles a sprite has, in all colours or in 256, and whether all seeds have one."""

    tiles: int
    all_colours: bool
    all_seeds: bool = True


LADDER = (
    Fineness(64, all_colours=True),
    Fineness(64, all_colours=False),
    Fineness(36, all_colours=False),
    Fineness(16, all_colours=False),
    Fineness(16, all_colours=False, all_seeds=False),
)


@dataclass(frozen=True)
class Sprite:
    """A PNG of tiles sorted by judged class, row by row; ``counts`` of each class in that order.

    The last of ``counts`` is of the rejects. ``width`` and ``height`` are in its own pixels,
    ``step`` from one tile to the next, ``shrunk`` by how much images were made smaller.
    """

    png: bytes
    width: int
    height: int
    columns: int
    step: tuple[int, int]
    counts: tuple[int, ...]
    shrunk: int


Sprites = dict[tuple[str, int], Sprite]
"""By the chain's place and the generation."""


def draw_sprites(
    chains: Sequence[Chain], first_seed: int, budget: float = BUDGET_BYTES
) -> tuple[Sprites, Fineness]:
    """Sprites of every generation, as fine as fits the budget in bytes; else the coarsest.

    The last step of the ladder leaves out all seeds but the first.
    """
    for fineness in LADDER[:-1]:
        if (drawn := _drawn(chains, fineness, budget)) is not None:
            return drawn, fineness
    first = [chain for chain in chains if chain.seed == first_seed]
    return _drawn(first, LADDER[-1], inf) or {}, LADDER[-1]


def _drawn(chains: Sequence[Chain], fineness: Fineness, budget: float) -> Sprites | None:
    """Sprites of all that have a run, or None where they are, or will be, beyond the budget."""
    wanted = [(chain, number) for chain in chains if chain.run for number in chain.generations]
    drawn: Sprites = {}
    size = 0
    for chain, number in wanted:
        sprite = draw_sprite(chain, number, fineness)
        drawn[chain.place, number] = sprite
        size += len(sprite.png)
        foreseen = size / len(drawn) * len(wanted) if len(drawn) >= TELLING else 0
        if size > budget or foreseen > SLACK * budget:
            return None
    return drawn


def draw_sprite(chain: Chain, generation: int, fineness: Fineness) -> Sprite:
    """The first tiles of the common noise in one generation."""
    assert chain.run is not None
    path = chain.run.path / f"gen_{generation:03d}" / "grid.npz"
    images, verdicts = read_npz(path, "arr_0", "arr_1")
    num_classes = len(chain.classes)
    fits = images.ndim == 4 and images.dtype == np.uint8 and images.shape[3] in (1, 3)
    if not fits or len(images) != len(verdicts) or not len(images):
        raise CorruptError(f"not a grid of samples ({path})", "imgcollapse verify RUN")
    if verdicts.min() < -1 or verdicts.max() >= num_classes:
        raise CorruptError(f"verdicts of classes that are not there ({path})", "restore the run")
    images, verdicts = images[: fineness.tiles], verdicts[: fineness.tiles]
    chosen = by_class(verdicts, chain.order)
    images, verdicts = images[chosen], verdicts[chosen]
    side = max(images.shape[1:3])
    shrunk = ceil(side / LARGEST_SIDE)
    images = np.broadcast_to(images, (*images.shape[:3], 3))
    tiles = np.stack([np.asarray(Image.fromarray(one).reduce(shrunk)) for one in images])
    held = np.bincount(np.where(verdicts < 0, num_classes, verdicts), minlength=num_classes + 1)
    colours = [*class_colours(num_classes), REJECT_COLOUR]
    marks = np.array([to_rgb(colours[verdict]) for verdict in verdicts])
    columns = ceil(len(tiles) ** 0.5)
    picture, mask, step = _arranged(tiles, (marks * 255).round().astype(np.uint8), columns)
    return Sprite(
        png=_encoded(picture, mask, fineness.all_colours),
        width=picture.shape[1],
        height=picture.shape[0],
        columns=columns,
        step=step,
        counts=tuple(held[[*chain.order, num_classes]].tolist()),
        shrunk=shrunk,
    )


def _arranged(
    tiles: NDArray[np.uint8], marks: NDArray[np.uint8], columns: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], tuple[int, int]]:
    """Tiles over their marks as H×W×3; where there is something (2 tile, 1 mark, 0); the step."""
    num, height, width, _ = tiles.shape
    side = max(height, width)
    gap, mark = max(1, side // 16), max(2, side // 10)
    step_x, step_y = width + gap, height + mark + gap
    rows = -(-num // columns)
    picture = np.zeros((rows * step_y - gap, columns * step_x - gap, 3), np.uint8)
    mask = np.zeros(picture.shape[:2], np.uint8)
    for place in range(num):
        top, left = place // columns * step_y, place % columns * step_x
        inside = np.s_[top : top + height, left : left + width]
        under = np.s_[top + height : top + height + mark, left : left + width]
        picture[inside], mask[inside] = tiles[place], 2
        picture[under], mask[under] = marks[place], 1
    return picture, mask, (step_x, step_y)


def _encoded(picture: NDArray[np.uint8], mask: NDArray[np.uint8], all_colours: bool) -> bytes:
    """PNG with nothing between the tiles; marks keep their exact colours in 256 colours too."""
    content = io.BytesIO()
    if all_colours:
        alpha = np.where(mask, 255, 0).astype(np.uint8)
        Image.fromarray(np.dstack([picture, alpha])).save(content, "PNG")
        return content.getvalue()
    marks = np.unique(picture[mask == 1], axis=0)
    pixels = picture[mask == 2].reshape(1, -1, 3)
    few = Image.fromarray(pixels).quantize(255 - len(marks), dither=Image.Dither.NONE)
    palette = np.array(few.getpalette(), np.uint8).reshape(-1, 3)
    places = np.zeros(mask.shape, np.uint8)
    places[mask == 2] = np.asarray(few)[0] + 1 + len(marks)
    which = {tuple(colour): place for place, colour in enumerate(marks.tolist(), 1)}
    places[mask == 1] = [which[tuple(colour)] for colour in picture[mask == 1].tolist()]
    indexed = Image.fromarray(places, "P")
    indexed.putpalette(np.concatenate([np.zeros((1, 3), np.uint8), marks, palette]).tobytes())
    indexed.save(content, "PNG", transparency=0)
    return content.getvalue()
