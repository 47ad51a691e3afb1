"""The moving average that a step leaves, from which samples are drawn."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from imgcollapse.training import Task, train
from imgcollapse.training.batches import Batches
from imgcollapse.training.step import Step, decay
from imgcollapse.training_config import TrainingConfig

STEPS = 25


def task(ema_decay: float) -> Task:
    random = np.random.default_rng(0)
    items = torch.from_numpy(random.normal(size=(64, 3)).astype(np.float32))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = nn.Linear(3, 2)
    return Task(
        model,
        copy.deepcopy(model),
        lambda rows, labels, random: (rows,),
        lambda network, rows: (network(rows) - rows[:, :2]).square().mean(),
        items,
        torch.zeros(64, dtype=torch.int64),
        TrainingConfig(
            steps=STEPS, batch_size=16, warmup_steps=2, learning_rate=0.05, ema_decay=ema_decay
        ),
        seed=3,
    )


@pytest.mark.parametrize("most", [0.0, 0.5, 0.999])
def test_the_average_is_that_of_the_weights_after_each_step(most: float) -> None:
    one, whole = task(most), task(most)
    assert one.average is not None
    assert whole.average is not None
    expected = copy.deepcopy(one.model).double()
    take = Step(one)
    with Batches(one) as batches, torch.no_grad():
        for step in range(STEPS):
            with torch.enable_grad():
                take(step, batches.prepared(step))
            kept = min(most, (1 + step) / (10 + step))
            assert decay(step, most) == kept
            for mean, weight in zip(expected.parameters(), one.model.parameters(), strict=True):
                mean.copy_(kept * mean + (1 - kept) * weight)
    train(whole)
    for mean, found, again in zip(
        expected.parameters(), one.average.parameters(), whole.average.parameters(), strict=True
    ):
        torch.testing.assert_close(found, mean.float(), rtol=1e-5, atol=1e-6)
        assert torch.equal(found, again)
    moved = [
        not torch.equal(mean, weight)
        for mean, weight in zip(one.average.parameters(), one.model.parameters(), strict=True)
    ]
    assert any(moved) is (most > 0)
