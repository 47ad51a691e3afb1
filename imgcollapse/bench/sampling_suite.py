"""``sample``: images a second that a network draws."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from diffusers import DDPMPipeline, DDPMScheduler

from imgcollapse.bench.baselines.diffusers_recipe import STOCK_BATCH
from imgcollapse.bench.results import Result, against_bar, result
from imgcollapse.bench.sampling_guard import sampling_guard
from imgcollapse.bench.setting import Setting
from imgcollapse.bench.timing import rates_in_turn, seconds_of, timed
from imgcollapse.bench.training_suite import COLOURS, LARGE, MIDDLE, SMALL, make_unet
from imgcollapse.generators.networks import UNetDenoiser
from imgcollapse.study.audit import audit

STOCK_STEPS = 1000
FAST_SAMPLER, FAST_STEPS = "dpm++", 35
RATES = {MIDDLE: 100_000.0, LARGE: 25_000.0}
"""Evaluations a second that are wanted on CUDA."""


def sampling_suite(setting: Setting) -> Iterator[Result]:
    for size in (SMALL,) if setting.quick else (SMALL, MIDDLE, LARGE):
        for way, training in setting.ways.items():
            yield from _unet(setting, size, way, training)
    yield from sampling_guard(setting)


def _unet(setting: Setting, size: str, way: str, training: dict[str, Any]) -> Iterator[Result]:
    num, steps = (128, 5) if setting.quick else (8192, 20)
    few = STOCK_BATCH * (8 if setting.quick else 32)
    suffix = way if size == SMALL else f"-{size}{way}"
    fast = make_unet(setting, size, 1, training, sampler=FAST_SAMPLER, steps=FAST_STEPS)
    equal = make_unet(setting, size, 1, training, sampler="ddpm", steps=steps)
    network = fast.fresh_network(1).eval()
    assert isinstance(network, UNetDenoiser)
    fast.average = equal.average = network
    theirs = fast.fresh_network(1).eval()
    assert isinstance(theirs, UNetDenoiser)
    pipeline = DDPMPipeline(theirs.unet, DDPMScheduler(num_train_timesteps=STOCK_STEPS))
    pipeline.set_progress_bar_config(disable=True)
    x = torch.zeros(64, *COLOURS, device=setting.device)
    t = torch.zeros(64, device=setting.device)
    with torch.no_grad():
        forward = setting.work_of(lambda: network(x, t, t), fast.training)
    limit = setting.ceilings.rate(forward, 64)

    def stock(num_steps: int = steps) -> None:
        for _ in range(few // STOCK_BATCH):
            pipeline(batch_size=STOCK_BATCH, num_inference_steps=num_steps)

    def whole_stock() -> float:
        """Seconds of all steps, from two numbers of steps: what is done once counts once."""
        short = seconds_of(stock, setting.device)
        longer = seconds_of(lambda: stock(2 * steps), setting.device)
        return short + (STOCK_STEPS - steps) * max(longer - short, 0.0) / steps

    on_cuda = setting.device.type == "cuda"
    rates = rates_in_turn(
        timed(lambda: equal.sample(num, seed=1), setting.device),
        timed(stock, setting.device),
        ours_units=num * steps,
        baseline_units=few * steps,
        rounds=setting.rounds,
    )
    row = result(
        f"sample/equal-steps{suffix}",
        *rates,
        unit="evaluations/s",
        target=1.15,
        says=f"ddpm, {steps} steps on both sides; the baseline draws {STOCK_BATCH} at once",
        limit=limit,
    )
    yield row
    if size in RATES and on_cuda:
        yield against_bar(row, RATES[size])
    passes = audit(fast.whole_config, least=False).passes
    rates = rates_in_turn(
        timed(lambda: fast.sample(num, seed=1), setting.device),
        whole_stock,
        ours_units=num,
        baseline_units=few,
        rounds=setting.rounds,
    )
    total = result(
        f"sample/total{suffix}",
        *rates,
        unit="images/s",
        target=100.0 if on_cuda else 20.0,
        says=f"{FAST_SAMPLER} at {FAST_STEPS} steps ({'passes' if passes else 'FAILS'} the audit) "
        f"against ddpm at {STOCK_STEPS}, from {steps} and {2 * steps} of them",
        limit=limit / FAST_STEPS,
    )
    yield dataclasses.replace(total, holds=total.holds and passes)
