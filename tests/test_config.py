"""Configs: what is wrong is named before anything is written, and what is right comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from imgcollapse.config import Config, DataConfig
from imgcollapse.config_file import (
    data_root,
    expand,
    load_config,
    parse_config,
    to_yaml,
)
from imgcollapse.config_layers import find_config, list_configs, shipped_configs
from imgcollapse.errors import ConfigError
from imgcollapse.policy_config import PRESETS

SHIPPED = list_configs()


LABELLED = {"labels": "balanced"}
ON_THE_FLY = {"preset": "replace", "pool": "on-the-fly"}
AS_IS = {"source": "files", "root": "c", "judge_root": "a", "reference_root": "b"}


def refused(values: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        parse_config(values, "my.yaml")
    assert caught.value.exit_code == 2
    return caught.value


def overridden(tmp_path: Path, *overrides: str, text: str = "") -> Config:
    path = tmp_path / "some.yaml"
    path.write_text(text, encoding="utf-8")
    return load_config(path, overrides)


@pytest.mark.parametrize(
    ("values", "key", "near"),
    [
        ({"generatons": 3}, "generatons", "generations"),
        ({"genrator": {}}, "genrator", "generator"),
        ({"data": {"image_sise": 32}}, "data.image_sise", "image_size"),
        ({"profile": {"imbalence": 0.1}}, "profile.imbalence", "imbalance"),
        ({"generator": {"widht": 64}}, "generator.widht", "width"),
        ({"generator": {"first_stage": {"dims": 64}}}, "generator.first_stage.dims", "dim"),
        ({"training": {"learnig_rate": 1}}, "training.learnig_rate", "learning_rate"),
        ({"sampling": {"lamda": 1}}, "sampling.lamda", "lambda"),
        ({"policy": {"presett": "mix"}}, "policy.presett", "preset"),
        ({"judge": {"step": 9}}, "judge.step", "steps"),
        ({"scores": {"num_image": 90}}, "scores.num_image", "num_images"),
        ({"widht": 64}, "widht", ""),
        ({"learning_rate": 0.1}, "learning_rate", "training.learning_rate"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_one(
    values: dict[str, Any], key: str, near: str
) -> None:
    error = refused(values)
    assert error.message == f"unknown key {key} (my.yaml)"
    assert error.hint.startswith(f"did you mean {near}? " if near else "allowed: ")
    assert "allowed: " in error.hint


def test_the_hint_lists_the_keys_of_that_section_by_their_own_names() -> None:
    hint = refused({"sampling": {"zzz": 1}}).hint
    assert hint == (
        "allowed: preset, sampler, steps, variance, lambda, lambda_by, truncation, num_images, "
        "batch_size"
    )


def repairs(*ones: object) -> dict[str, Any]:
    return {"policy": {"preset": "replace", "repairs": list(ones)}}


RELABEL = {"kind": "relabel"}


def test_a_wrong_repair_is_named_by_its_place_with_the_keys_of_its_kind() -> None:
    error = refused(repairs(RELABEL, {"kind": "select", "parts": 0.2}))
    assert error.message == "unknown key policy.repairs[1].parts (my.yaml)"
    assert error.hint == "did you mean part? allowed: kind, by, keep, part"
    error = refused(repairs({"kind": "curat"}))
    assert error.message.startswith("policy.repairs[0].kind: 'curat': not one of select, curate, ")
    assert error.hint == "did you mean curate?"
    for nameless in ({"by": "loss"}, "select", 3, {"kind": None}):
        message = refused(repairs(nameless)).message
        assert message.startswith("policy.repairs[0].kind: missing, one of select, curate, ")
    error = refused(repairs({"kind": "select", "by": "los"}))
    assert error.message.startswith("policy.repairs[0].by: 'los': not one of confidence, loss")
    assert error.hint == "did you mean loss?"
    assert refused({"policy": {"repairs": {"kind": "select"}}}).message.startswith(
        "policy.repairs: {'kind': 'select'}: input should be a list"
    )


def test_repairs_are_overridden_by_a_list_and_written_out(tmp_path: Path) -> None:
    config = overridden(tmp_path, "policy.repairs=[{kind: select, by: loss}, {kind: relabel}]")
    assert [repair.kind for repair in config.policy.repairs] == ["select", "relabel"]
    assert overridden(tmp_path, text=to_yaml(config)) == config
    kinds = Config.model_json_schema(by_alias=True)["$defs"]
    assert {"SelectConfig", "CurateConfig", "ProjectConfig", "RebalanceConfig"} <= set(kinds)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"generations": "many"}, "generations"),
        ({"generations": 2.5}, "generations"),
        ({"generations": 0}, "generations"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"data": {"image_size": "big"}}, "data.image_size"),
        ({"data": {"image_size": 1000}}, "data.image_size"),
        ({"data": {"download": "perhaps"}}, "data.download"),
        ({"data": 7}, "data"),
        ({"policy": "replace"}, "policy"),
        ({"policy": {"preset": ["replace"]}}, "policy.preset"),
        ({"policy": {"preset": {"a": 1}}}, "policy.preset"),
        ({"profile": {"imbalance": 0}}, "profile.imbalance"),
        ({"profile": {"imbalance": 1.5}}, "profile.imbalance"),
        ({"profile": {"num_max": [1]}}, "profile.num_max"),
        ({"generator": {"first_stage": "pca"}}, "generator.first_stage"),
        ({"generator": {"first_stage": {"dim": 1}}}, "generator.first_stage.dim"),
        ({"training": {"learning_rate": "fast"}}, "training.learning_rate"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate"),
        ({"training": {"learning_rate": float("inf")}}, "training.learning_rate"),
        ({"training": {"ema_decay": 1}}, "training.ema_decay"),
        ({"sampling": {"lambda": -1}}, "sampling.lambda"),
        ({"sampling": {"num_images": "lots"}}, "sampling.num_images"),
        ({"sampling": {"num_images": 0}}, "sampling.num_images"),
        ({"sampling": {"num_images": -5}}, "sampling.num_images"),
        ({"policy": {"preset": "mix", "cap": 0}}, "policy.cap"),
        ({"policy": {"preset": "mix", "cap": -3}}, "policy.cap"),
        ({"scores": {"num_images": 5}}, "scores.num_images"),
        ({"scores": {"num_images": 10**12}}, "scores.num_images"),
        ({"sampling": {"num_images": 10**12}}, "sampling.num_images"),
        ({"sampling": {"batch_size": 10**12}}, "sampling.batch_size"),
        ({"policy": {"preset": "mix", "cap": 10**12}}, "policy.cap"),
        ({"data": {"judge_per_class": 10**12}}, "data.judge_per_class"),
        ({"data": {"reference_per_class": 10**12}}, "data.reference_per_class"),
        ({"profile": {"num_max": 10**12}}, "profile.num_max"),
        ({"profile": {"kind": "counts", "counts": [10**12]}}, "profile.counts"),
        ({"profile": {"kind": "counts", "counts": []}}, "profile.counts"),
        ({"generator": {"width": 10**12}}, "generator.width"),
        ({"generator": {"kind": "vae", "latent": 10**12}}, "generator.latent"),
        ({"generator": {"kind": "gaussian", "components": 10**12}}, "generator.components"),
        ({"generator": {"first_stage": {"dim": 10**12}}}, "generator.first_stage.dim"),
        ({"training": {"steps": 10**12}}, "training.steps"),
        ({"training": {"budget": "epochs", "epochs": 1e12}}, "training.epochs"),
        ({"judge": {"steps": 10**12}}, "judge.steps"),
        ({"seed": True}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"generations": "3"}, "generations"),
        ({"generations": 3.0}, "generations"),
        ({"deterministic": 1}, "deterministic"),
        ({"data": {"download": "yes"}}, "data.download"),
        ({"data": {"source": "files", "root": 7}}, "data.root"),
        ({"profile": {"kind": "counts", "counts": [3, True]}}, "profile.counts"),
        ({"profile": {"kind": "counts", "counts": "12"}}, "profile.counts"),
        ({"profile": {"ranks": [True, 0]}}, "profile.ranks"),
        ({"training": {"learning_rate": "0.1"}}, "training.learning_rate"),
        ({"training": {"learning_rate": True}}, "training.learning_rate"),
        ({"training": {"steps": "15e-1"}}, "training.steps"),
        ({"sampling": {"num_images": "500"}}, "sampling.num_images"),
        ({"policy": {"preset": "mix", "cap": True}}, "policy.cap"),
        ({"generator": {"first_stage": {"dim": "8"}}}, "generator.first_stage.dim"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_key(values: dict[str, Any], key: str) -> None:
    error = refused(values)
    assert error.message.startswith((f"{key}: ", f"{key} are "))
    assert error.message.endswith("(my.yaml)")


@pytest.mark.parametrize(
    ("values", "key", "near"),
    [
        ({"generator": {"kind": "difusion"}}, "generator.kind", "diffusion"),
        ({"data": {"source": "cifar-10"}}, "data.source", "cifar10"),
        ({"policy": {"preset": "acumulate"}}, "policy.preset", "accumulate"),
        ({"sampling": {"sampler": "dpm"}}, "sampling.sampler", "ddpm"),
        ({"device": "cud"}, "device", "cuda"),
        ({"training": {"precision": "fp16"}}, "training.precision", "bf16"),
    ],
)
def test_a_wrong_word_is_named_with_the_allowed_ones_and_the_nearest(
    values: dict[str, Any], key: str, near: str
) -> None:
    error = refused(values)
    assert error.message.startswith(f"{key}: ")
    assert "not one of " in error.message
    assert near in error.message
    assert error.hint.startswith("did you mean ")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"generator": {"objective": "flow"}, "sampling": {"sampler": "ddim"}}, "objective flow"),
        ({"sampling": {"sampler": "flow"}}, "sampling.sampler flow"),
        ({"sampling": {"sampler": "ddim", "variance": "fixed_large"}}, "sampling.variance"),
        ({"generator": {"first_stage": {"dim": 8}}}, "first_stage"),
        ({"generator": {"class_balance": 1.0}}, "generator.labels is none"),
        ({"generator": {"kind": "vae", "negative": {"kind": "sims"}}}, "neon with both"),
        ({"generator": {"width": 20}}, "multiple of 8"),
        ({"data": {"source": "mnist", "image_size": 30}}, "image_size=32 with data.resize=pad"),
        ({"data": {"source": "mnist", "image_size": 30}, "generator": {"kind": "vae"}}, "of 4"),
        ({"profile": {"kind": "as-is"}}, "judge_root"),
        ({"profile": {"kind": "as-is"}, "data": {**AS_IS, "root": None}}, "data.root"),
        ({"profile": {"kind": "as-is"}, "data": {**AS_IS, "judge_root": None}}, "data.root"),
        ({"profile": {"kind": "as-is"}, "data": {**AS_IS, "source": "mnist"}}, "source: files"),
        ({"data": {"judge_root": "a"}}, "go with profile.kind: as-is"),
        ({"data": {"reference_root": "a"}}, "go with profile.kind: as-is"),
        ({"generator": {"kind": "bootstrap", "labels": "balanced"}}, "as the pool holds them"),
        ({"generator": {"kind": "bootstrap"}, "sampling": {"lambda": 0.9}}, "sampling.lambda"),
        ({"generator": LABELLED, "sampling": {"lambda_by": "guidance"}}, "label_dropout above 0"),
        ({"generator": {"kind": "vae"}, "sampling": {"lambda_by": "guidance"}}, "kind: diffusion"),
        (
            {
                "generator": {**LABELLED, "label_dropout": 0.1},
                "sampling": {"lambda_by": "guidance", "lambda": 0},
            },
            "without end",
        ),
        ({"generator": {"label_dropout": 0.1}}, "no effect with generator.labels: none"),
        ({"generator": {"kind": "gaussian"}, "sampling": {"truncation": 2.0}}, "vae, diffusion"),
        ({"generator": {"kind": "bootstrap"}, "sampling": {"truncation": 2.0}}, "vae, diffusion"),
        ({"generator": {"kind": "bootstrap"}, "policy": ON_THE_FLY}, "step by step"),
        ({"generator": {"kind": "gaussian"}, "policy": ON_THE_FLY}, "step by step"),
        ({"policy": {**ON_THE_FLY, "preset": "accumulate"}}, "policy.window: last"),
        ({"sampling": {"sampler": "heun", "steps": 17}}, "at least 18"),
        ({"generator": {"objective": "eps"}, "sampling": {"sampler": "heun", "steps": 3}}, "18"),
        ({"profile": {"kind": "counts"}}, "profile.counts"),
        ({"profile": {"kind": "exp", "counts": [1, 2]}}, "profile.counts"),
        ({"profile": {"kind": "counts", "counts": [1, -2]}}, "profile.counts"),
        ({"profile": {"kind": "counts", "counts": [0, 0]}}, "profile.counts"),
        ({"data": {"image_size": 12}}, "kennel"),
        ({"data": {"image_size": 128}}, "kennel"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_together_are_refused(values: dict[str, Any], says: str) -> None:
    assert says in refused(values).message


@pytest.mark.parametrize(
    ("section", "chooser", "choice", "key", "value"),
    [
        ("data", "source", "kennel", "root", "a"),
        ("data", "source", "digits", "root", "a"),
        ("data", "source", "files", "download", True),
        ("data", "source", "kennel", "resize", "pad"),
        ("profile", "kind", "counts", "num_max", 500),
        ("profile", "kind", "zipf", "imbalance", 0.5),
        ("profile", "kind", "exp", "exponent", 2.0),
        ("profile", "kind", "as-is", "num_max", 500),
        ("profile", "kind", "as-is", "ranks", "seeded"),
        ("generator", "kind", "gaussian", "labels", "balanced"),
        ("generator", "kind", "vae", "label_dropout", 0.1),
        ("generator", "kind", "gaussian", "labels", "from-pool"),
        ("generator", "kind", "vae", "first_stage", {"dim": 4}),
        ("generator", "kind", "bootstrap", "init", "warm"),
        ("generator", "kind", "vae", "class_balance", 1.0),
        ("generator", "kind", "gaussian", "negative", {"kind": "neon"}),
        ("generator", "kind", "diffusion", "decode", "mean"),
        ("training", "budget", "steps", "epochs", 3),
    ],
)  # fmt: skip
def test_a_setting_without_effect_is_refused(
    section: str, chooser: str, choice: str, key: str, value: object
) -> None:
    counts = {"counts": [9] * 10} if choice == "counts" else {}
    message = refused({section: {chooser: choice, key: value, **counts}}).message
    said = f"{section}.{key} has no effect with {section}.{chooser}: {choice}; it goes with "
    assert message.startswith(said)


def test_parts_that_do_fit_together_are_taken() -> None:
    for values in (
        {"generator": {"objective": "flow"}, "sampling": {"sampler": "flow"}},
        {"sampling": {"sampler": "ddpm", "variance": "fixed_large"}},
        {"generator": {"network": "mlp", "first_stage": {"dim": 8}, "width": 20}},
        {"generator": {"kind": "bootstrap", "labels": "from-pool"}},
        {"generator": {"kind": "bootstrap", "objective": "flow", "network": "mlp", "width": 9}},
        {"generator": {"kind": "gaussian", "first_stage": {"dim": 8}}},
        {"generator": {"kind": "vae", "width": 20, "objective": "v"}},
        {"sampling": {"sampler": "heun", "steps": 18}},
        {"generator": {"objective": "flow"}, "sampling": {"sampler": "heun", "steps": 12}},
        {"generator": {"class_balance": 1.0, "labels": "from-pool"}},
        {"generator": {"kind": "vae", "negative": {"kind": "neon", "weight": 0.0}}},
        {"profile": {"kind": "counts", "counts": [3, 0]}},
        {"data": {"image_size": None}},
        {"profile": {"kind": "as-is"}, "data": AS_IS},
    ):
        parse_config(values)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_fills_the_fields_that_are_not_given(preset: str) -> None:
    policy = parse_config({"policy": {"preset": preset}}).policy
    filled = policy.model_dump()
    for key, value in PRESETS[preset].items():
        assert filled[key] == value
    assert None not in (policy.real, policy.window, policy.cap)


def test_a_field_beside_a_preset_wins() -> None:
    policy = parse_config({"policy": {"preset": "mix", "real_fraction": 0.2, "cap": 500}}).policy
    assert (policy.real, policy.window, policy.cap) == ("fixed", "last", 500)
    assert policy.real_fraction == 0.2


@pytest.mark.parametrize("preset", PRESETS)
def test_a_policy_bears_the_name_of_a_preset_only_where_it_is_that_preset(preset: str) -> None:
    same = parse_config({"policy": {"preset": preset, **PRESETS[preset]}}).policy
    assert same == parse_config({"policy": {"preset": preset}}).policy
    assert same.preset == preset
    changed = parse_config({"policy": {"preset": preset, "cap": 25, "real_fraction": None}})
    assert (changed.policy.preset, changed.policy.cap) == (None, 25)
    assert parse_config(yaml.safe_load(to_yaml(changed))) == changed


def test_a_key_that_takes_words_or_a_number_says_both() -> None:
    message = refused({"sampling": {"num_images": 2.5}}).message
    assert (
        message
        == "sampling.num_images: 2.5: not one of pool; input should be a valid integer"
        + (" (my.yaml)")
    )


def test_powers_of_ten_are_numbers_where_a_number_belongs_and_text_elsewhere(
    tmp_path: Path,
) -> None:
    text = "training: {learning_rate: 2e-3, steps: 1e3}\nsampling: {num_images: 1e2}\n"
    words = ("data.source=files", "data.root=1e3", "policy.cap=5e1", "training.epochs=1e400")
    config = overridden(tmp_path, *words[:3], "training.weight_decay=.5E-1", text=text)
    assert (config.training.learning_rate, config.training.steps) == (0.002, 1000)
    assert (config.sampling.num_images, config.policy.cap) == (100, 50)
    assert config.training.weight_decay == 0.05
    assert config.data.root == "1e3"
    with pytest.raises(ConfigError, match=r"training\.epochs"):
        overridden(tmp_path, *words)


def test_a_policy_without_a_preset_says_everything_itself() -> None:
    assert "policy" in refused({"policy": {"preset": None}}).message
    own = {"preset": None, "real": "fixed", "window": "last", "cap": "none"}
    assert parse_config({"policy": own}).policy.preset is None


def test_overrides_are_laid_over_the_file(tmp_path: Path) -> None:
    text = "seed: 1\ngenerator: {width: 32, depth: 2}\n"
    config = overridden(
        tmp_path,
        "generator.width=48",
        "training.learning_rate=1e-3",
        "training.weight_decay=1E-4",
        "sampling.lambda=.9",
        "data.source=svhn",
        "data.root=$HOME/x=y",
        "generator.first_stage=null",
        "data.download=true",
        "profile.ranks=[1, 0, two]",
        " policy.preset =mix",
        "seed=7",
        "seed=8",
        text=text,
    )
    assert (config.generator.width, config.generator.depth) == (48, 2)
    assert config.training.learning_rate == 0.001
    assert config.training.weight_decay == 0.0001
    assert config.sampling.lambda_ == 0.9
    assert config.data.root == "$HOME/x=y"
    assert config.data.download is True
    assert config.profile.ranks == (1, 0, "two")
    assert config.policy.real_fraction == 0.5
    assert config.seed == 8


def test_an_override_reaches_into_a_section_that_the_file_leaves_out(tmp_path: Path) -> None:
    config = overridden(
        tmp_path, "generator.network=mlp", "generator.first_stage.dim=5", text="generator: null\n"
    )
    assert config.generator.first_stage is not None
    assert config.generator.first_stage.dim == 5


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("generator.width", "key=value"),
        ("=3", "key=value"),
        ("generator.widht=48", "unknown key generator.widht"),
        ("seed.more=1", "seed is not a section"),
        ("generator.width=[", "not readable as YAML"),
        ("generator={width: 8, width: 16}", "the key width is given twice"),
        ("generator.width=wide", "generator.width: 'wide'"),
        ("profile.imbalance=2", "profile.imbalance: 2"),
    ],
)
def test_an_override_that_is_wrong_is_refused(tmp_path: Path, override: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        overridden(tmp_path, override, text="seed: 1\n")
    assert says in caught.value.message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"seed: [1\ndata: {", "line 2"),
        (b"seed: 1\n\tdata: 3\n", "line 2"),
        (b"seed: 1\n\xff\xfe", "not readable as YAML"),
        (b"- seed\n- 1\n", "mapping"),
        (b"just words", "mapping"),
        (b"seed: !!python/object/apply:os.system ['touch pwned']\n", "not readable as YAML"),
        (b"1: 2\n", "1: keys should be strings"),
        (b"seed: 1\ndevice: cpu\nseed: 2\n", "the key seed is given twice"),
        (b"seed: 1\n'seed': 1\n", "broken.yaml, line 2"),
        (b"generator:\n  width: 32\n  depth: 2\n  width: 48\n", "the key width is given twice"),
        (b"generator: {first_stage: {dim: 3, dim: 4}}\n", "the key dim is given twice"),
        (b"generator: {kind: vae}\nseed: 1\ngenerator: {width: 8}\n", "key generator is given"),
        (b"data: {root: 2020-13-45}\n", "not readable as YAML"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert says in caught.value.message
    assert "broken.yaml" in caught.value.message
    assert not Path("pwned").exists()


def test_a_key_that_an_anchor_brings_may_be_given_again(tmp_path: Path) -> None:
    text = "scores: {<<: &some {num_images: 70, grid_images: 9}, num_images: 80}\nseed: 4\n"
    scores = overridden(tmp_path, text=text).scores
    assert (scores.num_images, scores.grid_images) == (80, 9)


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert overridden(tmp_path) == Config()
    assert Config() == parse_config({})


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_load_by_name_and_open_with_what_they_show(path: Path) -> None:
    name = path.relative_to(shipped_configs())
    assert find_config(str(name)) == find_config(str(name.with_suffix(""))) == path
    load_config(path)
    opening = path.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    comments = " ".join(line for line in opening if line.startswith("#"))
    for word in ("What it shows", "Command", "Time", "Expect"):
        assert word in comments, f"{path.name} does not say: {word}"


def test_demo_and_smoke_are_shipped() -> None:
    assert {"demo.yaml", "smoke.yaml"} <= {path.name for path in SHIPPED}


def test_a_file_of_ones_own_goes_before_a_shipped_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "smoke.yaml").write_text("seed: 77\n")
    assert load_config(find_config("smoke.yaml")).seed == 77


def test_a_config_that_is_not_there_is_guessed_at() -> None:
    with pytest.raises(ConfigError, match=r"no config file smok\.yaml") as caught:
        find_config("smok.yaml")
    assert caught.value.hint == "did you mean smoke.yaml?"
    with pytest.raises(ConfigError) as caught:
        find_config("zzzzzz")
    assert "smoke.yaml" in caught.value.hint


VARIED: list[dict[str, Any]] = [
    {},
    {"seed": 2**40, "sampling": {"lambda": 0.95, "num_images": 70, "batch_size": 3}},
    {"profile": {"kind": "counts", "counts": [5, 0, 1], "ranks": ["b", 0, "1"]}},
    {"generator": {"network": "mlp", "first_stage": {"dim": 9}}, "policy": {"preset": "mix"}},
    {"data": {"source": "files", "root": "~/bilder/größe: ü # no"}, "device": "cpu"},
    {"training": {"learning_rate": 1e-7, "epochs": 1 / 3, "budget": "epochs"}},
]  # fmt: skip


@pytest.mark.parametrize("values", VARIED)
def test_a_config_written_out_reads_back_equal(tmp_path: Path, values: dict[str, Any]) -> None:
    config = parse_config(values)
    assert overridden(tmp_path, text=to_yaml(config)) == config
    written = yaml.safe_load(to_yaml(config))
    assert list(written) == list(Config.model_fields)
    assert "lambda" in written["sampling"]


def test_the_schema_is_json_and_holds_every_key() -> None:
    schema = json.loads(json.dumps(Config.model_json_schema(by_alias=True)))
    assert set(schema["properties"]) == set(Config.model_fields)
    assert schema["additionalProperties"] is False
    assert "lambda" in schema["$defs"]["SamplingConfig"]["properties"]
    assert "diffusion" in schema["$defs"]["GeneratorConfig"]["properties"]["kind"]["enum"]


def test_configs_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().seed = 3  # type: ignore[misc]


def test_paths_are_expanded_and_an_unset_variable_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("LAB_DATA", "/lab")
    monkeypatch.delenv("LAB_NOT_SET", raising=False)
    assert expand("~/images") == Path("/home/ada/images")
    assert expand("$LAB_DATA/images") == Path("/lab/images")
    assert expand("${LAB_DATA}/images") == Path("/lab/images")
    for path in ("$LAB_NOT_SET/images", "${LAB_NOT_SET}/images"):
        with pytest.raises(ConfigError, match="LAB_NOT_SET") as caught:
            expand(path)
        assert caught.value.exit_code == 2


def test_the_data_root_is_the_configs_then_the_environments_then_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMGCOLLAPSE_DATA", "/from/environment")
    assert data_root(DataConfig(source="files", root="/own")) == Path("/own")
    assert data_root(DataConfig()) == Path("/from/environment")
    monkeypatch.delenv("IMGCOLLAPSE_DATA")
    assert data_root(DataConfig()) == Path("data")


def test_steps_of_a_generation_follow_the_budget() -> None:
    assert parse_config({"training": {"steps": 70}}).training.num_steps(1000) == 70
    values = {"budget": "epochs", "epochs": 3, "batch_size": 50}
    by_epochs = parse_config({"training": values}).training
    assert by_epochs.num_steps(1000) == 60
    assert by_epochs.num_steps(1) == 3
    assert by_epochs.num_steps(20) == 3
    assert by_epochs.model_copy(update={"epochs": 0.1}).num_steps(20) == 1


def test_a_wrong_config_exits_2_and_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("generator: {widht: 3}\n")
    done = subprocess.run(
        [sys.executable, "-c", "import imgcollapse.cli as c; c.main()", "run", "wrong.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: unknown key generator.widht (wrong.yaml)\nhint: ")
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.yaml"]


def test_a_sampling_preset_fills_sampler_and_steps_and_is_read_again() -> None:
    for objective, sampler in (("flow", "unipc"), ("v", "unipc")):
        values = {"generator": {"objective": objective}, "sampling": {"preset": "fast"}}
        found = parse_config(values)
        assert found.sampling.sampler == sampler
        assert parse_config(found.model_dump(mode="json", by_alias=True)) == found
    with pytest.raises(ConfigError, match="means steps 100, not 5"):
        parse_config(
            {"generator": {"objective": "flow"}, "sampling": {"preset": "exact", "steps": 5}}
        )
