"""What a config's sampler does to class shares all by itself, with a denoiser that is perfect."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.config import Config, ProfileConfig
from imgcollapse.data.profile import counts_by_rank
from imgcollapse.data.sources import native_shape
from imgcollapse.generators.mixture import Mixture
from imgcollapse.generators.samplers import make_scheduler
from imgcollapse.generators.transport import Outcome, transport
from imgcollapse.scores import fixed
from imgcollapse.study.audit_setting import (
    is_pixels,
    not_audited,
    setting,
    truncated_deviation,
)

Array = NDArray[np.float64]

TOLERANCE = 0.05
MOST_MODES = 10
STEPS = (5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 250, 500, 1000)
PAIR_PIXEL, LINE_PIXEL = 0.4, 0.1
PAIR_WHITENED, LINE_WHITENED = 4.0, 1.0
RELATIVE_WIDTH = 1 / 16
"""Distances of neighbouring modes and their width over it: what classes of the kennel measure."""


@dataclass(frozen=True)
class Row:
    """One mode: ``truth`` and ``share`` in [0, 1], ``shift`` the change of its log-odds.

    ``standard_error`` bounds the numerical error of the share, so ``low`` and ``high`` hold for
    all rows at once. ``width`` is the standard deviation that came out over the true one, None
    where the mode is empty.
    """

    geometry: str
    mode: int
    truth: float
    share: float
    standard_error: float
    shift: float
    low: float
    high: float
    width: float | None
    passes: bool


@dataclass(frozen=True)
class Geometry:
    """A mixture in one dimension: positions and width in units of ``unit``."""

    name: str
    shares: tuple[float, ...]
    means: tuple[float, ...]
    width: float

    def mixture(self) -> Mixture:
        return Mixture(
            torch.tensor(self.shares, dtype=torch.float64),
            torch.tensor(self.means, dtype=torch.float64)[:, None],
            torch.full((len(self.means),), self.width, dtype=torch.float64),
        )


@dataclass(frozen=True)
class Audit:
    """The result: it passes when every interval lies within ±0.05.

    ``least_steps`` is the least number that passes, to 5 per cent above 40; None where none up to
    1000 does, or where it was not ``searched``. ``setting`` holds prediction type, variance,
    noise schedule, spacing, clipping, lambda, truncation and guidance. Without a sampler of steps
    there are no rows. ``not_audited`` names the biases of the config that no row shows.
    """

    passes: bool
    sampler: str | None
    steps: int | None
    rows: tuple[Row, ...]
    least_steps: int | None
    setting: dict[str, str]
    geometries: tuple[Geometry, ...]
    searched: bool
    not_audited: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``rows`` and ``geometries`` are lists."""
        values = asdict(self)
        return values | {"rows": list(values["rows"]), "geometries": list(values["geometries"])}

    @property
    def worst(self) -> Row | None:
        """The row that is farthest from no shift."""
        return max(self.rows, key=lambda row: max(-row.low, row.high), default=None)

    def sentence(self) -> str:
        """The result in one line."""
        besides = "".join(f"; {one}" for one in self.not_audited)
        if self.worst is None:
            return (
                "audit of the sampler: passes; this generator draws without a sampler of steps"
                + besides
            )
        row = self.worst
        need = ""
        if self.searched:
            need = f"; least steps that pass: {self.least_steps or 'none up to 1000'}"
        elif not self.passes:
            need = "; imgcollapse audit-sampler finds the least steps that pass"
        return (
            f"audit of the sampler: {self.sampler} at {self.steps} steps "
            f"{'passes' if self.passes else 'FAILS'}; with a perfect denoiser the log-odds of a "
            f"class of {100 * row.truth:.2g} % shift by {fixed(row.shift, 3, plus=True)} "
            f"per generation (farthest of {len(self.rows)}; allowed ±{TOLERANCE}{need}){besides}"
        )


def audit(config: Config, *, least: bool = True) -> Audit:
    """Audits the sampler of a config; deterministic, needs no data and no GPU.

    ``least=False`` leaves out the search for the least number of steps.
    """
    if config.generator.kind != "diffusion":
        return Audit(True, None, None, (), None, {}, (), False, not_audited(config))
    shapes = geometries(config)
    steps = config.sampling.steps
    rows = tuple(row for shape in shapes for row in audit_rows(config, shape, steps))
    fewest = least_steps(config, shapes) if least else None
    return Audit(
        all(row.passes for row in rows),
        config.sampling.sampler,
        steps,
        rows,
        fewest,
        setting(config),
        shapes,
        least,
        not_audited(config),
    )


