"""What every repair does to samples or pools, and what each does of its own."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import compositions
import numpy as np
import pytest
from compositions import COMPOSITIONS
from conftest import TINY, Call
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import binomtest

from imgcollapse.chain import Generation, run_chain
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import REAL, UNLABELLED, ImageSet
from imgcollapse.policies import PoolMaker, changes_samples, drawn_for, pool_size
from imgcollapse.policies.evidence import Evidence, Verdicts
from imgcollapse.policies.repairs import Repaired, repair_pool, repair_samples
from imgcollapse.policies.repairs.farthest import CANDIDATES, farthest_points
from imgcollapse.policies.repairs.repairing import POOL_REPAIRS, SAMPLE_REPAIRS
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.seeds import random_for

CLASSES = ("a", "b", "c")
SHARES = (0.7, 0.2, 0.1)
SIZE = 60
REPAIRS: dict[str, list[dict[str, Any]]] = {
    "surest": [{"kind": "select"}],
    "any": [{"kind": "select", "keep": "random", "part": 0.3}],
    "least sure": [{"kind": "select", "keep": "bottom"}],
    "best loss": [{"kind": "select", "by": "loss", "part": 0.7}],
    "farthest": [{"kind": "select", "by": "spread"}],
    "curated": [{"kind": "curate"}],
    "favourite": [{"kind": "curate", "favourite": "b", "candidates": 3}],
    "prototypes": [{"kind": "project", "prototypes": 2}],
    "half-way": [{"kind": "project", "strength": 0.5}],
    "relabelled": [{"kind": "relabel"}],
    "weights": [{"kind": "rebalance"}],
    "star": [{"kind": "rebalance", "how": "star"}],
    "stock": [{"kind": "rebalance", "how": "stock"}],
    "several": [
        {"kind": "select", "part": 0.6},
        {"kind": "rebalance"},
        {"kind": "curate"},
        {"kind": "select", "keep": "random"},
        {"kind": "relabel"},
    ],
}


@dataclass(frozen=True)
class Seen:
    """What a judge without error says: an image's class is its first pixel in steps of 80."""

    features: NDArray[np.float32]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        levels = self.features[:, :1].astype(np.float64) - 80 * np.arange(3) - 40
        odds = np.exp(-((levels / 25) ** 2))
        probabilities: NDArray[np.float64] = odds / odds.sum(1, keepdims=True)
        return probabilities

    @property
    def unsureness(self) -> NDArray[np.float64]:
        unsureness: NDArray[np.float64] = 1 - self.probabilities.max(1)
        return unsureness

    @property
    def nearest(self) -> NDArray[np.int64]:
        nearest: NDArray[np.int64] = self.probabilities.argmax(1)
        return nearest

    @property
    def classes(self) -> NDArray[np.int64]:
        return np.where(self.unsureness > 0.4, UNLABELLED, self.nearest)


def look(images: NDArray[np.uint8]) -> Verdicts:
    return Seen(images.reshape(len(images), -1).astype(np.float32))


def losses(images: ImageSet) -> NDArray[np.float64]:
    """The pixels that do not show the class."""
    return images.images[:, 0, 0, 1].astype(np.float64)


def images(num: int = SIZE, seed: int = 0, origin: int = REAL) -> ImageSet:
    """Images of three classes, no two alike; few lie between two classes."""
    random = np.random.default_rng(seed)
    labels = np.searchsorted(np.cumsum(SHARES), (np.arange(num) + 0.5) / num)
    pixels = random.integers(0, 256, (num, 1, 2, 3), dtype=np.uint8)
    pixels[:, 0, 0, 0] = np.clip(80 * labels + random.normal(40, 20, num), 0, 255)
    return ImageSet.of(pixels, labels, CLASSES, origin)[random.permutation(num)]


def policy(repairs: list[dict[str, Any]], base: dict[str, Any] | None = None) -> PolicyConfig:
    return PolicyConfig.model_validate({**(base or {"preset": "replace"}), "repairs": repairs})


def evidence(seed: int = 1, real: ImageSet | None = None) -> Evidence:
    return Evidence(2, 7, seed, real or images(), look, losses)


def repaired(
    repairs: list[dict[str, Any]], num: int = SIZE, seed: int = 1, samples: ImageSet | None = None
) -> tuple[ImageSet, ImageSet, list[Repaired]]:
    """The samples that were drawn, what is left of them in a pool of ``num``, and the record."""
    chosen = policy(repairs).repairs
    samples = samples or images(drawn_for(chosen, num), 5, origin=3)
    left, done = repair_samples(chosen, samples, num, evidence(seed))
    pool, more = repair_pool(chosen, left, evidence(seed))
    return samples, pool, [*done, *more]


