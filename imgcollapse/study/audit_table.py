"""The share of a minority under every sampler of the lab, with a perfect denoiser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgcollapse.generators.samplers import make_scheduler
from imgcollapse.generators.transport import transport
from imgcollapse.sampling_config import SamplingConfig
from imgcollapse.study.audit import Geometry

TABLE_STEPS = (5, 10, 20, 50, 250)
TABLE_GEOMETRY = Geometry("two modes 90/10", (0.9, 0.1), (-1.5, 1.5), 0.3)
SAMPLERS = (
    ("ddpm", "eps", "fixed_small"),
    ("ddpm", "eps", "fixed_large"),
    ("ddim", "eps", None),
    ("dpm++", "eps", None),
    ("unipc", "eps", None),
    ("heun", "eps", None),
    ("euler", "eps", None),
    ("flow", "flow", None),
    ("heun", "flow", None),
    ("dpm++", "flow", None),
    ("unipc", "flow", None),
)
"""Sampler, objective and variance. heun takes two evaluations a step, the others one."""


@dataclass(frozen=True)
class TableRow:
    """One sampler: ``shares`` of the minority (truth 0.1) and ``widths`` of the majority's mode
    over the true width, by number of steps. ``errors`` bound the numerical error of shares."""

    sampler: str
    objective: str
    variance: str | None
    shares: dict[int, float]
    errors: dict[int, float]
    widths: dict[int, float]


def sampler_table(steps: tuple[int, ...] = TABLE_STEPS) -> Iterator[TableRow]:
    """A row for each sampler, as it is computed: unclipped, on ``TABLE_GEOMETRY``."""
    mixture = TABLE_GEOMETRY.mixture()
    for sampler, objective, variance in SAMPLERS:
        shares, errors, widths = {}, {}, {}
        for number in steps:
            sampling = SamplingConfig.model_validate(
                {"sampler": sampler, "steps": number, "variance": variance}
            )
            scheduler = make_scheduler(sampling, objective, clip=False)
            outcome = transport(scheduler, number, mixture, objective, 1.0, sampler == "ddpm")
            shares[number] = float(outcome.shares[1])
            errors[number] = float(outcome.errors[1])
            widths[number] = float(outcome.widths[0])
        yield TableRow(sampler, objective, variance, shares, errors, widths)
