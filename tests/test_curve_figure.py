"""The figure of an experiment's curves: words that can be read, and every line told apart."""

from __future__ import annotations

from pathlib import Path

import pytest
from layout import faults

from imgcollapse.drawing.look import look_of
from imgcollapse.figures.curve_figure import LIMIT, plot_curves
from imgcollapse.figures.curve_words import SETTINGS
from imgcollapse.figures.curves import Point, read_points
from imgcollapse.figures.plot import Plot

TABLES = Path(__file__).parents[1] / "assets" / "tables"
EXPERIMENTS = ("sampler", "shumailov-gaussian", "shumailov-vae", "drift")


def plot(name: str) -> Plot:
    return plot_curves(read_points(TABLES / name))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_words_stand_well(name: str) -> None:
    for style, theme in (("plain", "dark"), ("neurips", "light"), ("nature", "light")):
        assert faults(plot(name), style, theme) == []


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_lines_are_in_words_and_told_apart_without_colour(name: str) -> None:
    with plot(name).drawn(look_of()) as made:
        (legend,) = made.legends
        labels = [text.get_text() for text in legend.get_texts()]
        lines = legend.get_lines()
        signs = {(one.get_marker(), one.get_linestyle(), one.get_markerfacecolor() == "#FFFFFF")
                 for one in lines}  # fmt: skip
        assert len(signs) == len(lines) == len(set(labels))
        assert not {*SETTINGS} & {*labels}
        for axes in made.axes:
            assert axes.get_legend() is None
            assert all((axes.get_xlabel(), axes.get_ylabel(), axes.get_title("left")))


def test_dashes_and_dots_have_names_where_they_are_drawn() -> None:
    with plot("drift").drawn(look_of()) as made:
        labels = [text.get_text() for text in made.legends[0].get_texts()]
        assert labels[-2:] == ["expected, exact", LIMIT]
        assert {axes.get_xlabel() for axes in made.axes} == {"pool"}
    with plot("shumailov-vae").drawn(look_of()) as made:
        ticks = [text.get_text() for text in made.axes[0].get_xticklabels()]
        assert ticks == ["real", *map(str, range(6))]
        assert len(made.legends[0].get_texts()) == 6


def test_a_curve_without_words_has_its_name() -> None:
    points = [Point("speed", "quick", x, x) for x in (0.0, 1.0)]
    with plot_curves(points).drawn(look_of()) as made:
        assert made.axes[0].get_title("left") == "speed"
        assert [text.get_text() for text in made.legends[0].get_texts()] == ["quick"]
