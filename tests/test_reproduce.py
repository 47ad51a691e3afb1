"""``reproduce``: closed forms of its experiments, its command, and the committed tables."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import TINY, Call, SilentReporter

from imgcollapse.cli.reproduce import NAMES
from imgcollapse.config_file import parse_config
from imgcollapse.config_layers import find_study, shipped_studies
from imgcollapse.data.splits import make_splits
from imgcollapse.errors import ConfigError, Stopped
from imgcollapse.figures.curves import select
from imgcollapse.generators.vae import VAE
from imgcollapse.metrics.drift import simulate_null
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.audit import audit
from imgcollapse.study.claims import CLAIMS
from imgcollapse.study.claims.claim import to_csv
from imgcollapse.study.experiments import EXPERIMENTS, drift, refit, sampler
from imgcollapse.study.latent_deviation import deviations, latent_points
from imgcollapse.study.reproduction import TITLES, conclude
from imgcollapse.study.run import run_to_disk
from imgcollapse.study.sampler_shift import shift_points, slope_of
from imgcollapse.study.study_file import read_study

TABLES = Path(__file__).parents[1] / "assets" / "tables"
STUDIES = sorted(set(CLAIMS) - set(EXPERIMENTS))
SMALL = {
    "drift": ["chains=40"],
    "shumailov-gaussian": [
        "repetitions=400", "generations=120", "mixtures=3", "mixture_generations=20",
    ],
}  # fmt: skip


class Silent:
    def __init__(self, stop_after: int = 10**9) -> None:
        self.left = stop_after

    def message(self, text: str) -> None: ...

    def should_stop(self) -> bool:
        self.left -= 1
        return self.left < 0


def test_the_names_of_the_command_have_claims_titles_and_something_behind_them() -> None:

    assert set(NAMES) == set(CLAIMS) == set(TITLES)
    assert all((shipped_studies() / f"{name}.yaml").is_file() for name in STUDIES)


@pytest.mark.parametrize("ddof", [0, 1])
def test_moments_of_a_refitted_gaussian_are_the_closed_forms(ddof: int) -> None:
    random = np.random.default_rng(0)
    n, generations, repetitions = 10, 6, 200_000
    mean, variance = np.zeros(repetitions), np.ones(repetitions)
    for _ in range(generations):
        drawn = mean + np.sqrt(variance) * random.standard_normal((n, repetitions))
        mean, variance = drawn.mean(0), drawn.var(0, ddof=ddof)
    found = (variance, np.log(variance), mean**2)
    forms = (refit.expected_variance, refit.expected_log_variance, refit.expected_error)
    for values, form in zip(found, forms, strict=True):
        error = values.std() / np.sqrt(repetitions)
        assert abs(values.mean() - form(n, generations, ddof)) < 4 * error, form.__name__


def test_the_closed_forms_in_words() -> None:
    assert refit.expected_variance(100, 50, 0) == pytest.approx(0.99**50)
    assert refit.expected_variance(100, 50, 1) == 1
    assert refit.expected_error(100, 50, 0) == pytest.approx(1 - 0.99**50)
    assert refit.expected_log_variance(100, 50, 1) < 0


def test_curves_of_the_refit_lie_on_the_closed_forms() -> None:
    size = refit.Size(repetitions=4000, generations=20, mixtures=2, mixture_generations=2)
    for name in ("variance", "log variance", "squared error of the mean"):
        for point in select(refit.measure(size, Silent()), name):
            assert point.low is not None
            assert point.expected is not None
            half = point.value - point.low
            assert abs(point.value - point.expected) < 2 * half, point


def test_a_mode_that_nothing_is_near_is_lost() -> None:
    assert refit.shares_near(refit.MODES) == pytest.approx([0.25] * 4)
    assert refit.shares_near(refit.MODES[:2]) == pytest.approx([0.5, 0.5, 0, 0])
    assert refit.shares_near(np.full((5, 2), 40.0)) == pytest.approx([0] * 4)


def test_chains_that_copy_lose_classes_as_wright_and_fisher_say() -> None:
    size = drift.Size(chains=60, generations=12)
    points = drift.measure(size, Silent())
    null = simulate_null(
        np.array([*drift.COUNTS, drift.POOL - sum(drift.COUNTS)]),
        PolicyConfig.model_validate({"preset": "replace"}),
        drift.POOL,
        generations=12,
        chains=20_000,
        seed=1,
    )
    for row, count in enumerate(drift.COUNTS):
        for point in select(points, "extinct", f"{count} images"):
            assert point.expected is not None
            exact = null.extinct[row, int(point.x) - 1]
            assert point.expected == pytest.approx(exact, abs=0.015)
            deviation = np.sqrt(exact * (1 - exact) / (60 * drift.CLASSES_EACH)) + 1e-3
            assert abs(point.value - point.expected) < 5 * deviation, point


@pytest.mark.parametrize("name", ["drift", "shumailov-gaussian"])
def test_an_experiment_that_is_interrupted_stops(name: str) -> None:
    experiment = EXPERIMENTS[name]
    with pytest.raises(Stopped, match="stopped") as stopped:
        experiment.measure(experiment.quick, Silent(stop_after=3))
    assert stopped.value.exit_code == 75


@pytest.mark.parametrize("name", list(SMALL))
def test_an_experiment_is_reproduced_and_drawn(name: str, call: Call, tmp_path: Path) -> None:
    words = ["reproduce", name, "--quick", "--out", "made"]
    words += [word for one in SMALL[name] for word in ("--set", one)]
    done = call(*words)
    assert done.code == 0, done.err
    assert "expected" in done.out
    assert "chains of 20 classes" in done.out or "repetitions" in done.out
    made = tmp_path / "made"
    rows = list(csv.DictReader((made / "claims.csv").read_text(encoding="utf-8").splitlines()))
    assert all(row["claim"] in done.out for row in rows)
    assert {row["holds"] for row in rows} <= {"yes", "not shown", "contradicted"}
    first = {path.name: path.read_bytes() for path in made.rglob("*") if path.is_file()}
    assert {"curve.csv", "claims.md", "curves.png", "curves.pdf"} <= set(first)
    measured = (made / "curve.csv").stat().st_mtime_ns
    again = call(*words, "--json")
    assert [row["holds"] for row in again.json["claims"]] == [row["holds"] for row in rows]
    assert (made / "curve.csv").stat().st_mtime_ns == measured
    assert {p.name: p.read_bytes() for p in made.rglob("*") if p.is_file()} == first
    other = call(*words, "--set", SMALL[name][0] + "0")
    assert other.code == 2
    assert "another size" in other.err
    (made / "curve.csv").write_text("x\n", encoding="utf-8")
    assert call(*words).code == 4


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["nothing"], 2, "one of crowding"),
        (["drift", "--set", "chain=3"], 2, "did you mean chains"),
        (["drift", "--set", "chains=1"], 2, "chains"),
        (["drift", "--out", "full"], 2, "something else"),
        (["crowding", "--quick", "--set", "generations=none"], 2, "generations"),
        (["shumailov-vae", "--quick"], 3, "mnist"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_written(
    words: list[str], code: int, says: str, call: Call, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("IMGCOLLAPSE_DATA", str(tmp_path / "no data"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine", encoding="utf-8")
    done = call("reproduce", *words)
    assert done.code == code, done.err
    assert says in done.err.lower()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("quick", [True, False])
def test_studies_are_large_enough_for_an_interval(name: str, quick: bool) -> None:
    study = read_study(find_study(name), quick=quick)
    assert len(study.seeds) >= (3 if quick else 5)
    assert len(set(study.arms)) == len(study.arms)


@pytest.mark.parametrize("name", ["crowding", "goldens", "accumulate"])
def test_samplers_of_studies_of_shares_pass_their_audit(name: str) -> None:
    for point in select(shift_points(read_study(find_study(name), quick=True).arms), "shift"):
        assert point.low is not None
        assert point.high is not None
        assert -0.05 <= point.low <= point.high <= 0.05, point


def test_the_slope_of_a_sampler_is_the_crowding_that_its_shifts_make() -> None:
    config = read_study(find_study("crowding"), quick=True).arms["replace"]
    rows = [row for row in audit(config, least=False).rows if "own profile" in row.geometry]
    tilted = [
        type(row)(**{**row.__dict__, "shift": 0.3 * np.log(row.truth), "low": 0, "high": 0})
        for row in rows
    ]
    assert slope_of(tilted)[0] == pytest.approx(0.3)
    flat = [type(row)(**{**row.__dict__, "shift": 0.2}) for row in rows]
    assert slope_of(flat)[0] == pytest.approx(0)


def test_latents_are_those_of_the_first_encoder(tmp_path: Path, finished: Path) -> None:

    values = yaml.safe_load(TINY) | {
        "generator": {"kind": "vae", "width": 8, "latent": 4},
        "training": {"steps": 5, "batch_size": 16},
    }
    run = run_to_disk(parse_config(values), tmp_path / "run", SilentReporter())
    found = deviations(run)
    assert list(found) == [-1, 0, 1]
    real = make_splits(run.config()).pool

    vae = VAE(run.config(), real.image_shape, real.classes, torch.device("cpu"))
    vae.load(tmp_path / "run" / "gen_000" / "model")
    assert found[-1] == pytest.approx(float(vae.latents(real).std()), rel=1e-4)
    points = latent_points([("vae", 0, run.path), ("vae", 1, run.path)])
    assert len(select(points, "latent deviation of a chain")) == 6
    assert [one.n for one in select(points, "latent deviation")] == [2, 2, 2]
    with pytest.raises(ConfigError, match="only a vae"):
        deviations(RunDirectory(finished))


@pytest.mark.parametrize("name", sorted(path.name for path in TABLES.glob("*")))
def test_claims_follow_from_the_committed_tables(name: str, tmp_path: Path) -> None:
    if name not in CLAIMS:
        pytest.skip("no named reproduction")
    held = (TABLES / name / "claims.csv").read_text(encoding="utf-8")
    assert to_csv(CLAIMS[name](TABLES / name)) == held
    assert sum(path.stat().st_size for path in (TABLES / name).iterdir()) < 1.5e6


@pytest.mark.long
def test_the_table_of_samplers_is_reproduced(tmp_path: Path) -> None:
    points = sampler.measure(sampler.QUICK, Silent())
    assert {one.curve for one in points} == {"share of 10 %", "shift"}
    assert all(one.low is not None and one.high is not None for one in points)
    assert {one.setting for one in select(points, "shift")} >= {"defaults", "demo", "goldens"}


TINY_STUDY = [
    "quick.seeds=2", "generations=2", "training.steps=20", "judge.steps=30",
    "scores.num_images=120", "profile.num_max=40",
    "data.judge_per_class=30", "data.reference_per_class=20",
]  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("name", ["crowding", "accumulate", "mad-lambda"])
def test_a_study_is_reproduced_and_its_claims_made_again_from_tables_alone(
    name: str, call: Call, tmp_path: Path
) -> None:
    words = ["reproduce", name, "--quick", "--out", "made", "--workers", 1]
    for one in TINY_STUDY:
        words += ["--set", one]
    done = call(*words)
    assert done.code == 0, done.err
    made = tmp_path / "made"
    alone = tmp_path / "alone"
    alone.mkdir()
    for path in [*made.glob("*.csv"), made / "study.yaml"]:
        shutil.copy(path, alone)
    assert conclude(name, alone, "x") == CLAIMS[name](made)
    assert call(*words, "--json").json["claims"]
