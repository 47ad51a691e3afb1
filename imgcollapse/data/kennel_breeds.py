"""The ten breeds of the kennel, as ranges that every dog is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from imgcollapse.data.kennel_drawing import Colour

Range = tuple[float, float]
Colours = tuple[Colour, Colour]

# The backdrops of all breeds lie on one path: sand, straw, meadow, teal, sky, lilac. A dog sits
# somewhere along it, counted in stations.
BACKDROPS: tuple[Colour, ...] = (
    (222, 196, 154),
    (196, 196, 132),
    (142, 184, 114),
    (122, 186, 168),
    (144, 188, 222),
    (184, 174, 214),
)


@dataclass(frozen=True)
class Head:
    """Half width and half height vary; ``y`` is the middle of the head."""

    shape: str
    width: Range
    height: Range
    y: float


@dataclass(frozen=True)
class Ears:
    """They grow from ``root`` and turn outwards by ``angle``: 0 hangs, 180 stands straight up.

    Ears with an ``inside`` stand behind the head, those without hang in front of it.
    """

    shape: str
    root: tuple[float, float]
    length: Range
    width: Range
    angle: Range
    inside: Colour | None = None


@dataclass(frozen=True)
class Muzzle:
    """Half width varies; ``height`` is in units of it, ``nose`` is the nose's half width."""

    width: Range
    height: float
    y: float
    nose: float
    nose_colour: Colour


@dataclass(frozen=True)
class Eyes:
    """Round eyes of radius ``size``, all dark or with an iris in the colour of the eye."""

    place: tuple[float, float]
    size: Range
    iris: bool = False


@dataclass(frozen=True)
class Mark:
    """A patch of the face, in a colour that the dog's traits or their shades name.

    One that ``grows`` is scaled by the dog's ``marking_size``; ``paired`` means on both sides.
    """

    shape: str
    x: float
    y: float
    width: float
    height: float
    colour: str = "marking"
    angle: float = 0.0
    paired: bool = False
    grows: bool = False


@dataclass(frozen=True)
class Breed:
    """What a breed's dogs have in common (shapes, places) and how far they vary (ranges).

    Colours are pairs of RGB between which a dog's own lies. Lengths are in sides of the picture
    and angles in degrees; places on the face, marks and ``spots`` (x, y, radius) are in units of
    the head's half width and half height, from its middle; y points down.
    """

    name: str
    coat: Colours
    marking: Colours
    ear_colour: Colours
    eye_colour: Colours
    muzzle_colour: Colours
    head: Head
    ears: Ears
    muzzle: Muzzle
    eyes: Eyes
    backdrop: Range
    marks: tuple[Mark, ...] = ()
    spots: tuple[tuple[float, float, float], ...] = ()
    tongue: Range = (0.0, 0.0)
    bib_colour: str = "coat"


BLACK: Colour = (34, 30, 32)
DARK_EYES: Colours = ((38, 24, 18), (70, 42, 26))

