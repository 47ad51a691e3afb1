"""The ten breeds of the kennel, as ranges that every dog is drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from imgcollapse.data.kennel_drawing import Colour

Range = tuple[float, float]
Colours = tuple[Colour, Colour]

# The backdrops that all breeds share, as stations of one path: sand, straw, meadow, teal, sky,
# lilac. A dog stands somewhere along it.
BACKDROPS: tuple[Colour, ...] = (
    (222, 196, 154), (196, 196, 132), (142, 184, 114), (122, 186, 168), (144, 188, 222),
    (184, 174, 214),
)


@dataclass(frozen=True)
class Mark:
    """A patch of the face in units of the head's half width and height, from the head's middle.

    ``colour`` names a colour of the dog's traits. A mark that ``grows`` is scaled by the dog's
    ``marking_size``, and one that is ``paired`` is on both sides.
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

    Colours are pairs of RGB between which a dog's own lies. Lengths are in sides of the picture,
    but places on the face are in units of the head's half width and height; angles in degrees
    (0 hangs straight down, 180 stands straight up).
    """

    name: str
    coat: Colours
    marking: Colours
    ear_colour: Colours
    eye_colour: Colours
    muzzle_colour: Colours
    head: str
    head_width: Range
    head_height: Range
    head_y: float
    ear: str
    ear_x: float
    ear_y: float
    ear_length: Range
    ear_width: Range
    ear_angle: Range
    ears_in_front: bool
    inner_ear: Colour | None
    marks: tuple[Mark, ...]
    muzzle_y: float
    muzzle_width: Range
    muzzle_height: float
    nose_colour: Colour
    nose_width: float
    eye_x: float
    eye_y: float
    eye_size: Range
    tongue: Range
    backdrop: Range
    bib: str = "disc"
    bib_colour: str = "coat"
    iris: bool = False
    spots: tuple[tuple[float, float, float], ...] = ()


BLACK: Colour = (34, 30, 32)
DARK_EYES: Colours = ((38, 24, 18), (70, 42, 26))
PINK: Colour = (226, 168, 160)

KENNEL: tuple[Breed, ...] = (
    Breed(
        name="golden-retriever",
        coat=((222, 164, 80), (240, 194, 116)),
        marking=((248, 220, 160), (252, 230, 182)),
        ear_colour=((178, 112, 46), (202, 138, 66)),
        eye_colour=DARK_EYES,
        muzzle_colour=((248, 220, 160), (252, 232, 190)),
        head="round head", head_width=(0.25, 0.28), head_height=(0.25, 0.28), head_y=-0.06,
        ear="hanging ear", ear_x=0.8, ear_y=-0.62,
        ear_length=(0.33, 0.41), ear_width=(0.095, 0.125), ear_angle=(6, 18),
        ears_in_front=True, inner_ear=None,
        marks=(Mark("disc", 0, -0.4, 0.62, 0.5, "light", grows=True),),
        muzzle_y=0.46, muzzle_width=(0.145, 0.175), muzzle_height=0.8,
        nose_colour=BLACK, nose_width=0.062, eye_x=0.43, eye_y=-0.1, eye_size=(0.036, 0.044),
        tongue=(0.06, 0.11), backdrop=(1, 5), bib="mane", bib_colour="marking",
    ),
    Breed(
        name="labrador",
        coat=((92, 54, 34), (122, 76, 48)),
        marking=((112, 70, 44), (140, 92, 62)),
        ear_colour=((64, 36, 22), (86, 50, 32)),
        eye_colour=((196, 140, 50), (222, 172, 84)),
        muzzle_colour=((124, 80, 54), (150, 100, 70)),
        head="long head", head_width=(0.25, 0.28), head_height=(0.27, 0.30), head_y=-0.05,
        ear="folded ear", ear_x=0.84, ear_y=-0.62,
        ear_length=(0.24, 0.30), ear_width=(0.10, 0.13), ear_angle=(-16, -4),
        ears_in_front=True, inner_ear=None, marks=(),
        muzzle_y=0.42, muzzle_width=(0.15, 0.18), muzzle_height=0.85,
        nose_colour=(52, 28, 22), nose_width=0.068, eye_x=0.45, eye_y=-0.16,
        eye_size=(0.042, 0.05), tongue=(0, 0), backdrop=(0, 5), iris=True,
    ),
    Breed(
        name="german-shepherd",
        coat=((190, 126, 66), (216, 154, 88)),
        marking=((44, 36, 34), (66, 52, 44)),
        ear_colour=((52, 40, 36), (84, 62, 46)),
        eye_colour=DARK_EYES,
        muzzle_colour=((40, 34, 34), (60, 48, 42)),
        head="wedge head", head_width=(0.25, 0.28), head_height=(0.25, 0.28), head_y=0.06,
        ear="pointed ear", ear_x=0.56, ear_y=-0.6,
        ear_length=(0.25, 0.30), ear_width=(0.115, 0.135), ear_angle=(160, 172),
        ears_in_front=False, inner_ear=(196, 140, 104),
        marks=(
            Mark("peak", 0, -0.02, 1, 1, grows=True),
            Mark("dot", 0.34, -0.3, 0.15, 0.11, "coat", -20, paired=True),
        ),
        muzzle_y=0.46, muzzle_width=(0.12, 0.145), muzzle_height=0.98,
        nose_colour=(14, 12, 14), nose_width=0.056, eye_x=0.44, eye_y=-0.02,
        eye_size=(0.036, 0.043), tongue=(0.04, 0.09), backdrop=(1, 5),
    ),
    Breed(
        name="beagle",
        coat=((176, 100, 48), (204, 128, 68)),
        marking=((250, 246, 238), (255, 253, 250)),
        ear_colour=((116, 62, 32), (144, 82, 46)),
        eye_colour=DARK_EYES,
        muzzle_colour=((250, 246, 238), (255, 253, 250)),
        head="round head", head_width=(0.22, 0.25), head_height=(0.26, 0.29), head_y=-0.07,
        ear="hanging ear", ear_x=0.82, ear_y=-0.6,
        ear_length=(0.42, 0.50), ear_width=(0.10, 0.13), ear_angle=(-4, 10),
        ears_in_front=True, inner_ear=None,
        marks=(Mark("blaze", 0, 1, 1, 1, grows=True),),
        muzzle_y=0.46, muzzle_width=(0.12, 0.15), muzzle_height=0.95,
        nose_colour=BLACK, nose_width=0.06, eye_x=0.47, eye_y=-0.12, eye_size=(0.038, 0.046),
        tongue=(0, 0), backdrop=(1, 5), bib_colour="marking",
    ),
    Breed(
        name="poodle",
        coat=((174, 164, 192), (202, 192, 218)),
        marking=((198, 188, 214), (222, 214, 234)),
        ear_colour=((138, 128, 164), (164, 152, 188)),
        eye_colour=DARK_EYES,
        muzzle_colour=((206, 198, 220), (228, 220, 238)),
        head="long head", head_width=(0.18, 0.205), head_height=(0.26, 0.285), head_y=0.05,
        ear="curly ear", ear_x=1.05, ear_y=-0.55,
        ear_length=(0.36, 0.44), ear_width=(0.115, 0.14), ear_angle=(-14, -2),
        ears_in_front=True, inner_ear=None,
        marks=(Mark("curls", 0, -0.86, 1.2, 0.62, grows=True),),
        muzzle_y=0.5, muzzle_width=(0.10, 0.12), muzzle_height=0.95,
        nose_colour=BLACK, nose_width=0.05, eye_x=0.46, eye_y=-0.06, eye_size=(0.036, 0.043),
        tongue=(0, 0), backdrop=(0, 4.2),
    ),
    Breed(
        name="husky",
        coat=((92, 98, 112), (128, 134, 148)),
        marking=((246, 247, 250), (255, 255, 255)),
        ear_colour=((70, 76, 90), (100, 106, 120)),
        eye_colour=((74, 158, 224), (120, 196, 248)),
        muzzle_colour=((250, 250, 252), (255, 255, 255)),
        head="ruff", head_width=(0.26, 0.29), head_height=(0.26, 0.29), head_y=0.07,
        ear="pointed ear", ear_x=0.56, ear_y=-0.62,
        ear_length=(0.23, 0.28), ear_width=(0.095, 0.115), ear_angle=(162, 174),
        ears_in_front=False, inner_ear=(240, 222, 220),
        marks=(Mark("mask", 0, 1, 1, 1, grows=True),),
        muzzle_y=0.5, muzzle_width=(0.11, 0.13), muzzle_height=0.85,
        nose_colour=BLACK, nose_width=0.054, eye_x=0.44, eye_y=-0.06, eye_size=(0.048, 0.056),
        tongue=(0, 0), backdrop=(1, 5), bib_colour="marking", iris=True,
    ),
    Breed(
        name="pug",
        coat=((226, 196, 154), (242, 216, 176)),
        marking=((52, 42, 40), (74, 58, 54)),
        ear_colour=((50, 40, 40), (76, 60, 56)),
        eye_colour=((134, 80, 40), (168, 106, 58)),
        muzzle_colour=((50, 40, 40), (72, 58, 54)),
        head="round head", head_width=(0.29, 0.32), head_height=(0.26, 0.29), head_y=0.0,
        ear="folded ear", ear_x=0.86, ear_y=-0.66,
        ear_length=(0.17, 0.22), ear_width=(0.09, 0.11), ear_angle=(-30, -14),
        ears_in_front=True, inner_ear=None,
        marks=(
            Mark("dot", 0.3, 0.2, 0.3, 0.26, paired=True, grows=True),
            Mark("smile", 0, -0.56, 0.34, 0.14, "shade"),
        ),
        muzzle_y=0.46, muzzle_width=(0.155, 0.185), muzzle_height=0.76,
        nose_colour=(16, 13, 14), nose_width=0.056, eye_x=0.52, eye_y=-0.1,
        eye_size=(0.056, 0.066), tongue=(0, 0), iris=True, backdrop=(1, 5),
    ),
    Breed(
        name="shiba-inu",
        coat=((224, 120, 44), (244, 150, 70)),
        marking=((255, 242, 224), (255, 250, 240)),
        ear_colour=((196, 94, 30), (220, 120, 48)),
        eye_colour=DARK_EYES,
        muzzle_colour=((255, 244, 228), (255, 250, 242)),
        head="ruff", head_width=(0.27, 0.30), head_height=(0.24, 0.27), head_y=0.07,
        ear="pointed ear", ear_x=0.6, ear_y=-0.6,
        ear_length=(0.22, 0.27), ear_width=(0.10, 0.12), ear_angle=(154, 166),
        ears_in_front=False, inner_ear=(255, 222, 196),
        marks=(
            Mark("cheeks", 0, 1, 1, 1, grows=True),
            Mark("dot", 0.38, -0.42, 0.16, 0.12, angle=-25, paired=True),
        ),
        muzzle_y=0.5, muzzle_width=(0.11, 0.13), muzzle_height=0.8,
        nose_colour=BLACK, nose_width=0.05, eye_x=0.45, eye_y=-0.06, eye_size=(0.038, 0.045),
        tongue=(0, 0), backdrop=(1.2, 5), bib="mane", bib_colour="marking",
    ),
    Breed(
        name="samoyed",
        coat=((246, 243, 236), (255, 255, 252)),
        marking=((250, 248, 244), (255, 255, 255)),
        ear_colour=((228, 222, 212), (244, 240, 232)),
        eye_colour=((24, 18, 18), (48, 34, 30)),
        muzzle_colour=((240, 234, 226), (250, 246, 240)),
        head="mane", head_width=(0.29, 0.33), head_height=(0.27, 0.31), head_y=0.05,
        ear="pointed ear", ear_x=0.6, ear_y=-0.66,
        ear_length=(0.18, 0.23), ear_width=(0.085, 0.105), ear_angle=(152, 166),
        ears_in_front=False, inner_ear=(238, 178, 176), marks=(),
        muzzle_y=0.36, muzzle_width=(0.12, 0.14), muzzle_height=0.75,
        nose_colour=BLACK, nose_width=0.054, eye_x=0.36, eye_y=-0.1, eye_size=(0.036, 0.043),
        tongue=(0.07, 0.11), backdrop=(1, 5), bib="mane",
    ),
    Breed(
        name="dalmatian",
        coat=((246, 244, 240), (255, 255, 255)),
        marking=((30, 28, 32), (56, 50, 52)),
        ear_colour=((30, 28, 32), (56, 50, 52)),
        eye_colour=DARK_EYES,
        muzzle_colour=((240, 236, 232), (252, 250, 248)),
        head="long head", head_width=(0.23, 0.26), head_height=(0.28, 0.31), head_y=-0.04,
        ear="hanging ear", ear_x=0.84, ear_y=-0.68,
        ear_length=(0.29, 0.36), ear_width=(0.085, 0.11), ear_angle=(10, 24),
        ears_in_front=True, inner_ear=None, marks=(),
        muzzle_y=0.46, muzzle_width=(0.125, 0.15), muzzle_height=0.9,
        nose_colour=BLACK, nose_width=0.062, eye_x=0.42, eye_y=-0.14, eye_size=(0.036, 0.044),
        tongue=(0, 0), backdrop=(0.6, 5),
        spots=(
            (-0.34, -0.62, 0.15), (0.2, -0.74, 0.12), (0.5, -0.46, 0.11), (-0.02, -0.36, 0.1),
            (-0.66, 0.2, 0.11), (0.62, 0.14, 0.12), (-0.2, 1.3, 0.15), (0.32, 1.42, 0.13),
        ),
    ),
)
