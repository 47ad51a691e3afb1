"""Pools on the fly: other samples in every pass, the same order of batches, and less chance."""

from __future__ import annotations

import copy
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import f as fisher
from test_generators import CLASSES, CPU, MLP, SHAPE, pool
from torch import Tensor, nn

from imgcollapse.chain import Generation, run_chain
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.generators import Fit, Generator, Surroundings, make_generator
from imgcollapse.images import ImageSet
from imgcollapse.metrics.drift import simulate_null
from imgcollapse.seeds import random_for, seed_for
from imgcollapse.study.chance import num_passes, resampling_of
from imgcollapse.training import Items, Task, Trained, train
from imgcollapse.training.batches import Batches
from imgcollapse.training.renewing import renewed_rows
from imgcollapse.training.together import can_be_stacked, train_together

VAE = {"kind": "vae", "network": "mlp", "width": 16, "latent": 4}
DIFFUSION = {**MLP, "objective": "flow", "first_stage": {"kind": "pca", "dim": 4}}
KINDS: dict[str, dict[str, Any]] = {
    "vae": {"generator": VAE},
    "vae with labels": {"generator": {**VAE, "labels": "from-pool"}},
    "diffusion": {"generator": DIFFUSION, "sampling": {"sampler": "flow", "steps": 3}},
}
STEPS, BATCH = 40, 16


def config(kind: str, generations: int = 3, **policy: Any) -> Config:
    return parse_config(
        {
            "seed": 4,
            "generations": generations,
            "training": {
                "steps": STEPS,
                "batch_size": BATCH,
                "warmup_steps": 2,
                "precision": "fp32",
            },
            "policy": {"preset": "replace", "pool": "on-the-fly", **policy},
            **KINDS[kind],
        }
    )


def made(config: Config) -> Generator:
    return make_generator(config, SHAPE, CLASSES, CPU)


def numbered(num: int, batch: int, renewed: Callable[[int], Items] | None) -> Task:
    """Items are pass and number."""
    return Task(
        nn.Linear(1, 1),
        None,
        lambda items, labels, random: (items, labels),
        lambda *_: torch.zeros(()),
        *items_of(0, num),
        parse_config({"training": {"batch_size": batch}}).training,
        seed=3,
        renewed=renewed,
    )


def items_of(number: int, num: int) -> tuple[Tensor, Tensor]:
    items = torch.stack([torch.full((num,), number), torch.arange(num)], 1)
    return items, torch.arange(num) % 5