def audit_rows(config: Config, shape: Geometry, steps: int) -> tuple[Row, ...]:
    """A row for each mode of one geometry at so many steps."""
    outcome = outcome_of(config, shape, steps)
    return tuple(
        _row(shape, mode, share, error, width)
        for mode, (share, error, width) in enumerate(
            zip(outcome.shares, outcome.errors, outcome.widths, strict=True)
        )
    )


def outcome_of(config: Config, shape: Geometry, steps: int) -> Outcome:
    """Shares, errors and widths that the sampler of a config makes of one geometry."""
    sampling = config.sampling.model_copy(update={"steps": steps})
    objective = config.generator.objective
    scheduler = make_scheduler(sampling, objective, clip=is_pixels(config))
    if is_pixels(config) and "clip_sample_range" in scheduler.config:
        scheduler.register_to_config(clip_sample_range=math.sqrt(num_values(config)))
    scale = sampling.noise_scale * truncated_deviation(sampling.truncation)
    return transport(
        scheduler, steps, shape.mixture(), objective, scale, sampling.sampler == "ddpm"
    )


def _row(shape: Geometry, mode: int, share: float, error: float, width: float) -> Row:
    truth = shape.shares[mode]
    low, shift, high = (
        _log_odds(one) - _log_odds(truth) for one in (share - error, share, share + error)
    )
    return Row(
        shape.name,
        mode,
        truth,
        float(share),
        float(error),
        shift,
        low,
        high,
        float(width) if math.isfinite(width) else None,
        low >= -TOLERANCE and high <= TOLERANCE,
    )


def _log_odds(share: float) -> float:
    share = min(max(share, 1e-12), 1 - 1e-12)
    return math.log(share / (1 - share))


def num_values(config: Config) -> int:
    """Numbers of one image, or of its coordinates in the first stage."""
    stage = config.generator.first_stage
    if stage is not None:
        return stage.dim
    if config.data.source == "files":
        return 3 * (config.data.image_size or 32) ** 2
    (channels, height, width), _ = native_shape(config.data)
    return channels * height * width


def geometries(config: Config) -> tuple[Geometry, ...]:
    """Two modes at 90/10, two at 99/1, and up to ten along a line with the config's profile.

    On pixels a mode is a grey image: all pixels are alike, neighbours 0.4 (two modes) or 0.1
    apart, so the line that holds them is longer by the root of the number of pixels. In whitened
    coordinates neighbours are 4 or 1 apart. The mean of each mixture is 0.
    """
    scale = math.sqrt(num_values(config)) if is_pixels(config) else 1.0
    pair, line = (
        (PAIR_PIXEL * scale, LINE_PIXEL * scale)
        if is_pixels(config)
        else (PAIR_WHITENED, LINE_WHITENED)
    )
    profile = profile_shares(config)
    return (
        on_a_line("two modes 90/10", (0.9, 0.1), pair),
        on_a_line("two modes 99/1", (0.99, 0.01), pair),
        on_a_line(f"{len(profile)} modes, own profile", profile, line),
    )


def on_a_line(name: str, shares: tuple[float, ...], distance: float) -> Geometry:
    """Modes at equal distances in the order given, with the mean of the mixture at 0."""
    places = distance * np.arange(len(shares))
    places = places - (np.array(shares) * places).sum()
    return Geometry(name, shares, tuple(places.tolist()), distance * RELATIVE_WIDTH)


def profile_shares(config: Config) -> tuple[float, ...]:
    """Shares of the config's profile at ten evenly spaced ranks, or at all where there are fewer.

    Data whose classes only the disk knows count as ten classes, exponential with imbalance 0.01.
    """
    profile, num_classes = config.profile, MOST_MODES
    if profile.kind == "counts":
        num_classes = len(profile.counts or ())
    elif config.data.source != "files":
        num_classes = len(native_shape(config.data)[1])
    if profile.kind == "as-is":
        profile = ProfileConfig()
    counts = counts_by_rank(profile, num_classes)
    counts = counts[counts > 0]
    chosen = np.linspace(0, len(counts) - 1, min(MOST_MODES, len(counts))).round().astype(int)
    return tuple((counts[chosen] / counts[chosen].sum()).tolist())


def least_steps(config: Config, shapes: tuple[Geometry, ...]) -> int | None:
    """The least number of steps that passes: the first of ``STEPS``, then halving the gap to it."""

    rarest_first = sorted(shapes, key=lambda shape: (len(shape.shares), min(shape.shares)))

    def enough(steps: int) -> bool:
        return all(row.passes for shape in rarest_first for row in audit_rows(config, shape, steps))

    above = next((steps for steps in STEPS if enough(steps)), None)
    if above is None:
        return None
    below = max((steps for steps in STEPS if steps < above), default=1)
    while above - below > max(1, above // 20):
        middle = (above + below) // 2
        above, below = (middle, below) if enough(middle) else (above, middle)
    return above