def test_the_laws_hold_over_every_repair() -> None:
    kinds = {one["kind"] for repairs in REPAIRS.values() for one in repairs}
    assert kinds == {*SAMPLE_REPAIRS, *POOL_REPAIRS}


@pytest.mark.parametrize("num", [1, 31, 60])
@pytest.mark.parametrize("name", REPAIRS)
def test_as_many_are_left_as_were_asked_for(name: str, num: int) -> None:
    samples, left, done = repaired(REPAIRS[name], num)
    assert len(left) == num
    assert left.classes == CLASSES
    assert set(left.origin) <= {3} | ({REAL} if name == "stock" else set())
    assert done[0].seen == len(samples)
    assert done[-1].kept == num


@pytest.mark.parametrize("name", REPAIRS)
def test_the_same_seed_does_the_same_and_leaves_its_input_alone(name: str) -> None:
    before = images(drawn_for(policy(REPAIRS[name]).repairs, SIZE), 5, origin=3).hashes()
    (samples, one, did), (_, again, did_again) = (repaired(REPAIRS[name]) for _ in range(2))
    assert one.hashes() == again.hashes()
    assert (one.labels == again.labels).all()
    assert did == did_again
    assert samples.hashes() == before
    others = {tuple(repaired(REPAIRS[name], seed=seed)[1].hashes()) for seed in range(4)}
    if name in ("prototypes", "half-way", "relabelled"):
        assert len(others) == 1
    elif name not in ("surest", "least sure", "best loss"):
        assert len(others) > 1


@pytest.mark.parametrize("name", REPAIRS)
def test_the_record_is_what_the_judge_sees(name: str) -> None:
    samples, left, done = repaired(REPAIRS[name])
    for one, other in itertools.pairwise(done):
        assert (one.kept, one.after, one.rejects_after) == (
            other.seen, other.before, other.rejects_before
        )  # fmt: skip
    for found, rejects, counted in (
        (done[0].before, done[0].rejects_before, samples),
        (done[-1].after, done[-1].rejects_after, left),
    ):
        verdicts = look(counted.images)
        names, counts = np.unique(verdicts.nearest, return_counts=True)
        assert found == dict(zip(np.array(CLASSES)[names].tolist(), counts.tolist(), strict=True))
        assert rejects == (verdicts.classes == UNLABELLED).sum()


def test_the_judge_looks_once_at_what_several_ask_it_for() -> None:
    shown: list[int] = []

    def counting(images: NDArray[np.uint8]) -> Verdicts:
        shown.append(len(images))
        return look(images)

    chosen = policy(REPAIRS["several"]).repairs
    samples = images(drawn_for(chosen, 30), 5)
    repair_samples(chosen, samples, 30, replace(evidence(), look=counting))
    assert shown == [200, 120, 60, 30]


@pytest.mark.parametrize("kind", ["surest", "any", "least sure", "farthest", "curated"])
def test_what_is_chosen_is_none_twice_and_in_the_order_it_was_drawn(kind: str) -> None:
    samples, left, _ = repaired(REPAIRS[kind])
    places = {digest: place for place, digest in enumerate(samples.hashes())}
    assert len(places) == len(samples)
    assert (np.diff([places[digest] for digest in left.hashes()]) > 0).all()


WITH_SAMPLES = [name for name in COMPOSITIONS if compositions.policy(name).window != "none"]


def composed(name: str) -> dict[str, Any]:
    given: Any = COMPOSITIONS[name]
    return dict(given)


def chain(composition: str, repairs: str, **start: Any) -> list[Generation]:
    config = parse_config(
        {
            "seed": 3,
            "generations": 5,
            "generator": {"kind": "bootstrap"},
            "policy": composed(composition) | {"repairs": REPAIRS[repairs]},
        }
    )
    real = images()
    maker = PoolMaker(config, real, fresh=lambda number: images(seed=100 + number), look=look)
    return list(run_chain(config, real, Bootstrap(), maker=maker, **start))


@pytest.mark.parametrize("repairs", REPAIRS)
@pytest.mark.parametrize("composition", WITH_SAMPLES)
def test_repairs_keep_the_pools_of_every_composition_in_size_and_go_on_after_a_stop(
    composition: str, repairs: str
) -> None:
    whole = chain(composition, repairs)
    plain = PolicyConfig.model_validate(composed(composition))
    for generation in whole:
        assert len(generation.released) == SIZE
        assert set(generation.released.origin) == {generation.number + 1}
        size = pool_size(plain, generation.number, first=SIZE, released=SIZE)
        assert len(generation.pool) == (size if generation.number else SIZE)
    rest = chain(composition, repairs, first=3, past=[one.released for one in whole[:3]])
    for expected, found in zip(whole[3:], rest, strict=True):
        assert expected.pool.hashes() == found.pool.hashes()
        assert (expected.released.labels == found.released.labels).all()
        assert expected.released.hashes() == found.released.hashes()
        assert expected.repaired == found.repaired