@pytest.mark.parametrize(("num", "batch"), [(20, 5), (23, 7), (10, 10), (50, 64)])
@pytest.mark.parametrize("first", [0, 3, 8])
def test_batches_keep_their_order_and_take_their_rows_from_their_own_pass(
    num: int, batch: int, first: int
) -> None:
    anew = Batches(numbered(num, batch, lambda number: items_of(number, num)))
    fixed = Batches(numbered(num, batch, None))
    for step in range(first, 20):
        items, labels = anew.prepared(step)
        plain, plain_labels = fixed.prepared(step)
        assert torch.equal(items[:, 1], plain[:, 1])
        assert torch.equal(labels, plain_labels)
        size = len(items)
        assert items[:, 0].tolist() == [row // num for row in range(step * size, (step + 1) * size)]


def test_a_pass_is_let_go_before_the_next_is_asked_for_which_is_when_it_is_needed() -> None:
    lent: list[weakref.ref[Tensor]] = []

    def renewed(number: int) -> Items:
        assert all(one() is None for one in lent)
        items, labels = items_of(number, 23)
        lent.append(weakref.ref(items))
        return items, labels

    task = numbered(23, 7, renewed)
    rows = renewed_rows(task, renewed, 0)
    asked = []
    for _ in range(20):
        next(rows)
        asked.append(len(lent))
    assert asked == [(7 * (step + 1) - 1) // 23 for step in range(20)]


class Spy:
    """Carries out trainings, and keeps what each pass but the first went over."""

    def __init__(self) -> None:
        self.passes: list[list[Tensor]] = []
        self.rows: list[Tensor] = []

    def __call__(self, task: Task) -> Trained:
        self.passes.append([])
        if task.renewed is None:
            return train(task)
        renewed = task.renewed

        def kept(number: int) -> Items:
            items, labels = renewed(number)
            assert number == len(self.passes[-1]) + 1
            assert items.shape == task.items.shape
            self.passes[-1].append(torch.as_tensor(items))
            return items, labels

        return train(replace(task, renewed=kept))


def chain(settings: Config, spy: Spy) -> list[Generation]:
    return list(run_chain(settings, pool(), made(settings), surroundings=Surroundings(train=spy)))


@pytest.mark.parametrize("kind", ["vae", "vae with labels"])
def test_no_batch_sees_a_sample_twice(kind: str) -> None:
    """40 steps of 16 go 11 times over 60 images; the first generation's are real and few."""
    spy = Spy()
    done = chain(config(kind), spy)
    assert [len(one) for one in spy.passes] == [0, 10, 10]
    for generation, passes in zip(done[1:], spy.passes[1:], strict=True):
        first = generation.pool.hashes()
        seen = [*first, *ImageSet.of(torch.cat(passes).numpy(), None, CLASSES).hashes()]
        assert len(set(seen)) == len(seen) == 11 * 60


@pytest.mark.parametrize("kind", ["vae", "diffusion"])
def test_passes_are_drawn_by_the_last_generation_as_it_was_left(kind: str, tmp_path: Path) -> None:
    """As from its model on disk, whatever training does to the generator meanwhile."""
    settings, spy = config(kind, generations=2), Spy()
    generator: Any = made(settings)
    other, last = made(settings), made(settings)
    around = Surroundings(train=spy)
    for generation in run_chain(settings, pool(), generator, surroundings=around):
        if generation.number == 0:
            generator.save(tmp_path)
    for one in (other, last):
        one.load(tmp_path)
    past = [generation.pool]
    (again,) = run_chain(settings, pool(), other, first=1, past=past, surroundings=around)
    assert again.samples.images.tobytes() == generation.samples.images.tobytes()
    for number, (items, same) in enumerate(zip(spy.passes[1], spy.passes[2], strict=True), 1):
        drawn = last.sample(60, seed=seed_for(settings.seed, "generation", 0, "pass", number))
        images = torch.from_numpy(drawn.images)
        expected = generator.first_stage.encode(images) if kind == "diffusion" else images
        assert torch.equal(items, expected)
        assert torch.equal(same, expected)


def test_every_pass_is_composed_as_the_policy_says() -> None:
    """Half real: the real part is drawn anew as well, and holds nothing but real images."""
    settings = config("vae", preset="mix")
    spy = Spy()
    chain(settings, spy)
    known = set(pool().hashes())
    real_parts = []
    for items in spy.passes[1]:
        hashes = ImageSet.of(items.numpy(), None, CLASSES).hashes()
        real_parts.append(frozenset(hashes) & known)
        assert len(hashes) == 60
        assert len(real_parts[-1]) == 30
    assert len(set(real_parts)) == len(real_parts)


def test_classes_are_asked_for_as_the_first_pool_holds_them() -> None:
    """As pools without end would hold them: here the second pool shows class 0 alone."""
    settings = config("vae with labels", generations=2)
    generator = made(settings)
    first = next(run_chain(settings, pool(), generator))
    zeros = ImageSet.of(first.samples.images, np.zeros(60, np.int64), CLASSES, 1)
    rest = list(run_chain(settings, pool(), generator, first=1, past=[zeros]))
    assert rest[0].pool.counts().tolist() == [60, 0]
    assert abs(rest[0].samples.counts()[0] - 30) < 4 * np.sqrt(60 / 4)


def test_stacked_trainings_take_the_pools_of_their_own_passes() -> None:
    """As each alone does, but for rounding."""
    tasks: list[Task] = []

    def kept(task: Task) -> Trained:
        tasks.append(copy.deepcopy(task))
        return train(task)

    chains = [config("vae", generations=2).model_copy(update={"seed": seed}) for seed in (1, 2)]
    alone = []
    for one in chains:
        generator: Any = made(one)
        list(run_chain(one, pool(), generator, surroundings=Surroundings(train=kept)))
        alone.append(generator.average.state_dict())
    second = [task for task in tasks if task.renewed is not None]
    assert can_be_stacked(second)
    train_together(second)
    for task, expected in zip(second, alone, strict=True):
        assert task.average is not None
        for name, weight in task.average.state_dict().items():
            assert torch.allclose(weight, expected[name], atol=1e-4)


class Coin:
    """Learns by gradient how common bright images are, and nothing else."""

    def __init__(self) -> None:
        self.share = nn.Linear(1, 1, bias=False)

    def fit(self, pool: ImageSet, *, seed: int, surroundings: Surroundings) -> Fit:
        self.share = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.share.weight)

        def items(pool: ImageSet) -> Items:
            return torch.from_numpy(pool.images > 128).float(), torch.from_numpy(pool.labels)

        def loss(share: nn.Module, is_bright: Tensor) -> Tensor:
            odds: Tensor = share(torch.ones(len(is_bright), 1))
            return nn.functional.binary_cross_entropy_with_logits(odds, is_bright.flatten(1))

        task = Task(
            self.share,
            None,
            lambda items, labels, random: (items,),
            loss,
            *items(pool),
            parse_config(
                {
                    "training": {
                        "steps": 50,
                        "batch_size": 30,
                        "learning_rate": 0.05,
                        "warmup_steps": 0,
                    }
                }
            ).training,
            seed=seed,
            renewed=surroundings.renewed(items),
        )
        return Fit(surroundings.train(task).loss)

    def sample(
        self, num_images: int, *, seed: int, labels: NDArray[np.int64] | None = None
    ) -> ImageSet:
        share = float(torch.sigmoid(self.share.weight.detach()))
        bright = random_for(seed, "coin").random((num_images, 1, 1, 1)) < share
        return ImageSet.of((255 * bright).astype(np.uint8), None, CLASSES)

    def losses(self, images: ImageSet) -> NDArray[np.float64]:
        return np.zeros(len(images))

    def save(self, folder: Path) -> None: ...

    def load(self, folder: Path) -> None: ...


def test_shares_stray_less_than_with_a_fixed_pool() -> None:
    """12 chains of 3 generations, pools of 30 images and 50 passes: F test, level 0.001."""

    def shares(**policy: Any) -> NDArray[np.float64]:
        half = ImageSet.of(np.array([0, 255] * 15, np.uint8).reshape(30, 1, 1, 1), None, CLASSES)
        found = []
        for seed in range(12):
            settings = config("vae", generations=3, **policy).model_copy(update={"seed": seed})
            generator = Coin()
            list(run_chain(settings, half, generator))
            found.append(float(torch.sigmoid(generator.share.weight.detach())))
        return np.array(found)

    fixed, anew = shares(pool="fixed").var(ddof=1), shares().var(ddof=1)
    assert fixed / anew > fisher.isf(0.001, 11, 11)


def test_chance_is_that_of_one_pool_as_large_as_all_passes() -> None:
    """Limits of the null are narrower by the root of the passes."""
    counts = np.array([600, 200])
    anew = config("vae", preset="replace", num_images=None) if False else config("vae")
    fixed = anew.model_copy(update={"policy": anew.policy.model_copy(update={"pool": "fixed"})})
    longer = {"training": anew.training.model_copy(update={"steps": 800})}
    anew, fixed = anew.model_copy(update=longer), fixed.model_copy(update=longer)
    assert num_passes(fixed, 800) == 1
    assert num_passes(anew, 800) == 16
    assert resampling_of(fixed, counts).num_synthetic == 800
    assert resampling_of(anew, counts).num_synthetic == 12_800
    assert resampling_of(anew, counts).initial.tolist() == [9600, 3200]

    def spread(settings: Config) -> float:
        drawn = resampling_of(settings, counts)
        found = simulate_null(
            drawn.initial,
            drawn.policy,
            drawn.num_synthetic,
            generations=5,
            chains=4000,
            seed=1,
        ).shares
        return float(found[0, 5, 2] - found[0, 5, 0])

    assert spread(fixed) / spread(anew) == pytest.approx(4, rel=0.1)


def test_a_cap_counts_for_each_pass() -> None:
    settings = config("vae", preset=None, real="fixed", window="last", cap=40, real_fraction=0.5)
    assert num_passes(settings, 60) == 16
    drawn = resampling_of(settings, np.array([40, 20]))
    assert drawn.initial.tolist() == [640, 320]
    assert drawn.policy.cap == 640


def test_the_cost_counts_the_samples_of_every_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from imgcollapse.study import estimate

    monkeypatch.setattr(estimate, "PROBE_SECONDS", 0.0)
    values = {"data": {"image_size": 16}, "profile": {"num_max": 20, "imbalance": 0.5}}
    settings = parse_config(config("vae").model_dump(by_alias=True) | values)
    cost = estimate.estimate(settings)
    assert cost is not None
    passes = num_passes(settings, cost.pool_images)
    assert passes > 1
    first = 3 * settings.scores.num_images
    assert cost.sampled_images == first + 2 * (passes - 1) * cost.pool_images
