"""A generation that is scored while the next one trains leaves the same files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import TINY, SilentReporter, lasting

from imgcollapse.config_file import load_config
from imgcollapse.errors import NumericalError
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.run import run_to_disk

Reader = Callable[[Path], dict[str, bytes]]


MLP = """
generator:
  {kind: diffusion, network: mlp, width: 16, depth: 1, objective: flow,
   first_stage: {kind: pca, dim: 4}}
training: {steps: 12, batch_size: 16, warmup_steps: 2}
sampling: {sampler: heun, steps: 15}
"""
CHAIN = TINY.replace("generations: 2", "generations: 4").replace(
    "generator: {kind: bootstrap}\n", MLP.lstrip()
)


def run(out: Path, text: str, overlap: bool) -> RunDirectory:
    out.mkdir(parents=True)
    (out / "chain.yaml").write_text(text, encoding="utf-8")
    config = load_config(out / "chain.yaml")
    return run_to_disk(config, out / "run", SilentReporter(), overlap=overlap)


@pytest.mark.parametrize("more", ["", "scores: {num_images: 60, grid_images: 12, tstr: true}\n"])
def test_overlapped_or_not_the_bytes_are_the_same(
    tmp_path: Path, files_below: Reader, more: str
) -> None:
    text = (
        CHAIN
        if not more
        else "\n".join(line for line in CHAIN.splitlines() if not line.startswith("scores"))
        + "\n"
        + more
    )
    apart, beside = (run(tmp_path / name, text, name == "beside") for name in ("apart", "beside"))
    assert lasting(files_below(apart.path)) == lasting(files_below(beside.path))


def test_an_error_in_scoring_reaches_the_caller_and_commits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Ruler.measure

    def measure(self: Ruler, samples: Any, pool: Any, generation: int) -> Any:
        if generation == 1:
            raise NumericalError("scores are not finite")
        return original(self, samples, pool, generation)

    monkeypatch.setattr(Ruler, "measure", measure)
    with pytest.raises(NumericalError, match="not finite"):
        run(tmp_path / "broken", CHAIN, overlap=True)
    assert len(RunDirectory(tmp_path / "broken" / "run").generations()) == 1
