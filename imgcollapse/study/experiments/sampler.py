"""What samplers do to a class of 10 % with a perfect denoiser, and whether the defaults pass."""

from __future__ import annotations

from pydantic import Field

from imgcollapse.config import Config
from imgcollapse.config_file import load_config
from imgcollapse.config_layers import find_config
from imgcollapse.figures.curves import Point
from imgcollapse.section import Listed, Section
from imgcollapse.study.audit import audit
from imgcollapse.study.audit_table import TABLE_GEOMETRY, TABLE_STEPS, sampler_table
from imgcollapse.study.experiments.experiment import Hearer, stop_if_asked

SHARE = "share of 10 %"
SHIPPED = ("smoke", "demo", "goldens", "mnist-lt-diffusion", "cifar10-lt-diffusion")


class Size(Section):
    """How much is computed; nothing is drawn, so that there is no n."""

    steps: Listed[int] = Field(TABLE_STEPS, description="numbers of steps")


QUICK = Size()


def measure(size: Size, hearer: Hearer) -> list[Point]:
    """The curves ``share of 10 %`` and ``shift`` by steps x.

    The first is what comes out of a mode of 10 % for each sampler of the lab. ``shift`` is the
    farthest shift of the log-odds, of all geometries of the audit, for the defaults and shipped
    configs. Limits are bounds of the numerical error.
    """
    truth = TABLE_GEOMETRY.shares[1]
    points = []
    for row in sampler_table(size.steps):
        stop_if_asked(hearer)
        name = " ".join(word for word in (row.sampler, row.objective, row.variance) if word)
        hearer.message(f"sampler {name}")
        for steps, share in row.shares.items():
            error = row.errors[steps]
            points.append(
                Point(SHARE, name, steps, share, share - error, share + error, None, truth)
            )
    for name in ("defaults", *SHIPPED):
        stop_if_asked(hearer)
        config = Config() if name == "defaults" else load_config(find_config(name))
        worst = audit(config, least=False).worst
        if worst is not None:
            limits = worst.shift, worst.low, worst.high
            points.append(Point("shift", name, config.sampling.steps, *limits, None, 0.0))
    return points
