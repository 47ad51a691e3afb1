"""Pictures pixel by pixel, and the same bytes whatever the user's matplotlib looks like."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import matplotlib as mpl
import matplotlib.style
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from numpy.typing import NDArray
from PIL import Image

from imgcollapse.drawing.bars import ClassShares, histogram, legend_entries, ordered_colours, stack
from imgcollapse.drawing.canvas import figure, png
from imgcollapse.drawing.generation import draw_grid, draw_histogram
from imgcollapse.drawing.palette import REJECT_COLOUR, class_colours
from imgcollapse.drawing.tiles import GAP_PIXELS, MARK_PIXELS, by_class, mosaic
from imgcollapse.figures.run_figures import AT_THE_END, FIGURES
from imgcollapse.figures.strip import chosen_generations
from imgcollapse.figures.tables import RunTables

WHITE = (255, 255, 255)
ORDER = np.array([2, 0, 1])


def shares(*parts: float, reject: float = 0.0, n: int = 1000) -> ClassShares:
    values = np.array(parts)
    return ClassShares(
        names=tuple("abcdefghij"[: len(parts)]),
        colours=tuple(class_colours(len(parts))),
        shares=values,
        low=values / 2,
        high=values * 1.5,
        reject=reject,
        n=n,
    )


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in to_rgb(colour))


def expected_mosaic(
    images: NDArray[np.uint8], marks: list[str], columns: int, times: int
) -> NDArray[np.uint8]:
    """Pixel by pixel: tiles, marks below them, white everywhere else."""
    num, channels, height, width = images.shape
    tall, wide = height * times + MARK_PIXELS, width * times
    rows = -(-num // columns)
    shape = (rows * (tall + GAP_PIXELS) - GAP_PIXELS, columns * (wide + GAP_PIXELS) - GAP_PIXELS, 3)
    picture = np.full(shape, 255, np.uint8)
    for y, x in np.ndindex(*shape[:2]):
        row, below = divmod(y, tall + GAP_PIXELS)
        column, right = divmod(x, wide + GAP_PIXELS)
        place = row * columns + column
        if place >= num or below >= tall or right >= wide:
            continue
        if below >= height * times:
            picture[y, x] = rgb(marks[place])
            continue
        for channel in range(3):
            source = channel if channels == 3 else 0
            picture[y, x, channel] = images[place, source, below // times, right // times]
    return picture


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("num", "columns", "side", "times"),
    [(3, 2, (2, 2), 32), (4, 4, (8, 8), 8), (5, 3, (4, 6), 10), (1, 1, (70, 3), 1)],
)
def test_a_mosaic_is_its_tiles_over_the_marks_of_their_classes(
    channels: int, num: int, columns: int, side: tuple[int, int], times: int
) -> None:
    images = np.random.default_rng(0).integers(0, 255, (num, channels, *side), np.uint8)
    verdicts = np.array([2, -1, 0, 1, 2])[:num]
    colours = [*class_colours(3), REJECT_COLOUR]
    found = mosaic(images, verdicts, columns, 3)
    assert found.dtype == np.uint8
    expected = expected_mosaic(images, [colours[one] for one in verdicts], columns, times)
    assert np.array_equal(found, expected)


def test_empty_places_of_a_mosaic_are_white() -> None:
    black = np.zeros((3, 1, 64, 64), np.uint8)
    picture = mosaic(black, np.zeros(3, np.int64), 2, 3)
    assert (picture[-64 - MARK_PIXELS :, -64:] == 255).all()
    assert (picture[:64, :64] == 0).all()
    assert tuple(picture[64, 0]) == rgb(class_colours(3)[0])
    assert (picture[64 + MARK_PIXELS : 64 + MARK_PIXELS + GAP_PIXELS] == 255).all()
    assert (picture[:, 64 : 64 + GAP_PIXELS] == 255).all()


def test_images_are_sorted_by_class_in_the_given_order_with_rejects_last() -> None:
    verdicts = np.array([0, -1, 1, 2, 0, -1, 2, 1])
    assert by_class(verdicts, ORDER).tolist() == [3, 6, 0, 4, 2, 7, 1, 5]
    assert by_class(np.array([-1, -1]), ORDER).tolist() == [0, 1]
    assert by_class(np.array([], np.int64), ORDER).tolist() == []


@pytest.mark.parametrize("num_classes", [1, 2, 10, 11, 26, 100])
def test_classes_are_told_apart_by_colour(num_classes: int) -> None:
    colours = [rgb(colour) for colour in class_colours(num_classes)]
    assert len({*colours, rgb(REJECT_COLOUR), WHITE}) == num_classes + 2
    assert class_colours(num_classes) == class_colours(num_classes)


def test_the_ten_colours_are_far_apart_and_do_not_move_with_the_number_of_classes() -> None:
    colours = np.array([rgb(colour) for colour in [*class_colours(10), REJECT_COLOUR]], float)
    gaps = np.linalg.norm(colours[:, None] - colours[None], axis=2)
    assert gaps[~np.eye(11, dtype=bool)].min() > 50
    assert class_colours(4) == class_colours(10)[:4]
    assert ordered_colours(ORDER) == tuple(class_colours(3)[label] for label in (2, 0, 1))


def test_a_stacked_bar_is_as_wide_as_its_shares_and_the_rejects_come_last() -> None:
    with figure(4, 1) as made:
        axes = made.subplots()
        stack(axes, shares(0.5, 0.25, 0.0, reject=0.25))
        bars = [patch for bar in axes.containers for patch in bar]
        assert [bar.get_width() for bar in bars] == [0.5, 0.25, 0.0, 0.25]
        assert [bar.get_x() for bar in bars] == [0.0, 0.5, 0.75, 0.75]
        colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
        assert colours == [*class_colours(3), REJECT_COLOUR]
        assert [bool(bar.get_hatch()) for bar in bars] == [False, False, False, True]


def test_a_histogram_shows_each_share_its_interval_and_a_0_where_nothing_was_seen() -> None:
    now, before = shares(0.9, 0.1, 0.0, n=50), shares(0.5, 0.3, 0.2, reject=0.01)
    with figure(4, 3) as made:
        axes = made.subplots()
        histogram(axes, now, [("real images", before, "#4D4D4D")])
        heights = [[bar.get_height() for bar in group] for group in axes.containers]
        assert heights == [[0.5, 0.3, 0.2, 0.01], [0.9, 0.1, 0.0, 0.0]]
        assert [text.get_text() for text in axes.texts] == ["0", "0"]
        (whiskers,) = axes.collections
        ends = [sorted(one[:, 1]) for one in whiskers.get_segments()]  # type: ignore[attr-defined]
        floor = axes.get_ylim()[0]
        assert floor < 1 / 50
        assert np.allclose(ends, [[0.45, 1.0], [0.05, 0.15], [floor, floor]])
        assert axes.get_yscale() == "log"
        names = [label.get_text() for label in axes.get_xticklabels()]
        assert names == ["a", "b", "c", "no class (rejected)"]


def test_a_legend_names_every_class_in_its_colour_and_the_rejects() -> None:
    entries = legend_entries(shares(0.5, 0.034, reject=0.466), numbers=True)
    assert [one.get_label() for one in entries] == ["a 50 %", "b 3.4 %", "no class (rejected) 47 %"]
    plain = legend_entries(shares(0.5, 0.5), numbers=False)
    assert [one.get_label() for one in plain] == ["a", "b", "no class (rejected)"]
    assert [to_hex(one.get_facecolor()).upper() for one in plain][:2] == class_colours(2)


@pytest.mark.parametrize("num", [1, 2, 11, 12, 13, 20, 100, 1000])
def test_a_strip_shows_at_most_twelve_generations_with_first_and_last(num: int) -> None:
    generations = list(range(num))
    chosen = chosen_generations(generations)
    assert len(chosen) == min(num, 12)
    assert (chosen[0], chosen[-1]) == (0, num - 1)
    gaps = np.diff(chosen)
    assert num == 1 or gaps.max() - gaps.min() <= 1


DRAW = """
import hashlib, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_drawing import all_pictures
for name, content in all_pictures(Path(sys.argv[2])).items():
    print(name, hashlib.sha256(content).hexdigest())
