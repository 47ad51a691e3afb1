"""What a run has before generation 0: the judge, the references and their floor."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imgcollapse.config import Config
from imgcollapse.data.splits import Splits
from imgcollapse.errors import DataError
from imgcollapse.metrics.frechet import Moments
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.metrics.ruler import BALANCED, INITIAL, Ruler
from imgcollapse.scores import FLOOR
from imgcollapse.seeds import seed_for
from imgcollapse.store.files import read_json, write_json
from imgcollapse.store.run_directory import RunDirectory, read_npz, write_npz, write_scores
from imgcollapse.training import Watcher


def prepare(
    run: RunDirectory, config: Config, splits: Splits, device: torch.device, watcher: Watcher
) -> Ruler:
    """Makes judge and reference, or reads those that the run has; they never change after that.

    Raises DataError where the real images are not those the run was started with.
    """
    if not (run.path / "judge").is_dir():
        judge = train_judge(
            splits.judge,
            seed=seed_for(config.seed, "judge"),
            device=device,
            steps=config.judge.steps,
            watcher=watcher,
            checkpoint=run.training_state(),
        )
        with run.commit("judge") as folder:
            judge.save(folder)
        run.clear_state()
    judge = Judge.load(run.path / "judge", device)
    seed = seed_for(config.seed, "ruler")
    counts = splits.pool.counts()
    if not (run.path / "reference").is_dir():
        moments = {
            BALANCED: Moments.of(judge.look(splits.reference.images).features),
            INITIAL: Moments.of(judge.look(splits.pool.images).features),
        }
        floor = Ruler(judge, moments, counts, seed).score(splits.floor, FLOOR)
        with run.commit("reference") as folder:
            _write_stats(folder / "stats.npz", moments, str(judge.facts["sha256"]))
            write_json(folder / "counts.json", _counts(splits))
            write_scores(folder / "scores.json", floor)
    _refuse_other_images(run.path / "reference" / "counts.json", splits)
    return Ruler(judge, _read_stats(run.path / "reference" / "stats.npz"), counts, seed)


def _write_stats(path: Path, moments: dict[str, Moments], extractor: str) -> None:
    """``mu``, ``sigma`` and ``n`` of the balanced reference, then those of the first pool."""
    balanced, initial = moments[BALANCED], moments[INITIAL]
    write_npz(
        path,
        mu=balanced.mu,
        sigma=balanced.sigma,
        n=np.array(balanced.n),
        mu_initial=initial.mu,
        sigma_initial=initial.sigma,
        n_initial=np.array(initial.n),
        extractor=np.array(extractor),
    )


def _read_stats(path: Path) -> dict[str, Moments]:
    mu, sigma, n = read_npz(path, "mu", "sigma", "n")
    mu_initial, sigma_initial, n_initial = read_npz(
        path, "mu_initial", "sigma_initial", "n_initial"
    )
    return {
        INITIAL: Moments(mu_initial, sigma_initial, int(n_initial)),
        BALANCED: Moments(mu, sigma, int(n)),
    }


def _counts(splits: Splits) -> dict[str, Any]:
    """Images of each class in every split, and a hash of all images of each split."""
    counts: dict[str, Any] = {
        name: dict(zip(part.classes, part.counts().tolist(), strict=True))
        for name, part in splits.parts().items()
    }
    counts["sha256"] = {
        name: hashlib.sha256(b"".join(part.hashes())).hexdigest()
        for name, part in splits.parts().items()
    }
    return counts


def _refuse_other_images(path: Path, splits: Splits) -> None:
    recorded = read_json(path, pool=dict, sha256=dict)["sha256"]
    found = _counts(splits)["sha256"]
    changed = [name for name in found if found[name] != recorded.get(name)]
    if changed:
        raise DataError(
            f"the real images are not those that the run was started with: {', '.join(changed)} "
            f"({path})",
            "restore the data or a package version that reads or draws them alike, or start anew",
        )
