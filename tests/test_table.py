"""``imgcollapse table``: rounding, escapes, corrected tests, refusals, and LaTeX that compiles."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import Call
from hypothesis import given
from hypothesis import strategies as st
from made_studies import make_study
from run_shapes import write_run
from scipy import stats

from imgcollapse.figures.metric_words import metric_of
from imgcollapse.figures.result_table import Entry, Line, ResultTable, study_table
from imgcollapse.figures.study_tables import StudyTables
from imgcollapse.figures.table_formats import rounded, to_latex, to_markdown
from imgcollapse.metrics.holm import holm

ODD = r"a_b %&#{c} ~x^2 $y$ \z <|>"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("table") / "a study")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("table") / "run", ["cat", "dog"], generations=2)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def holm_by_definition(p_values: list[float]) -> list[float]:
    """The least level at which the sequence of tests (Holm 1979) rejects each hypothesis.

    Reject the smallest while it is at most level / (hypotheses left); levels are tried that
    matter, k times each p.
    """
    num = len(p_values)
    levels = sorted({min(1.0, k * p) for p in p_values for k in range(1, num + 1)} | {1.0})

    def rejected(level: float) -> set[int]:
        left = set(range(num))
        while left:
            smallest = min(left, key=lambda one: p_values[one])
            if p_values[smallest] * len(left) > level * (1 + 1e-12) and level < 1:
                break
            left.remove(smallest)
        return set(range(num)) - left

    return [min(level for level in levels if one in rejected(level)) for one in range(num)]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_its_definition(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(holm_by_definition(p_values))


def test_holm_of_a_textbook_and_of_what_is_no_test() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.02, None, 0.01]) == [0.02, None, 0.02]
    assert holm([]) == []


def test_holm_seldom_rejects_where_nothing_is_there() -> None:
    random = np.random.default_rng(0)
    families = random.random((4000, 5))
    wrong = np.mean([min(p for p in holm(list(one)) if p is not None) < 0.05 for one in families])
    assert 0.035 < wrong < 0.06


@pytest.mark.parametrize(
    ("value", "half", "shown"),
    [
        (0.18349, 0.0523, ("0.18", "0.05")),
        (0.18349, 0.1423, ("0.18", "0.14")),
        (15.72, 1.84, ("15.7", "1.8")),
        (15.72, 0.0961, ("15.72", "0.10")),
        (15.72, 0.96, ("15.7", "1.0")),
        (81.2, 3.51, ("81", "4")),
        (812.3, 35.1, ("812", "35")),
        (812.3, 9.97, ("812", "10")),
        (12345.6, 1999.0, ("12346", "1999")),
        (-0.021, 0.003, ("-0.021", "0.003")),
        (7.0, 0.0, ("7", "0")),
        (0.123456, None, ("0.123", "")),
        (123456.0, None, ("123456", "")),
    ],
)
def test_digits_end_where_the_interval_does(
    value: float, half: float | None, shown: tuple[str, str]
) -> None:
    assert rounded(value, half) == shown


@given(st.floats(1e-6, 1e4), st.floats(1e-6, 1e4))
def test_rounding_loses_less_than_a_quarter_of_the_interval(value: float, half: float) -> None:
    shown, width = map(float, rounded(value, half))
    assert abs(shown - value) <= 0.251 * half
    assert abs(width - half) <= 0.251 * half


def test_a_table_is_the_summary_with_paired_tests_that_are_corrected(study: Path) -> None:
    tables = StudyTables.read(study)
    table = study_table(tables)
    assert [line.name for line in table.lines] == ["replace", "accumulate-subsample", "mix"]
    assert [line.n for line in table.lines] == ["5"] * 3
    found: dict[tuple[str, str], float] = {}
    for line in table.lines:
        for metric, entry in zip(table.metrics, line.entries, strict=True):
            held = tables.over_chains(line.name, metric.name, reference=metric.reference)[7]
            assert entry is not None
            assert (entry.value, entry.low, entry.high) == (held.mean, held.low, held.high)
            if line.name == "replace":
                assert entry.p is None
            else:
                assert entry.p is not None
                found[line.name, metric.name] = entry.p
    mine = {
        (one.arm, one.metric): one.p
        for one in tables.differences
        if one.generation == 7 and (one.arm, one.metric) in found and not one.class_
    }
    corrected = holm([mine[key] for key in found])
    assert list(found.values()) == pytest.approx(corrected)
    assert "10 tests" in table.caption


def test_another_control_is_tested_by_scipys_paired_test(study: Path) -> None:
    tables = StudyTables.read(study)
    table = study_table(tables, ["recall"], generation=3, control="mix")

    def values(arm: str) -> list[float]:
        return [
            one.value
            for seed in tables.seeds
            for one in tables.scores[arm, seed]
            if (one.generation, one.metric) == (3, "recall")
        ]

    p = [
        stats.ttest_rel(values(arm), values("mix")).pvalue
        for arm in ("replace", "accumulate-subsample")
    ]
    entries = [line.entries[0] for line in table.lines]
    found = [entry.p for entry in entries if entry]
    assert found[2] is None
    assert found[:2] == pytest.approx(holm(p))
    assert table.caption.startswith("Generation 3:")
    assert "differs from mix" in table.caption


def test_the_command_prints_markdown(call: Call, study: Path) -> None:
    said = call("table", study)
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].startswith("| arm | tail share (%) | rejected ↓ (%) | Fréchet distance ↓ |")
    assert {line.count("|") for line in lines[:6]} == {lines[0].count("|")}
    assert lines[5].startswith("| real images |")
    assert re.search(r"\| \d+(\.\d+)? ± \d+(\.\d+)?\\\* \|", lines[4])
    assert "half the width of its 95 % confidence interval over chains" in lines[-1]
    assert call("table", study).out == said.out


def test_the_command_writes_csv_and_tex(call: Call, study: Path, tmp_path: Path) -> None:
    said = call("table", study, "--csv", "--metric", "fd_judge", "--generation", "2")
    rows = rows_of(said.out)
    assert [row["arm"] for row in rows] == ["replace", "accumulate-subsample", "mix", "real images"]
    held = StudyTables.read(study).over_chains("mix", "fd_judge", reference="initial")[2]
    assert float(rows[2]["value"]) == pytest.approx(held.mean)
    assert rows[0]["p_holm"] == "" != rows[1]["p_holm"]
    assert call("table", study, "--latex", "--out", "t.tex").out == "t.tex\n"
    text = (tmp_path / "t.tex").read_text(encoding="utf-8")
    assert r"\label{tab:a-study}" in text
    assert r"\toprule" in text


def test_the_command_writes_over_nothing(call: Call, study: Path, tmp_path: Path) -> None:
    (tmp_path / "held.md").write_text("mine", encoding="utf-8")
    for command in ("table", "card"):
        said = call(command, study, "--out", "held.md")
        assert said.code == 3
        assert "there is something at this path already (held.md)" in said.err
        assert "hint: name another path" in said.err
    assert (tmp_path / "held.md").read_text(encoding="utf-8") == "mine"


def test_json_is_the_csv_in_one_object(call: Call, study: Path, tmp_path: Path) -> None:
    made = call("table", study, "--json", "--metric", "recall").json
    rows = rows_of(call("table", study, "--csv", "--metric", "recall").out)
    assert made["columns"] == list(rows[0])
    assert len(made["rows"]) == len(rows)
    for found, row in zip(made["rows"], rows, strict=True):
        assert dict(zip(made["columns"], found, strict=True))["arm"] == row["arm"]
        assert found[3] == pytest.approx(float(row["value"]))
        assert (found[-1] is None) == (row["p_holm"] == "")
    assert made["caption"].startswith("Generation 7:")
    call("table", study, "--json", "--metric", "recall", "--out", "t.json")
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8")) == made


def test_a_run_has_a_table_of_its_generations(call: Call, run: Path) -> None:
    said = call("table", run, "--csv")
    rows = rows_of(said.out)
    names = [row["generation"] for row in rows if row["metric"] == "fd_judge"]
    assert names == ["0", "1", "real images"]
    only = call("table", run, "--generation", "1").out
    assert "| 1 |" in only
    assert "| 0 |" not in only
    assert "of measurement and not of how chains differ" in only


def test_refusals_are_in_words(call: Call, study: Path, run: Path) -> None:
    for words, error, hint in (
        ((study, "--latex", "--csv"), "exclude each other", "give one"),
        ((study, "--metric", "fd_juge"), "no score 'fd_juge'", "did you mean fd_judge?"),
        ((study, "--metric", "share"), "share is a score of each class", "figures"),
        ((study, "--metric", "recall/pool"), "does not compare with 'pool'", "initial"),
        ((study, "--generation", "9"), "no arm has generation 9", "all arms have 0 to 7"),
        ((study, "--generation", "1", "--generation", "2"), "shows one generation", "once"),
        ((study, "--control", "x"), "no arm 'x'", "replace, accumulate-subsample, mix"),
        ((run, "--control", "x"), "--control is of studies", "study"),
        ((run, "--generation", "5"), "generation 5 is not there", "0, 1"),
        ((study, "--json", "--csv"), "exclude each other", "give one"),
        ((study, "--out", "no/t.tex"), "there is no folder for the table", "another --out"),
        ((study, "--out", "/proc/t.tex"), "the table cannot be written", "give an --out"),
        (("nothing",), "no table of scores", "imgcollapse run"),
    ):
        said = call("table", *words)
        assert said.code == 2, words
        assert said.out == ""
        assert error in said.err
        assert hint in said.err


@pytest.mark.parametrize(
    ("name", "broken", "says"),
    [
        ("study.csv", b"\xff\xfe\x00\x81", "it is not text"),
        ("study.csv", b"", "its end is missing"),
        ("study.csv", b"arm,seed\n", "other columns than arm,seed,generation"),
        ("study.csv", 1000, "its end is missing"),
        ("summary.csv", b"+a,1\n", "a row has 2 cells, not 9"),
        ("summary.csv", b"+a,one,reject,,,0.1,,,5\n", "'one' is no whole number"),
        ("summary.csv", b"+a,1,reject,,,nan,,,5\n", "'nan' is no finite number"),
        ("summary.csv", b'+a,"1\n', "unexpected end of data"),
        ("study.yaml", b"[", "not a study that the lab wrote"),
        ("study.yaml", b"control: replace\n", "not a study that the lab wrote"),
        ("study.yaml", b"\x80", "not a study that the lab wrote"),
    ],
)
def test_broken_tables_are_told_with_their_mending(
    call: Call, tmp_path: Path, name: str, broken: bytes | int, says: str
) -> None:
    folder = make_study(tmp_path / "broken", ["a", "b"], generations=2, seeds=2)
    held = (folder / name).read_bytes()
    if isinstance(broken, int):
        broken = held[:broken]
    elif broken.startswith(b"+"):
        broken = held + broken[1:]
    (folder / name).write_bytes(broken)
    said = call("table", folder)
    assert said.code == 4
    assert f"{says}" in said.err
    assert f"({folder / name})" in said.err
    assert "hint: " in said.err
    assert call("figures", folder, "--only", "policies", "--format", "svg").code == 4


def test_a_study_without_tables_goes_on_with_the_same_command(call: Call, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text("control: a\n", encoding="utf-8")
    said = call("table", tmp_path)
    assert said.code == 2
    assert "the study has no tables yet" in said.err
    assert "the same imgcollapse study command goes on" in said.err


def test_what_is_missing_is_a_dash_and_one_chain_has_no_interval(tmp_path: Path) -> None:
    lacking = make_study(
        tmp_path / "lacking", ["a", "b"], without={"b": ["fd_judge"]}, generations=2
    )
    text = to_markdown(study_table(StudyTables.read(lacking), ["fd_judge", "recall"]))
    assert re.search(r"^\| b \| – \| \d", text, re.M)
    single = make_study(tmp_path / "single", ["a", "b"], seeds=1, generations=2)
    table = study_table(StudyTables.read(single))
    assert "±" not in to_markdown(table).split("\n\n")[0]
    assert "Nothing is tested" in table.caption


def odd_table() -> ResultTable:
    metrics = (
        metric_of("fd_judge", "initial"),
        metric_of("reject", ""),
        metric_of("odd_&_one", ""),
    )
    entries = (Entry(-1.23, -1.5, -1.0, 0.01), None, Entry(3.0))
    return ResultTable("arm", metrics, [Line(ODD, entries, "3–5")], [], "chains", f"Of {ODD}: 5 %")


def without(study: Path, arm: str, seeds: tuple[int, ...]) -> None:
    """As if these cells had failed."""
    for path in (study / "study.csv", study / "counts.csv"):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        gone = tuple(f"{arm},{seed}," for seed in seeds)
        path.write_text("".join(one for one in lines if not one.startswith(gone)), "utf-8")
    if len(seeds) < 3:
        return
    for name in ("summary", "differences", "survival", "selection"):
        path = study / f"{name}.csv"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        path.write_text("".join(one for one in lines if not one.startswith(f"{arm},")), "utf-8")


def test_arms_and_chains_that_failed_are_told(call: Call, tmp_path: Path) -> None:
    some = make_study(tmp_path / "some", ["a", "b", "c"], seeds=3, generations=2)
    without(some, "b", (1, 2))
    without(some, "c", (0, 1, 2))
    told = (
        "2 of 3 chains of arm b are not in the tables. "
        "Arm c is not in the tables: none of its 3 chains is."
    )
    assert study_table(StudyTables.read(some)).caption.endswith(told)
    assert call("figures", some, "--format", "svg", "--out", "drawn").code == 0
    sidecars = [json.loads(one.read_bytes()) for one in (tmp_path / "drawn").glob("*.json")]
    assert sidecars
    assert all(one["caption"].endswith(told) for one in sidecars)
    without(some, "b", (0, 1, 2))
    table = study_table(StudyTables.read(some))
    assert "of another arm (b, c: not in the tables)." in table.caption
    said = call("figures", some, "--only", "differences", "--format", "svg")
    assert "one arm only is in the tables: b, c are not" in said.err
    said = call("table", some, "--control", "c")
    assert said.code == 2
    assert "no chain of arm c is in the tables" in said.err
    early = make_study(tmp_path / "early", ["a"], seeds=2, generations=2)
    text = (early / "study.yaml").read_text(encoding="utf-8")
    (early / "study.yaml").write_text(text.replace("generations: 2", "generations: 5"), "utf-8")
    caption = study_table(StudyTables.read(early)).caption
    assert caption.endswith("2 of 2 chains of arm a end before generation 4.")


def test_a_floor_stands_under_all_arms_only_where_it_is_of_all(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", ["a", "b"], seeds=2, generations=2)
    tables = StudyTables.read(study)
    assert [line.name for line in study_table(tables).floors] == ["real images"]
    counts = (study / "counts.csv").read_text(encoding="utf-8")
    (study / "counts.csv").write_text(counts.replace("b,1,pug,12", "b,1,pug,13"), "utf-8")
    table = study_table(StudyTables.read(study), ["recall"])
    assert [line.name for line in table.floors] == ["real images, a", "real images, b"]
    held = tables.over_chains("b", "recall", reference="initial")[-1]
    entry = table.floors[1].entries[0]
    assert entry is not None
    assert entry.value == held.mean
    assert "each as its arm began" in table.caption
    assert "| real images, b |" in to_markdown(table)
    assert "real images, b & " in to_latex(table, "x")
    (study / "counts.csv").write_text(counts, encoding="utf-8")
    text = (study / "study.yaml").read_text(encoding="utf-8")
    (study / "study.yaml").write_text(
        text.replace("  b:\n", "  b:\n    judge: {steps: 9}\n"), "utf-8"
    )
    assert len(study_table(StudyTables.read(study)).floors) == 2


def test_letters_that_latex_and_markdown_read_are_escaped() -> None:
    latex = to_latex(odd_table(), "odd")
    assert (
        r"a\_b \%\&\#\{c\} \textasciitilde{}x\textasciicircum{}2 \$y\$ \textbackslash{}z "
        r"$<$\textbar{}$>$ & $-1.2$ & 0.3$^{*}$ & \multicolumn{2}{c}{--} & "
        r"\multicolumn{2}{c}{3} & 3--5 \\"
    ) in latex
    markdown = to_markdown(odd_table())
    row = markdown.splitlines()[2]
    assert re.sub(r"\\.", "", row).count("|") == 6
    assert r"a\_b %&\#{c} \~x^2 $y$ \\z \<\|\>" in row


def test_every_table_of_the_words_is_complete() -> None:
    """No letter that pdflatex does not know stands in the head of a column."""
    from imgcollapse.figures.metric_words import KNOWN

    for metric in KNOWN:
        table = ResultTable("arm", (metric,), [Line("a", (Entry(1.0),), "1")], [], "n", "")
        assert to_latex(table, "x").replace("é", "e").isascii(), metric


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="there is no pdflatex here")
def test_the_latex_compiles_with_booktabs_alone(study: Path, tmp_path: Path) -> None:
    page = [r"\documentclass{article}", r"\usepackage[textwidth=5.5in]{geometry}"]
    page += [r"\usepackage{booktabs}", r"\begin{document}"]
    page += [
        to_latex(one, f"t{n}")
        for n, one in enumerate((odd_table(), study_table(StudyTables.read(study))))
    ]
    (tmp_path / "page.tex").write_text("\n".join([*page, r"\end{document}"]), encoding="utf-8")
    words = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


def test_stars_are_where_p_is_small() -> None:
    for p, half in itertools.product((None, 0.04, 0.06), (None, 0.5)):
        low, high = (None, None) if half is None else (1.0, 2.0)
        table = ResultTable(
            "arm", (metric_of("recall", "initial"),), [Line("a", (Entry(1.5, low, high, p),), "5")],
            [], "chains", "",
        )  # fmt: skip
        assert (r"\*" in to_markdown(table)) is (p == 0.04)
        assert ("$^{*}$" in to_latex(table, "x")) is (p == 0.04)
