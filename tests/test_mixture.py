"""The exact denoiser of a mixture, and what samplers make of a mixture on a line."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from imgcollapse.generators.mixture import Mixture, signal_and_noise
from imgcollapse.generators.noise import BlockNoise
from imgcollapse.generators.samplers import alphas_cumprod, make_scheduler, run_sampler
from imgcollapse.generators.transport import Outcome, transport
from imgcollapse.sampling_config import FLOW_SAMPLERS, VP_SAMPLERS, SamplingConfig

CPU = torch.device("cpu")
MEMBERS = [
    *itertools.product(VP_SAMPLERS, ("eps", "v")),
    *itertools.product(FLOW_SAMPLERS, ("flow",)),
]


def mixture(shares: list[float], means: list[Any], width: float = 0.3) -> Mixture:
    places = torch.tensor(means, dtype=torch.float64)
    places = places[:, None] if places.dim() == 1 else places
    widths = torch.full((len(shares),), width, dtype=torch.float64)
    return Mixture(torch.tensor(shares, dtype=torch.float64), places, widths)


PAIR = mixture([0.9, 0.1], [-1.5, 1.5])


def outcome_of(
    sampler: str,
    objective: str,
    steps: int,
    *,
    of: Mixture = PAIR,
    variance: str | None = None,
    clip: bool = False,
    lambda_: float = 1.0,
) -> Outcome:
    sampling = SamplingConfig.model_validate(
        {"sampler": sampler, "steps": steps, "variance": variance}
    )
    scheduler = make_scheduler(sampling, objective, clip)
    return transport(scheduler, steps, of, objective, lambda_, sampler == "ddpm")


def terms(objective: str, of: Mixture, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """Image and noise that a prediction stands for."""
    keep, lose = (one[:, None] for one in signal_and_noise(objective, t))
    out = of.denoise(objective, x, t).double()
    if objective == "eps":
        return (x - lose * out) / keep, out
    if objective == "v":
        return keep * x - lose * out, lose * x + keep * out
    return x - lose * out, x + keep * out


@pytest.mark.parametrize("objective", ["eps", "v", "flow"])
def test_the_denoiser_is_tweedie_s_formula_of_the_density(objective: str) -> None:
    """E(noise | x) = -lose * d log p(x) / dx (Efron 2011), here by automatic differentiation."""
    of = mixture([0.5, 0.3, 0.2], [[-1.0, 0.0], [0.5, 1.0], [2.0, -1.0]], 0.4)
    torch.manual_seed(0)
    x = torch.randn(200, 2, dtype=torch.float64).requires_grad_()
    t = torch.randint(20, 980, (200,)).double()
    keep, lose = signal_and_noise(objective, t)
    variance = (keep * 0.4) ** 2 + lose**2
    squares = (x[:, None] - keep[:, None, None] * of.means).square().sum(2)
    density = torch.logsumexp(
        of.shares.log() - squares / (2 * variance[:, None]) - variance.log()[:, None], 1
    )
    (score,) = torch.autograd.grad(density.sum(), x)
    noise = -lose[:, None] * score
    image, told = terms(objective, of, x.detach(), t)
    assert torch.allclose(told, noise, atol=2e-5)
    assert torch.allclose(image, (x - lose[:, None] * noise) / keep[:, None], atol=2e-3)


@pytest.mark.parametrize("objective", ["eps", "v", "flow"])
def test_the_denoiser_is_the_mean_of_drawn_images_given_what_is_seen(objective: str) -> None:
    """Self-normalised importance sampling of 200,000 images; limits are 5 standard errors."""
    random = np.random.default_rng(1)
    mode = random.random(200_000) < 0.1
    x0 = np.where(mode, 1.5, -1.5) + 0.3 * random.normal(size=mode.size)
    for time in (200.0, 500.0, 800.0):
        t = torch.tensor([time], dtype=torch.float64)
        keep, lose = (float(one) for one in signal_and_noise(objective, t))
        for seen in (-0.5, 0.2, 0.9):
            weight = np.exp(-(((seen - keep * x0) / lose) ** 2) / 2)
            mean = (weight * x0).sum() / weight.sum()
            error = np.sqrt((weight**2 * (x0 - mean) ** 2).sum()) / weight.sum()
            image, _ = terms(objective, PAIR, torch.tensor([[seen]], dtype=torch.float64), t)
            assert abs(float(image) - mean) < 5 * error + 1e-5


@pytest.mark.parametrize("objective", ["eps", "v", "flow"])
def test_of_one_mode_it_is_the_linear_denoiser_of_a_gaussian(objective: str) -> None:
    of = mixture([1.0], [0.3], 0.2)
    x, t = torch.linspace(-2, 2, 50)[:, None].double(), torch.full((50,), 400.0).double()
    keep, lose = (one[:, None] for one in signal_and_noise(objective, t))
    gain = keep * 0.2**2 / (keep**2 * 0.2**2 + lose**2)
    image, _ = terms(objective, of, x, t)
    assert torch.allclose(image, 0.3 + gain * (x - keep * 0.3), atol=1e-5)


def test_signal_and_noise_are_those_of_the_noise_schedule_and_smooth_between() -> None:
    t = torch.tensor([0, 500, 999])
    keep, lose = signal_and_noise("eps", t)
    assert torch.allclose(keep.square(), alphas_cumprod()[t].double(), atol=1e-7)
    assert torch.allclose(keep.square() + lose.square(), torch.ones(3).double())
    keep, lose = signal_and_noise("v", torch.tensor([500.0, 500.5, 501.0]))
    ratio = (lose / keep).log()
    assert float(ratio[1]) == pytest.approx(float(ratio[0] + ratio[2]) / 2)
    assert [float(one) for one in signal_and_noise("flow", torch.tensor(250.0))] == [0.75, 0.25]


@pytest.mark.parametrize(("shares", "width"), [([0.5, 0.6], 0.1), ([1.0, 0.0], 0.1), ([1.0], 0.0)])
def test_what_is_no_mixture_is_refused(shares: list[float], width: float) -> None:
    with pytest.raises(ValueError):
        mixture(shares, [float(one) for one in range(len(shares))], width)


@pytest.mark.parametrize(
    ("sampler", "objective"), [one for one in MEMBERS if one[0] not in ("ddpm", "ddim")]
)
def test_many_steps_of_every_ode_sampler_give_the_shares_back(sampler: str, objective: str) -> None:
    """Within 0.001 at 300 steps where the method is of second order, 0.004 where of first.

    A mixture whose mean is not 0 starts from noise that still holds 0.6 % of it under the linear
    schedule, so this one's mean is 0.
    """
    centred = mixture([0.9, 0.1], [-0.3, 2.7])
    found = outcome_of(sampler, objective, 300, of=centred)
    assert abs(found.shares[1] - 0.1) < (0.004 if sampler in ("euler", "flow") else 0.001)
    assert np.abs(found.widths - 1).max() < 0.04
    assert found.errors.max() < 1e-5


@pytest.mark.parametrize(("sampler", "objective"), MEMBERS)
@pytest.mark.parametrize("lambda_", [1.0, 0.8])
def test_integration_agrees_with_drawing(sampler: str, objective: str, lambda_: float) -> None:
    """20,032 draws of ``run_sampler`` at 8 steps; 4.5 standard errors, 52 comparisons."""
    found = outcome_of(sampler, objective, 8, lambda_=lambda_)
    sampling = SamplingConfig.model_validate({"sampler": sampler, "steps": 8})
    scheduler = make_scheduler(sampling, objective, clip=False)
    denoise = functools.partial(PAIR.denoise, objective)
    noise = BlockNoise(3, 0, 313, CPU)
    drawn = run_sampler(scheduler, 8, denoise, noise, (1,), lambda_)
    modes = PAIR.modes_of(drawn)
    share = float(found.shares[1])
    limit = 4.5 * np.sqrt(share * (1 - share) / len(drawn)) + 1e-3 * (sampler == "ddpm")
    assert abs(float((modes == 1).double().mean()) - share) < limit
    spread = float(drawn[modes == 0].std()) / 0.3
    assert abs(spread / found.widths[0] - 1) < 0.06


def test_the_default_of_diffusers_loses_the_minority_and_a_wider_noise_does_not() -> None:
    """Ancestral sampling at 10 steps: shares as in the table of docs/measuring.md."""
    small = outcome_of("ddpm", "eps", 10, variance="fixed_small")
    large = outcome_of("ddpm", "eps", 10, variance="fixed_large")
    assert small.shares[1] == pytest.approx(0.0634, abs=5e-4)
    assert large.shares[1] == pytest.approx(0.0959, abs=5e-4)


def test_the_grid_of_a_chain_is_fine_enough() -> None:
    """Its error is told: a grid of other size agrees within it, or within a thousandth."""
    from imgcollapse.generators import transport as module

    before = outcome_of("ddpm", "v", 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GRID_WORK", 24_000)
        after = outcome_of("ddpm", "v", 20)
    assert np.abs(before.shares - after.shares).max() < 1e-4
    assert before.errors.max() < 1e-3


@pytest.mark.parametrize("sampler", ["ddpm", "ddim"])
def test_clipping_narrows_only_modes_that_touch_the_bounds(sampler: str) -> None:
    inside = mixture([0.9, 0.1], [-0.5, 0.5], 0.05)
    touching = mixture([0.9, 0.1], [-1.0, 1.0], 0.2)
    free, bound = (outcome_of(sampler, "eps", 50, of=inside, clip=clip) for clip in (False, True))
    assert np.abs(free.shares - bound.shares).max() < 1e-3
    assert np.abs(free.widths - bound.widths).max() < 1e-2
    free, bound = (outcome_of(sampler, "eps", 50, of=touching, clip=clip) for clip in (False, True))
    assert (bound.widths < 0.8 * free.widths).all()


def test_less_starting_noise_feeds_the_majority() -> None:
    full, less = (outcome_of("heun", "flow", 20, lambda_=one).shares[1] for one in (1.0, 0.85))
    assert less < 0.8 * full


def test_steps_even_in_time_narrow_a_gaussian() -> None:
    """What ``make_scheduler`` avoids: DPM-Solver++ with diffusers' own spacing, 20 steps."""
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler

    one = mixture([1.0], [0.0], 0.2)
    even = DPMSolverMultistepScheduler(1000, beta_start=1e-4, beta_end=0.02)
    found = transport(even, 20, one, "eps", 1.0, False).widths[0]
    assert found < 0.85
    assert outcome_of("dpm++", "eps", 20, of=one).widths[0] > 0.95
