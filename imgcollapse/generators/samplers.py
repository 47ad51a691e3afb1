"""The samplers of the lab: schedulers of diffusers, driven with noise by image index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (
    FlowMatchEulerDiscreteScheduler,
)
from diffusers.schedulers.scheduling_flow_match_heun_discrete import (
    FlowMatchHeunDiscreteScheduler,
)
from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from torch import Tensor

from imgcollapse.generators.noise import BLOCK_IMAGES, BlockNoise, starting_noise
from imgcollapse.sampling_config import SamplingConfig

TRAIN_STEPS = 1000
Denoise = Callable[[Tensor, Tensor], Tensor]
"""(x of a batch, t float N in [0, 1000]) -> the network's prediction."""


def make_scheduler(sampling: SamplingConfig, objective: str, clip: bool) -> Any:
    """A fresh scheduler with the linear noise schedule of Ho et al. 2020, or for flow matching.

    ``clip`` bounds the predicted image to [-1, 1], which only ddpm and ddim do. Steps of dpm++
    and unipc are even in log-SNR (Lu et al. 2022) and those of heun and euler as in Karras et al.
    2022: with steps even in time a perfect denoiser narrows a Gaussian of width 0.2 by a quarter
    in 20 steps. ``euler`` is EDM's Euler method; with objective flow, ``flow`` is Euler's.
    """
    if objective == "flow":
        return _flow_scheduler(sampling.sampler)
    shared = {
        "num_train_timesteps": TRAIN_STEPS,
        "prediction_type": {"eps": "epsilon", "v": "v_prediction"}[objective],
    }
    if sampling.sampler == "ddpm":
        variance = sampling.variance or "fixed_large"
        return DDPMScheduler(variance_type=variance, clip_sample=clip, **shared)
    if sampling.sampler == "ddim":
        return DDIMScheduler(clip_sample=clip, timestep_spacing="trailing", **shared)
    linear = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
    if sampling.sampler == "heun":
        return HeunDiscreteScheduler(use_karras_sigmas=True, **linear, **shared)
    if sampling.sampler == "euler":
        return EulerDiscreteScheduler(use_karras_sigmas=True, **linear, **shared)
    if sampling.sampler == "unipc":
        return UniPCMultistepScheduler(use_exponential_sigmas=True, **linear, **shared)
    return DPMSolverMultistepScheduler(use_lu_lambdas=True, **linear, **shared)


def make_pipeline_scheduler(sampling: SamplingConfig, objective: str) -> Any:
    """The scheduler of ``make_scheduler``, but dpm++ where ``DDPMPipeline`` cannot call that one.

    The pipeline neither scales a model's input, as heun and euler need, nor spares a step of unipc
    the generator; dpm++ follows the same path in steps of second order. Heun and Euler of flow
    matching need neither.
    """
    if sampling.sampler == "unipc" or (
        sampling.sampler in ("heun", "euler") and objective != "flow"
    ):
        sampling = sampling.model_copy(update={"sampler": "dpm++"})
    return make_scheduler(sampling, objective, clip=True)


def _flow_scheduler(sampler: str) -> Any:
    if sampler == "heun":
        return FlowMatchHeunDiscreteScheduler(num_train_timesteps=TRAIN_STEPS)
    if sampler == "dpm++":
        return DPMSolverMultistepScheduler(
            num_train_timesteps=TRAIN_STEPS,
            use_flow_sigmas=True,
            prediction_type="flow_prediction",
        )
    if sampler == "unipc":
        return UniPCMultistepScheduler(
            num_train_timesteps=TRAIN_STEPS,
            use_flow_sigmas=True,
            prediction_type="flow_prediction",
        )
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=TRAIN_STEPS)


def alphas_cumprod() -> Tensor:
    """The product of 1 - beta of the linear schedule, float32, by time step."""
    return DDPMScheduler(num_train_timesteps=TRAIN_STEPS).alphas_cumprod


def run_sampler(
    scheduler: Any,
    steps: int,
    denoise: Denoise,
    noise: BlockNoise,
    shape: tuple[int, ...],
    lambda_: float,
    truncation: float | None = None,
) -> Tensor:
    """Integrates from starting noise, scaled by ``lambda_``, to samples: float32, images × shape.

    Starting noise is cut at ``truncation`` before it is scaled. Ancestral noise, which is not cut,
    is drawn block by block, so that image i meets the same noise at every step whatever the batch
    size. The scheduler keeps its times on the host, where looking at them waits for no device;
    ``denoise`` gets them from there.
    """
    scheduler.set_timesteps(steps)
    if isinstance(scheduler, UniPCMultistepScheduler):
        scheduler.sigmas = scheduler.sigmas.to(noise.device)  # it would fetch them at every step
    scale = lambda_ * getattr(scheduler, "init_noise_sigma", 1.0)
    x = starting_noise(noise, truncation, *shape) * scale
    ancestral = isinstance(scheduler, DDPMScheduler)
    times = scheduler.timesteps.to(noise.device)
    for t, time in zip(scheduler.timesteps, times, strict=True):
        scaled = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        prediction = denoise(scaled, time.expand(len(x)))
        if ancestral:
            parts = zip(
                prediction.split(BLOCK_IMAGES), x.split(BLOCK_IMAGES), noise.randoms, strict=True
            )
            stepped = [
                scheduler.step(out, t, part, generator=random).prev_sample
                for out, part, random in parts
            ]
            x = torch.cat(stepped)
        else:
            x = scheduler.step(prediction, t, x).prev_sample
    return x
