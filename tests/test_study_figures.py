"""Figures of a study: what is in them, that they can be read, and the same bytes every time."""

from __future__ import annotations

import csv
import io
import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import Call
from layout import faults
from made_studies import COUNTS, NUM_SCORED, make_study, write_table
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

from imgcollapse.drawing.canvas import Format
from imgcollapse.drawing.look import THEMES, VENUES, look_of
from imgcollapse.drawing.palette import ARM_COLOURS, COLOURS, REJECT_COLOUR, arm_styles
from imgcollapse.drawing.widths import width_inches, wrapped
from imgcollapse.errors import ConfigError
from imgcollapse.figures.arm_words import TOGETHER, arm_words
from imgcollapse.figures.curves import Point, write_points
from imgcollapse.figures.drawing_all import draw_all, names_of
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.study_figures import FIGURES
from imgcollapse.figures.study_phase import short_percentage
from imgcollapse.figures.study_shares import ribbon_of_sum
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.metrics.drift import draw, resample, spread
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.store.files import sha256_of

SWEPT = [
    f"mix policy.real_fraction=0.{real} sampling.lambda=0.{lam}"
    for real in (1, 3, 5)
    for lam in (9, 8, 7, 6)
]
LONG = (
    "replace",
    "accumulate-subsample-with-a-very-long-name-that-goes-on-and-on_and_on",
    "a $\\b_{c}^%&#~",
)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StudyTables]:
    """Studies by what is odd about them."""
    folder = tmp_path_factory.mktemp("studies")
    made = {
        "three": make_study(folder / "three", fid=True),
        "latin": make_study(folder / "latin", latin=True),
        "one": make_study(folder / "one", seeds=1, generations=1),
        "twelve": make_study(folder / "twelve", SWEPT, seeds=2, generations=3),
        "knob": make_study(
            folder / "knob", [f"mix sampling.lambda={x}" for x in ("1", "0.9", "0.8")], seeds=3
        ),
        "long": make_study(folder / "long", LONG, seeds=2, generations=3),
        "alone": make_study(folder / "alone", ["replace"], generations=3),
        "lacking": make_study(
            folder / "lacking",
            ["replace", "mix"],
            without={"mix": ["fd_judge", "recall"], "replace": ["reject"]},
        ),
    }
    return {name: StudyTables.read(path) for name, path in made.items()}


def drawn(tables: StudyTables) -> dict[str, Plot]:
    plots = {}
    for name, figure_of in FIGURES.items():
        try:
            plots[name] = figure_of(tables)
        except NotDrawnError:
            continue
    return plots


def rows_of(plot: Plot) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(plot.table())))


USUAL = {"policies", "differences", "shares", "fd", "path", "survival", "selection"}


@pytest.mark.parametrize(
    ("study", "more"),
    [("three", set()), ("latin", set()), ("one", set()), ("twelve", {"phase"}), ("knob", {"knob"}),
     ("long", set()), ("lacking", set())],
)  # fmt: skip
def test_every_figure_is_drawn_that_can_be(
    studies: dict[str, StudyTables], study: str, more: set[str]
) -> None:
    assert set(drawn(studies[study])) == USUAL | more


READ = [("three", "neurips"), ("long", "nature")]


