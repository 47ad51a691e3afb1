"""The VAE: its bound in closed form, and what its knobs do to its samples."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Independent, Normal, kl_divergence

from imgcollapse.config_file import parse_config
from imgcollapse.errors import NumericalError
from imgcollapse.generators import Surroundings
from imgcollapse.generators.base import to_floats
from imgcollapse.generators.vae import VAE, kl_to_prior, negative_elbo
from imgcollapse.generators.vae_networks import MIN_NOISE, ConvolutionalVAE, DenseVAE, VAENetwork
from imgcollapse.images import ImageSet

CPU = torch.device("cpu")
CLASSES = ("black", "white")


def network(
    shape: tuple[int, int, int] = (3, 8, 8),
    num_classes: int = 0,
    max_noise: float = 0.1,
    kind: type[ConvolutionalVAE | DenseVAE] = ConvolutionalVAE,
) -> VAENetwork:
    torch.manual_seed(0)
    return kind(shape, width=8, latent=4, num_classes=num_classes, max_noise=max_noise)


def images(num: int = 64, side: int = 8) -> ImageSet:
    """Black and white images with a little noise, in turn."""
    labels = np.arange(num) % 2
    noise = np.random.default_rng(0).normal(0, 8, (num, 1, side, side))
    pixels = np.clip(20 + 215 * labels[:, None, None, None] + noise, 0, 255)
    return ImageSet.of(pixels.astype(np.uint8), labels, CLASSES)


def make(**changes: dict[str, Any]) -> VAE:
    values: dict[str, dict[str, Any]] = {
        "generator": {"kind": "vae", "width": 8, "latent": 4},
        "training": {"steps": 30, "batch_size": 32, "warmup_steps": 2, "ema_decay": 0.9},
        "sampling": {},
    }
    config = parse_config({key: {**value, **changes.get(key, {})} for key, value in values.items()})
    return VAE(config, (1, 8, 8), CLASSES, CPU)


def fitted(seed: int = 1, **changes: dict[str, Any]) -> VAE:
    vae = make(**changes)
    vae.fit(images(), seed=seed, surroundings=Surroundings())
    return vae


def test_kl_is_that_of_torch_distributions() -> None:
    mean, log_variance = torch.randn(16, 5), torch.randn(16, 5)
    posterior = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    prior = Independent(Normal(torch.zeros(16, 5), torch.ones(16, 5)), 1)
    assert torch.allclose(kl_to_prior(mean, log_variance), kl_divergence(posterior, prior))
    assert float(kl_to_prior(torch.zeros(1, 5), torch.zeros(1, 5))) == 0


@pytest.mark.parametrize("kl_weight", [1.0, 7.0])
@pytest.mark.parametrize("num_classes", [0, 2])
@pytest.mark.parametrize("kind", [ConvolutionalVAE, DenseVAE])
def test_negative_elbo_is_the_bound_of_torch_distributions(
    kl_weight: float, num_classes: int, kind: type[ConvolutionalVAE | DenseVAE]
) -> None:
    vae = network(num_classes=num_classes, kind=kind)
    x, labels = torch.rand(6, 3, 8, 8) * 2 - 1, torch.tensor([0, 1] * 3)
    noise = torch.randn(6, 4, generator=torch.Generator().manual_seed(3))
    loss = negative_elbo(vae, x, labels, noise, kl_weight)

    mean, log_variance = vae.encode(x, labels)
    posterior = Normal(mean, (0.5 * log_variance).exp())
    z = mean + posterior.scale * noise
    pixels = Normal(vae.decode(z, labels), vae.log_noise().exp())
    log_likelihood = pixels.log_prob(x).flatten(1).sum(1)  # type: ignore[no-untyped-call]
    kl = kl_divergence(posterior, Normal(0.0, 1.0)).sum(1)
    values = 3 * 8 * 8
    expected = (kl_weight * kl - log_likelihood).mean() / values - 0.5 * math.log(2 * math.pi)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)


@pytest.mark.parametrize("kind", [ConvolutionalVAE, DenseVAE])
@pytest.mark.parametrize("side", [8, 12, 28, 32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes(side: int, channels: int, kind: type[ConvolutionalVAE | DenseVAE]) -> None:
    vae = network((channels, side, side), kind=kind)
    x, labels = torch.zeros(2, channels, side, side), torch.zeros(2, dtype=torch.int64)
    mean, log_variance = vae.encode(x, labels)
    assert mean.shape == log_variance.shape == (2, 4)
    assert vae.decode(mean, labels).shape == x.shape


@pytest.mark.parametrize("kind", [ConvolutionalVAE, DenseVAE])
def test_the_posterior_is_float32_where_products_are_not(
    kind: type[ConvolutionalVAE | DenseVAE],
) -> None:
    vae = network((1, 8, 8), kind=kind)
    x, labels = torch.zeros(2, 1, 8, 8), torch.zeros(2, dtype=torch.int64)
    with torch.autocast("cpu", torch.bfloat16):
        assert vae.to_z(vae.down(x)).dtype == torch.bfloat16
        assert {one.dtype for one in vae.encode(x, labels)} == {torch.float32}


@pytest.mark.parametrize(("raw", "expected"), [(-50.0, MIN_NOISE), (50.0, 0.3)])
def test_pixel_noise_stays_between_one_grey_level_and_its_cap(raw: float, expected: float) -> None:
    vae = network(max_noise=0.3)
    torch.nn.init.constant_(vae.free_noise, raw)
    assert torch.allclose(vae.log_noise().exp(), torch.tensor(expected))


@pytest.mark.parametrize(("residual", "sign"), [(0.01, 1), (0.2, -1)])
def test_pixel_noise_follows_the_residual(
    residual: float, sign: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below the noise, the residual pulls it down; above, up: the best noise is the residual."""
    vae, x = network(max_noise=1.0), torch.zeros(4, 3, 8, 8)
    monkeypatch.setattr(vae, "decode", lambda z, labels: x + residual)
    torch.nn.init.constant_(vae.free_noise, 0.0)
    assert 0.01 < float(vae.log_noise().exp()[0].detach()) < 0.2
    labels = torch.zeros(4, dtype=torch.int64)
    loss = negative_elbo(vae, x, labels, torch.randn(4, 4), 1.0)
    (slope,) = torch.autograd.grad(loss, [vae.free_noise])
    assert (slope.sign() == sign).all()


