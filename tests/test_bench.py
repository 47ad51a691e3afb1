"""The bench: its arithmetic, its baselines, and the table that the README shows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Call
from scipy import stats
from torch import Tensor, nn

from imgcollapse.bench import packing_suite, sampling_guard, training_suite
from imgcollapse.bench.baselines import diffusers_recipe, plain_vae
from imgcollapse.bench.ceilings import Ceilings, Work, measure_ceilings, work_of
from imgcollapse.bench.chain_suite import MOST_SECONDS, timed_chain
from imgcollapse.bench.results import (
    against_bar,
    as_rows,
    as_table,
    guard,
    median,
    result,
    within,
)
from imgcollapse.bench.sampling_guard import presets_agree
from imgcollapse.bench.scoring_suite import MOST_SECONDS as SECONDS_OF_FID
from imgcollapse.bench.scoring_suite import NUM_IMAGES, inception
from imgcollapse.bench.setting import Setting, synthetic_pool
from imgcollapse.bench.timing import rates_in_turn, timed
from imgcollapse.bench.training_suite import as_tensors, make_vae
from imgcollapse.config import Config
from imgcollapse.config_file import load_config, parse_config
from imgcollapse.config_layers import find_config
from imgcollapse.device import has_bf16
from imgcollapse.generators import make_generator
from imgcollapse.sampling_config import SAMPLING_PRESETS
from imgcollapse.training import Task, Trained, train

ROOT = Path(__file__).parent.parent
CPU = torch.device("cpu")


def test_a_ratio_is_of_medians_and_holds_from_its_target_on() -> None:
    found = result(
        "train/x", [10.0, 30.0, 20.0], [10.0, 10.0, 5.0], unit="u", target=2.0, says="", limit=40.0
    )
    assert (found.suite, found.ours, found.baseline, found.ratio) == ("train", 20, 10, 2)
    assert (found.low, found.high, found.rounds) == (1, 4, 3)
    assert found.holds
    assert found.limit_share == 0.5
    assert not result("a/b", [1.9], [1.0], unit="u", target=2.0, says="").holds
    assert median([4, 1, 3, 2]) == 2.5
    assert within("a/b", 0.25, 1.0, "u", "").ratio == 0.75
    assert within("a/b", 1.0, 1.0, "u", "").holds
    assert not within("a/b", 1.01, 1.0, "u", "").holds


def test_a_guard_is_of_mean_curves_and_holds_where_they_are_shown_to_be_alike() -> None:
    assert guard("a/b", [[-2.0], [-2.0]], [[-1.0], [-1.0]], "").ratio == 0.5
    assert guard("a/b", [[-2.0], [-2.0]], [[-2.005], [-2.005]], "").holds
    parted = guard("a/b", [[3.0, 1.0], [3.0, 2.0]], [[2.0, 1.0], [2.0, 2.0]], "")
    assert not parted.holds
    assert (parted.ours, parted.baseline, parted.rounds) == (1.5, 1.5, 2)
    assert parted.ratio == pytest.approx(2 / 3)


def test_a_guard_wants_curves_that_are_paired() -> None:
    for ours, baseline in (
        ([[1.0]], [[1.0]]),
        ([[1.0]] * 2, [[1.0]] * 3),
        ([[1.0]] * 2, [1.0] * 2),
    ):
        with pytest.raises(ValueError, match="not paired"):
            guard("a/b", ours, baseline, "")  # type: ignore[arg-type]
    assert guard("a/b", [[0.0], [0.0]], [[0.0], [0.0]], "").ratio == 1


def test_a_guard_does_not_hold_where_chance_could_hide_a_difference() -> None:
    """Differences of +0.8 and -0.8 % in turn: their mean is 0, its interval shrinks with √n."""
    ends = {}
    for trainings in (2, 20):
        off = np.resize([0.008, -0.008], trainings)
        found = guard("a/b", (1 - off)[:, None].tolist(), [[1.0]] * trainings, "")
        assert found.ratio == pytest.approx(1, abs=1e-4)
        interval = stats.ttest_1samp(off, 0).confidence_interval()
        assert 1 - found.low == pytest.approx(interval.high, rel=0.01)
        assert found.high == 1
        ends[trainings] = found.holds
    assert ends == {2: False, 20: True}


def test_both_sides_are_timed_in_turn_after_a_round_that_does_not_count() -> None:
    calls: list[str] = []
    seconds = iter([100.0, 2.0, 4.0])

    def reckoned() -> float:
        calls.append("baseline")
        return next(seconds)

    ours, baseline = rates_in_turn(
        timed(lambda: calls.append("ours"), CPU), reckoned,
        ours_units=1, baseline_units=8, rounds=2,
    )  # fmt: skip
    assert calls == ["ours", "baseline"] * 3
    assert baseline == [4.0, 2.0]
    assert len(ours) == 2
    assert min(ours) > 0


def test_work_counts_products_forward_and_backward() -> None:
    layer = nn.Linear(30, 20, bias=False)
    x = torch.randn(10, 30)
    forward = work_of(lambda: layer(x))
    assert forward.flops == 2 * 10 * 30 * 20
    assert forward.bytes == 4 * (10 * 30 + 30 * 20 + 10 * 20)
    both = work_of(lambda: torch.autograd.backward(layer(x).sum()))
    assert both.flops == 2 * forward.flops, "the input needs no gradient"
    convolution = nn.Conv2d(3, 5, 3, padding=1, bias=False)
    with torch.no_grad():
        found = work_of(lambda: convolution(torch.randn(2, 3, 8, 8)))
    assert found.flops == 2 * 2 * 5 * 64 * 3 * 9


def test_the_limit_is_the_larger_of_arithmetic_and_traffic() -> None:
    ceilings = Ceilings(flops={"fp32": 100.0, "bf16": 200.0}, bytes=10.0)
    assert ceilings.rate(Work(flops=50.0, bytes=1.0), units=4) == 8
    assert ceilings.rate(Work(flops=50.0, bytes=20.0), units=4) == 2
    assert ceilings.rate(Work(flops=50.0, bytes=1.0, precision="bf16"), units=4) == 16
    measured = measure_ceilings(CPU)
    assert set(measured.flops) == ({"fp32", "bf16"} if has_bf16(CPU) else {"fp32"})
    assert min(measured.flops.values()) > 1e8
    assert measured.bytes > 1e8


def test_the_plain_loop_learns_and_hands_on_a_pool_with_labels() -> None:
    torch.manual_seed(0)
    pool = synthetic_pool(600, (1, 8, 8))
    vae = plain_vae.PlainVAE(64)
    first = plain_vae.train_vae(vae, as_tensors(pool), 1)
    assert plain_vae.train_vae(vae, as_tensors(pool), 10) < first
    made = plain_vae.generation(
        vae, plain_vae.ImagesThroughPIL(pool.images, pool.labels),
        epochs=1, num_images=50, num_classes=10, earlier=[plain_vae.fresh_classifier(64, 10)],
    )  # fmt: skip
    pixels, labels = made.tensors
    assert pixels.shape == (50, 64)
    assert labels.shape == (50,)


def test_images_through_pil_are_those_of_the_pool() -> None:
    pool = synthetic_pool(20, (1, 8, 8))
    through, kept = plain_vae.ImagesThroughPIL(pool.images, pool.labels), as_tensors(pool)
    for index in (0, 7):
        for one, other in zip(through[index], kept[index], strict=True):
            assert torch.equal(one, other)
    coloured = synthetic_pool(3, (3, 8, 8))
    shown = diffusers_recipe.PILImages(coloured.images)[1]
    np.testing.assert_allclose(shown, coloured.images[1] / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("tuned", [False, True])
def test_the_recipe_learns(tuned: bool) -> None:
    torch.manual_seed(0)
    network = nn.Conv2d(1, 1, 1)
    nn.init.zeros_(network.weight)
    calls = []

    def noise_of(x: Tensor, t: Tensor) -> Tensor:
        calls.append(len(x))
        made: Tensor = network(x)
        return made

    diffusers_recipe.train(
        noise_of, list(network.parameters()),
        diffusers_recipe.make_loader(
            synthetic_pool(300, (1, 8, 8)).images, tuned=tuned, device=CPU
        ),
        steps=30, tuned=tuned, device=CPU,
    )  # fmt: skip
    batch = diffusers_recipe.TUNED_BATCH if tuned else diffusers_recipe.STOCK_BATCH
    assert calls == [batch] * 30
    assert float(network.weight) > 0, "noise is most of a noisy image"


def test_bench_writes_and_prints_what_it_found(call: Call, tmp_path: Path) -> None:
    words = ("bench", "--quick", "--suite", "score", "--rounds", 1, "--device", "cpu")
    said = call(*words, "--json", "--out", tmp_path / "bench.json")
    assert said.code == 0
    (row,) = said.json["results"]
    assert {"suite", "name", "ours", "baseline", "unit", "ratio", "target", "holds"} <= set(row)
    assert row["name"] == "score/frechet"
    assert row["holds"] is (row["ratio"] >= row["target"])
    kept = json.loads((tmp_path / "bench.json").read_text())
    assert kept == said.json
    assert kept["ceilings"]["flops"]["fp32"] > 0


def test_bench_refuses_what_it_cannot_do(call: Call, tmp_path: Path) -> None:
    assert call("bench", "--suite", "nothing").code == 2
    assert call("bench", "--out", tmp_path).code == 2
    assert call("bench", "--device", "cuda").code == 7 or torch.cuda.is_available()


GUARDED = {
    "data": {"source": "digits"},
    "profile": {"kind": "exp", "num_max": 80, "imbalance": 0.2},
    "generator": {
        "network": "mlp", "width": 64, "depth": 2, "objective": "flow",
        "first_stage": {"kind": "pca", "dim": 16},
    },
    "training": {"steps": 300, "batch_size": 64, "learning_rate": 4e-3},
    "judge": {"steps": 150},
}  # fmt: skip


@pytest.mark.parametrize("broken", [False, True])
def test_a_fast_sampler_that_draws_other_images_than_the_exact_one_is_caught(
    broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken:
        monkeypatch.setitem(SAMPLING_PRESETS, ("fast", "flow"), {"sampler": "flow", "steps": 3})
    asked = []

    def made(config: Config, *rest: Any) -> Any:
        asked.append((config.sampling.preset, config.training.precision))
        return make_generator(config, *rest)

    monkeypatch.setattr(sampling_guard, "make_generator", made)
    shares, distance = presets_agree(parse_config(GUARDED), 1000, CPU, "digits")
    assert asked[1:] == [("fast", "auto"), ("exact", "fp32")]
    assert (shares.name, distance.name) == ("sample/guard-shares", "sample/guard-fd")
    for one in (shares, distance):
        assert one.holds is not broken


def test_a_chain_on_disk_is_timed_by_its_parts() -> None:
    small = load_config(find_config("mnist-lt-diffusion.yaml")).model_dump(by_alias=True)
    small["generator"] |= {"width": 8, "depth": 2}
    small["training"] |= {"steps": 6, "batch_size": 32}
    small["sampling"] |= {"steps": 2, "batch_size": 32}
    small["profile"] |= {"num_max": 40, "imbalance": 0.25}
    small["data"] |= {"judge_per_class": 20, "reference_per_class": 10}
    small["judge"] |= {"steps": 10}
    small["scores"] |= {"num_images": 64, "grid_images": 8}
    whole, outside = timed_chain(small, (1, 16, 16), 1500, CPU)
    assert (whole.name, outside.name) == ("generation/mnist-lt-diffusion", "generation/outside")
    assert 0 < whole.ours < 100
    assert whole.holds is (whole.ours >= 1 / MOST_SECONDS)
    assert 0 < outside.ours < 1
    assert not outside.holds, "scores of so little training take most of the time"


def test_fid_on_a_network_of_random_weights_is_timed() -> None:
    pytest.importorskip("torch_fidelity")
    row = inception(40, CPU, 1)
    assert row.name == "score/inception"
    assert 0 < row.ours < NUM_IMAGES / SECONDS_OF_FID
    assert not row.holds


NAMES = (
    "train/vae-synthetic", "train/vae-first", "train/unet-tuned", "sample/equal-steps",
    "sample/total", "score/frechet", "generation/vae", "generation/smoke", "pack/vae",
)  # fmt: skip


def test_the_kept_results_have_every_comparison() -> None:
    kept = json.loads((ROOT / "assets" / "bench" / "cpu-2-cores.json").read_text(encoding="utf-8"))
    assert set(NAMES) <= {one["name"] for one in kept["results"]}


def test_a_rate_is_held_against_what_is_wanted_or_the_limit_of_the_machine() -> None:
    row = result("a/b", [50.0], [10.0], unit="u", target=2.0, says="", limit=100.0)
    assert (against_bar(row, 1000.0).baseline, against_bar(row, 40.0).baseline) == (60, 40)
    assert [against_bar(row, wanted).holds for wanted in (1000.0, 40.0)] == [False, True]
    assert against_bar(row, 40.0).name == "a/b-rate"
    unlimited = result("a/b", [50.0], [10.0], unit="u", target=2.0, says="")
    assert against_bar(unlimited, 100.0).ratio == 0.5


def small_setting() -> Setting:
    return Setting(CPU, Ceilings({"fp32": 1e9}, 1e9), quick=True, rounds=1)


def test_a_stack_is_timed_and_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("CHAINS", 2), ("IMAGES", 1024), ("EPOCHS", 10)):
        monkeypatch.setattr(packing_suite, f"GUARDED_{name}", value)
    timed_row, guarded = packing_suite._stacked(small_setting(), 2, 1024, 1)
    assert (timed_row.name, guarded.name) == ("pack/vae", "pack/guard")
    assert timed_row.ours > 0
    assert guarded.ratio > 0.99


@pytest.mark.parametrize(("rate", "holds"), [(1.0, True), (1.2, False)])
def test_a_way_that_learns_otherwise_fails_the_guard(
    rate: float, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def every_other(task: Task) -> Trained:
        nonlocal calls
        calls += 1
        given = task.config.model_copy(
            update={
                "precision": "fp32",
                "learning_rate": task.config.learning_rate * (rate if calls % 2 else 1.0),
            }
        )
        return train(replace(task, config=given))

    monkeypatch.setattr(training_suite, "train", every_other)
    found = training_suite._guard(
        "train/x", lambda: make_vae(small_setting(), 20), synthetic_pool(512, (1, 28, 28)), "it", 3
    )
    assert calls == 6
    assert found.holds is holds


def test_the_table_of_the_readme_is_that_of_the_kept_results() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in sorted((ROOT / "assets" / "bench").glob("*.json")):
        kept = json.loads(path.read_text(encoding="utf-8"))
        assert as_table(kept["results"], "markdown") in readme, f"{path.name} is not in the README"


def test_rows_and_table_say_the_same() -> None:
    found = result("a/b", [2.0], [1.0], unit="u", target=3.0, says="", limit=4.0)
    for style in ("plain", "markdown"):
        table = as_table(as_rows([found]), style)
        assert "a/b" in table
        assert "3 MISSED" in table
        assert "50 %" in table
