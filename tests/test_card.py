"""A card says what was run and what is known of it, and nothing that is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TINY, Call

from imgcollapse.config import DataConfig, SourceName
from imgcollapse.data.terms import TERMS
from imgcollapse.report.card import card_of, in_markdown
from imgcollapse.store.finding import runs_below
from imgcollapse.store.run_directory import RunDirectory

HEAD = "arm,generation,metric,class,reference,mean,low,high,chains\n"


def card(folder: Path) -> dict[str, Any]:
    return card_of(folder, runs_below(folder))


def answers(made: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["answer"] for one in made["checklist"]}


def edit(run: Path, name: str, **changes: Any) -> None:
    content = json.loads((run / name).read_text())
    (run / name).write_text(json.dumps({**content, **changes}))


def with_config(run: Path, **sections: Any) -> None:
    """Another config, as if the run had been started with it."""
    values = {**yaml.safe_load(TINY), **sections}
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    (run / "manifest.json").unlink(missing_ok=True)


@pytest.fixture
def study(finished: Path, tmp_path: Path) -> Path:
    """Two arms with two seeds each, one of them complete in name only."""
    for arm in ("replace", "mix"):
        for seed in (3, 10):
            place = Path(shutil.copytree(finished, tmp_path / "study" / arm / f"seed{seed}"))
            with_config(place, seed=seed, policy={"preset": arm})
    return tmp_path / "study"


def test_the_card_of_a_run_has_every_part_and_the_same_bytes(
    call: Call, copy_of_finished: Path
) -> None:
    said = call("card", copy_of_finished)
    assert said.code == 0
    for heading in (
        "What was run", "Data", "Results", "Judge and sampler", "Limits", "Compute",
        "Versions and hashes", "NeurIPS paper checklist",
    ):  # fmt: skip
        assert f"\n## {heading}\n" in said.out
    assert "| policy | replace: real images none, samples of window last, cap none |" in said.out
    assert "Licence: MIT, as imgcollapse itself." in said.out
    assert "measurement error" in said.out
    assert "| golden-retriever | 60 | 30 | 20 |" in said.out
    assert call("card", copy_of_finished).out == said.out
    assert "\n\n\n" not in said.out


def test_numbers_are_those_of_the_run(finished: Path) -> None:
    run, made = RunDirectory(finished), card(finished)["runs"][0]
    tails = {one.generation: one for one in run.scores() if one.metric == "tail_share"}
    row = next(row for row in made["scores"]["rows"] if row["metric"] == "tail_share")
    assert made["scores"]["generations"] == [-1, 0, 1]
    assert [cell["value"] for cell in row["cells"]] == [tails[at].value for at in (-1, 0, 1)]
    assert [cell["low"] for cell in row["cells"]] == [tails[at].low for at in (-1, 0, 1)]
    logged = [json.loads(line) for line in (finished / "volatile/log.jsonl").open()]
    seconds = [line["seconds"] for line in logged if "generation" in line]
    assert made["compute"]["seconds"] == seconds
    assert made["compute"]["images_trained"] == 0, "the bootstrap trains on nothing"
    assert made["compute"]["images_sampled"] == sum(
        len(run.samples(number, tuple(run.initial_counts()))) for number in (0, 1)
    )


def test_images_trained_on_are_steps_times_the_batch(copy_of_finished: Path) -> None:
    with_config(
        copy_of_finished,
        generator={"kind": "vae", "negative": {"kind": "neon", "steps": 3, "images": 20}},
        training={"steps": 7, "batch_size": 32},
    )
    made = card(copy_of_finished)["runs"][0]
    assert made["compute"]["images_trained"] == 2 * (7 * 32 + 3 * 20)


def test_the_last_link_of_the_chain_changes_with_any_generation(copy_of_finished: Path) -> None:
    before = card(copy_of_finished)["runs"][0]["hashes"]["manifest"]
    path = copy_of_finished / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["generations"][-1]["files"]["gen_001/grid.png"] = "0" * 64
    path.write_text(json.dumps(manifest))
    assert card(copy_of_finished)["runs"][0]["hashes"]["manifest"] != before


def test_what_is_not_known_is_not_claimed(copy_of_finished: Path) -> None:
    assert answers(card(copy_of_finished))["Compute"] == "Yes"
    assert answers(card(copy_of_finished))["Error bars"] == "No"
    (copy_of_finished / "volatile/log.jsonl").write_text('{"generation": 0, "seconds": 2.5}\n{"ge')
    made = card(copy_of_finished)
    assert made["runs"][0]["compute"]["seconds"] == [2.5, None]
    assert answers(made)["Compute"] == "No"
    assert "2.5 (2.5, ?)" in in_markdown(made)
    edit(copy_of_finished, "environment.json", git="0123abc-dirty")
    assert answers(card(copy_of_finished))["Open access to data and code"] == "No"
    (copy_of_finished / "gen_001" / "COMMITTED").unlink()
    made = card(copy_of_finished)
    assert answers(made)["Reproducibility"] == "No"
    assert "Only 1 of 2 generations are there." in in_markdown(made)


def test_a_run_that_has_only_begun_has_a_card(copy_of_finished: Path) -> None:
    for name in ("judge", "reference", "gen_000", "gen_001"):
        shutil.rmtree(copy_of_finished / name)
    (copy_of_finished / "manifest.json").unlink()
    text = in_markdown(card(copy_of_finished))
    assert "nothing is measured yet" in text
    assert "no judge yet" in text
    assert "none yet" in text


@pytest.mark.parametrize(
    ("source", "licences", "access", "says"),
    [
        ("kennel", "Yes", "Yes", "no photographs, no people"),
        ("digits", "Yes", "Yes", "CC BY 4.0"),
        ("mnist", "No", "Yes", "commonly stated as CC BY-SA 3.0"),
        ("fashion-mnist", "Yes", "Yes", "Zalando"),
        ("cifar10", "No", "Yes", "withdrew 80 Million Tiny Images"),
        ("cifar100", "No", "Yes", "none stated"),
        ("svhn", "Yes", "Yes", "non-commercial"),
        ("files", "No", "No", "not known to the lab"),
    ],
)
def test_terms_of_the_images(
    copy_of_finished: Path, source: SourceName, licences: str, access: str, says: str
) -> None:
    with_config(copy_of_finished, data={"source": source})
    edit(copy_of_finished, "environment.json", git="0123abc")
    made = card(copy_of_finished)
    assert answers(made)["Licences of assets"] == licences
    assert answers(made)["Open access to data and code"] == access
    assert says in in_markdown(made)


def test_every_source_has_its_terms() -> None:
    names = DataConfig.model_json_schema()["properties"]["source"]["enum"]
    assert TERMS.keys() == set(names)


def test_the_card_of_a_study_tells_arms_apart_and_sorts_seeds(call: Call, study: Path) -> None:
    said = call("card", study, "--json")
    names = [run["name"] for run in said.json["runs"]]
    assert names == ["mix/seed3", "mix/seed10", "replace/seed3", "replace/seed10"]
    text = call("card", study).out
    assert "4 chains" in text
    assert "| policy, in mix | mix: " in text
    assert "| policy, in replace | replace: " in text
    assert "| scored | 60 images" in text
    assert answers(said.json)["Error bars"] == "No"


def test_limits_over_chains_come_from_the_table_of_the_study(call: Call, study: Path) -> None:
    (study / "summary.csv").write_text(
        HEAD
        + "mix,0,tail_share,,initial,0.1,0.05,0.15,2\n"
        + "mix,1,tail_share,,initial,0.08,0.04,0.12,2\n"
        + "mix,1,share,beagle,,0.08,0.04,0.12,2\n"
        + "replace,1,fd_judge,,initial,3.5,,,2\n"
    )
    text = call("card", study).out
    row = "| mix | 1 | share of the rarer half of the classes | 8.0 % (4.0 % to 12 %) | 2 |"
    assert row in text
    assert "| mix | 0 |" not in text
    assert "| replace | 1 | Fréchet distance on judge features | 3.5 | 2 |" in text
    assert "Student's t, never narrower than measurement error allows" in text
    assert answers(card(study))["Error bars"] == "Yes"
    (study / "summary.csv").write_text("arm,mean\nmix,1\n")
    assert call("card", study).code == 4


def test_names_do_not_become_markup(copy_of_finished: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a|b <i>*c*"
    copy_of_finished.rename(odd)
    edit(odd, "environment.json", device_name="<b>|x")
    text = in_markdown(card(odd))
    assert "# a\\|b \\<i>\\*c\\*" in text
    assert "| \\<b>\\|x (cpu) |" in text


def test_a_card_is_written_but_over_nothing(
    call: Call,
    finished: Path,
    tmp_path: Path,
    files_below: Callable[[Path], dict[str, bytes]],
) -> None:
    before = files_below(finished)
    said = call("card", finished, "--out", tmp_path / "card.md")
    assert said.code == 0
    written = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert written == call("card", finished).out
    assert call("card", finished, "--out", tmp_path / "card.md").code == 3
    assert call("card", tmp_path).code == 2
    assert files_below(finished) == before
