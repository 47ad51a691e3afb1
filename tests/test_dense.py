"""Dense layers give what ``nn.Linear`` gives, whichever library multiplies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgcollapse.config_file import parse_config
from imgcollapse.generators import Surroundings, dense, make_generator
from imgcollapse.generators.dense import HAS_ONEDNN, Dense
from imgcollapse.generators.networks import MLPDenoiser
from imgcollapse.generators.vae_networks import ConvolutionalVAE, DenseVAE
from imgcollapse.images import ImageSet

SHAPES = [(512, 128, 128), (512, 784, 512), (160, 200, 300), (16384, 32, 16)]
"""Rows, inputs and outputs of products that are large enough."""
SMALL = [(511, 128, 128), (512, 128, 127), (64, 513, 512), (1, 784, 512)]

needs_onednn = pytest.mark.skipif(not HAS_ONEDNN, reason="this PyTorch has no oneDNN for x86")


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture
def convolutions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The images of each convolution that a layer computes."""
    seen: list[int] = []
    plain = F.conv2d

    def counted(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        seen.append(len(x))
        return plain(x, weight, bias)

    monkeypatch.setattr(F, "conv2d", counted)
    return seen


def pair(rows: int, inputs: int, outputs: int) -> tuple[Dense, nn.Linear, Tensor]:
    torch.manual_seed(0)
    layer = Dense(inputs, outputs)
    plain = nn.Linear(inputs, outputs)
    plain.load_state_dict(layer.state_dict())
    return layer, plain, torch.randn(rows, inputs, requires_grad=True)


@needs_onednn
@pytest.mark.parametrize("shape", SHAPES)
def test_large_products_and_their_gradients_are_those_of_a_linear_layer(
    shape: tuple[int, int, int], threads: int, convolutions: list[int]
) -> None:
    layer, plain, x = pair(*shape)
    other = x.detach().clone().requires_grad_()
    y, expected = layer(x), plain(other)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)
    toward = torch.randn_like(y)
    y.backward(toward)
    expected.backward(toward)
    torch.testing.assert_close(x.grad, other.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(layer.weight.grad, plain.weight.grad, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(layer.bias.grad, plain.bias.grad, rtol=1e-3, atol=1e-3)
    assert convolutions == [1 if threads > 1 else dense.IMAGES]


@pytest.mark.parametrize("shape", SMALL)
def test_small_products_are_left_to_the_linear_layer(
    shape: tuple[int, int, int], convolutions: list[int]
) -> None:
    layer, plain, x = pair(*shape)
    assert torch.equal(layer(x), plain(x))
    assert not convolutions


def test_what_gains_nothing_is_left_to_the_linear_layer(convolutions: list[int]) -> None:
    """Rows that are no matrix; bfloat16, by its type or by autocast; odd rows on one thread."""
    layer, plain, x = pair(512, 256, 256)
    cube = x.view(2, 256, 256)
    assert torch.equal(layer(cube), plain(cube))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(layer(x), plain(x))
    low = x.detach().bfloat16()
    assert torch.equal(copy.deepcopy(layer).bfloat16()(low), copy.deepcopy(plain).bfloat16()(low))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    assert torch.equal(layer(x[:511]), plain(x[:511]))
    torch.set_num_threads(before)
    assert not convolutions


@needs_onednn
def test_strides_are_those_of_a_linear_layer(threads: int, convolutions: list[int]) -> None:
    layer, plain, x = pair(512, 256, 512)
    for given in (x, x.detach().t().contiguous().t(), x[:1].expand(512, 256)):
        assert layer(given).stride() == plain(given).stride()
    assert len(convolutions) == 3


def test_the_compiler_sees_one_graph() -> None:
    layer, plain, x = pair(512, 256, 256)
    compiled = torch.compile(layer, backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), plain(x))


@needs_onednn
@pytest.mark.parametrize(
    "network",
    [
        lambda: MLPDenoiser(dim=64, width=192, depth=2, num_classes=0),
        lambda: DenseVAE((1, 16, 16), 256, 16, 0, 0.1),
        lambda: ConvolutionalVAE((1, 16, 16), 16, 16, 0, 0.1),
    ],
)
def test_networks_have_no_other_dense_layers(network: Callable[[], nn.Module]) -> None:
    layers = [part for part in network().modules() if isinstance(part, nn.Linear)]
    assert layers
    assert all(isinstance(part, Dense) for part in layers)


@needs_onednn
def test_stacked_weights_give_the_products_of_each() -> None:
    layers = [pair(256, 128, 256)[0] for _ in range(3)]
    for number, layer in enumerate(layers):
        nn.init.normal_(layer.weight, std=0.1 * (number + 1))
    weights, _ = torch.func.stack_module_state(layers)
    x = torch.randn(3, 256, 128)

    def one(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        y: Tensor = torch.func.functional_call(layers[0], weights, (x,))
        return y

    found = torch.vmap(one)(weights, x)
    for layer, rows, y in zip(layers, x, found, strict=True):
        torch.testing.assert_close(y, layer(rows), rtol=1e-4, atol=1e-4)


@needs_onednn
def test_the_same_rows_give_the_same_bytes_and_gradients(
    threads: int, convolutions: list[int]
) -> None:
    layer, _, x = pair(256, 512, 512)
    toward = torch.randn(256, 512)

    def once() -> list[Tensor]:
        layer.zero_grad()
        x.grad = None
        y = layer(x)
        y.backward(toward)
        assert x.grad is not None
        assert layer.weight.grad is not None
        return [y.detach(), x.grad, layer.weight.grad.clone()]

    first = once()
    for _ in range(5):
        assert all(torch.equal(one, other) for one, other in zip(once(), first, strict=True))
    assert len(convolutions) == 6


@needs_onednn
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_trainings_and_samples_of_large_products_repeat_their_bytes(
    precision: str, convolutions: list[int]
) -> None:
    config = parse_config(
        {
            "generator": {"kind": "vae", "network": "mlp", "width": 256, "latent": 8},
            "training": {"steps": 5, "batch_size": 256, "precision": precision},
        }
    )
    pixels = np.random.default_rng(0).integers(0, 256, (600, 1, 16, 16), dtype=np.uint8)
    pool = ImageSet.of(pixels, np.zeros(600, np.int64), ("a",))
    drawn = []
    for _ in range(2):
        generator = make_generator(config, (1, 16, 16), ("a",), torch.device("cpu"))
        convolutions.clear()
        generator.fit(pool, seed=1, surroundings=Surroundings())
        assert bool(convolutions) is (precision == "fp32")
        drawn.append(generator.sample(300, seed=2).images)
    assert drawn[0].tobytes() == drawn[1].tobytes()
