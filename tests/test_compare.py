"""Comparing refuses what cannot be compared."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Call

from imgcollapse.scores import Score, to_csv


def write(
    path: Path, values: dict[str, float], n: int = 100, extractor: str = "aa", last: int = 1
) -> Path:
    scores = [
        Score(generation, metric, "", "", value, value - 0.1, value + 0.1, n, extractor)
        for generation in range(last + 1)
        for metric, value in values.items()
    ]
    path.write_text(to_csv(scores), encoding="utf-8")
    return path


def test_values_and_differences_of_the_last_common_generation(call: Call, tmp_path: Path) -> None:
    one = write(tmp_path / "one.csv", {"reject": 0.1, "fd_judge": 2.0}, last=3)
    other = write(tmp_path / "other.csv", {"reject": 0.25, "fd_judge": 2.5, "kid": 1}, last=2)
    said = call("compare", one, other, "--json")
    assert said.code == 0
    assert said.json["generation"] == 2
    rows = {row["metric"]: row for row in said.json["rows"]}
    assert set(rows) == {"reject", "fd_judge"}
    assert rows["reject"]["difference"] == pytest.approx(0.15)
    assert rows["reject"]["intervals_meet"]
    assert not rows["fd_judge"]["intervals_meet"]
    assert "intervals apart" in call("compare", one, other).out
    assert call("compare", one, other, "--generation", "1", "--json").json["generation"] == 1


@pytest.mark.parametrize("unlike", [{"n": 99}, {"extractor": "bb"}])
def test_different_n_or_extractor_is_refused_unless_forced(
    call: Call, tmp_path: Path, unlike: dict[str, int]
) -> None:
    one = write(tmp_path / "one.csv", {"reject": 0.1})
    other = write(tmp_path / "other.csv", {"reject": 0.1}, **unlike)  # type: ignore[arg-type]
    said = call("compare", one, other)
    assert said.code == 2
    assert next(iter(unlike)) in said.err
    assert said.out == ""
    assert call("compare", one, other, "--force").code == 0


def test_rows_whose_n_is_an_outcome_do_not_stand_in_the_way(call: Call, tmp_path: Path) -> None:
    def mixed(name: str, num_pool: int, num_pugs: int) -> Path:
        scores = [
            Score(0, "reject", "", "", 0.1, 0.05, 0.2, 100, "aa"),
            Score(0, "label_fidelity", "pug", "", 0.5, 0.4, 0.6, num_pugs, "aa"),
            Score(0, "warn_vendi", "", "", 2.0, 1.9, 2.1, num_pool, "aa"),
        ]
        (tmp_path / name).write_text(to_csv(scores), encoding="utf-8")
        return tmp_path / name

    paths = mixed("one.csv", 90, 7), mixed("other.csv", 80, 9)
    said = call("compare", *paths)
    assert said.code == 0
    assert re.search(r"label_fidelity pug .* n 7 and 9\n", said.out)
    assert "warn_vendi" not in said.out
    assert "left out, because they are of 90 and 80 images: warn_vendi" in said.err
    rows = {row["metric"]: row["n"] for row in call("compare", *paths, "--json").json["rows"]}
    assert rows == {"reject": [100, 100], "label_fidelity": [7, 9]}
    assert "warn_vendi" in call("compare", *paths, "--force").out


def test_runs_are_compared_and_other_paths_refused(
    call: Call, finished: Path, tmp_path: Path
) -> None:
    said = call("compare", finished, finished, "--json")
    assert said.code == 0
    assert {row["difference"] for row in said.json["rows"]} == {0.0}
    assert call("compare", finished, tmp_path / "none.csv").code == 2
    assert call("compare", finished, finished, "--generation", "7").code == 2
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    assert call("compare", finished, tmp_path / "other.csv").code == 4
