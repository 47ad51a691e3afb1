"""The tiny runs and configs that several tests share."""

from __future__ import annotations

import importlib
import json
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from imgcollapse import cli

TINY = """
seed: 3
generations: 2
data: {source: kennel, image_size: 16, judge_per_class: 30, reference_per_class: 20}
profile: {kind: exp, num_max: 60, imbalance: 0.1}
generator: {kind: bootstrap}
policy: {preset: replace}
judge: {steps: 40}
scores: {num_images: 60, grid_images: 12}
device: cpu
"""


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Call = Callable[..., Said]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Call]:
    """Types a command in ``tmp_path``."""
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.chdir(tmp_path)

    def typed(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["imgcollapse", *map(str, words)])
        capsys.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code
        return Said(code or 0, *capsys.readouterr())

    yield typed
    for one, handler in handlers.items():
        signal.signal(one, handler)


class SilentReporter:
    """Hears everything, says nothing, never asks for a stop."""

    def message(self, text: str) -> None: ...

    def stage(self, name: str) -> None: ...

    def prepared(self, ruler: object) -> None: ...

    def progress(self, step: int, steps: int, loss: float, images_per_second: float) -> None: ...

    def should_stop(self) -> bool:
        return False

    def committed(
        self, run: object, generation: object, scores: object, seconds: float
    ) -> None: ...


class StopsAfter(SilentReporter):
    """Asks for a stop once so many generations are committed, of all runs that it hears of."""

    def __init__(self, num: int) -> None:
        self.left = num

    def should_stop(self) -> bool:
        return self.left <= 0

    def committed(self, run: object, generation: object, scores: object, seconds: float) -> None:
        self.left -= 1


def lasting(files: dict[str, bytes]) -> dict[str, bytes]:
    """Files of runs without what may differ between equal runs."""
    return {
        name: content
        for name, content in files.items()
        if "volatile/" not in name and "environment.json" not in name
    }


@pytest.fixture
def tiny_yaml(tmp_path: Path) -> Path:
    """The config of ``finished``, in a file of its own."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of two generations; tests only read it."""
    from imgcollapse.config_file import load_config
    from imgcollapse.study.run import run_to_disk

    folder = tmp_path_factory.mktemp("finished")
    (folder / "tiny.yaml").write_text(TINY, encoding="utf-8")
    run_to_disk(load_config(folder / "tiny.yaml"), folder / "run", SilentReporter())
    return folder / "run"


@pytest.fixture(scope="module")
def without_pictures(finished: Path) -> Iterator[None]:
    """To be quick, pictures are replaced by their data, but not those of ``finished``."""
    from imgcollapse.figures.plot import Plot

    run: Any = importlib.import_module("imgcollapse.study.chain_run")

    def described(*arguments: object) -> bytes:
        return repr(arguments).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "draw_grid", described)
        patch.setattr(run, "draw_histogram", described)
        patch.setattr(Plot, "render", lambda plot, *_: plot.table().encode())
        yield


@pytest.fixture
def copy_of_finished(finished: Path, tmp_path: Path) -> Path:
    """A copy of the complete run, to be damaged."""
    return Path(shutil.copytree(finished, tmp_path / "copy"))


@pytest.fixture
def files_below() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by its relative path."""

    def read(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return read