def test_samples_enough_for_the_parts_are_drawn_and_no_more() -> None:
    for part, num, drawn in (
        (0.1, 30, 300),
        (0.7, 21, 30),
        (0.3, 3, 10),
        (0.5, 7, 14),
        (0.9, 1, 2),
    ):
        assert drawn_for(policy([{"kind": "select", "part": part}]).repairs, num) == drawn
    assert drawn_for(policy(REPAIRS["several"]).repairs, 30) == 200


def test_top_and_bottom_part_the_samples_by_their_worth_and_random_does_not() -> None:
    for by in ("confidence", "loss"):
        kept = {
            keep: repaired([{"kind": "select", "by": by, "keep": keep}], 200)[1]
            for keep in ("top", "random", "bottom")
        }
        worth = {
            name: -look(one.images).unsureness if by == "confidence" else -losses(one)
            for name, one in kept.items()
        }
        assert worth["top"].min() >= worth["bottom"].max()
        assert worth["bottom"].mean() < worth["random"].mean() < worth["top"].mean()
        assert not set(kept["top"].hashes()) & set(kept["bottom"].hashes())


@pytest.mark.parametrize("repair", [{"by": "loss"}, {"keep": "random"}, {"by": "spread"}])
def test_of_equally_good_samples_any_is_kept(repair: dict[str, Any]) -> None:
    """Ten alike, half of them kept 400 times: each within 4.5 standard errors of 200."""
    one = ImageSet.of(np.zeros((10, 1, 2, 3), np.uint8), np.arange(10) % 3, CLASSES)
    marked = ImageSet(one.images, one.labels, np.arange(10, dtype=np.int32), CLASSES)
    kept = np.zeros(10)
    for seed in range(400):
        _, left, _ = repaired([{"kind": "select", **repair}], 5, seed, marked)
        assert len(set(left.origin)) == 5
        kept[left.origin] += 1
    assert np.abs(kept - 200).max() < 4.5 * np.sqrt(400 / 4)


def farthest_one_by_one(points: NDArray[np.float32], num: int, seed: int) -> list[int]:
    order = random_for(seed).permutation(len(points))
    gaps = cdist(points[order], points[order], "sqeuclidean")
    chosen = [0]
    while len(chosen) < num:
        nearest = gaps[chosen].min(0)
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return [int(order[place]) for place in chosen]


@pytest.mark.parametrize(("num", "dim", "wanted"), [(30, 2, 30), (900, 2, 500), (900, 40, 400)])
def test_farthest_points_are_those_of_the_plain_algorithm(num: int, dim: int, wanted: int) -> None:
    assert num == 30 or num > 2 * CANDIDATES
    points = np.random.default_rng(num + dim).normal(size=(num, dim)).astype(np.float32)
    found = farthest_points(points, wanted, random_for(1))
    assert found.tolist() == farthest_one_by_one(points, wanted, 1)


def test_copies_are_chosen_last_and_none_twice() -> None:
    points = np.repeat(np.random.default_rng(0).normal(size=(40, 5)), 20, 0).astype(np.float32)
    found = farthest_points(points, 700, random_for(1))
    assert len(set(found)) == 700
    assert len(np.unique(points[found[:40]], axis=0)) == 40


def two_classes(num: int, part: float) -> ImageSet:
    """Images of a and c, which the judge tells apart without doubt."""
    labels = np.where(np.arange(num) < part * num, 2, 0)
    pixels = np.full((num, 1, 2, 3), 0, np.uint8)
    pixels[:, 0, 0, 0] = 80 * labels + 40
    return ImageSet.of(pixels, labels, CLASSES)[np.random.default_rng(0).permutation(num)]


