"""``imgcollapse null`` in words and JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from imgcollapse.cli import app
from imgcollapse.errors import ConfigError
from imgcollapse.metrics.drift import branching_extinction

ISSUE = "--counts 5,10,20,50 --pool 2000 --generations 20 --chains 2000"


def run(words: str) -> str:
    done = CliRunner().invoke(app, ["null", *words.split()], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def facts(words: str) -> Any:
    return json.loads(run(f"{words} --json"))


def refused(words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(app, ["null", *words.split()], catch_exceptions=False)
    assert caught.value.exit_code == 2
    return f"{caught.value.message} {caught.value.hint}"


def test_a_row_for_each_listed_class_and_a_column_for_each_generation() -> None:
    """2,000 chains: within 4 standard errors of the branching process, and 0.02 for N = 2,000."""
    found = facts(ISSUE)
    assert found["counts"] == [5, 10, 20, 50]
    extinct = np.array(found["extinct"])
    assert extinct.shape == (4, 20)
    assert (np.diff(extinct, axis=1) >= 0).all()
    exact = branching_extinction(np.array([5, 10, 20, 50]), 20)
    assert np.abs(extinct - exact).max() < 0.02 + 4 * 0.0112
    assert found["branching"] == exact.tolist()
    assert found["asymptote"][0][9] == pytest.approx(np.exp(-1))
    assert found["median_extinction"][0] in (11, 12, 13, 14)
    assert found["median_extinction"][3] is None
    assert np.array(found["shares"]).shape == (4, 21, 3)


def test_a_seed_says_it_all() -> None:
    assert facts(f"{ISSUE} --seed 3") == facts(f"{ISSUE} --seed 3")
    assert facts(f"{ISSUE} --seed 3")["extinct"] != facts(f"{ISSUE} --seed 4")["extinct"]


def test_the_table_shows_chance_beside_its_limits() -> None:
    said = run(ISSUE)
    assert "policy replace, 2,000 images, 2,000 chains" in said
    for word in ("exact", "branching", "exp(-2c/k)"):
        assert said.count(f"  {word} ") == 4
    row = next(line for line in said.splitlines() if " 20 " in line and "exact" in line)
    assert row.split()[:3] == ["20", ">20", "exact"]
    assert "0.25 %" in said


@pytest.mark.parametrize("policy", ["accumulate", "accumulate-subsample", "mix"])
def test_with_real_images_in_the_pool_nothing_is_gone_for_good(policy: str) -> None:
    found = facts(f"{ISSUE} --policy {policy}")
    assert found["policy"]["preset"] == policy
    assert np.array(found["extinct"]).max() == 0
    lacking = np.array(found["absent"])[0, -1]
    assert (lacking == 0) == (policy == "accumulate")
    assert "lacking" in run(f"{ISSUE} --policy {policy}")


def test_the_real_fraction_is_heard() -> None:
    few = facts(f"{ISSUE} --policy mix --real-fraction 0.1")
    many = facts(f"{ISSUE} --policy mix --real-fraction 0.9")
    assert few["policy"]["real_fraction"] == 0.1
    assert few["absent"][0][-1] > many["absent"][0][-1]


def test_a_config_gives_classes_sizes_and_policy(tiny_yaml: Path) -> None:
    found = facts(f"{tiny_yaml} --chains 300")
    assert found["classes"][0] == "golden-retriever"
    assert found["counts"][0] == 60
    assert found["pool"] == sum(found["counts"])
    assert found["policy"]["preset"] == "replace"
    assert found["generations"] == 2
    assert np.array(found["scored"]).shape == (10, 3, 3)
    mixed = facts(f"{tiny_yaml} --chains 300 --set policy.preset=mix --generations 4")
    assert mixed["policy"]["preset"] == "mix"
    assert np.array(mixed["extinct"]).shape == (10, 4)
    assert "golden-retriever" in run(f"{tiny_yaml} --chains 300")


def test_the_closed_forms_stand_beside_what_they_are_about_only(tiny_yaml: Path) -> None:
    plain = f"{tiny_yaml} --chains 100"
    assert "exp(-2c/k)" in run(plain)
    assert "exp(-2c/k)" in run(f"{plain} --set policy.window=1")
    for other in ("policy.window=2", "policy.cap=30", "policy.real=fresh", "sampling.num_images=9"):
        said = run(f"{plain} --set {other}")
        assert "exp(-2c/k)" not in said
        assert "lacking" in said


def test_hoarded_classes_may_die_once_the_hoard_is_gone(tiny_yaml: Path) -> None:
    hoard = "--set policy.real=hoarded --set policy.hoarded_until=4 --set policy.cap=30"
    found = facts(f"{tiny_yaml} --chains 500 --generations 8 {hoard}")
    extinct = np.array(found["extinct"]).max(0)
    assert extinct[:2].max() == 0
    assert extinct[-1] > 0.5


def test_filters_and_repairs_are_said_to_have_no_part(tiny_yaml: Path) -> None:
    selected = f'{tiny_yaml} --chains 50 --set policy.repairs=[{{"kind":"select"}}]'
    assert "the filter and the repairs have no part in it" in run(selected)
    assert "no part" not in run(f"{tiny_yaml} --chains 50")


def test_ten_billion_images_are_no_more_work() -> None:
    found = facts("--counts 10,20 --pool 10000000000 --generations 10 --chains 2000")
    assert found["pool"] == 10**10
    assert found["extinct"][0][9] == pytest.approx(0.17, abs=0.04)
    assert found["extinct"][1][9] == pytest.approx(0.032, abs=0.02)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "needs a CONFIG or --counts"),
        ("--counts 5,x", "not a list of whole numbers"),
        ("--counts 5,,3", "not a list of whole numbers"),
        ("--counts 0,3", "at least one image"),
        ("--counts -4,3", "at least one image"),
        ("--counts 5,10 --pool 12", "hold 15 images, --pool only 12"),
        ("--counts 5 --pool 10000000000000", "more than"),
        ("--counts 5 --policy keep", "'keep'"),
        ("--counts 5 --real-fraction 0.5", "real_fraction needs"),
        ("--counts 5 --policy mix --real-fraction 1.5", "less than 1"),
        ("--counts 5 --set seed=3", "--set goes with a CONFIG"),
        ("--counts 5,5 --chains 99999999", "do not fit into memory"),
        ("demo.yaml --counts 5", "--counts does not go with a CONFIG"),
        ("demo.yaml --policy mix", "--policy does not go with a CONFIG"),
        ("none.yaml", "no config file"),
        ("demo.yaml --set data.source=files", "only the images themselves"),
        (
            "kennel-vae.yaml --set policy.preset=replace --set policy.pool=on-the-fly",
            "no fixed pool",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(words: str, says: str) -> None:
    assert says in refused(words)
