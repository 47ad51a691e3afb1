"""Lambda by guidance, truncation, and what the audit of the sampler says of both."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, kstest, norm, truncnorm
from test_generators import CLASSES, CPU, DROPPED, MLP, UNET, fitted, make, pool

from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.errors import ConfigError, NumericalError
from imgcollapse.generators import Generator, Surroundings, draw_labels
from imgcollapse.generators.guidance import guided, hide_some
from imgcollapse.generators.mixture import Mixture
from imgcollapse.generators.networks import MLPDenoiser
from imgcollapse.generators.noise import BlockNoise
from imgcollapse.generators.samplers import make_scheduler, run_sampler
from imgcollapse.generators.transport import transport
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.sampling_config import SamplingConfig
from imgcollapse.study.audit import audit
from imgcollapse.study.audit_setting import truncated_deviation

LABELS = np.arange(40) % 2


def by_guidance(lambda_: float) -> dict[str, Any]:
    return {"lambda": lambda_, "lambda_by": "guidance"}


def with_lambda(lambda_: float, **training: Any) -> Generator:
    return fitted(
        "mlp flow", generator=DROPPED, sampling=by_guidance(lambda_) | {"steps": 12},
        training=training,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("lambda_", "by", "scale", "weight"),
    [(0.8, "noise", 0.8, 0), (0.5, "guidance", 1, 1), (0.25, "guidance", 1, 3),
     (2.0, "guidance", 1, -0.5), (1.0, "guidance", 1, 0)],
)  # fmt: skip
def test_lambda_is_a_scale_of_noise_or_one_over_one_plus_the_weight(
    lambda_: float, by: str, scale: float, weight: float
) -> None:
    sampling = SamplingConfig.model_validate({"lambda": lambda_, "lambda_by": by})
    assert sampling.noise_scale == pytest.approx(scale)
    assert sampling.guidance == pytest.approx(weight)


@pytest.mark.parametrize("network", [MLP, UNET], ids=["mlp", "unet"])
def test_weight_0_draws_the_bytes_of_no_guidance(network: dict[str, Any]) -> None:
    """And another weight other ones, of the same weights of the network."""
    drawn = [
        fitted("mlp v unipc", generator=network | DROPPED, sampling=sampling)
        .sample(20, seed=2, labels=LABELS[:20])
        .images
        for sampling in ({}, by_guidance(1), by_guidance(0.5))
    ]
    assert (drawn[0] == drawn[1]).all()
    assert (drawn[0] != drawn[2]).any()


@pytest.mark.parametrize("weight", [0.0, 0.7, 3.0, -0.5])
def test_guidance_is_equation_6_of_ho_and_salimans(weight: float) -> None:
    torch.manual_seed(0)
    network = MLPDenoiser(dim=3, width=8, depth=1, num_classes=3)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    x, t = torch.randn(6, 3), torch.full((6,), 300.0)
    labels = torch.tensor([0, 1, 0, 1, 0, 1])
    asked: list[list[int]] = []

    def denoise(x: torch.Tensor, t: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        asked.append(labels.tolist())
        prediction: torch.Tensor = network(x, t, labels)
        return prediction

    found = guided(denoise, labels, weight, no_class=2)(x, t)
    without = network(x, t, torch.tensor([2] * 6))
    assert torch.allclose(found, (1 + weight) * network(x, t, labels) - weight * without)
    assert asked == ([labels.tolist()] if weight == 0 else [labels.tolist(), [2] * 6])


def test_guidance_drives_the_classes_apart() -> None:
    def gap(lambda_: float) -> float:
        samples = with_lambda(lambda_, steps=200, learning_rate=5e-3, ema_decay=0.9).sample(
            40, seed=3, labels=LABELS
        )
        brightness = samples.images.mean((1, 2, 3))
        return float(brightness[LABELS == 1].mean() - brightness[LABELS == 0].mean())

    assert gap(1.0) > 40
    assert gap(0.4) > gap(1.0) + 20


def test_labels_are_hidden_at_their_rate_whatever_they_are() -> None:
    """Exact binomial test of each class, together at level 1e-4."""
    labels = torch.arange(30_000) % 3
    random = torch.Generator().manual_seed(1)
    found = hide_some(labels, 0.15, 3, random)
    for label in range(3):
        of_class = found[labels == label]
        assert set(of_class.tolist()) == {label, 3}
        hidden = int((of_class == 3).sum())
        assert binomtest(hidden, len(of_class), 0.15).pvalue > 1e-4 / 3


def moved(images: ImageSet, part: float) -> list[bool]:
    """Which rows of the embedding of labels a training with hidden labels changes."""
    weights = []
    for rate in (5e-3, 1e-30):
        generator: Any = make(
            "mlp flow",
            generator={"labels": "from-pool", "label_dropout": part},
            training={"learning_rate": rate},
        )
        generator.fit(images, seed=1, surroundings=Surroundings())
        weights.append(generator.average.label.weight.detach())
    return list(((weights[0] - weights[1]).abs().amax(1) > 1e-4).numpy())


def test_hidden_labels_and_images_without_a_class_teach_what_no_class_is() -> None:
    """Its label is the last. A part of 1e-9 hides nothing among 192 images."""
    assert moved(pool(), 0.2) == [True, True, True]
    assert moved(pool(), 1e-9) == [True, True, False]
    assert moved(without_some_classes(), 1e-9) == [True, True, True]


@pytest.mark.parametrize("limit", [0.3, 1.0, 2.0, 4.0, 8.0])
def test_truncated_noise_is_scipy_s_truncated_normal(limit: float) -> None:
    """Kolmogorov-Smirnov on 25,600 numbers at level 0.001 each; at 8 it is the normal itself."""
    drawn = BlockNoise(4, 0, 200, CPU).truncated(limit, 2).numpy().ravel()
    assert np.abs(drawn).max() <= np.float32(limit)
    assert kstest(drawn, truncnorm(-limit, limit).cdf).pvalue > 0.001
    assert (kstest(drawn, norm.cdf).pvalue > 0.001) == (limit >= 4)


@pytest.mark.parametrize("name", ["vae mean", "mlp flow"])
def test_truncation_narrows_the_samples(name: str) -> None:
    generator: Any = fitted(name, training={"steps": 100})

    def spread(truncation: float | None) -> float:
        generator.sampling = generator.sampling.model_copy(update={"truncation": truncation})
        return float(generator.sample(128, seed=1).images.std(0).mean())

    whole = spread(None)
    assert spread(1e-3) < 0.2 * whole
    assert spread(1e-3) < spread(0.7) < whole
    assert spread(8.0) == pytest.approx(whole, rel=0.15)


def without_some_classes() -> ImageSet:
    images = pool()
    labels = np.where(np.arange(len(images)) < 10, UNLABELLED, images.labels)
    return ImageSet.of(images.images, labels, CLASSES)


@pytest.mark.parametrize("name", ["vae", "mlp flow"])
def test_images_without_a_class_are_refused_by_what_needs_one(name: str) -> None:
    generator = make(name, generator={"labels": "from-pool"})
    with pytest.raises(ConfigError, match="10 of the pool's 60 images have no class"):
        generator.fit(without_some_classes(), seed=1, surroundings=Surroundings())


def test_the_loss_of_an_image_without_a_class_is_that_of_no_class() -> None:
    generator: Any = fitted("mlp flow", generator=DROPPED)
    bare = ImageSet.of(pool().images, None, CLASSES)
    before, labelled = generator.losses(bare), generator.losses(pool())
    with torch.no_grad():
        generator.average.label.weight[2] += 5
    assert (generator.losses(bare) != before).all()
    assert (generator.losses(pool()) == labelled).all()


def test_classes_are_asked_for_as_often_as_labelled_images_have_them() -> None:
    labels = np.array([1] * 30 + [UNLABELLED] * 30)
    some = ImageSet.of(pool().images, labels, CLASSES)
    drawn = draw_labels("from-pool", some, 20, seed=1)
    assert drawn is not None
    assert drawn.tolist() == [1] * 20
    with pytest.raises(NumericalError, match="no image of the pool has a class"):
        draw_labels("from-pool", some[labels < 0], 20, seed=1)


WHITENED = {"network": "mlp", "first_stage": {"kind": "pca", "dim": 32}, "objective": "flow"}


def flow_config(generator: dict[str, Any] | None = None, **sampling: Any) -> Config:
    return parse_config(
        {
            "generator": WHITENED | (generator or {}),
            "sampling": {"sampler": "heun", "steps": 15} | sampling,
        }
    )


def test_the_audit_takes_truncation_for_narrower_noise() -> None:
    whole, cut = (audit(flow_config(truncation=one), least=False) for one in (None, 1.5))
    narrower: dict[str, Any] = {"lambda": truncated_deviation(1.5)}
    narrow = audit(flow_config(**narrower), least=False)
    assert whole.passes
    assert not cut.passes
    assert [row.share for row in cut.rows] == [row.share for row in narrow.rows]
    assert whole.setting["truncation"] == "none"
    assert cut.setting["truncation"] == "1.5, as normal noise of deviation 0.743"
    assert audit(flow_config(truncation=6.0), least=False).passes


@pytest.mark.parametrize("limit", [0.8, 1.5])
def test_along_a_line_across_coordinates_truncation_is_just_that(limit: float) -> None:
    """20,032 draws in 64 dimensions; 4.5 standard errors."""
    dims = 64
    along = torch.full((dims,), dims**-0.5, dtype=torch.float64)
    shares, widths = torch.tensor([0.9, 0.1]).double(), torch.full((2,), 0.3).double()
    shares /= shares.sum()
    line = Mixture(shares, torch.tensor([[-0.3], [2.7]]).double(), widths)
    space = Mixture(shares, line.means * along, widths)
    sampling = SamplingConfig.model_validate({"sampler": "heun", "steps": 8})
    scheduler = make_scheduler(sampling, "flow", clip=False)
    told = transport(scheduler, 8, line, "flow", truncated_deviation(limit), False).shares[1]

    def denoise(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return space.denoise("flow", x, t)

    drawn = run_sampler(scheduler, 8, denoise, BlockNoise(3, 0, 313, CPU), (dims,), 1.0, limit)
    found = float((space.modes_of(drawn) == 1).double().mean())
    assert told < 0.09
    assert abs(found - told) < 4.5 * math.sqrt(told * (1 - told) / len(drawn))


def test_the_audit_names_what_it_cannot_see() -> None:
    plain = audit(flow_config(DROPPED), least=False)
    strong = audit(flow_config(DROPPED, **by_guidance(0.5)), least=False)
    assert [row.share for row in plain.rows] == [row.share for row in strong.rows]
    assert "audited" not in plain.sentence()
    assert strong.sentence().endswith("guidance of weight 1 is of the model, and is not audited")
    assert strong.setting["guidance"] == "1, not audited"
    assert strong.setting["lambda"] == "1"
    vae = parse_config(
        {"generator": {"kind": "vae"}, "sampling": {"lambda": 0.9, "truncation": 2.0}}
    )
    said = audit(vae).sentence()
    assert "lambda 0.9 scales its noise, which is not audited" in said
    assert "truncation 2 cuts its noise" in said
