"""Figures of runs of every shape: what is drawn, where words stand, what files hold and say."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from conftest import Call
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from run_shapes import write_run
from tueplots import figsizes, fontsizes

from imgcollapse.data.kennel import BREEDS
from imgcollapse.drawing.labels import spread
from imgcollapse.drawing.letters import families_for, shown
from imgcollapse.drawing.look import THEMES, VENUES, look_of
from imgcollapse.drawing.palette import class_colours, contrast, edge_on, on_paper
from imgcollapse.figures.plot import NotDrawnError
from imgcollapse.figures.run_figures import FIGURES
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import COLUMNS

ODD = (
    "$x_1$", "<b>", "a&b", "猫", "ʤ☃", "a name that goes on for far too long", "_hidden", "%d",
    "two\nlines", "x^2 \\alpha",
)  # fmt: skip
SHAPES: dict[str, dict[str, Any]] = {
    "kennel": {"names": BREEDS, "has_fid": True},
    "one class": {"names": ["cat"], "generations": 2, "has_sampler": False},
    "one generation": {"names": ["cat", "dog"], "generations": 1, "channels": 1, "side": 28},
    "hundred": {"names": [f"class {one}" for one in range(100)], "generations": 20, "n": 10000},
    "odd": {"names": ODD, "generations": 5, "has_chance": False, "grid": 5},
}
SMALLEST = 5.0
"""Points, in print."""


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], RunTables]:
    made: dict[str, RunTables] = {}

    def tables(name: str) -> RunTables:
        if name not in made:
            folder = tmp_path_factory.mktemp("shape") / "run"
            made[name] = RunTables.of_folder(write_run(folder, **SHAPES[name]))
        return made[name]

    return tables


def drawn_words(made: Figure) -> list[Text]:
    """Every text that leaves ink when the figure is drawn."""
    found: list[Text] = []
    before = Text.draw

    def draw(self: Text, renderer: Any) -> None:
        if self.get_visible() and self.get_text().strip():
            found.append(self)
        before(self, renderer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", draw)
        made.draw_without_rendering()
    return list(dict.fromkeys(found))


def faults(made: Figure) -> Iterator[str]:
    """Words that are clipped, too small, or that lie on one another."""
    words = [(word, Text.get_window_extent(word)) for word in drawn_words(made)]
    width, height = made.bbox.width, made.bbox.height
    for word, box in words:
        if min(box.x0, box.y0, width - box.x1, height - box.y1) < -0.5:
            yield f"clipped: {word.get_text()!r}"
        points = float(word.get_fontsize())
        if points < SMALLEST - 0.01:
            yield f"{points} points: {word.get_text()!r}"
    for (one, box), (other, beside) in combinations(words, 2):
        across = min(box.x1, beside.x1) - max(box.x0, beside.x0)
        up = min(box.y1, beside.y1) - max(box.y0, beside.y0)
        if across > 0.5 and up > 1.5:
            yield f"{one.get_text()!r} lies on {other.get_text()!r}"


def all_faults(tables: RunTables, style: str, theme: str) -> list[str]:
    found = []
    look = look_of(style, theme)
    for name, plot in FIGURES.items():
        try:
            made = plot(tables)
        except NotDrawnError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with made.drawn(look) as figure:
                found += [f"{name}: {fault}" for fault in faults(figure)]
                assert figure.get_figwidth() == pytest.approx(made.size(look)[0])
                assert figure.get_figwidth() <= look.venue.page + 1e-9
    return found


QUICK = [("kennel", "neurips", "light"), ("odd", "nature", "dark")]


@pytest.mark.parametrize(("name", "style", "theme"), QUICK)
def test_no_word_is_clipped_or_too_small_or_lies_on_another(
    shape: Callable[[str], RunTables], name: str, style: str, theme: str
) -> None:
    assert all_faults(shape(name), style, theme) == []


@pytest.mark.long
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("style", VENUES)
@pytest.mark.parametrize("name", SHAPES)
def test_words_stand_well_in_every_style_theme_and_shape(
    shape: Callable[[str], RunTables], name: str, style: str, theme: str
) -> None:
    assert all_faults(shape(name), style, theme) == []


def test_the_search_for_faults_finds_them() -> None:
    from imgcollapse.drawing.canvas import figure

    with figure(3, 2, look_of("neurips")) as made:
        made.text(0.5, 0.5, "one")
        made.text(0.51, 0.51, "two")
        made.text(0.99, 0.9, "beyond")
        made.text(0.1, 0.1, "tiny", fontsize=4)
        assert sorted(fault.split(":")[0] for fault in faults(made)) == [
            "'one' lies on 'two'",
            "4.0 points",
            "clipped",
        ]


def reasons(tables: RunTables) -> dict[str, str]:
    found = {}
    for name, plot in FIGURES.items():
        try:
            plot(tables)
        except NotDrawnError as error:
            found[name] = str(error)
    return found


def test_what_cannot_be_drawn_says_why(shape: Callable[[str], RunTables], tmp_path: Path) -> None:
    assert reasons(shape("kennel")) == {}
    assert reasons(shape("one generation")) == {"lines": "lines need two generations or more"}
    one = reasons(shape("one class"))
    assert one.keys() == {"selection", "audit"}
    assert "of one class" in one["selection"]
    assert "without a sampler" in one["audit"]
    assert reasons(shape("odd")).keys() == {"selection"}
    copy = tmp_path / "copy"
    (copy / "reference").mkdir(parents=True)
    for file in ("scores.csv", "reference/counts.json"):
        shutil.copy(shape("kennel").path / file, copy / file)
    bare = reasons(RunTables.of_folder(copy))
    assert bare.keys() == {"strip", "audit", "neighbours"}
    assert bare["strip"] == "no images of generation 0 beside the table of scores"


@pytest.mark.parametrize("style", ["neurips", "iclr", "icml", "cvpr"])
def test_widths_are_those_of_tueplots(style: str) -> None:
    """No letter is larger than tueplots makes labels, nor smaller than it makes ticks."""
    year = {"neurips": "2024", "iclr": "2024", "icml": "2024", "cvpr": "2024"}[style]
    venue = VENUES[style]
    if style in ("neurips", "iclr"):
        width = getattr(figsizes, style + year)()["figure.figsize"][0]
        assert venue.column < width / 2
    else:
        width = getattr(figsizes, f"{style}{year}_full")()["figure.figsize"][0]
        half = getattr(figsizes, f"{style}{year}_half")()["figure.figsize"][0]
        assert venue.column == pytest.approx(half, abs=1e-6)
    assert venue.page == pytest.approx(width, abs=1e-6)
    sizes = getattr(fontsizes, style + year)()
    assert venue.size <= sizes["axes.labelsize"]
    assert venue.size - 1 >= sizes["xtick.labelsize"] - 1


def test_nature_has_the_columns_of_its_guide() -> None:
    """89 and 183 mm; tueplots does not know it."""
    assert VENUES["nature"].column * 25.4 == pytest.approx(89, abs=0.01)
    assert VENUES["nature"].page * 25.4 == pytest.approx(183, abs=0.01)


def test_pdf_and_svg_hold_words_in_fonts_and_no_date(
    shape: Callable[[str], RunTables], tmp_path: Path
) -> None:
    tables = shape("odd")
    plot = FIGURES["chance"](tables)
    pdf = plot.render("pdf", look_of("neurips"))
    assert b"/Subtype /Type3" not in pdf
    assert b"/FontFile2" in pdf
    assert b"CreationDate" not in pdf
    assert b"/Producer" not in pdf
    svg = plot.render("svg", look_of("neurips")).decode()
    words = [re.sub("<[^>]*>", "", word) for word in re.findall(r"<text[^>]*>(.*?)</text>", svg)]
    assert {"$x_1$", "&lt;b&gt;", "a&amp;b", "U+732B", "ʤ☃", "_hidden", "%d"} <= set(words)
    assert "dc:date" not in svg
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext reads the words of a PDF")
    (tmp_path / "x.pdf").write_bytes(pdf)
    read = subprocess.run(["pdftotext", tmp_path / "x.pdf", "-"], capture_output=True, text=True)
    for word in ("$x_1$", "<b>", "a&b", "U+732B", "ʤ☃", "generation"):
        assert word in read.stdout


def test_the_same_command_gives_the_same_bytes_whatever_the_settings(
    shape: Callable[[str], RunTables], call: Call, files_below: Callable[[Path], dict[str, bytes]]
) -> None:
    run = shape("one generation").path
    words = ("--style", "icml", "--theme", "dark", "--only", "path", "--only", "audit")
    formats = ("--format", "pdf", "--format", "svg", "--format", "png")
    for out, size in (("one", 10), ("two", 23)):
        with mpl.rc_context({"font.size": size, "axes.facecolor": "red", "savefig.dpi": 10 * size}):
            said = call("figures", run, *words, *formats, "--out", out)
        assert said.code == 0, said.err
    one, two = (files_below(Path(out)) for out in ("one", "two"))
    assert one == two
    assert one.keys() == {
        f"{name}.{end}"
        for name in ("path", "audit")
        for end in ("pdf", "svg", "png", "csv", "json")
    }


def test_beside_a_figure_lie_its_numbers_and_what_they_are_of(
    copy_of_finished: Path, call: Call
) -> None:
    said = call("figures", copy_of_finished, "--format", "png", "--json", "--out", "drawn")
    assert said.code == 0, said.err
    assert said.json["left_out"].keys() == {"audit", "tail"}
    drawn = {Path(path).stem for path in said.json["figures"]}
    assert drawn == FIGURES.keys() - {"audit", "tail"}
    for name in drawn:
        about = json.loads(Path(f"drawn/{name}.json").read_text())
        assert about["n"]["chains"] == 1
        assert about["of"].keys() == {"config.yaml", "scores.csv", "manifest.json"}
        assert about["command"] == f"imgcollapse figures DIR --only {name} --format png"
        assert len(about["caption"]) > 100
        rows = list(csv.DictReader(io.StringIO(Path(f"drawn/{name}.csv").read_text())))
        assert rows
        seen = {int(row["generation"]) for row in rows if row.get("generation")} - {-1}
        assert about["generations"] == sorted(seen)
    assert said.json["left_out"]["audit"] == "this generator draws without a sampler of steps"


def test_a_class_has_one_colour_in_every_figure(shape: Callable[[str], RunTables]) -> None:
    tables = shape("kennel")
    rarest, colour = BREEDS[-1], class_colours(10)[-1]
    for name in ("chance", "lines", "selection", "tail"):
        with FIGURES[name](tables).drawn() as made:
            colours = {
                to_hex(line.get_color()).upper()
                for axes in made.axes
                for line in axes.lines
                if name != "chance" or axes.get_title("left").startswith(rarest)
            }
        assert colour in colours, name


def test_classes_are_seen_on_dark_paper_and_are_the_same_on_light() -> None:
    light, dark = (THEMES[name].paper for name in ("light", "dark"))
    for colour in class_colours(100) + class_colours(10):
        assert on_paper(colour, light) == colour
        assert contrast(on_paper(colour, dark), dark) >= 3
    assert on_paper("#E69F00", dark) == "#E69F00"
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)


def test_faint_areas_have_an_edge_and_others_none() -> None:
    assert edge_on("#F0E442", "#FFFFFF", "#222222") == "#222222"
    assert edge_on("#E69F00", "#FFFFFF", "#222222") == "none"
    assert edge_on("#F0E442", "#15171A", "#ECECEC") == "none"


def test_areas_of_dark_classes_are_seen_on_dark_paper(shape: Callable[[str], RunTables]) -> None:
    dark = THEMES["dark"].paper
    for name in ("histograms", "shares", "strip"):
        with FIGURES[name](shape("kennel")).drawn(look_of("plain", "dark")) as made:
            areas = [patch for axes in made.axes for patch in axes.patches]
            areas += [patch for legend in made.legends for patch in legend.get_patches()]
            for patch in areas:
                colour = to_hex(patch.get_facecolor()).upper()
                assert contrast(colour, dark) >= 2.4, (name, colour)
                assert colour not in ("#332288", "#882255"), name


def test_figures_leave_torch_alone(shape: Callable[[str], RunTables], tmp_path: Path) -> None:
    code = (
        "import sys; from imgcollapse import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, 'diffusers' in sys.modules)"
    )
    words = ("figures", str(shape("one generation").path), "--only", "fd", "--out", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "False False", done.stderr
    assert (tmp_path / "fd.pdf").is_file()


def broken(run: Path, change: str) -> None:
    table = run / "scores.csv"
    rows = table.read_text().splitlines()
    if change == "words":
        table.write_text("\n".join([rows[0], rows[1].replace(",1000,", ",many,"), *rows[2:]]))
    elif change == "columns":
        table.write_text("a,b\n1,2\n")
    elif change == "letters":
        table.write_bytes(b"\xff\xfe\x00")
    elif change == "nothing":
        table.write_text("")
    elif change == "counts":
        (run / "reference" / "counts.json").write_text("{")
    elif change == "images":
        (run / "gen_001" / "grid.npz").write_bytes(b"PK")
    elif change == "header":
        table.write_text(",".join(COLUMNS) + "\n")


@pytest.mark.parametrize(
    ("change", "code"),
    [("words", 4), ("columns", 4), ("letters", 4), ("nothing", 4), ("counts", 4), ("images", 4),
     ("header", 2)],
)  # fmt: skip
def test_a_broken_run_is_one_sentence_and_nothing_is_written(
    tmp_path: Path, call: Call, change: str, code: int
) -> None:
    run = write_run(tmp_path / "run", **SHAPES["kennel"])
    broken(run, change)
    said = call("figures", run, "--format", "png", "--only", "fd", "--only", "strip")
    assert said.code == code, said.err
    assert said.err.startswith("error: ")
    assert len([line for line in said.err.splitlines() if line.startswith("error")]) == 1
    assert not (run / "figures").exists()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("nowhere",), 2, "neither a run nor a study"),
        (("run", "--style", "vogue"), 2, "'vogue' is not one of"),
        (("run", "--theme", "pink"), 2, "'pink' is not one of"),
        (("run", "--format", "gif"), 2, "'gif' is not one of"),
        (("run", "--only", "fds"), 2, "'fds' is not one of"),
        (("run", "--only", "audit"), 2, "nothing can be drawn: audit: this generator"),
        (("run", "--only", "fd", "--out", "file"), 2, "cannot be written: File exists"),
        (("run", "--only", "fd", "--out", "file/below"), 2, "cannot be written: Not a directory"),
    ],
)
def test_wrong_words_are_refused(
    tmp_path: Path, call: Call, words: tuple[str, ...], code: int, says: str
) -> None:
    write_run(tmp_path / "run", **SHAPES["one class"])
    (tmp_path / "file").write_text("")
    said = call("figures", *words)
    assert (said.code, says in said.err) == (code, True), said.err
    assert not (tmp_path / "run" / "figures").exists()


def test_names_are_short_and_in_letters_that_there_are() -> None:
    from imgcollapse.drawing.canvas import figure

    with figure(1, 1, look_of("neurips")):
        assert shown("golden-retriever") == "golden-retriever"
        assert shown("a\tb\n c") == "a b c"
        assert shown("猫") == "U+732B"
        assert shown("") == "–"
        long = shown("x" * 30 + "y")
        assert (len(long), long[-1], long.count("…")) == (20, "y", 1)
    assert families_for("é Ω ☃", "STIXGeneral") == ["STIXGeneral", "DejaVu Sans"]
    assert families_for("é", "DejaVu Sans") == ["DejaVu Sans"]


def test_places_are_apart_in_order_and_as_near_as_can_be() -> None:
    """Against all orders kept: no other places on a fine grid are nearer."""
    random = np.random.default_rng(0)
    for _ in range(20):
        wanted = np.sort(random.uniform(0, 1, 3))
        found = spread(wanted, 0.2, 0.0, 1.0)
        assert (np.diff(found) >= 0.2 - 1e-12).all()
        assert found[0] >= 0
        assert found[-1] <= 1 + 1e-12
        grid = np.linspace(0, 1, 51)
        first, second, third = np.meshgrid(grid, grid, grid, indexing="ij")
        allowed = (second - first >= 0.2 - 1e-9) & (third - second >= 0.2 - 1e-9)
        errors = (first - wanted[0]) ** 2 + (second - wanted[1]) ** 2 + (third - wanted[2]) ** 2
        assert ((found - wanted) ** 2).sum() <= errors[allowed].min() + 1e-9
