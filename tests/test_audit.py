"""The audit of a config's sampler: its rule, its geometry, its command."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from imgcollapse import cli
from imgcollapse.config import Config
from imgcollapse.config_file import load_config, parse_config
from imgcollapse.config_layers import find_config, list_configs
from imgcollapse.study.audit import (
    Audit,
    Row,
    audit,
    audit_rows,
    geometries,
    least_steps,
    profile_shares,
)

WHITENED = {"kind": "diffusion", "network": "mlp", "first_stage": {"kind": "pca", "dim": 32}}


def config(sampler: str, steps: int, objective: str = "v", **sampling: Any) -> Config:
    return parse_config(
        {
            "generator": {**WHITENED, "objective": objective},
            "sampling": {"sampler": sampler, "steps": steps, **sampling},
        }
    )


@pytest.mark.parametrize("path", list_configs(), ids=lambda one: one.stem)
def test_every_shipped_config_passes(path: Path) -> None:
    found = audit(load_config(path), least=False)
    assert found.passes, found.sentence()


def test_the_defaults_pass() -> None:
    assert audit(Config(), least=False).passes


@pytest.mark.parametrize(
    ("sampler", "steps", "sampling", "passes"),
    [
        ("ddpm", 10, {"variance": "fixed_small"}, False),
        ("dpm++", 20, {}, False),
        ("dpm++", 35, {}, True),
        ("unipc", 30, {}, True),
        ("euler", 20, {}, False),
        ("ddim", 50, {}, False),
    ],
)
def test_what_passes_and_what_does_not(
    sampler: str, steps: int, sampling: dict[str, Any], passes: bool
) -> None:
    assert audit(config(sampler, steps, **sampling), least=False).passes is passes


def test_a_narrower_start_fails_whatever_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imgcollapse.study.audit.STEPS", (30, 100))
    sampling: dict[str, Any] = {"lambda": 0.85}
    narrow = config("unipc", 30, **sampling)
    found = audit(narrow)
    assert not found.passes
    assert found.least_steps is None
    assert "none up to 1000" in found.sentence()


def test_rows_hold_a_shift_of_log_odds_within_its_limits() -> None:
    found = audit(config("unipc", 12, "flow"), least=False)
    assert len(found.rows) == 14
    for name in {row.geometry for row in found.rows}:
        rows = [row for row in found.rows if row.geometry == name]
        assert sum(row.share for row in rows) == pytest.approx(1, abs=1e-6)
        assert sum(row.truth for row in rows) == pytest.approx(1)
    for row in found.rows:
        odds = row.share / (1 - row.share) / (row.truth / (1 - row.truth))
        assert math.exp(row.shift) == pytest.approx(odds)
        assert row.low <= row.shift <= row.high <= row.low + 0.04
        assert row.passes == (row.low >= -0.05 and row.high <= 0.05)


def test_it_passes_only_when_every_interval_lies_within_the_tolerance() -> None:
    found = audit(config("heun", 12, "flow"), least=False)
    assert sum(not row.passes for row in found.rows) == 1
    assert not found.passes
    assert found.worst is not None
    assert found.worst.truth == min(row.truth for row in found.rows)


def test_the_least_number_of_steps_passes_and_one_less_does_not() -> None:
    settings = config("heun", 12, "flow")
    shapes = geometries(settings)
    least = least_steps(settings, shapes)
    assert least == 13

    def passes(steps: int) -> bool:
        return all(row.passes for one in shapes for row in audit_rows(settings, one, steps))

    assert passes(13)
    assert not passes(12)


def test_two_audits_are_the_same() -> None:
    settings = config("heun", 18)
    assert audit(settings, least=False) == audit(settings, least=False)
    chain = config("ddpm", 8)
    first, again = (audit_rows(chain, geometries(chain)[0], 8) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("kind", ["bootstrap", "gaussian", "vae"])
def test_a_generator_without_steps_has_nothing_to_audit(kind: str) -> None:
    found = audit(parse_config({"generator": {"kind": kind}}))
    assert found.passes
    assert found.as_dict()["rows"] == []
    assert "without a sampler" in found.sentence()


def test_the_ten_modes_hold_the_profile() -> None:
    ten = profile_shares(load_config(find_config("demo")))
    assert len(ten) == 10
    assert ten[9] / ten[0] == pytest.approx(0.01)
    goldens = profile_shares(load_config(find_config("goldens")))
    assert goldens[0] == pytest.approx(0.9)
    hundred = parse_config({"data": {"source": "cifar100"}, "generator": {"kind": "bootstrap"}})
    assert len(profile_shares(hundred)) == 10
    files = parse_config(
        {
            "data": {"source": "files"},
            "profile": {"kind": "counts", "counts": [50, 0, 40, 10]},
            "generator": WHITENED,
        }
    )
    assert profile_shares(files) == (0.5, 0.4, 0.1)


def test_pixels_are_bounded_per_pixel_and_modes_lie_within_the_bounds() -> None:
    pixels = parse_config({"sampling": {"sampler": "ddim"}})
    found = audit(pixels, least=False)
    assert found.setting["clipping"] == "predicted pixels to [-1, 1]"
    for one in found.geometries:
        assert max(abs(mean) for mean in one.means) + 4 * one.width < (3 * 32 * 32) ** 0.5
    assert audit(config("ddim", 35), least=False).setting["clipping"] == "none"


def call(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["imgcollapse", "audit-sampler", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
    assert not end.value.code
    return capsys.readouterr().out


def test_the_command_prints_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(call(capsys, "demo", "--json", "--set", "sampling.steps=12"))
    assert found["sampler"] == "heun"
    assert found["steps"] == 12
    assert found["least_steps"] == 13
    assert found["passes"] is False
    keys = {"truth", "share", "standard_error", "shift", "low", "high", "passes"}
    assert all(keys <= row.keys() for row in found["rows"])
    assert {field.name for field in dataclasses.fields(Audit)} == found.keys()
    assert {field.name for field in dataclasses.fields(Row)} == found["rows"][0].keys()


def test_the_command_says_geometry_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    said = call(capsys, "demo", "--set", "sampling.steps=12")
    for part in (
        "even in time", "clipping: none", "means -0.4, 3.6; width 0.25", "fails", "FAILS",
        "least steps that pass: 13", "heun at 12 steps",
    ):  # fmt: skip
        assert part in said
    said = call(capsys, "mnist-lt-vae.yaml")
    assert said.count("\n") == 1


def test_the_table_holds_every_sampler_and_its_geometry(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from imgcollapse.sampling_config import FLOW_SAMPLERS, VP_SAMPLERS
    from imgcollapse.study import audit_table

    rows = list(audit_table.sampler_table((5, 10)))
    assert {row.sampler for row in rows if row.objective == "eps"} == set(VP_SAMPLERS)
    assert {row.sampler for row in rows if row.objective == "flow"} == set(FLOW_SAMPLERS)
    monkeypatch.setattr(audit_table, "sampler_table", lambda: iter(rows))
    monkeypatch.setattr(audit_table, "TABLE_STEPS", (5, 10))
    said = call(capsys, "demo", "--table")
    assert "modes at -1.5 and 1.5, width 0.3" in said
    assert len(said.splitlines()) == 2 + len(rows)
    told = json.loads(call(capsys, "demo", "--table", "--json"))
    assert told["geometry"]["means"] == [-1.5, 1.5]
    assert len(told["rows"]) == len(rows)


@pytest.mark.parametrize("preset", ["fast", "exact"])
@pytest.mark.parametrize("objective", ["v", "eps", "flow"])
@pytest.mark.parametrize("pixels", [True, False])
def test_presets_pass(preset: str, objective: str, pixels: bool) -> None:
    network: dict[str, object] = {"network": "unet"}
    if not pixels:
        network = {"network": "mlp", "first_stage": {"kind": "pca", "dim": 32}}
    found = parse_config(
        {"generator": {"objective": objective, **network}, "sampling": {"preset": preset}}
    )
    assert audit(found, least=False).passes
