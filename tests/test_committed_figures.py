"""The committed figures are those of the committed tables, to the byte."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib as mpl
import pytest

from imgcollapse.figures.drawing_all import draw_all, names_of

ROOT = Path(__file__).parents[1]
TABLES = sorted((ROOT / "assets" / "tables").glob("*/"))
FIGURES = ROOT / "assets" / "figures"


def without_versions(sidecar: bytes) -> object:
    found = json.loads(sidecar)
    del found["versions"]
    return found


def versions_of(folder: Path) -> set[str]:
    sidecars = [json.loads(path.read_bytes()) for path in folder.glob("*.json")]
    return {one["versions"]["matplotlib"] for one in sidecars}


def test_every_folder_of_tables_has_figures_and_the_other_way_round() -> None:
    assert {path.name for path in TABLES} == {path.name for path in FIGURES.glob("*/")}


def test_make_figures_draws_each_folder_through_the_command() -> None:
    rule = re.search(
        r"^figures:.*?\n\n", (ROOT / "Makefile").read_text(encoding="utf-8"), re.S | re.M
    )
    assert rule
    assert "for tables in assets/tables/*/" in rule[0]
    assert "imgcollapse figures $$tables --format png --out assets/figures/$$name" in rule[0]


@pytest.mark.parametrize("tables", TABLES, ids=lambda path: path.name)
def test_numbers_and_captions_are_those_of_the_tables(tables: Path, tmp_path: Path) -> None:
    names = names_of(tables)
    committed = FIGURES / tables.name
    drawn = draw_all(tables, tmp_path, names, ())
    files = {path.name for path in tmp_path.iterdir()}
    assert len(files) == 2 * (len(names) - len(drawn.left_out))
    assert {path.name for path in committed.iterdir() if path.suffix != ".png"} == files
    assert {path.stem for path in committed.glob("*.png")} == {Path(one).stem for one in files}
    for name in files:
        ours, theirs = (tmp_path / name).read_bytes(), (committed / name).read_bytes()
        if name.endswith(".csv"):
            assert ours == theirs, name
        else:
            mine, held = without_versions(ours), without_versions(theirs)
            assert isinstance(mine, dict)
            assert isinstance(held, dict)
            held["command"] = held["command"].removesuffix(" --format png")
            assert mine == held, name


@pytest.mark.parametrize(
    ("tables", "all_of_them"),
    [
        *((path, False) for path in TABLES[:1]),
        *(pytest.param(path, True, marks=pytest.mark.long) for path in TABLES),
    ],
    ids=lambda one: one.name if isinstance(one, Path) else "",
)
def test_pictures_are_drawn_again_to_the_byte(
    tables: Path, all_of_them: bool, tmp_path: Path
) -> None:
    committed = FIGURES / tables.name
    if versions_of(committed) != {mpl.__version__}:
        pytest.skip(f"drawn by matplotlib {versions_of(committed)}, here is {mpl.__version__}")
    pictures = sorted(committed.glob("*.png"))
    pictures = pictures if all_of_them else pictures[:1]
    draw_all(tables, tmp_path, [path.stem for path in pictures], ("png",))
    for path in pictures:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name
