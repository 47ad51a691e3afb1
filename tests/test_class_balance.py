"""The class-balancing loss: its formula, its gradient, and that without weight it is not there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from scipy.stats import chisquare
from test_generators import CPU, MLP
from test_together import task, weights
from torch import Tensor, nn

from imgcollapse.generators.class_balance import class_balancing_loss, other_labels
from imgcollapse.training import train

BALANCED = {**MLP, "labels": "balanced"}


class Scale(nn.Module):
    """h = theta_y x: a network whose gradient is written down at a glance."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor([0.5, -1.0, 2.0]))

    def forward(self, x: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        return self.theta[labels].view(-1, 1, 1, 1) * x


def batch(num: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    x, target = (torch.randn((num, 1, 2, 3), generator=random) for _ in range(2))
    t = torch.randint(1000, (num,), generator=random)
    labels, others = (torch.randint(3, (num,), generator=random) for _ in range(2))
    return x, t, target, labels, others


def test_its_gradient_is_that_of_the_formula() -> None:
    """Of each image: the own label is drawn to the other's, and the other a quarter as hard."""
    x, t, target, labels, others = batch(8)
    network, tau = Scale(), 3.0
    loss = class_balancing_loss(network, x, t, target, labels, others, tau=tau)
    torch.autograd.backward(loss)
    theta, expected, value = network.theta.detach(), torch.zeros(3), 0.0
    for image in range(8):
        one, other = int(labels[image]), int(others[image])
        weight, gap = tau * float(t[image]) / 1000, float(theta[one] - theta[other])
        power = float(x[image].square().mean())
        error = theta[one] * x[image] - target[image]
        expected[one] += 2 * (error * x[image]).mean() + 2 * weight * gap * power
        expected[other] -= 2 * weight * gap * power / 4
        value += float(error.square().mean()) + weight * gap**2 * power * 1.25
    assert network.theta.grad is not None
    torch.testing.assert_close(network.theta.grad, expected / 8)
    assert float(loss.detach()) == pytest.approx(value / 8)


def test_under_equal_labels_it_is_the_denoising_loss() -> None:
    x, t, target, labels, _ = batch(8)
    network = Scale()
    loss = class_balancing_loss(network, x, t, target, labels, labels, tau=9.0)
    assert torch.equal(loss, (network(x, t, labels) - target).square().mean())


def test_parts_of_a_batch_add_up_to_it() -> None:
    one, other = (task({**BALANCED, "class_balance": 4.0}, 1, steps=5) for _ in range(2))
    train(one)
    train(replace(other, rows_at_once=5))
    torch.testing.assert_close(weights(one), weights(other), rtol=1e-4, atol=1e-5)


def test_every_class_is_the_other_as_often() -> None:
    """Chi-square over 5 classes, level 0.1 %."""
    drawn = other_labels(20_000, 5, torch.Generator().manual_seed(3))
    assert chisquare(torch.bincount(drawn, minlength=5).numpy()).pvalue > 1e-3


def test_without_weight_the_weights_are_those_without_the_loss() -> None:
    """So that tau alone changes a model: its random labels are drawn after everything else."""

    def trained(**generator: Any) -> Tensor:
        one = task({**BALANCED, **generator}, 1, steps=12)
        train(one)
        return weights(one)

    plain = trained()
    assert torch.equal(trained(class_balance=0.0), plain)
    assert torch.equal(trained(class_balance=1e-30), plain)
    assert not torch.equal(trained(class_balance=1.0), plain)


def test_it_draws_predictions_under_different_labels_together() -> None:
    def gap(tau: float) -> float:
        network = task({**BALANCED, "class_balance": tau}, 1, steps=150, learning_rate=3e-3)
        train(network)
        x, t = torch.randn(64, 1, 8, 8, generator=torch.Generator(CPU).manual_seed(0)), 500.0
        with torch.inference_mode():
            zeros = torch.zeros(64, dtype=torch.int64)
            one, other = (network.model(x, torch.full((64,), t), zeros + label) for label in (0, 1))
        return float((one - other).square().mean())

    assert gap(20.0) < 0.5 * gap(0.0)
