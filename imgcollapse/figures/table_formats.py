"""A table of results as LaTeX with booktabs, as Markdown, as tidy CSV, and as JSON."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator

from imgcollapse.figures.metric_words import Metric
from imgcollapse.figures.result_table import Entry, Line, ResultTable
from imgcollapse.scores import cell, fixed
from imgcollapse.store.files import json_text

MISSING = "–"
ARROWS = {"up": "↑", "down": "↓", "": ""}
IN_LATEX = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": "$<$", ">": "$>$", "|": r"\textbar{}",
    **{one: "\\" + one for one in "_%&#${}"},
    "±": r"$\pm$", "–": "--", "→": r"$\to$", "∞": r"$\infty$", "↑": r"$\uparrow$",
    "↓": r"$\downarrow$", "\N{MINUS SIGN}": "$-$",
}  # fmt: skip
IN_MARKDOWN = {one: "\\" + one for one in "\\|*_`<>[]#~"}


def rounded(value: float, half: float | None) -> tuple[str, str]:
    """A value and half its interval, as far as the interval lets one see.

    The interval has one digit, or two if the first is a 1, and the value ends where it ends.
    Without an interval, three digits.
    """
    if half is None or half == 0:
        shown = f"{value or 0.0:.3g}"
        if "e" in shown:
            shown = fixed(value, 0) if abs(value) >= 1 else shown
        return shown, "" if half is None else "0"
    places = math.floor(math.log10(half))
    leading = round(half / 10.0**places, 1)
    digits = 2 if leading < 2 or leading >= 10 else 1
    decimals = max(0, digits - 1 - places - (leading >= 10))
    return fixed(value, decimals), fixed(half, decimals)


def to_latex(table: ResultTable, label: str) -> str:
    """A ``table`` that needs ``booktabs`` only; ± stand below each other."""
    columns = "".join(r"r@{$\,\pm\,$}l" for _ in table.metrics)
    above, below = (
        " & ".join(rf"\multicolumn{{2}}{{c}}{{{_latex(one)}}}" for one in row)
        for row in zip(*map(_in_two_lines, table.metrics), strict=True)
    )
    rows = [
        r"\begin{table}",
        r"\centering",
        r"\small",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\caption{{{_latex(table.caption)}}}",
        rf"\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{l{columns}r}}",
        r"\toprule",
        rf" & {above} & \\",
        rf"{table.head} & {below} & {table.n_head} \\",
        r"\midrule",
        *(_latex_line(line, table) for line in table.lines),
        *([r"\midrule"] if table.floors else []),
        *(_latex_line(line, table) for line in table.floors),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(rows) + "\n"


def to_markdown(table: ResultTable) -> str:
    """A table for pages on the web, its caption below."""
    heads = [" ".join(filter(None, (_words(one), _unit(one)))) for one in table.metrics]
    every = [*table.lines, *table.floors]
    rows = [
        [table.head, *heads, table.n_head],
        ["---", *["---:"] * (len(heads) + 1)],
        *(
            [
                _markdown(line.name),
                *(
                    _plain(one, metric)
                    for one, metric in zip(line.entries, table.metrics, strict=True)
                ),
                line.n,
            ]
            for line in every
        ),
    ]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", _markdown(table.caption)]) + "\n"


def to_csv(table: ResultTable) -> str:
    """One row for each number, as exact as it is, with the corrected p."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_tidy_columns(table))
    writer.writerows([cell(value) for value in row] for row in _tidy_rows(table))
    return text.getvalue()


def to_json(table: ResultTable) -> str:
    """One object: ``columns``, ``rows`` as in CSV with null for none, and the ``caption``."""
    return json_text(
        {
            "columns": _tidy_columns(table),
            "rows": list(_tidy_rows(table)),
            "caption": table.caption,
        }
    )


def _tidy_columns(table: ResultTable) -> tuple[str, ...]:
    return (table.head, "metric", "reference", "value", "low", "high", table.n_head, "p_holm")


def _tidy_rows(table: ResultTable) -> Iterator[tuple[object, ...]]:
    for line in [*table.lines, *table.floors]:
        num = line.n.replace(",", "")
        n = int(num) if num.isdecimal() else num
        for metric, one in zip(table.metrics, line.entries, strict=True):
            if one is not None:
                numbers = (one.value, one.low, one.high, n, one.p)
                yield line.name, metric.name, metric.reference, *numbers


def _words(metric: Metric) -> str:
    return f"{metric.words} {ARROWS[metric.better]}".strip()


def _in_two_lines(metric: Metric) -> tuple[str, str]:
    """The head of a column: its last word, unit and arrow below the others."""
    first, _, last = metric.words.rpartition(" ")
    beside = [_unit(metric), ARROWS[metric.better]]
    return first or last, " ".join(filter(None, [last if first else "", *beside]))


def _unit(metric: Metric) -> str:
    return "(%)" if metric.is_share else ""


def _numbers(one: Entry, metric: Metric) -> tuple[str, str]:
    times = 100 if metric.is_share else 1
    return rounded(times * one.value, None if one.half is None else times * one.half)


def _plain(one: Entry | None, metric: Metric) -> str:
    if one is None:
        return MISSING
    value, half = _numbers(one, metric)
    return (f"{value} ± {half}" if half else value) + (r"\*" if one.is_significant else "")


def _latex_line(line: Line, table: ResultTable) -> str:
    cells = [
        _latex_entry(one, metric) for one, metric in zip(line.entries, table.metrics, strict=True)
    ]
    return rf"{_latex(line.name)} & {' & '.join(cells)} & {_latex(line.n)} \\"


def _latex_entry(one: Entry | None, metric: Metric) -> str:
    if one is None:
        return r"\multicolumn{2}{c}{--}"
    value, half = _numbers(one, metric)
    value = f"${value}$" if value.startswith("-") else value
    star = "$^{*}$" if one.is_significant else ""
    if not half:
        return rf"\multicolumn{{2}}{{c}}{{{value}{star}}}"
    return f"{value} & {half}{star}"


def _latex(text: str) -> str:
    return "".join(IN_LATEX.get(letter, letter) for letter in text)


def _markdown(text: str) -> str:
    return "".join(IN_MARKDOWN.get(letter, letter) for letter in text)
