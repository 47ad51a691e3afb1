"""What the run's sampler does to shares all by itself, with a perfect denoiser."""

from __future__ import annotations

from itertools import groupby

from matplotlib.figure import Figure

from imgcollapse.drawing.look import Look
from imgcollapse.figures.plot import NotDrawnError, Plot
from imgcollapse.figures.tables import RunTables
from imgcollapse.scores import percent

TOLERANCE = 0.05
PASSES, FAILS = "#0072B2", "#D55E00"


def plot_audit(tables: RunTables) -> Plot:
    """The shift of each mode's log-odds with its limits, against ±0.05, by geometry."""
    audited = tables.audit()
    rows = tables.audit_rows()
    if not rows:
        raise NotDrawnError("this generator draws without a sampler of steps")
    groups = [(name, list(members)) for name, members in groupby(rows, lambda row: row["geometry"])]
    sampler, steps = audited["sampler"], audited["steps"]

    def fill(made: Figure, look: Look) -> None:
        theme = look.theme
        heights = [len(members) for _, members in groups]
        panels = made.subplots(
            len(groups), 1, sharex=True, squeeze=False, height_ratios=[one + 0.6 for one in heights]
        )[:, 0]
        for axes, (name, members) in zip(panels, groups, strict=True):
            axes.axvspan(-TOLERANCE, TOLERANCE, color=theme.chance, alpha=0.6, linewidth=0)
            axes.axvline(0, color=theme.soft_ink, linewidth=0.6)
            for place, row in enumerate(members):
                colour = PASSES if row["passes"] else FAILS
                axes.hlines(place, row["low"], row["high"], color=colour, linewidth=1.2)
                axes.plot(row["shift"], place, marker="o" if row["passes"] else "X", color=colour)
            axes.set_yticks(range(len(members)), [percent(row["truth"]) for row in members])
            axes.set_ylim(len(members) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.set_title(name, fontweight="normal")
        reach = max(0.07, 1.1 * max(abs(row["shift"]) for row in rows))
        panels[-1].set_xlim(-reach, reach)
        panels[-1].set_xlabel("shift of the log-odds per generation")
        panels[-1].set_ylabel("true share")
        passes = "passes" if audited["passes"] else "fails"
        made.suptitle(
            f"{sampler}, {steps} steps: {passes}",
            fontsize="medium",
            fontweight="bold",
            x=0.01,
            ha="left",
        )

    def size(look: Look) -> tuple[float, float]:
        height = len(rows) * 0.8 * look.line + len(groups) * 1.9 * look.line
        return look.venue.column, height + 3.4 * look.line

    return Plot(
        size=size,
        fill=fill,
        columns=("geometry", "mode", "truth", "share", "shift", "low", "high", "passes"),
        rows=[
            (
                row["geometry"], row["mode"], row["truth"], row["share"], row["shift"], row["low"],
                row["high"], str(row["passes"]).lower(),
            )
            for row in rows
        ],
        caption=(
            f"What the sampler of the run ({sampler}, {steps} steps) does to shares with a perfect "
            "denoiser: the shift of each mode's log-odds in one generation, for mixtures in one "
            "dimension whose true shares are known. Bars, mostly thinner than the points, bound "
            f"the numerical error; grey are the ±{TOLERANCE} that are allowed; crosses lie beyond."
        ),
        n={"modes": len(rows)},
    )  # fmt: skip
