"""The judge: good on real images, frozen, hashed, and aware of what is no class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torchvision.transforms.v2.functional import gaussian_blur

from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.errors import CorruptError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.metrics.disturbing import blur, shift, soften
from imgcollapse.metrics.judge import Judge, train_judge

CPU = torch.device("cpu")
SIZE = 16


def kennel(per_class: int, seed: int) -> ImageSet:
    drawn = [draw_many(breed, range(per_class), seed=seed, size=SIZE) for breed in range(10)]
    return ImageSet.of(np.concatenate(drawn), np.repeat(np.arange(10), per_class), BREEDS)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return train_judge(kennel(150, seed=1), seed=2, device=CPU, steps=250)


def test_it_is_right_on_99_of_100_real_images_it_never_saw(judge: Judge) -> None:
    fresh = kennel(60, seed=77)
    verdicts = judge.look(fresh.images)
    assert (verdicts.nearest == fresh.labels).mean() >= 0.99
    assert judge.facts["accuracy"] >= 0.99


def test_it_rejects_few_real_images_and_nearly_all_noise(judge: Judge) -> None:
    fresh = kennel(60, seed=78)
    assert (judge.look(fresh.images).classes == UNLABELLED).mean() < 0.05
    noise = np.random.default_rng(0).integers(0, 256, (200, 3, SIZE, SIZE), np.uint8)
    assert (judge.look(noise).classes == UNLABELLED).mean() > 0.95
    flat = np.full((10, 3, SIZE, SIZE), 128, np.uint8)
    assert (judge.look(flat).classes == UNLABELLED).all()


def test_a_mean_of_two_dogs_is_mostly_no_class(judge: Judge) -> None:
    one, other = (
        draw_many(5, range(100), seed=3, size=SIZE),
        draw_many(9, range(100), seed=3, size=SIZE),
    )
    blend = ((one.astype(int) + other) // 2).astype(np.uint8)
    assert (judge.look(blend).classes == UNLABELLED).mean() > 0.5


def test_a_little_softness_is_no_reason_to_reject(judge: Judge) -> None:
    fresh = kennel(40, seed=79)
    x = torch.from_numpy(fresh.images).float() / 127.5 - 1
    soft = soften(x, torch.Generator().manual_seed(1))
    images = ((soft.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).numpy()
    assert (images != fresh.images).any()
    assert (judge.look(images).classes == UNLABELLED).mean() < 0.1


def test_each_image_is_blurred_by_its_own_sigma() -> None:
    x = torch.from_numpy(kennel(1, seed=3).images).float() / 127.5 - 1
    sigma = torch.linspace(0.2, 1.2, len(x)).view(-1, 1, 1, 1)
    alone = [
        gaussian_blur(one[None], [5, 5], [float(s)] * 2) for one, s in zip(x, sigma, strict=True)
    ]
    assert torch.allclose(blur(x, sigma), torch.cat(alone), atol=1e-5)


def test_softening_draws_amounts_image_by_image() -> None:
    same = torch.from_numpy(kennel(1, seed=3).images[:1]).float().repeat(200, 1, 1, 1) / 127.5 - 1
    soft = soften(same, torch.Generator().manual_seed(1))
    changed = (soft - same).square().mean((1, 2, 3))
    assert 0.15 < (changed == 0).float().mean() < 0.35
    assert len(set(changed.tolist())) > 100


def test_a_shift_moves_each_image_and_reflects_at_its_edges() -> None:
    x = torch.arange(50.0).view(1, 1, 5, 10).repeat(64, 2, 1, 1)
    moved = shift(x, torch.Generator().manual_seed(0))
    padded = F.pad(x[:1], (2, 2, 2, 2), mode="reflect")[0]
    places = [
        {
            (i, j)
            for i in range(5)
            for j in range(5)
            if (padded[:, i : i + 5, j : j + 10] == m).all()
        }
        for m in moved
    ]
    assert all(len(place) == 1 for place in places)
    assert len(set.union(*places)) > 15


def test_the_confusion_counts_every_held_out_image(judge: Judge) -> None:
    assert judge.confusion.sum() == judge.facts["num_held_out"]
    assert judge.confusion.shape == (10, 11)


def test_looking_changes_nothing_and_batches_do_not_matter(judge: Judge) -> None:
    images = kennel(70, seed=5).images
    before = judge.network.state_dict()["head.weight"].clone()
    whole = judge.look(images)
    parts = judge.look(images[:200])
    assert (whole.classes[:200] == parts.classes).all()
    assert np.allclose(whole.features[:200], parts.features, atol=1e-4)
    assert torch.equal(before, judge.network.state_dict()["head.weight"])
    assert not judge.network.training


def test_a_saved_judge_gives_the_same_verdicts(judge: Judge, tmp_path: Path) -> None:
    images = kennel(10, seed=6).images
    judge.save(tmp_path)
    loaded = Judge.load(tmp_path, CPU)
    assert (loaded.look(images).features == judge.look(images).features).all()
    assert loaded.extractor == judge.extractor


@pytest.mark.parametrize(
    ("name", "value"),
    [("sha256", "0" * 64), ("temperature", 1.5), ("max_strangeness", 1e9), ("confusion", [[1]])],
)
def test_a_judge_with_a_changed_fact_is_refused(
    judge: Judge, tmp_path: Path, name: str, value: object
) -> None:
    judge.save(tmp_path)
    facts = json.loads((tmp_path / "judge.json").read_text())
    (tmp_path / "judge.json").write_text(json.dumps(facts | {name: value}))
    with pytest.raises(CorruptError, match="frozen"):
        Judge.load(tmp_path, CPU)


@pytest.mark.parametrize("name", ["network.head.bias", "whitening", "class_means"])
def test_a_judge_with_changed_tensors_is_refused(judge: Judge, tmp_path: Path, name: str) -> None:
    judge.save(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    save_file(tensors | {name: tensors[name] * 1.001}, tmp_path / "model.safetensors")
    with pytest.raises(CorruptError, match="frozen"):
        Judge.load(tmp_path, CPU)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"network": 7}'])
def test_a_judge_that_is_not_readable_is_corrupt(
    judge: Judge, tmp_path: Path, content: str
) -> None:
    judge.save(tmp_path)
    (tmp_path / "judge.json").write_text(content)
    with pytest.raises(CorruptError, match="cannot be loaded"):
        Judge.load(tmp_path, CPU)


def test_the_same_seed_trains_the_same_judge() -> None:
    images = kennel(20, seed=4)
    one, again = (train_judge(images, seed=1, device=CPU, steps=5) for _ in range(2))
    assert one.facts == again.facts


@pytest.mark.parametrize("channels", [1, 3])
def test_how_images_lie_in_memory_does_not_matter(channels: int) -> None:
    """Read from disk they are N×H×W×C turned round, and of one channel both orders at once."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (200, channels, 8, 8), dtype=np.uint8)
    labels = np.arange(200) % 2
    judge = train_judge(ImageSet.of(images, labels, ("a", "b")), seed=1, device=CPU, steps=5)
    turned = np.ascontiguousarray(images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    once, again = judge.look(images), judge.look(np.ascontiguousarray(turned))
    assert once.features.tobytes() == again.features.tobytes()
    assert once.features.tobytes() == judge.look(turned).features.tobytes()
