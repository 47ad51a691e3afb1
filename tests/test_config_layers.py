"""Configs that extend others, and sections laid over sections."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgcollapse.config_file import load_config
from imgcollapse.config_layers import laid_over, shipped_configs
from imgcollapse.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_config_extends_one_beside_it_which_extends_a_shipped_one(tmp_path: Path) -> None:
    write(tmp_path / "base.yaml", "extends: smoke.yaml\nseed: 5\ntraining: {steps: 7}\n")
    top = write(tmp_path / "top.yaml", "extends: base.yaml\ngenerations: 2\n")
    config = load_config(top)
    assert (config.seed, config.generations, config.training.steps) == (5, 2, 7)
    assert config.training.batch_size == 256
    assert config.data.image_size == 16


def test_layers_come_before_set_and_leave_their_own_base_out(tmp_path: Path) -> None:
    base = write(tmp_path / "base.yaml", "seed: 1\ngenerations: 3\n")
    layer = write(tmp_path / "layer.yaml", "extends: smoke.yaml\nseed: 2\ntraining: {steps: 9}\n")
    config = load_config(base, ["seed=4"], [layer])
    assert (config.seed, config.generations, config.training.steps) == (4, 3, 9)
    assert config.data.image_size is None


def test_a_preset_laid_over_takes_the_place_of_what_it_decides() -> None:
    base = {"policy": {"real": "none", "window": "last", "cap": "none", "filter": {"kind": "x"}}}
    merged = laid_over(base, {"policy": {"preset": "mix"}})
    assert merged == {"policy": {"filter": {"kind": "x"}, "preset": "mix"}}


def test_a_whole_composition_laid_over_takes_the_place_of_a_preset() -> None:
    base = {"policy": {"preset": "mix", "real_fraction": 0.5, "watermark": {"psnr": 40}}}
    whole = {"real": "none", "window": "all", "cap": "pool"}
    assert laid_over(base, {"policy": whole}) == {"policy": {"watermark": {"psnr": 40}, **whole}}
    part = laid_over(base, {"policy": {"cap": 9}})
    assert part["policy"] == {**base["policy"], "cap": 9}


def test_a_section_of_another_kind_and_a_list_are_put_in_whole() -> None:
    base = {"profile": {"kind": "exp", "num_max": 5}, "policy": {"repairs": [1, 2]}}
    over = {"profile": {"kind": "counts", "counts": [1]}, "policy": {"repairs": [3]}}
    assert laid_over(base, over) == over
    same = laid_over(base, {"profile": {"imbalance": 0.5}})
    assert same["profile"] == {"kind": "exp", "num_max": 5, "imbalance": 0.5}
    assert base["profile"] == {"kind": "exp", "num_max": 5}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("extends: own.yaml\n", "extends itself"),
        ("extends: [demo.yaml]\n", "extends names one config"),
        ("extends: smok.yaml\n", "no config file smok.yaml"),
    ],
)
def test_what_cannot_be_extended_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=words):
        load_config(write(tmp_path / "own.yaml", text))


COMPOSED = ("real", "hoarded_until", "window", "cap", "real_fraction", "subsample", "pool")
REMEDIES = sorted(shipped_configs().glob("remedies/*"))


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda path: path.stem)
def test_a_remedy_leaves_the_composition_as_it_is(remedy: Path) -> None:
    for preset in ("mad-fresh", "mad-augmentation", "kazdan2024", "mix", "bertrand2024"):
        base = shipped_configs() / "presets" / f"{preset}.yaml"
        plain, remedied = load_config(base), load_config(base, [], [remedy])
        for key in COMPOSED:
            assert getattr(plain.policy, key) == getattr(remedied.policy, key), (preset, key)


def test_a_preset_that_is_set_takes_the_place_of_a_composition_that_is_spelled_out() -> None:
    path = shipped_configs() / "presets" / "kazdan2024.yaml"
    policy = load_config(path, ["policy.preset=mix"]).policy
    assert (policy.preset, policy.window, policy.real_fraction) == ("mix", "last", 0.5)
    bare = load_config(path, ["policy.preset=mix", "policy.real_fraction=null"]).policy
    assert (bare.preset, bare.real_fraction) == (None, None)


def test_a_filter_laid_over_its_control_is_no_control() -> None:
    names = ("presets/matched-random-drop.yaml", "remedies/oracle.yaml")
    layers = [shipped_configs() / name for name in names]
    config = load_config(shipped_configs() / "presets" / "mix.yaml", [], layers)
    assert config.policy.filter is not None
    assert not config.policy.filter.matched_random


def test_the_control_of_a_filter_is_laid_over_it_by_one_key() -> None:
    names = {"kind": "simulated", "true_positive_rate": 0.7, "false_positive_rate": 0.2}
    base = {"policy": {"preset": "mix", "filter": names}}
    control = laid_over(base, {"policy": {"filter": {"matched_random": True}}})
    assert control["policy"]["filter"] == {**names, "matched_random": True}
    again = laid_over(control, {"policy": {"filter": {"kind": "simulated"}}})
    assert again["policy"]["filter"] == {"kind": "simulated"}


@pytest.mark.parametrize("remedy", ["oracle", "watermark"])
def test_a_filter_that_leaves_nothing_is_refused_with_what_to_lay_below_it(remedy: str) -> None:
    layers = [shipped_configs() / name for name in ("presets/mix.yaml", f"remedies/{remedy}.yaml")]
    with pytest.raises(ConfigError, match="leaves nothing") as refused:
        load_config(shipped_configs() / "demo.yaml", [], layers[1:])
    assert "--with presets/mix.yaml" in refused.value.hint
    assert load_config(shipped_configs() / "demo.yaml", [], layers).policy.filter is not None
