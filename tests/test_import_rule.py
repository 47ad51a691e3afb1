"""The layers: imports point down only, files stay small, and the light half imports no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgcollapse

PACKAGE = Path(imgcollapse.__file__).parent
LAYERS = (
    ("__main__",),
    ("cli",),
    ("bench",),
    ("study", "report"),
    ("figures",),
    ("chain",),
    ("data", "generators", "policies", "metrics", "store"),
    ("training",),
    ("drawing", "config_file"),
    ("config_layers", "precision"),
    ("config", "images", "device", "scores"),
    ("web_config",),
    ("sampling_config", "policy_config", "training_config"),
    ("repair_config",),
    ("section", "errors", "seeds", "thinning", "arrays"),
)
LAYER_OF = {part: height for height, layer in enumerate(LAYERS) for part in layer}
FORBIDDEN_NAMES = {"utils", "util", "common", "helpers", "core", "manager"}
LONGEST_FILE = 330
FILES = sorted(PACKAGE.rglob("*.py"))
LIGHT = ("cli", "drawing", "figures", "report", "store")


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_in(tree: ast.AST, package: str) -> Iterator[str]:
    """Modules that are imported anywhere in a tree, but not under ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from imports_in(ast.Module([other], []), package)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -(node.level - 1) or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        else:
            yield from imports_in(node, package)


def parts_imported(source: str, package: str) -> set[str]:
    """The parts of the lab, such as ``store``, that a module imports."""
    found = set()
    for name in imports_in(ast.parse(source), package):
        words = name.split(".")
        if words[0] == "imgcollapse" and len(words) > 1 and not words[1].startswith("__"):
            found.add(words[1])
    return found & LAYER_OF.keys() | {
        part for part in found if (PACKAGE / part).is_dir() or (PACKAGE / f"{part}.py").is_file()
    }


def test_the_reader_of_imports_sees_all_but_type_checking() -> None:
    source = """
from typing import TYPE_CHECKING
import imgcollapse.store.files
if TYPE_CHECKING:
    import imgcollapse.report
else:
    import imgcollapse.images
def f():
    from imgcollapse import chain
    from . import sibling
    from ..figures import tables
class A:
    def g(self):
        if self:
            from imgcollapse.data.profile import counts_by_rank
"""
    assert parts_imported(source, "imgcollapse.cli") == {
        "store", "images", "chain", "cli", "figures", "data",
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_imports_point_down_only(path: Path) -> None:
    name = module_name(path)
    own = name.split(".")[1] if "." in name else ""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = parts_imported(path.read_text(encoding="utf-8"), package) - {own}
    if not own:
        assert not found, "imgcollapse itself imports nothing"
        return
    assert own in LAYER_OF, f"{own} has no place in the layers"
    wrong = [other for other in found if LAYER_OF[other] <= LAYER_OF[own]]
    assert not wrong, f"{name} imports {wrong}, which do not lie below {own}"


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_files_are_short_and_named_for_what_they_hold(path: Path) -> None:
    assert not FORBIDDEN_NAMES & set(path.relative_to(PACKAGE).with_suffix("").parts)
    num_lines = len(path.read_text(encoding="utf-8").splitlines())
    assert num_lines <= LONGEST_FILE, f"{num_lines} lines"


def test_the_light_half_and_help_import_no_torch() -> None:
    light = [module_name(path) for path in FILES if module_name(path).split(".")[1:2] != []]
    light = [name for name in light if name.split(".")[1] in LIGHT]
    program = f"""
import importlib, sys
for name in {light!r}:
    importlib.import_module(name)
    assert "torch" not in sys.modules, name + " imports torch"
import imgcollapse.cli
sys.argv = ["imgcollapse", "--help"]
try:
    imgcollapse.cli.main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules, "--help imports torch"
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("fine\n")
    assert {name.split(".")[1] for name in light} >= {"cli", "drawing", "figures", "store"}


def test_help_of_the_installed_program_exits_0() -> None:
    program = "import sys, imgcollapse.cli as c; sys.argv = ['imgcollapse', '--help']; c.main()"
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", program], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "typer" in imported
    assert not {"torch", "matplotlib", "sklearn"} & imported
