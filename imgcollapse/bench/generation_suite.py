"""``generation``: a whole generation, and how its time grows with the images."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler
from torch import Tensor

from imgcollapse.bench.baselines import diffusers_recipe, plain_vae
from imgcollapse.bench.chain_suite import chain_of_unets
from imgcollapse.bench.memory_suite import memory_of_generations
from imgcollapse.bench.results import Result, result
from imgcollapse.bench.setting import CLASSES, Setting, config_of, synthetic_pool
from imgcollapse.bench.timing import rates_in_turn, seconds_of, timed
from imgcollapse.bench.training_suite import DIGITS, as_tensors, make_vae
from imgcollapse.chain import run_generation
from imgcollapse.config import Config
from imgcollapse.config_file import load_config
from imgcollapse.config_layers import find_config
from imgcollapse.data.splits import make_splits
from imgcollapse.generators import Generator, Surroundings, make_generator
from imgcollapse.generators.networks import MLPDenoiser
from imgcollapse.images import ImageSet
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.metrics.rows import Rows
from imgcollapse.metrics.share_scores import add_share_scores
from imgcollapse.policies import PoolMaker
from imgcollapse.study.preparation import make_ruler

EARLIER_JUDGES = 10
"""The baseline asks the classifiers of all generations before: the middle of a chain of 20."""
TIMED_STEPS = 20
STOCK_STEPS = 1000
MOST_EXPONENT = 1.05
MOST_ROUNDS = 3
"""Of growth: minutes each."""
SIZES = (2_000, 6_000, 20_000, 60_000, 200_000)


def generation_suite(setting: Setting) -> Iterator[Result]:
    yield _vae(setting)
    yield _smoke(setting)
    for kind in ("bootstrap", "gaussian"):
        yield _growth(setting, kind)
    yield from memory_of_generations(setting)
    yield from chain_of_unets(setting)


def _judge(setting: Setting, shape: tuple[int, int, int]) -> Judge:
    """As sure as one of a chain: EM on the verdicts of one that knows nothing takes far longer."""
    return train_judge(synthetic_pool(500, shape, 1), seed=1, device=setting.device, steps=200)


def _generation(generator: Generator, pool: ImageSet, judge: Judge) -> None:
    """Learns from a pool, draws as many samples, and finds the shares of their classes."""
    generator.fit(pool, seed=1, surroundings=Surroundings())
    verdicts = judge.look(generator.sample(len(pool), seed=1).images)
    add_share_scores(Rows(0, len(pool), judge.extractor), verdicts, judge, 1)


def _vae(setting: Setting) -> Result:
    num, epochs = (10_000, 2) if setting.quick else (60_000, 20)
    pool = synthetic_pool(num, DIGITS)
    ours = make_vae(setting, epochs)
    judge = _judge(setting, DIGITS)
    values = pool.images[0].size
    plain = plain_vae.PlainVAE(values).to(setting.device)
    earlier = [
        plain_vae.fresh_classifier(values, len(CLASSES)).to(setting.device)
        for _ in range(EARLIER_JUDGES)
    ]
    data = as_tensors(pool)

    def plain_generation() -> None:
        plain_vae.generation(
            plain, data, epochs=epochs, num_images=num, num_classes=len(CLASSES), earlier=earlier
        )

    rates = rates_in_turn(
        timed(lambda: _generation(ours, pool, judge), setting.device),
        timed(plain_generation, setting.device),
        ours_units=1,
        baseline_units=1,
        rounds=setting.rounds,
    )
    return result(
        "generation/vae",
        *rates,
        unit="generations/s",
        target=1.5,
        says=f"{num:,} images, {epochs} epochs, samples, shares with intervals; the baseline "
        f"trains its classifier and asks {EARLIER_JUDGES} earlier ones",
    )


def _smoke(setting: Setting) -> Result:
    config = load_config(find_config("smoke.yaml"))
    config = config.model_copy(update={"generations": 1})
    splits = make_splits(config)
    judge = train_judge(splits.judge, seed=1, device=setting.device, steps=config.judge.steps)
    ruler = make_ruler(config, splits, judge)
    shape, classes = splits.pool.image_shape, splits.pool.classes
    ours = make_generator(config, shape, classes, setting.device)

    maker = PoolMaker(config, splits.pool)

    def generation() -> None:
        first = run_generation(config, ours, maker, 0, [], num_scored=config.scores.num_images)
        ruler.score(first.samples[: config.scores.num_images], first.pool, 0)

    rates = rates_in_turn(
        timed(generation, setting.device),
        _StockGeneration(config, splits.pool, judge.look, setting).seconds,
        ours_units=1,
        baseline_units=1,
        rounds=setting.rounds,
    )
    return result(
        "generation/smoke",
        *rates,
        unit="generations/s",
        target=3.0,
        says="train, sample, all scores; the baseline sees as many images through the stock "
        f"recipe (a tenth timed), draws as many in {STOCK_STEPS} steps ({TIMED_STEPS} timed), "
        "and takes torchmetrics' distance",
    )


class _StockGeneration:
    """What the stock recipe needs for the images of one generation of a config.

    The network is the config's own, on pixels. Work that repeats itself is timed in part.
    """

    def __init__(self, config: Config, pool: ImageSet, look: Any, setting: Setting) -> None:
        self.pool = pool
        self.look = look
        self.device = setting.device
        self.shape = pool.image_shape
        self.num = max(len(pool), config.scores.num_images)
        self.steps = config.training.num_steps(len(pool)) * config.training.batch_size
        self.steps //= diffusers_recipe.STOCK_BATCH
        self.network = MLPDenoiser(
            int(np.prod(self.shape)), config.generator.width, config.generator.depth, 0
        ).to(setting.device)
        self.scheduler = DDPMScheduler(num_train_timesteps=STOCK_STEPS)

    def seconds(self) -> float:
        part = max(1, self.steps // 10)
        train = seconds_of(lambda: self._train(part), self.device) * self.steps / part
        draw = seconds_of(self._draw, self.device) * (STOCK_STEPS / TIMED_STEPS)
        draw += seconds_of(self._show, self.device)
        batches = -(-self.num // diffusers_recipe.STOCK_BATCH)
        return train + draw * batches + seconds_of(self._score, self.device)

    def _train(self, steps: int) -> None:
        loader = diffusers_recipe.make_loader(self.pool.images, tuned=False, device=self.device)
        diffusers_recipe.train(
            self._noise, list(self.network.parameters()), loader,
            steps=steps, tuned=False, device=self.device,
        )  # fmt: skip

    def _noise(self, x: Tensor, t: Tensor) -> Tensor:
        prediction: Tensor = self.network(x, t, t)
        return prediction

    @torch.inference_mode()
    def _draw(self) -> None:
        self.scheduler.set_timesteps(STOCK_STEPS)
        x = torch.randn(diffusers_recipe.STOCK_BATCH, *self.shape, device=self.device)
        for t in self.scheduler.timesteps[:TIMED_STEPS]:
            x = self.scheduler.step(self._noise(x, t.expand(len(x))), int(t), x).prev_sample
        self.drawn = x

    def _show(self) -> None:
        shown = (self.drawn / 2 + 0.5).clamp(0, 1).cpu().permute(0, 2, 3, 1).numpy()
        DDPMPipeline.numpy_to_pil(shown)

    def _score(self) -> None:
        from torchmetrics.image.fid import _compute_fid

        features = torch.from_numpy(self.look(self.pool.images).features).double()
        sides = [features.mean(0), features.T.cov()] * 2
        _compute_fid(*sides)


def _growth(setting: Setting, kind: str) -> Result:
    """The exponent of time in images: fitted on log-log over the sizes."""
    shape = (1, 8, 8)
    stage = {"first_stage": {"kind": "pca", "dim": 16}} if kind == "gaussian" else {}
    config = config_of(generator={"kind": kind, **stage})
    judge = _judge(setting, shape)
    exponents = []
    for _ in range(min(MOST_ROUNDS, setting.rounds)):
        seconds = []
        for num in (SIZES[0], *SIZES):
            pool = synthetic_pool(num, shape)
            generator = make_generator(config, shape, CLASSES, setting.device)
            seconds.append(
                seconds_of(functools.partial(_generation, generator, pool, judge), setting.device)
            )
        exponents.append(float(np.polyfit(np.log(SIZES), np.log(seconds[1:]), 1)[0]))
    return result(
        f"generation/growth-{kind}",
        [1 / one for one in exponents],
        [1 / MOST_EXPONENT] * len(exponents),
        unit="1/exponent",
        target=1.0,
        says=f"learning, drawing and judging {SIZES[0]:,} to {SIZES[-1]:,} images: time grows as "
        f"their power {sorted(exponents)[len(exponents) // 2]:.2f} (at most {MOST_EXPONENT})",
    )