KENNEL: tuple[Breed, ...] = (
    Breed(
        name="golden-retriever",
        coat=((222, 164, 80), (240, 194, 116)),
        marking=((248, 220, 160), (252, 230, 182)),
        ear_colour=((178, 112, 46), (202, 138, 66)),
        eye_colour=DARK_EYES,
        muzzle_colour=((248, 220, 160), (252, 232, 190)),
        head=Head("round head", width=(0.25, 0.28), height=(0.25, 0.28), y=-0.06),
        ears=Ears(
            "hanging ear", (0.8, -0.62), length=(0.33, 0.41), width=(0.095, 0.125), angle=(6, 18)
        ),
        muzzle=Muzzle((0.145, 0.175), height=0.8, y=0.46, nose=0.062, nose_colour=BLACK),
        eyes=Eyes((0.43, -0.1), size=(0.036, 0.044)),
        backdrop=(1, 5),
        marks=(Mark("disc", 0, -0.4, 0.62, 0.5, "light", grows=True),),
        tongue=(0.06, 0.11),
        bib_colour="marking",
    ),
    Breed(
        name="labrador",
        coat=((102, 61, 38), (132, 84, 54)),
        marking=((112, 70, 44), (140, 92, 62)),
        ear_colour=((64, 36, 22), (86, 50, 32)),
        eye_colour=((196, 140, 50), (222, 172, 84)),
        muzzle_colour=((138, 90, 62), (164, 112, 80)),
        head=Head("long head", width=(0.25, 0.28), height=(0.27, 0.3), y=-0.05),
        ears=Ears(
            "folded ear", (0.84, -0.62), length=(0.24, 0.3), width=(0.1, 0.13), angle=(-16, -4)
        ),
        muzzle=Muzzle((0.15, 0.18), height=0.85, y=0.42, nose=0.068, nose_colour=(52, 28, 22)),
        eyes=Eyes((0.45, -0.16), size=(0.042, 0.05), iris=True),
        backdrop=(0, 5),
        bib_colour="marking",
    ),
    Breed(
        name="german-shepherd",
        coat=((190, 126, 66), (216, 154, 88)),
        marking=((44, 36, 34), (66, 52, 44)),
        ear_colour=((52, 40, 36), (84, 62, 46)),
        eye_colour=DARK_EYES,
        muzzle_colour=((40, 34, 34), (60, 48, 42)),
        head=Head("wedge head", width=(0.25, 0.28), height=(0.25, 0.28), y=0.06),
        ears=Ears(
            "pointed ear",
            (0.56, -0.6),
            length=(0.25, 0.3),
            width=(0.115, 0.135),
            angle=(160, 172),
            inside=(196, 140, 104),
        ),
        muzzle=Muzzle((0.12, 0.145), height=0.98, y=0.46, nose=0.056, nose_colour=(14, 12, 14)),
        eyes=Eyes((0.44, -0.02), size=(0.036, 0.043)),
        backdrop=(1, 5),
        marks=(
            Mark("peak", 0, -0.02, 1, 1, grows=True),
            Mark("dot", 0.34, -0.3, 0.15, 0.11, "coat", angle=-20, paired=True),
        ),
        tongue=(0.04, 0.09),
    ),
    Breed(
        name="beagle",
        coat=((176, 100, 48), (204, 128, 68)),
        marking=((250, 246, 238), (255, 253, 250)),
        ear_colour=((116, 62, 32), (144, 82, 46)),
        eye_colour=DARK_EYES,
        muzzle_colour=((250, 246, 238), (255, 253, 250)),
        head=Head("round head", width=(0.22, 0.25), height=(0.26, 0.29), y=-0.07),
        ears=Ears(
            "hanging ear", (0.82, -0.6), length=(0.42, 0.5), width=(0.1, 0.13), angle=(-4, 10)
        ),
        muzzle=Muzzle((0.12, 0.15), height=0.95, y=0.46, nose=0.06, nose_colour=BLACK),
        eyes=Eyes((0.47, -0.12), size=(0.038, 0.046)),
        backdrop=(1, 5),
        marks=(Mark("blaze", 0, 1, 1, 1, grows=True),),
        bib_colour="marking",
    ),
    Breed(
        name="poodle",
        coat=((174, 164, 192), (202, 192, 218)),
        marking=((198, 188, 214), (222, 214, 234)),
        ear_colour=((138, 128, 164), (164, 152, 188)),
        eye_colour=DARK_EYES,
        muzzle_colour=((206, 198, 220), (228, 220, 238)),
        head=Head("long head", width=(0.18, 0.205), height=(0.26, 0.285), y=0.05),
        ears=Ears(
            "curly ear", (1.05, -0.55), length=(0.36, 0.44), width=(0.115, 0.14), angle=(-14, -2)
        ),
        muzzle=Muzzle((0.1, 0.12), height=0.95, y=0.5, nose=0.05, nose_colour=BLACK),
        eyes=Eyes((0.46, -0.06), size=(0.036, 0.043)),
        backdrop=(0, 4.2),
        marks=(Mark("curls", 0, -0.86, 1.2, 0.62, grows=True),),
    ),
    Breed(
        name="husky",
        coat=((92, 98, 112), (128, 134, 148)),
        marking=((246, 247, 250), (255, 255, 255)),
        ear_colour=((70, 76, 90), (100, 106, 120)),
        eye_colour=((74, 158, 224), (120, 196, 248)),
        muzzle_colour=((250, 250, 252), (255, 255, 255)),
        head=Head("ruff", width=(0.26, 0.29), height=(0.26, 0.29), y=0.07),
        ears=Ears(
            "pointed ear",
            (0.56, -0.62),
            length=(0.23, 0.28),
            width=(0.095, 0.115),
            angle=(162, 174),
            inside=(240, 222, 220),
        ),
        muzzle=Muzzle((0.11, 0.13), height=0.85, y=0.5, nose=0.054, nose_colour=BLACK),
        eyes=Eyes((0.44, -0.06), size=(0.042, 0.05), iris=True),
        backdrop=(1, 5),
        marks=(Mark("mask", 0, 1, 1, 1, grows=True),),
        bib_colour="marking",
    ),
    Breed(
        name="pug",
        coat=((226, 196, 154), (242, 216, 176)),
        marking=((214, 178, 134), (230, 198, 154)),
        ear_colour=((50, 40, 40), (76, 60, 56)),
        eye_colour=((26, 18, 18), (48, 30, 24)),
        muzzle_colour=((50, 40, 40), (72, 58, 54)),
        head=Head("round head", width=(0.29, 0.32), height=(0.26, 0.29), y=0.0),
        ears=Ears(
            "folded ear", (0.9, -0.74), length=(0.16, 0.2), width=(0.085, 0.105), angle=(-26, -10)
        ),
        muzzle=Muzzle((0.165, 0.195), height=0.68, y=0.54, nose=0.056, nose_colour=(16, 13, 14)),
        eyes=Eyes((0.46, -0.14), size=(0.048, 0.057)),
        backdrop=(1, 5),
        marks=(Mark("smile", 0, -0.6, 0.34, 0.14, "shade"),),
        bib_colour="marking",
    ),
    Breed(
        name="shiba-inu",
        coat=((224, 120, 44), (244, 150, 70)),
        marking=((255, 242, 224), (255, 250, 240)),
        ear_colour=((196, 94, 30), (220, 120, 48)),
        eye_colour=DARK_EYES,
        muzzle_colour=((255, 244, 228), (255, 250, 242)),
        head=Head("ruff", width=(0.27, 0.3), height=(0.24, 0.27), y=0.07),
        ears=Ears(
            "pointed ear",
            (0.6, -0.6),
            length=(0.22, 0.27),
            width=(0.1, 0.12),
            angle=(154, 166),
            inside=(255, 222, 196),
        ),
        muzzle=Muzzle((0.11, 0.13), height=0.8, y=0.5, nose=0.05, nose_colour=BLACK),
        eyes=Eyes((0.45, -0.06), size=(0.038, 0.045)),
        backdrop=(1.2, 5),
        marks=(
            Mark("cheeks", 0, 1, 1, 1, grows=True),
            Mark("dot", 0.38, -0.42, 0.16, 0.12, angle=-25, paired=True),
        ),
        bib_colour="marking",
    ),
    Breed(
        name="samoyed",
        coat=((246, 243, 236), (255, 255, 252)),
        marking=((250, 248, 244), (255, 255, 255)),
        ear_colour=((228, 222, 212), (244, 240, 232)),
        eye_colour=((24, 18, 18), (48, 34, 30)),
        muzzle_colour=((240, 234, 226), (250, 246, 240)),
        head=Head("mane", width=(0.29, 0.33), height=(0.27, 0.31), y=0.05),
        ears=Ears(
            "pointed ear",
            (0.6, -0.66),
            length=(0.18, 0.23),
            width=(0.085, 0.105),
            angle=(152, 166),
            inside=(238, 178, 176),
        ),
        muzzle=Muzzle((0.12, 0.14), height=0.75, y=0.36, nose=0.054, nose_colour=BLACK),
        eyes=Eyes((0.36, -0.1), size=(0.036, 0.043)),
        backdrop=(1, 5),
        tongue=(0.07, 0.11),
        bib_colour="marking",
    ),
    Breed(
        name="dalmatian",
        coat=((246, 244, 240), (255, 255, 255)),
        marking=((30, 28, 32), (56, 50, 52)),
        ear_colour=((30, 28, 32), (56, 50, 52)),
        eye_colour=DARK_EYES,
        muzzle_colour=((240, 236, 232), (252, 250, 248)),
        head=Head("long head", width=(0.23, 0.26), height=(0.28, 0.31), y=-0.04),
        ears=Ears(
            "hanging ear", (0.84, -0.68), length=(0.29, 0.36), width=(0.085, 0.11), angle=(10, 24)
        ),
        muzzle=Muzzle((0.125, 0.15), height=0.9, y=0.46, nose=0.062, nose_colour=BLACK),
        eyes=Eyes((0.42, -0.14), size=(0.036, 0.044)),
        backdrop=(0.6, 5),
        spots=(
            (-0.34, -0.62, 0.15),
            (0.2, -0.74, 0.12),
            (0.5, -0.46, 0.11),
            (-0.02, -0.36, 0.1),
            (-0.66, 0.2, 0.11),
            (0.62, 0.14, 0.12),
            (-0.2, 1.3, 0.15),
            (0.32, 1.42, 0.13),
        ),
    ),
)
