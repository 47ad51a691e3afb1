"""Images side by side as one array of pixels."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from imgcollapse.drawing.palette import REJECT_COLOUR, class_colours, on_paper
from imgcollapse.images import UNLABELLED

TILE_PIXELS = 64
MARK_PIXELS = 5
GAP_PIXELS = 2


def by_class(verdicts: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions that sort images by class in the given order of classes, rejects last."""
    rank = np.empty(len(order) + 1, np.int64)
    rank[order] = np.arange(len(order))
    rank[UNLABELLED] = len(order)
    return np.argsort(rank[verdicts], kind="stable")


def mosaic(
    images: NDArray[np.uint8],
    verdicts: NDArray[np.int64],
    columns: int,
    num_classes: int,
    background: str = "#FFFFFF",
) -> NDArray[np.uint8]:
    """uint8 N×C×H×W to one H'×W'×3 picture, each tile over a mark in the colour of its class.

    Tiles are magnified by a whole number to about 64 pixels; empty places are the background.
    """
    num, tiles = len(images), _magnified(images)
    height, width = tiles.shape[1:3]
    step_y, step_x = height + MARK_PIXELS + GAP_PIXELS, width + GAP_PIXELS
    rows = -(-num // columns)
    picture = np.full((rows * step_y, columns * step_x, 3), _pixel(background), np.uint8)
    marks = [_pixel(on_paper(one, background)) for one in class_colours(num_classes)]
    marks.append(_pixel(REJECT_COLOUR))
    for place, (tile, verdict) in enumerate(zip(tiles, verdicts, strict=True)):
        top, left = place // columns * step_y, place % columns * step_x
        picture[top : top + height, left : left + width] = tile
        under = top + height
        picture[under : under + MARK_PIXELS, left : left + width] = marks[verdict]
    return picture[: rows * step_y - GAP_PIXELS, : columns * step_x - GAP_PIXELS]


def in_a_row(images: NDArray[np.uint8], background: str) -> NDArray[np.uint8]:
    """uint8 N×C×H×W beside each other as one H'×W'×3 picture, magnified alike."""
    tiles = _magnified(images)
    num, height, width = tiles.shape[:3]
    picture = np.full((height, num, width + GAP_PIXELS, 3), _pixel(background), np.uint8)
    picture[:, :, :width] = tiles.transpose(1, 0, 2, 3)
    return picture.reshape(height, -1, 3)[:, :-GAP_PIXELS]


def _magnified(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """N×H'×W'×3, by a whole number to about 64 pixels."""
    num, channels, height, width = images.shape
    times = max(1, TILE_PIXELS // max(height, width))
    tiles = np.broadcast_to(images, (num, 3, height, width)) if channels == 1 else images
    return tiles.repeat(times, 2).repeat(times, 3).transpose(0, 2, 3, 1)


def _pixel(colour: str) -> NDArray[np.uint8]:
    return (np.array(to_rgb(colour)) * 255).round().astype(np.uint8)
