"""The kennel: ten breeds of dogs, drawn by the program, so that the truth of an image is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgcollapse.data.kennel_breeds import BACKDROPS, KENNEL, Breed, Colours, Mark, Range
from imgcollapse.data.kennel_drawing import Colour, Part, Pose, paint
from imgcollapse.errors import DataError
from imgcollapse.seeds import random_for

BREEDS: tuple[str, ...] = tuple(breed.name for breed in KENNEL)
"""The classes from common to rare; the golden retriever is the head class."""

SMALLEST, LARGEST = 16, 64
TILT, SHIFT, SCALE = (-8.0, 8.0), (-0.035, 0.035), (0.97, 1.13)
EYE_GLINT, NOSE_GLINT, TONGUE = (255, 255, 255), (226, 168, 160), (236, 112, 122)
NUM_DRAWS = 27
SPOT_DRAWS = 3


@dataclass(frozen=True)
class Traits:
    """The known truth of one image, of which its pixels are a pure function.

    Colours are RGB in 0 to 255; lengths are in sides of the picture; angles in degrees,
    clockwise. ``spots`` holds (x, y, radius) in units of the head's half width and height.
    """

    breed: int
    coat: Colour
    marking: Colour
    ear_colour: Colour
    eye_colour: Colour
    muzzle_colour: Colour
    background: Colour
    background_fade: float
    tilt: float
    shift_x: float
    shift_y: float
    scale: float
    head_width: float
    head_height: float
    ear_length: float
    ear_width: float
    ear_angle_left: float
    ear_angle_right: float
    muzzle_width: float
    marking_size: float
    eye_size: float
    eye_gap: float
    tongue: float
    spots: tuple[tuple[float, float, float], ...]


def traits(breed: int, index: int, *, seed: int) -> Traits:
    """The truth of image ``index`` of a breed: the same for one seed, whatever else is drawn."""
    kind = _breed(breed)
    num_draws = NUM_DRAWS + SPOT_DRAWS * len(kind.spots)
    random = random_for(seed, "breed", breed, "image", index)
    # The place on the path of backdrops is uniform. All else is the mean of two uniform numbers:
    # bounded like them, but seldom at the rim.
    backdrop = random.random()
    draws: Iterator[float] = iter(random.random((2, num_draws)).mean(axis=0).tolist())

    def within(limits: Range) -> float:
        return limits[0] + (limits[1] - limits[0]) * next(draws)

    def between(ends: Colours) -> Colour:
        return _mixed(ends, next(draws), 8 * (2 * next(draws) - 1))

    low, high = kind.backdrop
    ear_angle = within(kind.ears.angle)
    asymmetry = within((-6, 6))
    return Traits(
        breed=breed,
        coat=between(kind.coat),
        marking=between(kind.marking),
        ear_colour=between(kind.ear_colour),
        eye_colour=between(kind.eye_colour),
        muzzle_colour=between(kind.muzzle_colour),
        background=_backdrop(low + (high - low) * backdrop, within((-14, 14))),
        background_fade=within((0.02, 0.14)),
        tilt=within(TILT),
        shift_x=within(SHIFT),
        shift_y=within(SHIFT),
        scale=within(SCALE),
        head_width=within(kind.head.width),
        head_height=within(kind.head.height),
        ear_length=within(kind.ears.length),
        ear_width=within(kind.ears.width),
        ear_angle_left=ear_angle + asymmetry,
        ear_angle_right=ear_angle - asymmetry,
        muzzle_width=within(kind.muzzle.width),
        marking_size=within((0.84, 1.0)),
        eye_size=within(kind.eyes.size),
        eye_gap=within((0.92, 1.08)),
        tongue=within(kind.tongue),
        spots=tuple(
            (x + within((-0.14, 0.14)), y + within((-0.12, 0.12)), radius * within((0.7, 1.35)))
            for x, y, radius in kind.spots
        ),
    )


def draw(dog: Traits, size: int) -> NDArray[np.uint8]:
    """The picture of one dog, uint8 3×size×size; ``size`` is 16 to 64 pixels."""
    _check_size(size)
    pose = Pose(dog.tilt, dog.scale, dog.shift_x, dog.shift_y)
    fade = dog.background_fade
    gradient = _shaded(dog.background, 1 + fade), _shaded(dog.background, 1 - fade)
    return paint(_parts(dog), pose, gradient, size).transpose(2, 0, 1)


def draw_many(breed: int, indices: range, *, seed: int, size: int) -> NDArray[np.uint8]:
    """The images of one breed at these indices, uint8 N×3×size×size.

    Image i of a seed is the same dog whatever the range, and at every size from 16 to 64.
    """
    _breed(breed)
    _check_size(size)
    images = np.empty((len(indices), 3, size, size), dtype=np.uint8)
    for row, index in enumerate(indices):
        images[row] = draw(traits(breed, index, seed=seed), size)
    return images


def _breed(breed: int) -> Breed:
    if not 0 <= breed < len(KENNEL):
        raise DataError(f"the kennel has no breed {breed}", f"breeds are 0 to {len(KENNEL) - 1}")
    return KENNEL[breed]


def _check_size(size: int) -> None:
    if not SMALLEST <= size <= LARGEST:
        raise DataError(
            f"the kennel cannot draw at {size} pixels",
            f"choose data.image_size from {SMALLEST} to {LARGEST}",
        )


def _mixed(ends: Colours, part: float, light: float) -> Colour:
    """The colour at ``part`` (0 to 1) of the way between two, ``light`` brighter or darker."""
    (red, green, blue), (far_red, far_green, far_blue) = ends
    return (
        _channel(red + (far_red - red) * part + light),
        _channel(green + (far_green - green) * part + light),
        _channel(blue + (far_blue - blue) * part + light),
    )


def _shaded(colour: Colour, factor: float) -> Colour:
    red, green, blue = colour
    return _channel(red * factor), _channel(green * factor), _channel(blue * factor)


def _channel(value: float) -> int:
    return min(255, max(0, round(value)))


def _backdrop(where: float, light: float) -> Colour:
    """The colour at one place of the path of backdrops."""
    station = min(int(where), len(BACKDROPS) - 2)
    return _mixed((BACKDROPS[station], BACKDROPS[station + 1]), where - station, light)


def _parts(dog: Traits) -> list[Part]:
    """The shapes of a dog, from back to front."""
    kind = KENNEL[dog.breed]
    colours = {
        "coat": dog.coat,
        "marking": dog.marking,
        "light": _shaded(dog.coat, 1.07),
        "shade": _shaded(dog.coat, 0.78),
        "rim": _shaded(dog.coat, 0.88),
    }
    y, wide, high = kind.head.y, dog.head_width, dog.head_height
    ears = _ears(dog, kind)
    bib = _shaded(colours[kind.bib_colour], 0.92)
    parts = [
        Part("disc", 0, 0.52, 0.3, 0.32, 0, colours["shade"]),
        Part("disc", 0, 0.5, 0.2 * dog.marking_size, 0.28 * dog.marking_size, 0, bib),
    ]
    if kind.ears.inside is not None:
        parts += ears
    parts += [
        Part(kind.head.shape, 0, y, wide, high, 0, colours["rim"]),
        Part(kind.head.shape, 0, y - 0.012, wide * 0.94, high * 0.94, 0, dog.coat),
    ]
    for mark in kind.marks:
        parts += _mark(mark, dog, kind, colours[mark.colour])
    for spot_x, spot_y, radius in dog.spots:
        place = (spot_x * wide, y + spot_y * high, radius * wide, radius * high)
        parts.append(Part("dot", *place, 0, dog.marking))
    if kind.ears.inside is None:
        parts += ears
    parts += _face(dog, kind)
    return parts


def _mark(mark: Mark, dog: Traits, kind: Breed, colour: Colour) -> list[Part]:
    grown = dog.marking_size if mark.grows else 1.0
    x, y = mark.x * dog.head_width, kind.head.y + mark.y * dog.head_height
    wide, high = mark.width * dog.head_width * grown, mark.height * dog.head_height * grown
    right = Part(mark.shape, x, y, wide, high, mark.angle, colour)
    if not mark.paired:
        return [right]
    return [right, Part(mark.shape, -x, y, -wide, high, -mark.angle, colour)]


def _ears(dog: Traits, kind: Breed) -> list[Part]:
    shape, long, wide = kind.ears.shape, dog.ear_length, dog.ear_width
    root_x, y = kind.ears.root[0] * dog.head_width, kind.ears.root[1] * dog.head_height
    y += kind.head.y
    parts = []
    # Ears turn away from the head: the right one counter-clockwise, since y points down.
    for side, angle in ((-1, dog.ear_angle_left), (1, -dog.ear_angle_right)):
        x = side * root_x
        parts.append(Part(shape, x, y, side * wide, long, angle, dog.ear_colour))
        if (inside := kind.ears.inside) is not None:
            parts.append(Part(shape, x, y, side * wide * 0.54, long * 0.7, angle, inside))
    return parts


def _face(dog: Traits, kind: Breed) -> list[Part]:
    """Muzzle, mouth, nose and eyes."""
    muzzle_y = kind.head.y + kind.muzzle.y * dog.head_height
    wide, high = dog.muzzle_width, dog.muzzle_width * kind.muzzle.height
    nose_y, nose = muzzle_y - 0.4 * high, kind.muzzle.nose
    mouth_y = muzzle_y + 0.12 * high
    parts = [Part("disc", 0, muzzle_y, wide, high, 0, dog.muzzle_colour)]
    if dog.tongue:
        parts.append(Part("tongue", 0, mouth_y + 0.03, 0.048, dog.tongue, 0, TONGUE))
    parts += [
        Part("smile", 0, mouth_y, wide * 0.62, wide * 0.26, 0, kind.muzzle.nose_colour),
        Part("nose", 0, nose_y, nose, nose * 0.78, 0, kind.muzzle.nose_colour),
        Part("dot", -nose * 0.3, nose_y - nose * 0.3, nose * 0.26, nose * 0.17, 0, NOSE_GLINT),
    ]
    eye_y, eye = kind.head.y + kind.eyes.place[1] * dog.head_height, dog.eye_size
    for side in (-1, 1):
        x = side * kind.eyes.place[0] * dog.eye_gap * dog.head_width
        if kind.eyes.iris:
            parts += [
                Part("dot", x, eye_y, eye * 1.12, eye * 1.12, 0, kind.muzzle.nose_colour),
                Part("dot", x, eye_y, eye * 0.94, eye * 0.94, 0, dog.eye_colour),
                Part("dot", x, eye_y, eye * 0.46, eye * 0.46, 0, kind.muzzle.nose_colour),
            ]
        else:
            parts.append(Part("dot", x, eye_y, eye, eye * 1.12, 0, dog.eye_colour))
        glint = eye * 0.36
        parts.append(Part("dot", x - eye * 0.3, eye_y - eye * 0.4, glint, glint, 0, EYE_GLINT))
    return parts
