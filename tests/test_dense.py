"""Dense layers give what ``nn.Linear`` gives, whichever library multiplies."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from imgcollapse.generators import dense
from imgcollapse.generators.dense import HAS_ONEDNN, Dense

SHAPES = [(64, 128, 128), (512, 784, 512), (100, 200, 300), (160, 256, 129)]
"""Rows, inputs and outputs of products that are large enough."""
SMALL = [(63, 128, 128), (64, 127, 128), (64, 128, 127), (64, 513, 128), (1, 784, 512)]

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
    whole = threads > 1 or shape[0] % dense.IMAGES
    assert convolutions == [1 if whole else dense.IMAGES]


@pytest.mark.parametrize("shape", SMALL)
def test_small_products_are_left_to_the_linear_layer(
    shape: tuple[int, int, int], convolutions: list[int]
) -> None:
    layer, plain, x = pair(*shape)
    assert torch.equal(layer(x), plain(x))
    assert not convolutions


def test_rows_that_are_no_matrix_are_left_to_the_linear_layer(convolutions: list[int]) -> None:
    layer, plain, x = pair(128, 256, 256)
    cube = x.view(2, 64, 256)
    assert torch.equal(layer(cube), plain(cube))
    assert not convolutions


@needs_onednn
def test_stacked_weights_give_the_products_of_each() -> None:
    layers = [pair(64, 128, 256)[0] for _ in range(3)]
    for number, layer in enumerate(layers):
        nn.init.normal_(layer.weight, std=0.1 * (number + 1))
    weights, _ = torch.func.stack_module_state(layers)
    x = torch.randn(3, 64, 128)

    def one(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        y: Tensor = torch.func.functional_call(layers[0], weights, (x,))
        return y

    found = torch.vmap(one)(weights, x)
    for layer, rows, y in zip(layers, x, found, strict=True):
        torch.testing.assert_close(y, layer(rows), rtol=1e-4, atol=1e-4)


@needs_onednn
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_same_rows_give_the_same_bytes(dtype: torch.dtype, threads: int) -> None:
    layer, _, x = pair(128, 512, 512)
    layer, x = layer.to(dtype), x.detach().to(dtype)
    first = layer(x)
    assert first.dtype == dtype
    assert all(torch.equal(layer(x), first) for _ in range(5))