@pytest.mark.parametrize(("strength", "candidates"), [(0.0, 2), (1.0, 2), (3.0, 2), (1.5, 4)])
def test_curation_prefers_as_its_choice_model_says(strength: float, candidates: int) -> None:
    """In expectation over a group with k favourites of K, binomial (here hypergeometric).

    Two-sided level 0.1 % for each case.
    """
    samples = two_classes(40_000, 0.3)
    repair = {"kind": "curate", "favourite": "c", "strength": strength, "candidates": candidates}
    left = repaired([repair], 40_000 // candidates, 1, samples)[1]
    liked = np.arange(candidates + 1)
    groups = random_for(0).hypergeometric(12_000, 28_000, candidates, 400_000)
    weights = np.bincount(groups, minlength=candidates + 1) / 400_000
    lift = np.exp(strength) * liked
    expected = float((weights * lift / (lift + candidates - liked)).sum())
    found = int((left.labels == 2).sum())
    assert binomtest(found, len(left), expected).pvalue > 1e-3


def test_candidates_are_drawn_from_all_samples_even_where_labels_come_in_turn() -> None:
    """In pairs as they come each would hold one of both, and 95 % of choices be the favourite."""
    samples = two_classes(20_000, 0.5)
    in_turn = np.argsort(samples.labels, kind="stable").reshape(2, -1).T.ravel()
    repair = {"kind": "curate", "favourite": "c", "strength": 3.0}
    left = repaired([repair], 10_000, 1, samples[in_turn])[1]
    expected = 0.25 + 0.5 / (1 + np.exp(-3))
    assert binomtest(int((left.labels == 2).sum()), len(left), expected).pvalue > 1e-3


def test_curation_to_one_class_ends_in_one_class_and_without_strength_in_none_of_its_own() -> None:
    """Ferbach et al. 2024: the expected reward grows to its most. On copies, b begins with 20 %."""
    for strength, candidates in ((20.0, 4), (0.0, 4)):
        values = {
            "generations": 8,
            "generator": {"kind": "bootstrap"},
            "policy": {
                "preset": "replace",
                "repairs": [
                    {"kind": "curate", "favourite": "b", "strength": strength,
                     "candidates": candidates}
                ],
            },
        }  # fmt: skip
        config: Config = parse_config(values)
        real = images(400)
        *_, last = run_chain(config, real, Bootstrap(), maker=PoolMaker(config, real, look=look))
        share = last.pool.counts()[1] / 400
        assert share > 0.99 if strength else 0.05 < share < 0.4


def test_projection_at_full_strength_puts_prototypes_in_the_place_of_samples() -> None:
    samples, left, _ = repaired([{"kind": "project", "prototypes": 3}], 300)
    for label in range(3):
        assert len(np.unique(left[left.labels == label].images, axis=0)) <= 3
    assert (left.labels == samples.labels).all()


def test_with_a_prototype_for_each_real_image_the_nearest_of_the_class_is_taken() -> None:
    real = images(30)
    samples = images(200, 9, origin=3)
    samples = ImageSet(samples.images, np.full(200, UNLABELLED), samples.origin, CLASSES)
    for strength in (1.0, 0.25):
        (config,) = policy([{"kind": "project", "prototypes": 99, "strength": strength}]).repairs
        left, _ = repair_samples([config], samples, 200, evidence(real=real))
        judged = look(samples.images).nearest
        for place, label in enumerate(judged):
            stock = real.images[real.labels == label].reshape(-1, 6).astype(float)
            image = samples.images[place].ravel().astype(float)
            nearest = stock[((stock - image) ** 2).sum(1).argmin()]
            moved = image + strength * (nearest - image)
            assert np.abs(left.images[place].ravel() - moved).max() <= 0.5 + 1e-3


def test_a_class_without_real_images_is_not_projected() -> None:
    samples, real = images(60, 9), images(60)
    (config,) = policy([{"kind": "project"}]).repairs
    left, _ = repair_samples([config], samples, 60, evidence(real=real[real.labels != 1]))
    stays = (left.images == samples.images).all((1, 2, 3))
    assert stays[samples.labels == 1].all()
    assert not stays[samples.labels != 1].any()


def test_relabelled_images_have_the_judge_s_class_and_are_the_same_images() -> None:
    samples, left, _ = repaired([{"kind": "relabel"}])
    assert left.hashes() == samples.hashes()
    assert (left.labels == look(samples.images).nearest).all()
    assert (left.labels != samples.labels).any()


@pytest.mark.parametrize("how", ["weights", "star", "stock"])
@pytest.mark.parametrize("num", [60, 61, 200])
def test_rebalanced_classes_are_equally_common_and_the_pool_keeps_its_size(
    how: str, num: int
) -> None:
    """As real images are judged too: by their labels in ``stock``, which two in 60 contradict."""
    (config,) = policy([{"kind": "rebalance", "how": how}]).repairs
    pool = images(num, 9, origin=3)
    real = images(num, 4)
    real = real[look(real.images).nearest == real.labels]
    left, _ = repair_pool([config], pool, evidence(real=real))
    counts = np.bincount(look(left.images).nearest, minlength=3)
    assert counts.sum() == num
    assert counts.max() - counts.min() <= 1
    known = set(pool.hashes()) | (set(real.hashes()) if how == "stock" else set())
    assert set(left.hashes()) <= known


def test_weights_repeat_no_oftener_than_they_must_and_star_draws_with_replacement() -> None:
    pool = images(300, 9)
    judged = look(pool.images).nearest
    for how in ("weights", "star"):
        (config,) = policy([{"kind": "rebalance", "how": how}]).repairs
        left, _ = repair_pool([config], pool, evidence())
        for label in range(3):
            own = left[look(left.images).nearest == label]
            _, times = np.unique(own.images, axis=0, return_counts=True)
            least = -(-100 // (judged == label).sum())
            assert (times.max() <= least) == (how == "weights")


def test_stock_fills_rare_classes_with_real_images_only() -> None:
    pool = images(300, 9, origin=3)
    judged = np.bincount(look(pool.images).nearest, minlength=3)
    (config,) = policy([{"kind": "rebalance", "how": "stock"}]).repairs
    left, _ = repair_pool([config], pool, evidence(real=images(300)))
    added = left[left.origin == REAL]
    assert np.array_equal(added.counts(), np.maximum(0, 100 - judged))
    assert set(added.hashes()) <= set(images(300).hashes())
    assert len(set(left[left.origin == 3].hashes())) == (left.origin == 3).sum()


def test_a_class_that_is_gone_comes_back_from_the_stock_alone() -> None:
    pool = images(90, 9)
    pool = pool[look(pool.images).nearest != 2]
    for how, classes in (("weights", 2), ("star", 2), ("stock", 3)):
        (config,) = policy([{"kind": "rebalance", "how": how}]).repairs
        left, _ = repair_pool([config], pool, evidence())
        assert len(left) == len(pool)
        assert len(np.unique(look(left.images).nearest)) == classes


def with_repairs(path: Path, *repairs: dict[str, Any]) -> Path:
    text = TINY.replace("policy: {preset: replace}", f"policy: {json.dumps({'repairs': repairs})}")
    path.write_text(text, encoding="utf-8")
    return path


def test_a_run_records_its_repairs_and_makes_a_generation_again_from_what_was_released(
    call: Call, tmp_path: Path, files_below: Any
) -> None:
    some = [{"kind": "curate"}, {"kind": "rebalance"}, {"kind": "select", "by": "spread"}]
    config = with_repairs(tmp_path / "some.yaml", *some)
    assert call("run", config, "--out", "whole").code == 0
    shutil.copytree(tmp_path / "whole", tmp_path / "parts")
    shutil.rmtree(tmp_path / "parts" / "gen_001")
    assert call("run", config, "--out", "parts").code == 0
    for name in ("whole", "parts"):
        shutil.rmtree(tmp_path / name / "volatile")
    assert files_below(tmp_path / "whole") == files_below(tmp_path / "parts")
    first, second = (
        json.loads((tmp_path / "whole" / name / "pool.json").read_text())["repairs"]
        for name in ("gen_000", "gen_001")
    )
    assert [one["kind"] for one in first] == ["curate", "select"]
    assert [one["kind"] for one in second] == ["rebalance", "curate", "select"]
    size = json.loads((tmp_path / "whole" / "gen_000" / "pool.json").read_text())["size"]
    assert [(one["seen"], one["kept"]) for one in first] == [
        (4 * size, 2 * size), (2 * size, size),
    ]  # fmt: skip
    assert all(sum(one["before"].values()) == one["seen"] for one in [*first, *second])
    shares = second[0]["after"].values()
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize("name", REPAIRS)
def test_only_a_repair_of_samples_changes_what_is_released(name: str) -> None:
    of_pools = name in ("weights", "star", "stock")
    assert changes_samples(policy(REPAIRS[name])) != of_pools
    samples = images(drawn_for(policy(REPAIRS[name]).repairs, SIZE), 5)
    left, done = repair_samples(policy(REPAIRS[name]).repairs, samples, SIZE, evidence())
    assert (left is samples and not done) == of_pools


@pytest.mark.parametrize("option", [("--dry-run",), ("--out", "run")])
def test_an_unknown_favourite_is_refused_before_anything_is_written(
    call: Call, tmp_path: Path, option: tuple[str, ...]
) -> None:
    config = with_repairs(tmp_path / "some.yaml", {"kind": "curate", "favourite": "dalmatan"})
    said = call("run", config, *option)
    assert said.code == 2
    assert "policy.repairs[0].favourite: there is no class 'dalmatan'" in said.err
    assert "hint: did you mean dalmatian?" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["some.yaml"]