def test_the_same_seed_gives_the_same_bytes() -> None:
    one, again, other = fitted(), fitted(), fitted(seed=2)
    drawn = one.sample(70, seed=5).images
    assert (drawn == again.sample(70, seed=5).images).all()
    assert (drawn != one.sample(70, seed=6).images).any()
    assert (drawn != other.sample(70, seed=5).images).any()


@pytest.mark.parametrize("decode", ["sample", "mean"])
def test_batch_size_changes_no_image_but_for_rounding(decode: str) -> None:
    small, large = (
        fitted(sampling={"batch_size": size}, generator={"decode": decode}) for size in (64, 256)
    )
    one = small.sample(200, seed=5).images.astype(int)
    other = large.sample(200, seed=5).images.astype(int)
    assert np.abs(one - other).max() <= 2
    assert np.abs(one - other).mean() < 0.01


def test_what_was_saved_samples_the_same_bytes(tmp_path: Path) -> None:
    one, other = fitted(), make()
    one.save(tmp_path)
    other.load(tmp_path)
    assert (one.sample(20, seed=2).images == other.sample(20, seed=2).images).all()


def test_means_are_samples_without_the_pixel_noise() -> None:
    sampled = fitted().sample(256, seed=4).images.astype(float)
    vae = fitted(generator={"decode": "mean"})
    means = vae.sample(256, seed=4).images.astype(float)
    assert vae.average is not None
    inside = (means > 60) & (means < 195)
    deviation = 127.5 * float(vae.average.log_noise().exp().detach())
    assert (sampled - means)[inside].std() == pytest.approx(deviation, rel=0.1)
    assert abs((sampled - means)[inside].mean()) < 1


def test_lambda_0_draws_one_image_over_and_over() -> None:
    drawn = fitted(generator={"decode": "mean"}, sampling={"lambda": 0.0}).sample(10, seed=1)
    assert (drawn.images == drawn.images[0]).all()


def test_a_conditional_vae_obeys_its_labels() -> None:
    """With a weight that leaves the class out of z, where labels say it already."""
    vae = fitted(
        generator={"labels": "balanced", "kl_weight": 50.0},
        training={"steps": 120, "learning_rate": 5e-3},
    )
    labels = np.array([0, 1, 1, 0] * 10)
    drawn = vae.sample(40, seed=3, labels=labels)
    assert (drawn.labels == labels).all()
    assert ((drawn.images.mean((1, 2, 3)) > 127.5) == labels).all()


def test_a_larger_kl_weight_says_less_about_each_image() -> None:
    def nats(kl_weight: float) -> float:
        vae = fitted(
            generator={"kl_weight": kl_weight}, training={"steps": 100, "learning_rate": 5e-3}
        )
        assert vae.average is not None
        x = to_floats(torch.from_numpy(images().images))
        with torch.no_grad():
            return float(
                kl_to_prior(*vae.average.encode(x, torch.zeros(64, dtype=torch.int64))).mean()
            )

    assert nats(300.0) < 0.7 * nats(1.0)


def test_a_loss_that_is_not_finite_is_a_numerical_error() -> None:
    with pytest.raises(NumericalError, match="not finite"):
        fitted(training={"learning_rate": 1e30, "gradient_clip": 1e30, "warmup_steps": 0})
