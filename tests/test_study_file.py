"""A study file is arms times seeds, each a whole config, or is refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from imgcollapse.config_file import load_config
from imgcollapse.config_layers import find_config, find_study, list_configs, shipped_studies
from imgcollapse.errors import ConfigError
from imgcollapse.store.finding import folder_of
from imgcollapse.study.study_file import Study, read_study
from imgcollapse.study.study_folder import StudyFolder

ARMS = """
base: smoke.yaml
set: {generations: 4, profile: {num_max: 300}}
seeds: 2
arms:
  replace: {policy: {preset: replace}}
  mix: {with: [presets/mix.yaml], profile: {num_max: 200}}
"""


def study(folder: Path, text: str, *overrides: str, quick: bool = False) -> Study:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return read_study(path, overrides, quick)


def test_sections_are_laid_in_order_base_set_with_own_grid_and_command(tmp_path: Path) -> None:
    found = study(tmp_path, ARMS)
    smoke = load_config(find_config("smoke.yaml"))
    assert list(found.arms) == ["replace", "mix"]
    assert (found.control, found.seeds, found.name) == ("replace", (0, 1), "mine")
    replace, mix = found.arms.values()
    assert replace.policy == smoke.policy
    assert (mix.policy.preset, mix.policy.real_fraction) == ("mix", 0.5)
    assert [one.generations for one in (replace, mix)] == [4, 4]
    assert [one.profile.num_max for one in (replace, mix)] == [300, 200]
    assert replace.generator == mix.generator == smoke.generator
    assert found.config("mix", 7) == mix.model_copy(update={"seed": 7})
    text = ARMS + "grid: {profile.num_max: [100], sampling.lambda: [1.0, 0.9]}"
    grid = study(tmp_path, text, "profile.num_max=50", "control=mix profile.num_max=100 "
                 "sampling.lambda=0.9")  # fmt: skip
    assert list(grid.arms) == [
        f"{arm} profile.num_max=100 sampling.lambda={value}"
        for arm in ("replace", "mix")
        for value in ("1", "0.9")
    ]
    assert {one.profile.num_max for one in grid.arms.values()} == {50}
    assert [one.sampling.lambda_ for one in grid.arms.values()] == [1.0, 0.9, 1.0, 0.9]
    assert grid.grid == {"profile.num_max": (100,), "sampling.lambda": (1.0, 0.9)}


def test_a_grid_alone_makes_arms_and_the_command_reaches_studies_and_configs(
    tmp_path: Path,
) -> None:
    found = study(tmp_path, "grid: {policy.preset: [mix, replace]}\nbase: presets/mix.yaml")
    assert [one.policy.preset for one in found.arms.values()] == ["mix", "replace"]
    assert found.control == "policy.preset=mix"
    changed = study(
        tmp_path, ARMS, "seeds=[5, 3]", "set.generations=6", "arms.mix.judge.steps=9", "control=mix"
    )
    assert (changed.seeds, changed.control) == ((3, 5), "mix")
    assert [one.generations for one in changed.arms.values()] == [6, 6]
    assert [one.judge.steps for one in changed.arms.values()] == [100, 9]
    assert {one.judge.steps for one in study(tmp_path, ARMS, "judge.steps=9").arms.values()} == {9}


def test_quick_is_laid_over_the_study(tmp_path: Path) -> None:
    text = ARMS + "quick: {seeds: [4], set: {generations: 2, policy: {preset: accumulate}}}"
    quick = study(tmp_path, text, quick=True)
    assert (quick.name, quick.seeds) == ("mine-quick", (4,))
    assert {one.generations for one in quick.arms.values()} == {2}
    assert quick.arms["replace"].policy.preset == "replace"
    assert study(tmp_path, text).seeds == (0, 1)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "neither arms nor a grid", "arms:"),
        ("armz: {a: {}}", "unknown key armz", "did you mean arms?"),
        ("arms: {a: {}}\nquick: {sed: 1}", "unknown key quick.sed", "did you mean seeds?"),
        ("arms: {a: {polcy: {}}}", "a: unknown key polcy", "did you mean policy?"),
        ("arms: {a: {seed: 3}}", "an arm has no seed of its own", "seeds:"),
        ("arms: {a: {with: mix.yaml}}", "a: with is a list", ""),
        ("arms: {a: {with: [presets/mx.yaml]}}", "a: no config file", "did you mean presets/mix"),
        ("arms: {a: {}}\ncontrol: b", "there is no arm b", "arms: a"),
        ("arms: {a: {}}\nseeds: [1, 1]", "each once", "seeds:"),
        ("arms: {a: {}}\nseeds: 0", "seeds: 0", "schema --study"),
        ("arms: {a b: {}, a-b: {}}", "would share the folder a-b", ""),
        ("arms: {Mix: {}, mix: {}}", "would share the folder mix", ""),
        ("arms: {figures: {}}", "one of the study's own", ""),
        ("arms: {study.csv: {}}", "one of the study's own", ""),
        ("arms: {'..': {}}", "no name for an arm", ""),
        ("arms: {' a': {}}", "no name for an arm", ""),
        ("arms: {a: {}}\ngrid: {sampling.lambda: []}", "one value or more", ""),
        ("arms: {a: {}}\ngrid: {sampling.lambda: [1, 1.0]}", "each once", ""),
        ("arms: {a: {}}\ngrid: {sampling.lambd: [1]}", "unknown key sampling.lambd", "lambda?"),
        ("arms: {a: {}}\nbase: smoker.yaml", "no config file smoker.yaml", "smoke.yaml"),
        ("arms: {a: {}}\narms: {b: {}}", "the key arms is given twice", ""),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        study(tmp_path, text)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_every_arm_that_is_wrong_is_named(tmp_path: Path) -> None:
    text = "arms: {a: {generations: 0}, b: {}, c: {judge: {stes: 3}}, d: {generations: 0}}"
    with pytest.raises(ConfigError) as caught:
        study(tmp_path, text)
    lines = caught.value.message.splitlines()[1:]
    assert [line.partition(":")[0].strip() for line in lines] == ["a, d", "c"]


def test_ecosystems_are_no_cells(tmp_path: Path) -> None:
    labs = "{labs: [{name: one}, {name: two}]}"
    with pytest.raises(ConfigError, match="chains, not ecosystems"):
        study(tmp_path, f"arms: {{a: {labs}}}")


def test_a_study_without_quick_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing of --quick"):
        study(tmp_path, ARMS, quick=True)


def test_folders_hold_what_no_file_system_minds() -> None:
    assert folder_of("mix sampling.lambda=0.9") == "mix-sampling.lambda=0.9"
    assert folder_of("größer/alles:") == "gr--er-alles-"


@pytest.mark.parametrize("path", sorted(shipped_studies().glob("*.yaml")), ids=lambda one: one.stem)
def test_shipped_studies_load_by_name_and_open_with_what_they_show(path: Path) -> None:
    assert find_study(path.stem) == find_study(path.name) == path
    assert len(read_study(path).seeds) >= len(read_study(path, quick=True).seeds) >= 3
    text = path.read_text(encoding="utf-8")
    for word in ("# What it shows:", "# Command:", "# Time:", "# Expect:"):
        assert word in text


def test_studies_are_not_taken_for_configs() -> None:
    assert list(shipped_studies().glob("*.yaml"))
    assert not [path for path in list_configs() if "studies" in path.parts]
    with pytest.raises(ConfigError) as caught:
        find_config("nothing")
    assert "latin" not in caught.value.hint.replace("latin-square", "")
    with pytest.raises(ConfigError, match="no study file polices") as caught:
        find_study("polices")
    assert caught.value.hint == "did you mean policies.yaml?"


def test_the_lock_holds_the_whole_study_and_says_what_differs(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "study")
    first = study(tmp_path, ARMS)
    folder.create(first)
    held = yaml.safe_load((folder.path / "study.yaml").read_text(encoding="utf-8"))
    assert (held["control"], held["seeds"]) == ("replace", [0, 1])
    assert held["arms"]["mix"] == first.arms["mix"].model_dump(
        mode="json", by_alias=True, exclude={"seed"}
    )
    folder.refuse_unless_same(first)
    with pytest.raises(ConfigError) as caught:
        folder.refuse_unless_same(study(tmp_path, ARMS, "arms.mix.judge.steps=9", "seeds=1"))
    assert "-arms.mix.judge.steps: 100\n  +arms.mix.judge.steps: 9" in caught.value.message
    assert "+seeds: [0]" in caught.value.message
    names = [path.relative_to(folder.path).as_posix() for path in folder.cell_paths()]
    assert names == ["replace/seed0", "replace/seed1", "mix/seed0", "mix/seed1"]


def test_another_kind_of_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="something else than a study"):
        StudyFolder(tmp_path / "full").refuse_unless_same(study(tmp_path, ARMS))


def test_what_is_asked_for_stands_over_what_quick_says(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(
        "seeds: 5\narms: {replace: {}}\nquick: {seeds: 3, set: {generations: 2}}\n",
        encoding="utf-8",
    )
    assert len(read_study(path, quick=True).seeds) == 3
    assert read_study(path, ["seeds=2"], quick=True).seeds == (0, 1)
    assert read_study(path, ["seeds=[4, 7]"], quick=True).seeds == (4, 7)
    assert read_study(path, ["quick.seeds=1"], quick=True).seeds == (0,)
    (config,) = read_study(path, ["set.generations=7"], quick=True).arms.values()
    assert config.generations == 7


def test_the_file_on_the_page_of_studies_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "studies.md").read_text(encoding="utf-8")
    path = tmp_path / "page.yaml"
    path.write_text(page.split("```yaml\n", 1)[1].split("```", 1)[0], encoding="utf-8")
    study = read_study(path)
    assert len(study.arms) == 4
    assert len(read_study(path, quick=True).seeds) == 3


def test_more_seeds_join_a_study_and_fewer_or_others_do_not(tmp_path: Path) -> None:
    path = tmp_path / "arms.yaml"
    path.write_text("arms: {replace: {}}\n", encoding="utf-8")
    folder = StudyFolder(tmp_path / "study")
    folder.create(read_study(path, ["seeds=2"]))
    folder.create(read_study(path, ["seeds=[0, 1, 5]"]))
    assert [one.name for one in folder.cell_paths()] == ["seed0", "seed1", "seed5"]
    held = (folder.path / "study.yaml").read_bytes()
    for other in ("seeds=2", "seeds=[0, 1, 6]", "generations=2"):
        with pytest.raises(ConfigError, match="another study"):
            folder.create(read_study(path, ["seeds=[0, 1, 5]", other]))
    assert (folder.path / "study.yaml").read_bytes() == held
