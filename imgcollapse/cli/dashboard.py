"""One frame of the dashboard: a run with its shares as bars, or many runs as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from imgcollapse.cli.bars import SOFT, progress_bar, share_bar, trend
from imgcollapse.cli.watching import COMPLETE, RUNNING, STOPPED, Watched
from imgcollapse.cli.words import duration
from imgcollapse.drawing.palette import REJECT_COLOUR
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import FLOOR, percent, select

MOST_CLASSES = 10
FEWEST_COLUMNS = 30
WIDE, MIDDLE = 72, 48
STYLES = {COMPLETE: "green", RUNNING: "cyan", STOPPED: "yellow"}
LEGEND = "│ began with   ├─┤ chance alone, 95 %   ▲ ▼ outside of it"
TRENDS = (
    ("fd", "fd_judge", "initial", "{:.2f}"),
    ("tail", "", "", "%"),
    ("alive", "classes_alive", "initial", "{:.0f}"),
    ("reject", "reject", "", "%"),
)


def frame(runs: Sequence[Watched], width: int, height: int) -> RenderableType:
    """What is shown of the runs in a terminal of so many columns and lines."""
    width = max(FEWEST_COLUMNS, width)
    if len(runs) == 1:
        return _one(runs[0], width)
    return _many(runs, width, height)


def _one(run: Watched, width: int) -> RenderableType:
    config = run.config
    title = Text.assemble((run.name, "bold"), no_wrap=True, overflow="ellipsis")
    policy = config.policy.preset or "policy of its own"
    title.append(
        f"  {config.data.source}, {config.generator.kind}, {policy}, seed {config.seed}", SOFT
    )
    parts: list[RenderableType] = [title, _state(run, width), Text("")]
    if run.tables is None:
        return Group(*parts[:2])
    if run.tables.generations:
        parts += [_shares(run.tables, width), Text("")]
        if width >= WIDE:
            parts += [Text(LEGEND, SOFT), Text("")]
        parts.append(_trends(run.tables, width))
    else:
        parts.append(Text("no generation is committed yet", SOFT))
    return Group(*parts)


def _state(run: Watched, width: int) -> Text:
    """State, how far it is, and what its training says."""
    wanted, progress = run.config.generations, run.progress
    line = Text(no_wrap=width >= MIDDLE, overflow="ellipsis")
    line.append(run.state, f"bold {STYLES[run.state]}")
    line.append(f"  {run.done} of {wanted} generations  ")
    part = progress.part if progress and progress.stage.startswith("generation") else 0.0
    line.append(progress_bar((run.done + part) / wanted, max(6, width // 6)))
    if run.left is not None:
        line.append(f"  {duration(run.left)} left", "bold")
    if run.state == STOPPED:
        line.append("  give its command again to go on", SOFT)
    if progress is not None:
        line.append("\n" + progress.stage)
        if progress.steps:
            line.append(f": step {progress.step:,} of {progress.steps:,}")
        if progress.loss is not None:
            line.append(f", loss {progress.loss:.4f}")
        if progress.images_per_second is not None:
            line.append(f", {progress.images_per_second:,.0f} images/s")
    return line


def _shares(tables: RunTables, width: int) -> Table:
    """Counted shares of the last generation, common first; of many classes the ends."""
    number = tables.generations[-1]
    now, began = tables.shares(number), tables.initial_shares()
    null = {
        one.class_: (one.low or 0.0, one.high or 0.0)
        for one in select(tables.scores, "share_null")
        if one.generation == number
    }
    places = [place for place, share in enumerate(began.shares) if share > 0]
    if len(places) > MOST_CLASSES:
        places = [*places[: MOST_CLASSES // 2], *places[-MOST_CLASSES // 2 :]]
    highest = [limits[1] for limits in null.values()]
    whole = max([*now.shares, now.reject, *began.shares, *highest])
    numbers = 8 + 10 * (width >= MIDDLE) + 18 * (width >= WIDE and bool(null))
    names = min(max(len(name) for name in now.names), max(8, width // 4))
    bar = max(6, width - names - numbers - 4)
    table = _grid(names, bar, width, bool(null), number)
    for place in places:
        share, at_first = float(now.shares[place]), float(began.shares[place])
        chance = null.get(now.names[place])
        outside = "" if chance is None else _outside(share, *chance)
        cells: list[RenderableType] = [
            now.names[place],
            share_bar(share, now.colours[place], bar, whole, at_first, chance),
            Text(f"{percent(share)}{outside or ' '}", "bold"),
        ]
        if width >= MIDDLE:
            cells.append(percent(at_first))
        if width >= WIDE and null:
            cells.append("" if chance is None else f"{percent(chance[0])} – {percent(chance[1])}")
        table.add_row(*cells)
    hidden = int((began.shares > 0).sum()) - len(places)
    if hidden:
        table.add_row(Text(f"{hidden} between", SOFT))
    rejects = share_bar(now.reject, REJECT_COLOUR, bar, whole)
    table.add_row(Text("no class", SOFT), rejects, Text(f"{percent(now.reject)} "))
    return table


def _outside(share: float, low: float, high: float) -> str:
    return "▲" if share > high else "▼" if share < low else ""


def _grid(names: int, bar: int, width: int, with_chance: bool, number: int) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=names, no_wrap=True, overflow="ellipsis")
    table.add_column(width=bar, no_wrap=True)
    table.add_column(width=8, justify="right", no_wrap=True)
    headings: list[RenderableType] = ["", f"generation {number}, as counted"[:bar], "share "]
    if width >= MIDDLE:
        table.add_column(width=9, justify="right", no_wrap=True, style=SOFT)
        headings.append("began")
    if width >= WIDE and with_chance:
        table.add_column(width=17, justify="right", no_wrap=True, style=SOFT)
        headings.append("chance alone")
    table.add_row(*headings, style=SOFT)
    return table


def _trends(tables: RunTables, width: int) -> Table:
    """Scores over the generations, with their first, last and that of real images."""
    table = Table.grid(padding=(0, 1))
    for _ in range(4):
        table.add_column(no_wrap=True)
    for name, metric, reference, shape in TRENDS:
        real, *values = _over_time(tables, metric, reference)
        first, last = (_in_words(value, shape) for value in (values[0], values[-1]))
        beside = f"real {_in_words(real, shape)}" if width >= MIDDLE else ""
        line = Text(trend(values, max(6, width - 44)), "cyan")
        table.add_row(Text(name, "bold"), line, f"{first} → {last}", Text(beside, SOFT))
    return table


def _over_time(tables: RunTables, metric: str, reference: str) -> list[float]:
    """A score of real images and of each generation; without a metric the counted tail."""
    numbers = [FLOOR, *tables.generations]
    if not metric:
        sets = [tables.shares(number) for number in numbers]
        rare = [name in tables.tail for name in sets[0].names]
        return [float(one.shares[rare].sum()) for one in sets]
    found = tables.values(metric, reference)
    return [found[number].value for number in numbers]


def _in_words(value: float, shape: str) -> str:
    return percent(value) if shape == "%" else shape.format(value)


def _many(runs: Sequence[Watched], width: int, height: int) -> RenderableType:
    """A line for each run, those under way first where there are more than lines."""
    counts = {state: sum(run.state == state for run in runs) for state in STYLES}
    head = Text.assemble(
        (f"{len(runs)} runs", "bold"),
        *(part for state, num in counts.items() for part in _count(state, num)),
    )
    room = max(3, height - 5)
    shown = list(runs)
    if len(shown) > room:
        shown = sorted(runs, key=lambda run: (RUNNING, STOPPED, COMPLETE).index(run.state))[:room]
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style=SOFT)
    table.add_column("run", no_wrap=True, overflow="ellipsis", max_width=max(12, width // 3))
    table.add_column("", no_wrap=True)
    table.add_column("gen", justify="right", no_wrap=True)
    if width >= MIDDLE:
        table.add_column("tail", no_wrap=True)
        table.add_column("fd", justify="right", no_wrap=True)
    if width >= WIDE:
        table.add_column("alive", justify="right", no_wrap=True)
        table.add_column("images/s", justify="right", no_wrap=True)
        table.add_column("left", justify="right", no_wrap=True)
    for run in shown:
        table.add_row(*_line(run)[: len(table.columns)])
    parts: list[RenderableType] = [head, Text(""), table]
    if len(shown) < len(runs):
        parts.append(Text(f"and {len(runs) - len(shown)} more", SOFT))
    return Group(*parts)


def _count(state: str, num: int) -> list[tuple[str, str] | str]:
    return ["  ", (f"{num} {state}", STYLES[state])] if num else []


def _line(run: Watched) -> list[RenderableType]:
    wanted, progress = run.config.generations, run.progress
    part = progress.part if progress and progress.stage.startswith("generation") else 0.0
    tails, fd, alive = "", "", ""
    if run.tables is not None and run.tables.generations:
        _, *values = _over_time(run.tables, "", "")
        tails = f"{trend(values, 8)} {percent(values[-1])}"
        fd = f"{_over_time(run.tables, 'fd_judge', 'initial')[-1]:.2f}"
        alive = f"{_over_time(run.tables, 'classes_alive', 'initial')[-1]:.0f}"
    speed = progress.images_per_second if progress else None
    state = (
        Text(run.state, STYLES[run.state])
        if run.state != RUNNING
        else progress_bar((run.done + part) / wanted, 8)
    )
    return [
        run.name,
        state,
        f"{run.done}/{wanted}",
        tails,
        fd,
        alive,
        "" if speed is None else f"{speed:,.0f}",
        "" if run.left is None else duration(run.left),
    ]
