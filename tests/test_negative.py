"""Neon and SIMS: what they extrapolate, what they save, and how they go on after a stop."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_generators import MEMBERS, NEGATIVE, TRAINING, fitted, make, pool
from test_together import Kept, StopAt

from imgcollapse.errors import Stopped
from imgcollapse.generators import Surroundings
from imgcollapse.generators.negative import Extrapolated, Neon, Sims
from imgcollapse.training import Task, Trained, train

NAMES = ["mlp flow neon", "vae neon", "mlp pca v sims"]


def with_weight(name: str, weight: float, **changes: Any) -> Any:
    negative = {**MEMBERS[name]["generator"]["negative"], "weight": weight}
    return fitted(name, generator={**MEMBERS[name]["generator"], "negative": negative}, **changes)


def parameters(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in network.parameters()])


@pytest.mark.parametrize("name", NAMES)
def test_without_weight_samples_are_those_of_the_base(name: str) -> None:
    plain = fitted(name, generator={**MEMBERS[name]["generator"], "negative": None})
    expected = plain.sample(20, seed=2).images
    assert (with_weight(name, 0.0).sample(20, seed=2).images == expected).all()
    assert (with_weight(name, 2.0).sample(20, seed=2).images != expected).any()


@pytest.mark.parametrize("name", ["mlp flow neon", "vae neon"])
def test_neon_moves_weights_from_the_auxiliary_through_the_base_and_beyond(name: str) -> None:
    base = parameters(with_weight(name, 0.0).base.average)
    moved = with_weight(name, 1.5)
    assert isinstance(moved, Neon)
    other = parameters(moved.auxiliary.average)
    assert (other - base).abs().max() > 1e-4
    torch.testing.assert_close(parameters(moved.base.average), 2.5 * base - 1.5 * other)


def test_sims_extrapolates_predictions() -> None:
    generator = with_weight("mlp pca v sims", 1.5)
    assert isinstance(generator, Sims)
    network = generator.drawing.average
    assert isinstance(network, Extrapolated)
    x, t = torch.randn(9, 4), torch.rand(9) * 1000
    labels = torch.zeros(9, dtype=torch.int64)
    with torch.inference_mode():
        own, other = (one.average(x, t, labels) for one in (generator.base, generator.auxiliary))
        torch.testing.assert_close(network(x, t, labels), 2.5 * own - 1.5 * other)
        assert (own - other).abs().max() > 1e-5


@dataclass
class Counted:
    """Carries out trainings and keeps how many steps each took."""

    steps: list[int] = field(default_factory=list)

    def __call__(self, task: Task) -> Trained:
        before = task.checkpoint.load(task.seed) if task.checkpoint else None
        self.steps.append(task.steps - (before[0] if before else 0))
        return train(task)


@pytest.mark.parametrize("init", ["scratch", "warm"])
@pytest.mark.parametrize("name", NAMES)
def test_a_stop_in_the_auxiliary_s_training_is_gone_on_from_without_training_the_base_again(
    name: str, init: str, tmp_path: Path
) -> None:
    def begun() -> Any:
        generator = make(name, generator={**MEMBERS[name]["generator"], "init": init})
        if init == "warm":
            generator.load(tmp_path)
        return generator

    fitted(name).save(tmp_path)
    whole = begun()
    loss = whole.fit(pool(), seed=5, surroundings=Surroundings()).loss
    kept, stopped, counted = Kept(), begun(), Counted()
    in_auxiliary = TRAINING["steps"] - 1 + 2
    with pytest.raises(Stopped):
        stopped.fit(pool(), seed=5, surroundings=Surroundings(StopAt(in_auxiliary), kept))
    assert kept.saved is not None
    assert kept.saved[1] == 2
    again = begun()
    fit = again.fit(pool(), seed=5, surroundings=Surroundings(None, kept, counted))
    assert counted.steps == [NEGATIVE["steps"] - 2]
    assert fit.loss == loss
    assert (again.sample(20, seed=2).images == whole.sample(20, seed=2).images).all()
    again.save(tmp_path / "again")
    whole.save(tmp_path / "whole")
    for path in (tmp_path / "whole").rglob("*.safetensors"):
        twin = tmp_path / "again" / path.relative_to(tmp_path / "whole")
        assert path.read_bytes() == twin.read_bytes()


def test_a_stop_in_the_base_s_training_is_gone_on_from() -> None:
    whole, kept, counted = fitted("mlp flow neon", seed=5), Kept(), Counted()
    with pytest.raises(Stopped):
        make("mlp flow neon").fit(pool(), seed=5, surroundings=Surroundings(StopAt(4), kept))
    again = make("mlp flow neon")
    again.fit(pool(), seed=5, surroundings=Surroundings(None, kept, counted))
    assert counted.steps == [TRAINING["steps"] - 4, NEGATIVE["steps"]]
    assert (again.sample(20, seed=2).images == whole.sample(20, seed=2).images).all()


def test_the_auxiliary_learns_from_samples_of_the_base_and_not_from_the_pool() -> None:
    seen: list[Task] = []

    def catch(task: Task) -> Trained:
        seen.append(task)
        return train(task)

    generator: Any = make("vae neon", generator={**MEMBERS["vae neon"]["generator"]})
    generator.fit(pool(), seed=5, surroundings=Surroundings(train=catch))
    base, auxiliary = seen
    assert (np.asarray(base.items) == pool().images).all()
    assert len(auxiliary.items) == NEGATIVE["images"]
    known = {image.tobytes() for image in pool().images}
    assert not {image.tobytes() for image in np.asarray(auxiliary.items)} & known
    assert auxiliary.steps == NEGATIVE["steps"]


def test_as_many_own_samples_as_the_pool_holds_with_labels_as_they_are_asked_for() -> None:
    seen: list[Task] = []

    def catch(task: Task) -> Trained:
        seen.append(task)
        return train(task)

    values = {**MEMBERS["mlp flow neon"]["generator"], "labels": "from-pool"}
    values["negative"] = {"kind": "neon", "steps": 2}
    few = pool()[np.array([0] * 30 + [1])]
    make("mlp flow neon", generator=values).fit(few, seed=5, surroundings=Surroundings(train=catch))
    assert len(seen[1].items) == len(few)
    assert 0 <= int(seen[1].labels.sum()) < 8
    assert int(seen[1].labels.min()) == 0


def test_sims_of_a_unet_saves_a_pipeline_of_its_base_with_the_auxiliary_beside_it(
    tmp_path: Path,
) -> None:
    from diffusers import DDPMPipeline

    sims = {"negative": {"kind": "sims", **NEGATIVE}}
    one, other = fitted("unet v ddim", generator=sims), make("unet v ddim", generator=sims)
    one.save(tmp_path)
    assert json.loads((tmp_path / "auxiliary" / "model_index.json").read_text())
    pipeline = DDPMPipeline.from_pretrained(tmp_path, local_files_only=True)
    assert pipeline.unet.config.in_channels == 1
    other.load(tmp_path)
    assert (one.sample(20, seed=2).images == other.sample(20, seed=2).images).all()