@pytest.mark.parametrize(
    ("study", "style"),
    [
        *READ,
        *(
            pytest.param(study, style, marks=pytest.mark.long)
            for study in ("three", "latin", "one", "twelve", "knob", "long", "alone", "lacking")
            for style in VENUES
            if (study, style) not in READ
        ),
    ],
)
def test_words_are_whole_apart_and_large_enough(
    studies: dict[str, StudyTables], study: str, style: str
) -> None:
    found = {name: faults(plot, style) for name, plot in drawn(studies[study]).items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_the_check_of_words_sees_what_is_wrong() -> None:
    def fill(made, look) -> None:  # type: ignore[no-untyped-def]
        made.text(0.5, 0.5, "over")
        made.text(0.52, 0.5, "each other")
        made.text(0.97, 0.1, "beyond the edge")
        made.text(0.1, 0.8, "tiny", fontsize=4)

    plot = Plot(lambda look: (3, 2), fill, (), (), "")
    said = " ".join(faults(plot, "plain"))
    assert "'over' is on 'each other'" in said
    assert "'beyond the edge' is cut off" in said
    assert "'tiny' is of 4" in said


@pytest.mark.parametrize(
    ("study", "names", "formats"),
    [
        ("three", ["survival"], ("pdf", "svg", "png")),
        pytest.param("three", FIGURES, ("pdf", "svg", "png"), marks=pytest.mark.long),
        pytest.param("twelve", FIGURES, ("pdf", "svg", "png"), marks=pytest.mark.long),
    ],
)
def test_the_same_bytes_twice(
    studies: dict[str, StudyTables], study: str, names: list[str], formats: tuple[Format, ...]
) -> None:
    look = look_of("icml", "dark")
    plots, again = (drawn(StudyTables.read(studies[study].path)) for _ in range(2))
    for name in set(names) & set(plots):
        for one in formats:
            assert plots[name].render(one, look) == again[name].render(one, look), (name, one)
        assert plots[name].table() == again[name].table()


def test_the_command_draws_them_with_numbers_and_captions(
    call: Call, studies: dict[str, StudyTables], tmp_path: Path
) -> None:
    said = call(
        "figures", studies["knob"].path, "--only", "knob", "--only", "phase", "--format", "svg",
        "--out", "drawn",
    )  # fmt: skip
    assert said.code == 0
    assert said.out.split() == ["drawn/knob.svg"]
    assert said.err == (
        "left out: phase: needs exactly two knobs in the study's grid; this one sweeps "
        "sampling.lambda\n"
    )
    assert "<text" in (tmp_path / "drawn/knob.svg").read_text(encoding="utf-8")
    sidecar = json.loads((tmp_path / "drawn/knob.json").read_text(encoding="utf-8"))
    assert "95 % confidence intervals of the mean over chains" in sidecar["caption"]
    assert "3 chains" in sidecar["caption"]
    assert set(sidecar["of"]) == {"study.yaml", "study.csv", "summary.csv"}
    assert sidecar["n"]["chains of mix sampling.lambda=0.9"] == 3
    assert sidecar["n"]["images scored of each generation"] == NUM_SCORED
    assert (tmp_path / "drawn/knob.csv").read_text(encoding="utf-8").startswith("metric,arm,")


def test_captions_say_of_how_many_chains_and_what_bands_are(
    studies: dict[str, StudyTables],
) -> None:
    for name, plot in drawn(studies["three"]).items():
        if name not in ("survival", "differences"):
            assert "5 chains" in plot.caption, name
            assert "95 % confidence interval" in plot.caption, name
    assert "5 pairs" in FIGURES["differences"](studies["three"]).caption
    assert "one chain, which has no interval" in FIGURES["policies"](studies["one"]).caption
    many = FIGURES["policies"](studies["twelve"]).caption
    assert "whiskers in the last generation are 95 %" in many


def test_what_is_not_there_is_said_in_one_sentence(
    studies: dict[str, StudyTables], tmp_path: Path
) -> None:
    reasons = {
        ("three", "knob"): "needs exactly one knob in the study's grid; this one sweeps none",
        ("twelve", "knob"): "this one sweeps policy.real_fraction, sampling.lambda",
        ("alone", "differences"): "the study has one arm only",
    }
    for (study, name), reason in reasons.items():
        with pytest.raises(NotDrawnError, match=reason):
            FIGURES[name](studies[study])
    empty = make_study(
        tmp_path / "empty",
        ["a", "b"],
        generations=1,
        without={arm: ["share_raw", "fd_judge", "precision", "recall"] for arm in "ab"},
    )
    for name in ("survival.csv", "selection.csv", "differences.csv"):
        write_table(empty, name, [])
    tables = StudyTables.read(empty)
    for name, reason in {
        "shares": "no arm has the counted shares share_raw",
        "fd": "no arm has the score fd_judge",
        "path": "no arm has the score precision",
        "survival": "no class whose loss could be seen",
        "selection": "no arm has a crowding coefficient",
        "differences": "in common with the control a",
    }.items():
        with pytest.raises(NotDrawnError, match=reason):
            FIGURES[name](tables)
    (empty / "summary.csv").unlink()
    with pytest.raises(ConfigError, match="a table of the study is missing"):
        FIGURES["policies"](StudyTables.read(empty))


def test_classes_that_began_equal_have_no_head_and_no_crowding(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "equal", ["replace"], generations=2)
    lines = (folder / "counts.csv").read_text(encoding="utf-8").splitlines()
    equal = [lines[0], *(line.rpartition(",")[0] + ",100" for line in lines[1:])]
    (folder / "counts.csv").write_text("\n".join(equal) + "\n", encoding="utf-8")
    for name in ("shares", "selection"):
        with pytest.raises(NotDrawnError, match="classes that began unequal"):
            FIGURES[name](StudyTables.read(folder))


def test_policies_are_the_means_of_the_summary(studies: dict[str, StudyTables]) -> None:
    tables = studies["three"]
    rows = rows_of(FIGURES["policies"](tables))
    row = next(
        one
        for one in rows
        if (one["metric"], one["arm"], one["generation"]) == ("recall", "mix", "3")
    )
    held = tables.over_chains("mix", "recall", reference="initial")[3]
    assert [float(row[one]) for one in ("mean", "low", "high")] == pytest.approx(
        [held.mean, held.low, held.high]
    )
    assert row["chains"] == "5"


def test_head_and_tail_are_those_of_each_chain(studies: dict[str, StudyTables]) -> None:
    """With ranks that turn, the head is another class in every chain."""
    tables = studies["latin"]
    rows = rows_of(FIGURES["shares"](tables))
    for seed in tables.seeds:
        counts = {c.class_: c.count for c in tables.counts if (c.arm, c.seed) == ("mix", seed)}
        head = max(counts, key=lambda name: counts[name])
        tail = sorted(counts, key=lambda name: counts[name])[:3]
        values = {
            one.class_: one.value
            for one in tables.scores["mix", seed]
            if (one.generation, one.metric) == (4, "share_raw")
        }
        mine = {
            row["part"]: float(row["share"])
            for row in rows
            if (row["arm"], row["generation"], row["seed"]) == ("mix", "4", str(seed))
        }
        assert mine["head"] == pytest.approx(values[head])
        assert mine["tail"] == pytest.approx(sum(values[name] for name in tail))


@pytest.mark.parametrize("preset", ["replace", "accumulate-subsample", "mix"])
def test_the_ribbon_of_a_sum_is_that_of_simulated_chains(preset: str) -> None:
    """Chains that only copy, of which the ribbons of single classes are known."""
    initial = np.array(list(COUNTS.values()))
    policy = PolicyConfig.model_validate({"preset": preset})
    random = np.random.default_rng(0)
    shares: NDArray[np.float64] = np.zeros(0)
    steps = resample(
        spread(initial, 4000), policy, int(initial.sum()), generations=6, random=random
    )
    for step in steps:
        scored = draw(random, 1000, step.pool)
        shares = scored / scored.sum(0)
    ribbon = {
        name: (float(low), float(high))
        for name, low, high in zip(
            COUNTS, *np.quantile(shares, [0.025, 0.975], axis=1), strict=True
        )
    }
    began = dict(zip(COUNTS, initial / initial.sum(), strict=True))
    tail = shares[3:].sum(0)
    found = ribbon_of_sum(sum(list(began.values())[3:]), ribbon, began)
    assert found == pytest.approx(np.quantile(tail, [0.025, 0.975]), rel=0.12)


def test_survival_draws_the_limit_only_where_chance_is_copying(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "study", ["replace", "mix"], generations=6)
    lines = (folder / "survival.csv").read_text(encoding="utf-8").splitlines()
    kept = [
        line if not line.startswith("mix") else line.rpartition(",")[0] + ",1" for line in lines
    ]
    (folder / "survival.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    rows = rows_of(FIGURES["survival"](StudyTables.read(folder)))
    plain = {row["arm"] for row in rows if row["asymptote"]}
    assert plain == {"replace"}
    row = next(r for r in rows if (r["arm"], r["count"], r["generation"]) == ("replace", "4", "5"))
    assert float(row["asymptote"]) == pytest.approx(1 - np.exp(-2 * 4 / 6))


def test_survival_draws_counts_that_are_at_risk_in_every_arm(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "study", ["replace", "mix"], generations=6)
    path = folder / "survival.csv"
    lines = path.read_text(encoding="utf-8").splitlines()

    def unseen(line: str, arm: str, counts: set[str]) -> str:
        cells = line.split(",")
        if cells[0] == arm and cells[1] in counts:
            cells[3:6] = ["0", "0", ""]
        return ",".join(cells)

    def plot_without(arm: str, counts: set[str]) -> Plot:
        text = "\n".join(unseen(line, arm, counts) for line in lines)
        path.write_text(text + "\n", encoding="utf-8")
        return FIGURES["survival"](StudyTables.read(folder))

    every = {str(count) for count in COUNTS.values()}
    rare = {str(count) for count in sorted(COUNTS.values())[:2]}
    plot = plot_without("mix", rare)
    drawn = {(row["arm"], row["count"]) for row in rows_of(plot)}
    assert {count for _, count in drawn} <= every - rare
    assert {c for arm, c in drawn if arm == "mix"} == {c for arm, c in drawn if arm == "replace"}
    assert f"Of {len(every)} different counts, {len(every - rare)} are at risk in every" in (
        plot.caption
    )
    plot = plot_without("mix", every)
    assert {row["arm"] for row in rows_of(plot)} == {"replace"}
    assert "not drawn: mix." in plot.caption
    plot_without("replace", every - rare)
    lines = path.read_text(encoding="utf-8").splitlines()
    with pytest.raises(NotDrawnError, match="seen in every arm: replace, mix"):
        plot_without("mix", rare)


def test_selection_by_rank_where_ranks_turn(studies: dict[str, StudyTables]) -> None:
    rows = rows_of(FIGURES["selection"](studies["latin"]))
    mine = [row for row in rows if row["arm"] == "replace"]
    assert [row["class"] for row in mine] == [*(f"rank {one}" for one in range(1, 7)), ""]
    shares = [float(row["share"]) for row in mine[:-1]]
    assert shares == sorted(shares, reverse=True)
    named = rows_of(FIGURES["selection"](studies["three"]))
    assert [row["class"] for row in named[:6]] == list(COUNTS)


def test_differences_are_corrected_for_all_tests_of_the_figure(
    studies: dict[str, StudyTables],
) -> None:
    rows = rows_of(FIGURES["differences"](studies["three"]))
    assert len(rows) == 12
    for row in rows:
        others = sum(float(one["p"]) >= float(row["p"]) for one in rows)
        assert float(row["p_holm"]) >= min(1.0, others * float(row["p"])) - 1e-9


def test_a_phase_diagram_holds_each_arm_at_its_place_and_marks_what_is_missing(
    studies: dict[str, StudyTables], tmp_path: Path
) -> None:
    rows = rows_of(FIGURES["phase"](studies["twelve"]))
    assert len(rows) == 12
    tables = studies["twelve"]
    for row in rows:
        at = " ".join(f"{key}={row[key]}" for key in ("policy.real_fraction", "sampling.lambda"))
        arm = f"mix {at}"
        held = tables.over_chains(arm, "tail_share", reference="initial")[2]
        assert float(row["mean"]) == pytest.approx(held.mean)
    fewer = make_study(tmp_path / "fewer", SWEPT[:5], generations=2)
    plot = FIGURES["phase"](StudyTables.read(fewer))
    with plot.drawn() as made:
        hatched = [patch for patch in made.axes[0].patches if patch.get_hatch()]
    assert len(hatched) == 3


def test_a_study_without_its_cells_draws_the_same(
    call: Call, studies: dict[str, StudyTables], tmp_path: Path
) -> None:
    shutil.copytree(studies["three"].path, tmp_path / "copy")
    assert call("figures", "copy", "--only", "fd", "--format", "png").code == 0
    assert (tmp_path / "copy/figures/fd.png").read_bytes() == FIGURES["fd"](
        studies["three"]
    ).render("png")


def seen_by(colours: list[str], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIELAB of colours as eyes see them whose cones mix linear light so (Machado et al. 2009)."""
    rgb = np.array([to_rgb(one) for one in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ matrix.T, 0, 1) @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    white = np.array([0.9505, 1.0, 1.089])
    f = np.where(xyz / white > 0.008856, np.cbrt(xyz / white), 7.787 * xyz / white + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


EYES = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.01182, 0.04294, 0.968881],
        ]
    ),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
}


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("theme", THEMES)
def test_colours_of_arms_are_far_apart_for_all_eyes(eyes: str, theme: str) -> None:
    look = THEMES[theme]
    seen = seen_by([look.ink, *ARM_COLOURS], EYES[eyes])
    gaps = np.linalg.norm(seen[:, None] - seen[None], axis=2)
    assert gaps[~np.eye(len(seen), dtype=bool)].min() > 25
    paper = seen_by([look.paper], EYES[eyes])
    assert np.linalg.norm(seen - paper, axis=1).min() > 30


def test_colours_of_arms_are_not_those_of_classes() -> None:
    arms, classes = (
        seen_by(list(one), EYES["normal"]) for one in (ARM_COLOURS, (*COLOURS, REJECT_COLOUR))
    )
    assert np.linalg.norm(arms[:, None] - classes[None], axis=2).min() > 20


def test_twelve_arms_are_told_apart_without_colour() -> None:
    styles = arm_styles(11, "#000000")
    assert len({one.marker for one in styles}) == 12
    assert len({(one.colour, one.dashes) for one in styles}) == 12
    neighbours = pairwise(styles)
    assert all(one.dashes != other.dashes for one, other in neighbours)


@pytest.mark.parametrize("inches", [0.3, 1.0, 3.0])
def test_wrapped_words_fit_and_none_is_lost(inches: float) -> None:
    look = look_of("neurips")
    for text in (*LONG, *SWEPT[:1], "ein Wort", ""):
        found = wrapped(text, look, inches)
        assert found.replace("\n", "").replace(" ", "") == text.replace(" ", "")
        assert all(width_inches(line, look) <= inches for line in found.split("\n"))


def test_a_sidecar_has_the_hashes_of_what_was_read(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "study", seeds=2, generations=3)
    points = [Point("extinct", "5 images", x, 0.1 * x, n=7) for x in (-1, 1, 2)]
    (folder / "curve.csv").write_text(write_points(points), encoding="utf-8")
    (folder / "logrank.csv").write_text("nobody,reads,it\n", encoding="utf-8")
    draw_all(folder, tmp_path / "drawn", names_of(folder), ())
    found = {one.stem: json.loads(one.read_bytes()) for one in (tmp_path / "drawn").glob("*.json")}
    always = {"study.yaml", "study.csv"}
    read = {
        "policies": {"summary.csv"}, "fd": {"summary.csv"}, "path": {"summary.csv"},
        "differences": {"differences.csv"}, "shares": {"counts.csv"},
        "survival": {"survival.csv"}, "selection": {"counts.csv", "selection.csv"},
    }  # fmt: skip
    assert {name: set(found[name]["of"]) - always for name in read} == read
    assert found["selection"]["generations"] == [0, 1, 2]
    assert found["selection"]["n"]["chains of mix"] == 2
    assert set(found["curves"]["of"]) == {"curve.csv"}
    assert found["curves"]["n"] == {"points": 3, "behind each point of extinct": 7}
    assert found["curves"]["generations"] == [1, 2]
    for one in found.values():
        for name, held in one["of"].items():
            assert held == sha256_of(folder / name)


def test_no_number_is_broken_but_where_nothing_else_fits() -> None:
    look = look_of("nature")
    for tenths in range(4, 20):
        found = wrapped("mix profile.imbalance=0.05", look, tenths / 10).split("\n")
        assert any("0.05" in line for line in found), found


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        ("mix policy.real_fraction=0.1 sampling.lambda=0.9", "mix, real part 0.1, lambda 0.9"),
        ("profile.imbalance=0.05", "imbalance 0.05"),
        ("a training.ema=0.9 judge.ema=0.1", "a, training.ema 0.9, judge.ema 0.1"),
        ("my arm n=5", "my arm n=5"),
        ("mix sampling.lambda=1\ncrowding 0.1 (0 to 1)", "mix, lambda 1\ncrowding 0.1 (0 to 1)"),
    ],
)
def test_knobs_are_in_words_and_stay_with_their_values(arm: str, words: str) -> None:
    found = arm_words(arm)
    assert found.replace(TOGETHER, " ") == words
    assert not any(part[:1].isdigit() for part in found.split("\n")[0].split(" "))


@pytest.mark.parametrize(
    ("share", "said"),
    [(1, "100"), (0, "0"), (0.0996, "10"), (0.123, "12"), (0.004, "0.4"), (1e-6, "0")],
)
def test_limits_in_a_cell_are_short_plain_percentages(share: float, said: str) -> None:
    assert short_percentage(share) == said
