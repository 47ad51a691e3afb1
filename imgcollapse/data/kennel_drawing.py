"""The drawing board of the kennel: smooth shapes, and how they become a small RGB picture."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Points = NDArray[np.float64]

DRAWN_AT = 128
"""The least side in pixels at which a picture is drawn before it is reduced to its size."""


class Part(NamedTuple):
    """One filled shape: stretched by (width, height), turned by ``angle``, put at (x, y).

    Lengths are in sides of the picture, y points down, (0, 0) is the middle of the picture and
    the angle is in degrees, clockwise. A negative width mirrors the shape.
    """

    shape: str
    x: float
    y: float
    width: float
    height: float
    angle: float
    colour: Colour


class Pose(NamedTuple):
    """How the whole dog is turned (degrees, clockwise), scaled and shifted (in sides)."""

    tilt: float
    scale: float
    shift_x: float
    shift_y: float


def _smooth(corners: Points, steps: int = 3) -> Points:
    """A closed Catmull-Rom curve through ``corners`` (K×2), as K * steps points."""
    before, after, beyond = (np.roll(corners, shift, axis=0) for shift in (1, -1, -2))
    t = (np.arange(steps) / steps)[None, :, None]
    p0, p1, p2, p3 = (points[:, None] for points in (before, corners, after, beyond))
    curve = p1 + 0.5 * t * (
        p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0))
    )
    return np.asarray(curve.reshape(-1, 2))


def _mirrored(*right: tuple[float, float]) -> Points:
    """A smooth shape from its right half, listed from the axis to the axis."""
    left = [(-x, y) for x, y in reversed(right) if x]
    return _smooth(np.array([*right, *left]))


def _round(num_points: int, bumps: int = 0, depth: float = 0.0) -> Points:
    angles = np.arange(num_points) * 2 * np.pi / num_points
    radius = 1 + depth * (np.abs(np.sin(bumps * angles / 2)) - 0.5)
    return np.stack([radius * np.sin(angles), -radius * np.cos(angles)], axis=1)


def _stroke(middle: Points, thickness: float) -> Points:
    """The outline of an open line (K×2) drawn with a pen of this thickness."""
    along = np.gradient(middle, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = thickness / 2 * along[:, ::-1] * (-1, 1)
    return np.concatenate([middle + aside, (middle - aside)[::-1]])


def _smile() -> Points:
    across = np.linspace(-1, 1, 13)
    return _stroke(np.stack([across, np.abs(np.sin(np.pi * across)) ** 0.7], axis=1), 0.3)


# Heads, patches and noses lie in [-1, 1]². Ears grow from (0, 0) to y = 1 and are about as wide as
# their width on either side; faces grow from the chin at (0, 0) up to y = -2.
SHAPES: dict[str, Points] = {
    "disc": _round(20),
    "dot": _round(12),
    "curls": _round(45, bumps=9, depth=0.16),
    "round head": _mirrored(
        (0, -1), (0.5, -0.92), (0.88, -0.5), (1, 0.05), (0.9, 0.55), (0.55, 0.92), (0, 1)
    ),
    "long head": _mirrored(
        (0, -1), (0.55, -0.95), (0.95, -0.55), (0.97, 0), (0.72, 0.5), (0.5, 0.88), (0, 1)
    ),
    "wedge head": _mirrored(
        (0, -0.92), (0.5, -0.95), (0.86, -0.55), (1, 0.1), (0.72, 0.55), (0.42, 0.92), (0, 1)
    ),
    "ruff": _mirrored(
        (0, -0.95),
        (0.5, -0.92),
        (0.84, -0.5),
        (0.94, 0),
        (1.12, 0.32),
        (0.9, 0.42),
        (0.92, 0.68),
        (0.62, 0.7),
        (0.42, 0.95),
        (0, 1),
    ),
    "mane": _mirrored(
        (0, -0.98),
        (0.3, -0.88),
        (0.58, -0.98),
        (0.72, -0.66),
        (1, -0.6),
        (0.94, -0.22),
        (1.16, 0),
        (0.98, 0.28),
        (1.1, 0.6),
        (0.78, 0.66),
        (0.66, 0.98),
        (0.34, 0.88),
        (0, 1.05),
    ),
    "pointed ear": _smooth(
        np.array(
            [(-0.95, -0.15), (-0.8, 0.3), (-0.12, 0.97), (0.12, 0.97), (0.8, 0.3), (0.95, -0.15)]
        ),
        2,
    ),
    "hanging ear": _smooth(
        np.array(
            [
                (-0.45, -0.05),
                (-0.75, 0.35),
                (-0.8, 0.72),
                (-0.35, 1),
                (0.35, 0.95),
                (0.85, 0.6),
                (0.7, 0.15),
                (0.2, -0.1),
            ]
        ),
    ),
    "folded ear": _smooth(
        np.array(
            [
                (-0.9, 0.05),
                (-0.75, 0.4),
                (0.1, 1),
                (0.5, 0.85),
                (0.95, 0.3),
                (0.75, -0.1),
                (0, -0.16),
            ]
        ),
    ),
    "curly ear": _round(42, bumps=7, depth=0.16) * (1, 0.55) + (0, 0.5),
    "mask": _mirrored(
        (0, -0.8), (0.16, -1.05), (0.42, -1.56), (0.74, -1.3), (0.88, -0.7), (0.62, -0.14), (0, 0)
    ),
    "cheeks": _mirrored(
        (0, -0.5), (0.28, -0.62), (0.62, -0.86), (0.88, -0.8), (0.86, -0.45), (0.55, -0.1), (0, 0)
    ),
    "blaze": _mirrored(
        (0, -1.9),
        (0.15, -1.75),
        (0.14, -1.2),
        (0.3, -0.85),
        (0.6, -0.6),
        (0.58, -0.2),
        (0.3, -0.02),
        (0, 0),
    ),
    "peak": _mirrored(
        (0, 0.35), (0.16, -0.1), (0.42, -0.3), (0.8, -0.28), (0.78, -0.6), (0.45, -0.9), (0, -0.92)
    ),
    "nose": _mirrored((0, -0.7), (0.6, -0.75), (1, -0.35), (0.6, 0.4), (0, 1)),
    "smile": _smile(),
    "tongue": _mirrored((0, -0.2), (0.75, -0.2), (0.95, 0.4), (0.6, 0.92), (0, 1)),
}


@functools.lru_cache(maxsize=256)
def _outlines(shapes: tuple[str, ...]) -> tuple[Points, list[int], NDArray[np.int64]]:
    """All points of these shapes in one array, where each shape ends, and whose each point is."""
    lengths = [len(SHAPES[shape]) for shape in shapes]
    owner = np.repeat(np.arange(len(shapes)), lengths)
    points = np.concatenate([SHAPES[shape] for shape in shapes])
    return points, np.cumsum([0, *lengths]).tolist(), owner


@functools.cache
def _gradient(side: int) -> Image.Image:
    """How much of the lower colour each pixel takes: 0 at the top to 255 at the bottom."""
    return Image.linear_gradient("L").resize((side, side), Image.Resampling.BILINEAR)


def paint(
    parts: list[Part], pose: Pose, background: tuple[Colour, Colour], size: int
) -> NDArray[np.uint8]:
    """Paints the parts in order over a vertical gradient (top, bottom); uint8 size×size×3."""
    fine = max(3, -(-DRAWN_AT // size))
    side = size * fine
    points, ends, owner = _outlines(tuple(part.shape for part in parts))
    numbers = np.array([part[1:6] for part in parts])
    x, y, width, height, angle = numbers.T
    turn = np.radians(angle)
    cosine, sine = np.cos(turn), np.sin(turn)
    # Where the unit vectors and the origin of every shape go, as complex numbers x + iy: posing
    # the dog is then one product.
    tilt = np.radians(pose.tilt)
    posed = side * pose.scale * complex(np.cos(tilt), np.sin(tilt))
    corner = side * complex(0.5 + pose.shift_x, 0.5 + pose.shift_y) - complex(0.5, 0.5)
    basis_x = width * (cosine + 1j * sine) * posed
    basis_y = height * (1j * cosine - sine) * posed
    origin = (x + 1j * y) * posed + corner
    placed = basis_x[owner] * points[:, 0] + basis_y[owner] * points[:, 1] + origin[owner]
    flat = placed.view(np.float64).tolist()

    picture = Image.new("RGB", (side, side), background[0])
    picture.paste(background[1], (0, 0), _gradient(side))
    pen = ImageDraw.Draw(picture)
    for part, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
        pen.polygon(flat[2 * start : 2 * end], fill=part.colour)
    return np.asarray(picture.reduce(fine))
