"""Claims: the rule that decides them, and every one of them on tables whose truth is known."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from imgcollapse.errors import ConfigError, CorruptError, NumericalError
from imgcollapse.figures.curves import FILE, Point, read_points, write_points
from imgcollapse.study.claims import CLAIMS
from imgcollapse.study.claims.chains import Chains, all_but_head, head, rarer_half
from imgcollapse.study.claims.claim import (
    NEGATIVE,
    POSITIVE,
    Claim,
    Measured,
    Region,
    about,
    over_chains,
    to_csv,
    to_markdown,
    to_text,
)

YES, NOT_SHOWN, CONTRADICTED = "yes", "not shown", "contradicted"
NUMBERS = st.floats(-10, 10)


@pytest.mark.parametrize(
    ("region", "low", "high", "verdict"),
    [
        (POSITIVE, 0.1, 0.2, YES),
        (POSITIVE, 0.0, 0.2, NOT_SHOWN),
        (POSITIVE, 0.0, 0.0, NOT_SHOWN),
        (NEGATIVE, 0.0, 0.0, NOT_SHOWN),
        (POSITIVE, -0.1, 0.2, NOT_SHOWN),
        (POSITIVE, -0.2, -0.1, CONTRADICTED),
        (NEGATIVE, -0.2, -0.1, YES),
        (NEGATIVE, 0.1, 0.2, CONTRADICTED),
        (about(1, 0.1), 0.95, 1.05, YES),
        (about(1, 0.1), 0.9, 1.1, YES),
        (about(1, 0.1), 0.5, 1.5, NOT_SHOWN),
        (about(1, 0.1), 0.95, 1.2, NOT_SHOWN),
        (about(1, 0.1), 1.2, 1.3, CONTRADICTED),
    ],
)
def test_the_interval_decides(region: Region, low: float, high: float, verdict: str) -> None:
    assert region.verdict(low, high) == verdict
    claim = Claim("it is so", region, Measured((low + high) / 2, low, high, 5, "chains"))
    assert claim.holds == verdict


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_wider_interval_never_decides_more(a: float, b: float, c: float, d: float) -> None:
    low, high = sorted((a, b))
    region = Region(*sorted((c, d)))
    narrow, wide = region.verdict(low, high), region.verdict(low - 1, high + 1)
    assert wide in (narrow, NOT_SHOWN)


def test_intervals_over_chains_are_those_of_student() -> None:
    values = [0.1, 0.4, 0.2, 0.3]
    found = over_chains(values)
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.value, found.low, found.high) == pytest.approx((0.25, low, high))
    assert (found.n, found.unit) == (4, "chains")
    with pytest.raises(NumericalError, match="two or more"):
        over_chains([0.1])


def test_what_is_not_finite_or_not_in_its_interval_is_no_claim() -> None:
    with pytest.raises(NumericalError, match="not finite"):
        Claim("x", POSITIVE, Measured(1.0, math.nan, 2.0, 3, "chains"))
    with pytest.raises(NumericalError, match="not in its interval"):
        Claim("x", POSITIVE, Measured(3.0, 1.0, 2.0, 3, "chains"))


def test_the_table_says_the_same_as_text_markdown_and_csv() -> None:
    claims = [
        Claim("common crowds out rare", POSITIVE, Measured(0.1, 0.05, 0.15, 5, "chains")),
        Claim("it is one", about(1, 0.1), Measured(2.0, 1.5, 2.5, 1000, "repetitions")),
    ]
    text = to_text(claims)
    assert len({line.index("n  ") for line in text.splitlines()[:1]}) == 1
    assert "0.1 (0.05 to 0.15)" in text
    assert "1,000 repetitions" in text
    rows = list(csv.DictReader(to_csv(claims).splitlines()))
    assert [row["holds"] for row in rows] == [YES, CONTRADICTED]
    assert rows[0]["expected"] == "above 0"
    assert rows[1]["expected"] == "0.9 to 1.1"
    page = to_markdown(claims, "Title", "Made so.")
    assert "| common crowds out rare | above 0 | 0.1 (0.05 to 0.15) | 5 chains | yes |" in page


def test_classes_are_chosen_by_what_they_began_with() -> None:
    counts = {"a": 5, "b": 90, "c": 20, "d": 1, "e": 50}
    assert head(counts) == ["b"]
    assert all_but_head(counts) == ["a", "c", "d", "e"]
    assert rarer_half(counts) == ["a", "d"]


def test_points_come_back_as_they_were(tmp_path: Path) -> None:
    points = [
        Point("extinct", "5 images", 1.0, 0.25, 0.2, 0.3, 20, 0.26),
        Point("asymptote", "5 images", 1.0, 0.5),
    ]
    (tmp_path / FILE).write_text(write_points(points), encoding="utf-8")
    assert read_points(tmp_path) == points


@pytest.mark.parametrize(
    "text", ["", "a,b\n1,2\n", write_points([]) + "x,y,z\n", write_points([]) + "x,y,1,,,,,\n"]
)
def test_a_broken_table_is_corrupt(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(CorruptError, match=r"curve\.csv"):
        read_points(tmp_path)


Truth = Callable[[str, int, str, str], float]
"""A score by arm, generation, metric and class, about which chains vary."""
SCORES = ("crowding", "reject", "precision", "recall", "fd_judge", "classes_alive")
COUNTS = {"golden": 900, "poodle": 60, "collie": 30, "beagle": 10}


def write_study(folder: Path, arms: list[str], truth: Truth, num: int = 6) -> None:
    """Tables of a study of four generations whose chains lie 0.001 around the truth."""
    head = "arm,seed,generation,metric,class,reference,value,low,high,n,extractor"
    lines, counts = [head], ["arm,seed,class,count"]
    named = [(metric, "") for metric in SCORES] + [("share_raw", name) for name in COUNTS]
    for arm in arms:
        for seed in range(num):
            counts += [f"{arm},{seed},{name},{count}" for name, count in COUNTS.items()]
            away = 0.001 * (-1) ** seed * (1 + seed)
            for generation in range(4):
                for metric, class_ in named:
                    value = truth(arm, generation, metric, class_) + away
                    lines.append(
                        f"{arm},{seed},{generation},{metric},{class_},balanced,99,,,100,x"
                        if metric == "fd_judge"
                        else f"{arm},{seed},{generation},{metric},{class_},,{value!r},,,100,x"
                    )
                    if metric == "fd_judge":
                        line = f"{arm},{seed},{generation},{metric},{class_},initial,{value!r}"
                        lines.append(f"{line},,,100,x")
    (folder / "study.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "study.yaml").write_text(f"control: {arms[0]}\n", encoding="utf-8")
    (folder / "counts.csv").write_text("\n".join(counts) + "\n", encoding="utf-8")


def collapse(strength: dict[str, float]) -> Truth:
    """Arms that lose everything by so much for each generation."""

    def truth(arm: str, generation: int, metric: str, class_: str) -> float:
        lost = strength[arm] * generation
        if metric == "share_raw":
            began = COUNTS[class_] / 1000
            return began + (0.9 if class_ == "golden" else -0.3) * lost * 0.1
        rising = {"crowding": 5 * strength[arm], "reject": 0.1 * lost, "fd_judge": 1 + lost}
        falling = {"precision": 0.9, "recall": 0.9, "classes_alive": 3.0}
        return rising[metric] if metric in rising else falling[metric] - lost

    return truth


ARMS = {
    "crowding": {"replace": 0.1, "chance": 0.0, "real-only": 0.0},
    "goldens": {"replace": 0.1, "chance": 0.0, "mix": 0.05},
    "mad-lambda": {"unbiased": 0.1, "biased": 0.2, "fixed-real": 0.05},
    "accumulate": {"replace": 0.1, "accumulate-subsample": 0.05, "accumulate": 0.01},
}


def verdicts(name: str, folder: Path) -> dict[str, str]:
    return {one.claim.partition(":")[0]: one.holds for one in CLAIMS[name](folder)}


def write_audit(folder: Path, shift: float) -> None:
    points = [
        Point("shift", "replace", 15.0, shift, shift - 0.001, shift + 0.001, None, 0.0),
        Point("crowding of the sampler", "replace", 15.0, shift, shift - 0.001, shift + 0.001),
    ]
    (folder / FILE).write_text(write_points(points), encoding="utf-8")


def test_crowding_holds_where_common_classes_crowd_out_rare_ones(tmp_path: Path) -> None:
    write_study(tmp_path, list(ARMS["crowding"]), collapse(ARMS["crowding"]))
    write_audit(tmp_path, -0.03)
    assert set(verdicts("crowding", tmp_path).values()) == {YES}


def test_crowding_is_contradicted_by_the_opposite_and_not_shown_by_nothing(tmp_path: Path) -> None:
    opposite = {arm: -strength for arm, strength in ARMS["crowding"].items()}
    write_study(tmp_path, list(opposite), collapse(opposite))
    write_audit(tmp_path, 0.2)
    found = verdicts("crowding", tmp_path)
    assert found["common classes crowd out rare ones"] == CONTRADICTED
    assert found["more than chance"] == CONTRADICTED
    assert found["the sampler alone does not"] == CONTRADICTED
    assert found["the rarer half of the classes shrinks"] == CONTRADICTED
    write_study(tmp_path, list(opposite), collapse(dict.fromkeys(opposite, 0.0)))
    found = verdicts("crowding", tmp_path)
    assert found["common classes crowd out rare ones"] == NOT_SHOWN
    assert found["chance alone does not"] == YES


@pytest.mark.parametrize("name", ["mad-lambda", "accumulate", "goldens"])
def test_directions_hold_and_are_contradicted_in_a_mirror(tmp_path: Path, name: str) -> None:
    write_study(tmp_path, list(ARMS[name]), collapse(ARMS[name]))
    straight = verdicts(name, tmp_path)
    turned = {arm: -strength for arm, strength in ARMS[name].items()}
    write_study(tmp_path, list(turned), collapse(turned))
    mirrored = verdicts(name, tmp_path)
    directions = [
        one.claim.partition(":")[0]
        for one in CLAIMS[name](tmp_path)
        if one.expected in (POSITIVE, NEGATIVE)
    ]
    assert len(directions) >= 3
    for one in directions:
        if "more precision" not in one:
            assert (straight[one], mirrored[one]) == (YES, CONTRADICTED), one
        else:
            assert (straight[one], mirrored[one]) == (CONTRADICTED, YES)


def test_goldens_alone_are_seen_to_be_alone(tmp_path: Path) -> None:
    def alone(arm: str, generation: int, metric: str, class_: str) -> float:
        gone = arm == "replace" and generation == 3
        if metric == "share_raw":
            return (0.9 if gone else 0.8) if class_ == "golden" else (0.0 if gone else 0.05)
        return 0.09 if metric == "reject" else 1.0 if gone else 4.0

    write_study(tmp_path, ["replace", "chance", "mix"], alone)
    assert verdicts("goldens", tmp_path)["breeds are lost"] == YES
    assert verdicts("goldens", tmp_path)["the nine other breeds are all but gone"] != CONTRADICTED


def test_a_loss_that_cannot_be_seen_contradicts_nothing(tmp_path: Path) -> None:
    """All breeds are alive in every chain, because so few images could not show their loss."""

    def rare(arm: str, generation: int, metric: str, class_: str) -> float:
        return 0.25 if metric == "share_raw" else 0.1 if metric == "reject" else 4.0

    write_study(tmp_path, ["replace", "chance", "mix"], rare)
    table = tmp_path / "study.csv"
    lines = table.read_text(encoding="utf-8").splitlines()
    alive = [
        line.replace(",,,100,x", ",1,4,100,x") if ",classes_alive," in line else line
        for line in lines
    ]
    table.write_text("\n".join(alive) + "\n", encoding="utf-8")
    (found,) = [one for one in CLAIMS["goldens"](tmp_path) if "breeds are lost" in one.claim]
    assert found.holds != CONTRADICTED
    assert found.measured.low < 3


def test_differences_are_paired_over_the_seeds_that_both_arms_have(tmp_path: Path) -> None:
    write_study(tmp_path, list(ARMS["accumulate"]), collapse(ARMS["accumulate"]))
    text = (tmp_path / "study.csv").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if not line.startswith("accumulate,5,3,")]
    (tmp_path / "study.csv").write_text("\n".join(kept) + "\n", encoding="utf-8")
    chains = Chains.read(tmp_path)
    assert chains.seeds("accumulate") == [0, 1, 2, 3, 4]
    found = chains.difference(chains.score("fd_judge"), "replace", "accumulate")
    assert (found.n, found.unit) == (5, "pairs of chains")
    assert found.value == pytest.approx(0.27)
    assert found.high - found.low < 1e-9  # the chains of a pair vary together


def test_a_table_without_what_a_claim_needs_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a study"):
        CLAIMS["accumulate"](tmp_path)
    write_study(tmp_path, ["replace"], collapse({"replace": 0.1}))
    with pytest.raises(CorruptError, match="accumulate-subsample missing"):
        CLAIMS["accumulate"](tmp_path)
    text = (tmp_path / "study.csv").read_text(encoding="utf-8")
    (tmp_path / "study.csv").write_text(text.replace("fd_judge", "fid"), encoding="utf-8")
    with pytest.raises(CorruptError, match="has no fd_judge"):
        CLAIMS["accumulate"](tmp_path)


def latents(first: float, later: float) -> str:
    points = []
    for seed in range(5):
        away = 0.002 * (seed - 2)
        for generation in range(6):
            value = first + (later - first) * generation / 5 + away
            setting = f"on-the-fly seed {seed}"
            points.append(Point("latent deviation of a chain", setting, generation, value))
    return write_points(points)


@pytest.mark.parametrize(
    ("first", "later", "verdict"),
    [
        (0.685, 0.45, [YES] * 4),
        (0.685, 0.685, [YES, CONTRADICTED, NOT_SHOWN, CONTRADICTED]),
        (0.8, 0.53, [CONTRADICTED, CONTRADICTED, YES, YES]),
    ],
)
def test_latents_that_shrink(
    tmp_path: Path, first: float, later: float, verdict: list[str]
) -> None:
    (tmp_path / FILE).write_text(latents(first, later), encoding="utf-8")
    found = [one.holds for one in CLAIMS["shumailov-vae"](tmp_path)]
    assert found == verdict