"""


def all_pictures(run: Path) -> dict[str, bytes]:
    """Every kind of picture that there is: name -> PNG."""
    tables = RunTables.of_folder(run)
    pictures = {name: FIGURES[name](tables).render("png") for name in AT_THE_END}
    images, verdicts = tables.grid(1)
    now, began = tables.shares(1), [("real images", tables.initial_shares())]
    pictures["grid"] = draw_grid(images, verdicts, tables.order, now, "generation 1")
    began.append(("generation 0", tables.shares(0)))
    pictures["histogram"] = draw_histogram(now, began, "generation 1")
    return pictures


@pytest.fixture(scope="module")
def pictures(finished: Path) -> dict[str, bytes]:
    return all_pictures(finished)


def test_pictures_are_the_bytes_that_the_run_holds(
    finished: Path, pictures: dict[str, bytes]
) -> None:
    assert set(pictures) == {"strip", "shares", "chance", "fd", "grid", "histogram"}
    for name, content in pictures.items():
        place = "gen_001" if name in ("grid", "histogram") else "figures"
        assert (finished / place / f"{name}.png").read_bytes() == content, name


def test_pictures_do_not_depend_on_the_settings_of_this_process(
    finished: Path, pictures: dict[str, bytes]
) -> None:
    with mpl.rc_context():
        matplotlib.style.use("dark_background")
        mpl.rcParams.update({"font.size": 23, "savefig.dpi": 30, "lines.linewidth": 9})
        again = all_pictures(finished)
        assert mpl.rcParams["font.size"] == 23, "the user's settings come back"
    assert [name for name in pictures if again[name] != pictures[name]] == []


def test_pictures_do_not_depend_on_the_settings_of_the_user(
    finished: Path, pictures: dict[str, bytes], tmp_path: Path
) -> None:
    for fonts in Path(mpl.get_cachedir()).glob("fontlist*.json"):
        shutil.copy(fonts, tmp_path)
    (tmp_path / "matplotlibrc").write_text(
        "font.size: 25\nsavefig.dpi: 40\nfigure.facecolor: red\nsavefig.bbox: tight\n"
        "axes.grid: True\nimage.cmap: gray\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", DRAW, str(Path(__file__).parent), str(finished)],
        env={**os.environ, "MPLCONFIGDIR": str(tmp_path), "PYTHONHASHSEED": "5"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    here = {name: hashlib.sha256(content).hexdigest() for name, content in pictures.items()}
    assert dict(line.split() for line in done.stdout.splitlines()) == here


def test_pictures_are_pngs_that_say_nothing_of_when_and_by_what(
    pictures: dict[str, bytes],
) -> None:
    for name, content in pictures.items():
        picture = Image.open(io.BytesIO(content))
        assert picture.format == "PNG", name
        assert set(picture.info) <= {"dpi"}, name
        assert picture.convert("RGB").getpixel((0, 0)) == WHITE, name


def test_a_grid_shows_every_sample_at_full_contrast() -> None:
    images = np.zeros((4, 3, 16, 16), np.uint8)
    images[0, 0], images[1, 1], images[2, 2] = 200, 210, 220
    content = draw_grid(images, np.array([0, 1, -1, 2]), ORDER, shares(0.5, 0.25, 0.25), "a title")
    seen = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).reshape(-1, 3)
    for colour in [(200, 0, 0), (0, 210, 0), (0, 0, 220), (0, 0, 0)]:
        assert (seen == colour).all(axis=1).sum() > 1000, colour


def test_many_classes_and_one_image_can_be_drawn() -> None:
    thirtieth = np.full(30, 1 / 30)
    many = ClassShares(
        tuple(str(one) for one in range(30)), tuple(class_colours(30)),
        thirtieth, thirtieth, thirtieth, 0.0, 5,
    )  # fmt: skip
    image = np.zeros((1, 1, 8, 8), np.uint8)
    assert draw_grid(image, np.array([29]), np.arange(30), many, "x").startswith(b"\x89PNG")


def test_an_empty_figure_is_white_and_of_the_size_asked_for() -> None:
    with figure(2, 1) as made:
        picture = Image.open(io.BytesIO(png(made)))
    assert picture.size == (300, 150)
    assert np.unique(np.asarray(picture.convert("RGB"))).tolist() == [255]


def test_figures_of_several_threads_are_those_of_one() -> None:
    """Matplotlib's settings are global: each thread has them for itself."""

    def drawn(number: int) -> bytes:
        with figure(2, 1 + number % 3) as made:
            axes = made.subplots()
            axes.plot(range(number % 5 + 2))
            axes.set_title(f"number {number}")
            return png(made)

    alone = [drawn(number) for number in range(12)]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(drawn, range(12))) == alone
