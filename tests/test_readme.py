"""What the README says is true: its commands run, its tree is the tree, its pictures are there."""

from __future__ import annotations

import csv
import re
import shlex
import subprocess
import sys
from collections import Counter
from itertools import takewhile
from pathlib import Path

import pytest
from conftest import Call

from imgcollapse.config_layers import list_configs

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAM = [str(Path(sys.executable).parent / "imgcollapse")]


def commands(heading: str) -> list[str]:
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    blocks = re.findall(r"```console\n(.*?)```", section, re.S)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line]


def test_the_tour_runs_command_by_command(tmp_path: Path) -> None:
    tour = commands("Five minutes")
    assert len(tour) >= 8
    for line in tour:
        program, *words = shlex.split(line)
        assert program == "imgcollapse"
        done = subprocess.run(
            PROGRAM + words, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout, line
        if words == ["run", "smoke.yaml", "--out", "runs/first"]:
            made = tmp_path / "runs/first"
            assert (made / "gen_002" / "grid.png").stat().st_size > 10_000
            assert len(list((made / "figures").glob("*.png"))) == 4


def test_both_commands_of_the_first_screen_are_targets_of_the_makefile() -> None:
    first_screen = README.split("## ", 1)[0]
    targets = re.findall(r"^make (\w+)", first_screen, re.M)
    assert targets == ["demo", "test"]
    for target in targets:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 0


def test_the_tree_is_the_real_one() -> None:
    block = README.split("## The tree\n", 1)[1].split("```")[1]
    lines = [line for line in block.splitlines() if line.strip()]
    named = {line.split()[0] for line in lines if line.startswith("  ")}
    package = ROOT / "imgcollapse"
    real = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in package.iterdir()
        if path.name not in ("__pycache__", "__init__.py", "py.typed")
    }
    assert named == real
    top = {line.split()[0] for line in lines if not line.startswith(" ")}
    assert all((ROOT / name).is_dir() for name in top)


def test_every_shipped_config_is_in_the_table_and_opens_with_what_a_reader_needs() -> None:
    table = set(re.findall(r"^\| `([\w-]+\.yaml)`", README, re.M))
    folder = ROOT / "configs"
    assert table == {path.name for path in folder.glob("*.yaml")}
    for path in list_configs():
        text = path.read_text(encoding="utf-8")
        opening = "\n".join(takewhile(lambda line: line.startswith("#"), text.splitlines()))
        for word in ("# What it shows:", "# Command:", "# Time", "# Expect:"):
            assert word in opening, f"{path} lacks {word}"
        name = path.relative_to(folder)
        assert re.search(rf"imgcollapse run .*{name}", opening) or path.name == "demo.yaml"


def test_every_preset_and_remedy_is_in_the_page_of_policies() -> None:
    page = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:presets|remedies)/[\w-]+\.yaml)`", page))
    folder = ROOT / "configs"
    below = {path.relative_to(folder) for path in list_configs()}
    assert named == {str(path) for path in below if len(path.parts) > 1}


def test_the_commands_of_the_page_of_policies_run(call: Call) -> None:
    page = (ROOT / "docs" / "policies.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", page, re.S)
    lines = [line.removeprefix("imgcollapse ") for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`(?:imgcollapse )?(run [^`]+)`", page)
    assert len(lines) >= 4
    for line in lines:
        words = shlex.split(line)
        said = call(*words, *(["--dry-run"] if words[0] == "run" else []))
        assert said.code == 0, f"{line}\n{said.err}"
        assert said.out, line


def test_every_link_and_picture_of_the_pages_is_there() -> None:
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def claims_row(tables: Path) -> str:
    """What the README says of a reproduction: its first claim, and how many hold."""
    rows = list(csv.DictReader((tables / "claims.csv").open(encoding="utf-8", newline="")))
    first, found = rows[0], Counter(row["holds"] for row in rows)
    number = " to ".join(f"{float(first[end]):.3g}" for end in ("low", "high"))
    cells = (
        f"[{tables.name}](assets/tables/{tables.name}/claims.md)", first["claim"],
        f"{float(first['measured']):.3g} ({number})", f"{int(first['n']):,} {first['unit']}",
        *(str(found[one]) for one in ("yes", "not shown", "contradicted")),
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("tables", sorted((ROOT / "assets/tables").iterdir()), ids=lambda p: p.name)
def test_what_the_page_says_of_claims_is_in_their_tables(tables: Path) -> None:
    assert claims_row(tables) in README.splitlines()


def test_every_command_of_the_program_is_in_the_table_of_commands() -> None:
    listing = subprocess.run([*PROGRAM, "--help"], capture_output=True, text=True, check=True)
    names = re.findall(r"^  ([a-z-]+)  ", listing.stdout.split("Commands:")[1], re.M)
    table = README.split("## Commands\n", 1)[1].split("\n## ", 1)[0]
    assert names
    for name in names:
        assert re.search(rf"`{name}\b", table), name


@pytest.mark.long
def test_the_demo_tells_its_story_within_its_directory(tmp_path: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["imgcollapse-demo"]
    assert b"replace" in (tmp_path / "imgcollapse-demo" / "report.html").read_bytes()
    for arm in ("replace", "mix"):
        assert (tmp_path / "imgcollapse-demo" / arm / "figures" / "strip.png").is_file()
        assert f"  {arm}: golden-retriever" in done.stdout
