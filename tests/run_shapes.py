"""Folders with the tables and images of runs of any shape, made without a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from imgcollapse.metrics.shares import tail_classes
from imgcollapse.scores import FLOOR, Score, to_csv
from imgcollapse.store.files import write_json, write_text
from imgcollapse.store.run_directory import write_npz

EXTRACTOR = "0123456789ab"


def write_run(
    folder: Path,
    names: Sequence[str],
    *,
    generations: int = 3,
    n: int = 1000,
    has_chance: bool = True,
    has_sampler: bool = True,
    has_fid: bool = False,
    channels: int = 3,
    side: int = 16,
    grid: int = 16,
) -> Path:
    """A run whose rare classes fade, with every file that its figures look at."""
    counts = np.geomspace(1000, 10, len(names)).astype(int)
    rows = list(_rows(names, counts, generations, n, has_chance, has_fid))
    (folder / "reference").mkdir(parents=True)
    write_text(folder / "scores.csv", to_csv(rows))
    pool = dict(zip(names, counts.tolist(), strict=True))
    write_json(folder / "reference" / "counts.json", {"pool": pool, "sha256": {}})
    modes = [
        {
            "geometry": geometry, "mode": mode, "truth": truth, "share": truth, "shift": shift,
            "standard_error": 1e-6, "low": shift - 1e-4, "high": shift + 1e-4, "width": 1.0,
            "passes": abs(shift) < 0.05,
        }
        for geometry, truths in (("two modes 90/10", (0.9, 0.1)), ("3 modes, own profile",
                                                                  (0.7, 0.2, 0.1)))
        for mode, (truth, shift) in enumerate(zip(truths, (0.01, -0.06, 0.02), strict=False))
    ]  # fmt: skip
    audit = {
        "passes": False, "sentence": "audit", "sampler": "heun", "steps": 15,
        "rows": modes if has_sampler else [],
    }  # fmt: skip
    write_json(folder / "reference" / "audit.json", audit)
    random = np.random.default_rng(0)
    for generation in range(generations):
        here = folder / f"gen_{generation:03d}"
        here.mkdir()
        images = random.integers(0, 255, (grid, side, side, channels), np.uint8)
        verdicts = random.integers(-1, len(names), grid)
        write_npz(here / "grid.npz", arr_0=images, arr_1=verdicts)
        near = random.integers(0, 255, (2, 16, side, side, channels), np.uint8)
        write_npz(
            here / "neighbours.npz", samples=near[0], nearest=near[1], origins=np.zeros(16, int),
            to_pool=np.linspace(0, 2, 16), to_held_out=np.ones(16), counts=np.array([n, 500]),
        )  # fmt: skip
    return folder


def _rows(
    names: Sequence[str], counts: np.ndarray, generations: int, n: int, chance: bool, fid: bool
) -> Iterator[Score]:
    shares = counts / counts.sum()
    tail = [name for name, rare in zip(names, tail_classes(counts), strict=True) if rare]
    for generation in range(FLOOR, generations):
        age = generation - FLOOR

        def row(
            metric: str, value: float, spread: float, class_: str = "", reference: str = "",
            generation: int = generation,
        ) -> Score:  # fmt: skip
            low, high = value - spread, value + spread
            if metric not in ("fd_judge", "fid", "vendi", "selection", "crowding"):
                low, high = max(low, 0.0), min(high, 1.0)
            return Score(
                generation, metric, class_, reference, value, low, high, n, EXTRACTOR
            )  # fmt: skip

        reject = 0.02 + 0.5 * age / (generations + 1)
        now = shares ** (1 + 0.3 * age)
        now = np.floor(n * (1 - reject) * now / now.sum()) / n
        for name, share in zip(names, now, strict=True):
            yield row("share_raw", share, 2 * np.sqrt((share + 1 / n) / n), name)
            if chance and generation != FLOOR:
                began = shares[list(names).index(name)]
                yield row("share_null", began, 2 * np.sqrt(began * (age + 1) / n), name, "initial")
        yield row("reject", reject, 0.02)
        for reference, start in (("initial", 1.0), ("balanced", 20.0)):
            yield row("fd_judge", start + 8 * age, 1.0, "", reference)
            if fid:
                yield row("fid", start + 9 * age, 1.0, "", reference)
            yield row("precision", 0.95 / (1 + 0.4 * age), 0.03, "", reference)
            yield row("recall", 0.96 / (1 + 0.2 * age), 0.03, "", reference)
        for name in {names[0], *tail[:2]}:
            yield row("vendi", 1.5 - 0.1 * age / generations, 0.05, name)
        for name in names:
            yield row("coverage", 0.9 / (1 + age), 0.1, name, "balanced")
        if chance and generation != FLOOR and len(names) > 1:
            for name, share in zip(names, shares, strict=True):
                yield row("selection", 0.3 + 0.1 * np.log(share), 0.3, name, "initial")
            yield row("crowding", 0.1, 0.04, "", "initial")
