"""A mapped pool takes no memory as it grows, and gives the bytes of a resident one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import TINY, SilentReporter

from imgcollapse.bench.memory import STATUS, PeakMemory
from imgcollapse.bench.memory_suite import peaks_of
from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.errors import Stopped
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.rescoring import check_scores
from imgcollapse.study.run import run_to_disk

Reader = Callable[[Path], dict[str, bytes]]
GENERATORS: dict[str, dict[str, Any]] = {
    "bootstrap": {"kind": "bootstrap"},
    "gaussian": {"kind": "gaussian", "components": 2, "first_stage": {"kind": "pca", "dim": 4}},
    "vae": {"kind": "vae", "network": "mlp", "width": 16, "latent": 4},
    "diffusion": {
        "network": "mlp",
        "width": 16,
        "depth": 1,
        "first_stage": {"kind": "pca", "dim": 4},
    },
}
GENERATIONS = 6
SIDE = 24
SAMPLES = 20_000
SAMPLE_BYTES = SAMPLES * 3 * SIDE**2


def accumulate(kind: str, pool: str, **changes: Any) -> Config:
    return parse_config(
        {
            **yaml.safe_load(TINY),
            "generator": GENERATORS[kind],
            "policy": {"preset": "accumulate"},
            "training": {"steps": 20, "batch_size": 32, "pool": pool},
            "judge": {"steps": 20},
            **changes,
        }
    )


class Watching(SilentReporter):
    """Notes the most memory that each generation took."""

    def __init__(self, peak: PeakMemory) -> None:
        self.peak = peak
        self.found: list[int] = []

    def committed(self, run: object, generation: object, scores: object, seconds: float) -> None:
        self.found.append(self.peak.bytes)
        self.peak.bytes = 0


def peaks(kind: str, pool: str, out: Path) -> list[int]:
    import torch

    torch.set_num_threads(1)
    config = accumulate(
        kind,
        pool,
        generations=GENERATIONS,
        data={**yaml.safe_load(TINY)["data"], "image_size": SIDE},
        sampling={"num_images": SAMPLES},
    )
    with PeakMemory() as peak:
        reporter = Watching(peak)
        run_to_disk(config, out, reporter)
    return reporter.found


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the memory of files apart")
@pytest.mark.parametrize(
    ("kind", "pool"),
    [
        ("bootstrap", "mapped"),
        pytest.param("bootstrap", "resident", marks=pytest.mark.long),
        pytest.param("gaussian", "mapped", marks=pytest.mark.long),
        pytest.param("vae", "mapped", marks=pytest.mark.long),
    ],
)
def test_the_memory_of_a_chain_grows_with_a_resident_pool_and_not_with_a_mapped_one(
    tmp_path: Path, kind: str, pool: str
) -> None:
    """From the second generation to the last, the pool grows by four times what each samples.

    A thread looks at the memory now and then, and meets short peaks by chance, while what stays is
    seen each time: of five tries one tells. 0.1 to 0.4 of that growth was seen of mapped pools, in
    three of four tries less than 0.3, and 1.8 to 1.9 of resident ones.
    """
    tries = []
    for number in range(5):
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            found = process.submit(peaks, kind, pool, tmp_path / str(number)).result()
        tries.append((found[-1] - found[1]) / ((GENERATIONS - 2) * SAMPLE_BYTES))
        if tries[-1] < 0.3 if pool == "mapped" else tries[-1] > 1.0:
            return
    pytest.fail(f"the memory of a {pool} pool grew by {tries} of what the pool did")


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells the memory of files apart")
def test_the_bench_tells_a_mapped_pool_from_a_resident_one() -> None:
    """A resident pool of 48 MB more takes as much more; mapped, labels and order are left."""
    sizes = (2_000, 65_536)
    more = 3 * 16**2 * (sizes[1] - sizes[0])
    for pool, least, most in (("mapped", -0.2, 0.3), ("resident", 0.8, 1.6)):
        few, many = peaks_of("bootstrap", pool, sizes)
        assert least <= (many - few) / more <= most


def lasting(run: Path, read: Reader) -> dict[str, bytes]:
    """What the generations of a run left."""
    return {name: content for name, content in read(run).items() if name.startswith("gen_")}


class StopsOnce(SilentReporter):
    """Stops the second generation in its eighth step."""

    def __init__(self) -> None:
        self.generation = ""

    def stage(self, name: str) -> None:
        self.generation, self.steps = name, 0

    def should_stop(self) -> bool:
        self.steps += 1
        return (self.generation, self.steps) == ("generation 1", 8)


@pytest.mark.parametrize("kind", ["bootstrap", "vae", "diffusion"])
def test_a_mapped_run_has_the_bytes_of_a_resident_one_also_after_a_stop(
    kind: str, tmp_path: Path, files_below: Reader
) -> None:
    resident, mapped = (
        accumulate(kind, pool, generations=3 if kind == "bootstrap" else 2)
        for pool in ("resident", "mapped")
    )
    run_to_disk(resident, tmp_path / "resident", SilentReporter())
    if kind != "bootstrap":
        with pytest.raises(Stopped):
            run_to_disk(mapped, tmp_path / "mapped", StopsOnce())
    run_to_disk(mapped, tmp_path / "mapped", SilentReporter())
    assert lasting(tmp_path / "mapped", files_below) == lasting(tmp_path / "resident", files_below)
    assert not list((tmp_path / "mapped" / "state").iterdir())
    if kind == "bootstrap":
        assert check_scores(RunDirectory(tmp_path / "mapped")) > 0
