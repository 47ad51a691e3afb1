"""The lab's AdamW against PyTorch's class, and what a training that goes on finds of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from imgcollapse.training.optimizer import AdamW, learning_rate
from imgcollapse.training_config import TrainingConfig

CONFIG = TrainingConfig(learning_rate=3e-3, weight_decay=0.02, warmup_steps=3)
STEPS = 8


LATE = 3
"""The step at which the number has its first gradient."""


def weights() -> list[nn.Parameter]:
    """A matrix, one that never has a gradient, a filter in channels_last, and a number."""
    random = torch.Generator().manual_seed(0)
    filters = torch.randn(4, 3, 3, 3, generator=random).to(memory_format=torch.channels_last)
    return [
        nn.Parameter(torch.randn(5, 7, generator=random)),
        nn.Parameter(torch.randn(2, generator=random)),
        nn.Parameter(filters),
        nn.Parameter(torch.randn((), generator=random)),
    ]


def give_gradients(parameters: list[nn.Parameter], step: int) -> None:
    """Long ones at odd steps, short ones at even ones, laid out as their parameters."""
    random = torch.Generator().manual_seed(step)
    matrix, _, filters, number = parameters
    for one in (matrix, filters, *[number] * (step >= LATE)):
        drawn = torch.randn(one.shape, generator=random) * (5.0 if step % 2 else 1e-3)
        one.grad = torch.empty_like(one).copy_(drawn)


@pytest.mark.parametrize("most", [1.0, 1e-9, 1e9])
@pytest.mark.parametrize("fused", [True, False])
def test_numbers_are_those_of_the_class_of_pytorch(fused: bool, most: float) -> None:
    """To the last bit for the same kernel, to rounding for the loop over parameters."""
    ours, theirs = weights(), weights()
    optimizer = AdamW(ours, CONFIG)
    kind = {"fused": True} if fused else {"foreach": False}
    reference = torch.optim.AdamW(theirs, weight_decay=CONFIG.weight_decay, **kind)  # type: ignore[arg-type]
    for step in range(STEPS):
        for parameters in (ours, theirs):
            give_gradients(parameters, step)
        reference.param_groups[0]["lr"] = learning_rate(CONFIG, step, STEPS)
        torch.nn.utils.clip_grad_norm_(theirs, most)
        reference.step()
        optimizer.set_rate(learning_rate(CONFIG, step, STEPS))
        optimizer.clip(most)
        optimizer.step()
        exact = (0.0, 0.0) if fused else (1e-5, 1e-7)
        torch.testing.assert_close(ours, theirs, rtol=exact[0], atol=exact[1])
    moments = reference.state_dict()["state"]
    assert 1 not in moments, "the class keeps nothing of what has no gradient"
    if fused:
        for number, named in moments.items():
            for name, value in named.items():
                assert torch.equal(optimizer.state()[f"{number}.{name}"], value)
    assert optimizer.state()["3.step"] == STEPS - LATE


def test_for_a_graph_the_rate_is_one_tensor_that_is_filled() -> None:
    plain, graphed = weights(), weights()
    one, other = AdamW(plain, CONFIG), AdamW(graphed, CONFIG, graphed=True)
    rate = other.rate
    for step in range(STEPS):
        for parameters, optimizer in ((plain, one), (graphed, other)):
            give_gradients(parameters, step)
            optimizer.set_rate(learning_rate(CONFIG, step, STEPS))
            optimizer.step()
    assert other.rate is rate
    torch.testing.assert_close(graphed, plain)


def test_one_that_takes_over_the_state_goes_on_alike() -> None:
    through, halted = weights(), weights()
    for parameters, halts in ((through, False), (halted, True)):
        optimizer = AdamW(parameters, CONFIG)
        for step in range(STEPS):
            if halts and step == STEPS // 2:
                kept = {name: one.contiguous() for name, one in optimizer.state().items()}
                optimizer = AdamW(parameters, CONFIG)
                optimizer.load(kept)
            give_gradients(parameters, step)
            optimizer.step()
    for one, other in zip(through, halted, strict=True):
        assert torch.equal(one, other)
    filters = optimizer.state()["2.exp_avg"]
    assert filters.is_contiguous(memory_format=torch.channels_last)


def test_gradients_are_forgotten() -> None:
    parameters = weights()
    optimizer = AdamW(parameters, CONFIG)
    give_gradients(parameters, 0)
    assert len(optimizer.gradients()) == 2
    optimizer.forget_gradients()
    assert optimizer.gradients() == []


def test_the_learning_rate_warms_up_and_falls_to_zero() -> None:
    rates = [learning_rate(CONFIG, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(CONFIG.learning_rate / 4)
    assert max(rates) == rates[3] == pytest.approx(CONFIG.learning_rate, rel=0.01)
    assert sorted(rates[3:], reverse=True) == rates[3:]
    assert rates[100] == pytest.approx(0, abs=1e-12)
