"""What a run has before generation 0: the judge, the references and their floor."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.data.splits import Splits
from imgcollapse.errors import DataError
from imgcollapse.images import ImageSet
from imgcollapse.metrics.distances import Distances, Seen
from imgcollapse.metrics.drift import simulate_null
from imgcollapse.metrics.judge import Judge, train_judge
from imgcollapse.metrics.ruler import Ruler
from imgcollapse.metrics.share_scores import BALANCED, INITIAL
from imgcollapse.scores import FLOOR, Score
from imgcollapse.seeds import seed_for
from imgcollapse.store.files import read_json, write_json
from imgcollapse.store.run_directory import RunDirectory, write_npz, write_scores
from imgcollapse.study.audit import audit
from imgcollapse.study.chance import resampling_of, shares_are_asked_for
from imgcollapse.study.radioactivity import radioactivity_scores
from imgcollapse.training import Watcher

NULL_CHAINS = 2000


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
    ruler = make_ruler(config, splits, judge)
    counts = _counts(splits)
    if not (run.path / "reference").is_dir():
        with run.commit("reference") as folder:
            _write_stats(folder / "stats.npz", ruler)
            write_json(folder / "counts.json", counts)
            write_scores(folder / "scores.json", floor_scores(config, ruler, splits.floor))
            audited = audit(config, least=False)
            write_json(folder / "audit.json", {**audited.as_dict(), "sentence": audited.sentence()})
    _refuse_other_images(run.path / "reference" / "counts.json", counts["sha256"])
    return ruler


def floor_scores(config: Config, ruler: Ruler, floor: ImageSet) -> list[Score]:
    """Scores of held-out real images that stand in for samples."""
    extractor = ruler.judge.extractor
    return ruler.floor(floor) + radioactivity_scores(config, floor, FLOOR, extractor)


def make_ruler(config: Config, splits: Splits, judge: Judge) -> Ruler:
    """The ruler of a config's chain, from its real images as a judge sees them."""
    seed = seed_for(config.seed, "ruler")
    distances = Distances(
        references={
            INITIAL: Seen.by(judge, splits.pool),
            BALANCED: Seen.by(judge, splits.reference),
        },
        held_out=Seen.by(judge, splits.floor),
        test=splits.reference if config.scores.tstr else None,
        seed=seed,
        device=judge.device,
    )
    return Ruler(judge, distances, _null(config, splits.pool), seed)


def _null(config: Config, pool: ImageSet) -> NDArray[np.float64] | None:
    """What the policy's composition and chance do to the shares among the scored images (C×T×3)."""
    if shares_are_asked_for(config) or config.lab is not None:
        return None
    resampling = resampling_of(config, pool.counts())
    return simulate_null(
        resampling.initial,
        resampling.policy,
        resampling.num_synthetic,
        generations=config.generations - 1,
        chains=NULL_CHAINS,
        seed=config.seed,
        num_scored=config.scores.num_images,
    ).scored


def _write_stats(path: Path, ruler: Ruler) -> None:
    """``mu``, ``sigma`` and ``n`` of the balanced reference, then those of the first pool."""
    balanced, initial = (ruler.distances.moments(name) for name in (BALANCED, INITIAL))
    write_npz(
        path,
        mu=balanced.mu,
        sigma=balanced.sigma,
        n=np.array(balanced.n),
        mu_initial=initial.mu,
        sigma_initial=initial.sigma,
        n_initial=np.array(initial.n),
        extractor=np.array(str(ruler.judge.facts["sha256"])),
    )


def _counts(splits: Splits) -> dict[str, Any]:
    """Images of each class in every split, and a hash of all images of each, and of the rest."""
    counts: dict[str, Any] = {
        name: dict(zip(part.classes, part.counts().tolist(), strict=True))
        for name, part in splits.parts().items()
    }
    counts["sha256"] = {
        name: hashlib.sha256(b"".join(part.hashes())).hexdigest()
        for name, part in splits.parts().items()
    }
    if splits.rest_sha256 is not None:
        counts["sha256"]["rest"] = splits.rest_sha256
    return counts


def _refuse_other_images(path: Path, found: dict[str, str]) -> None:
    recorded = read_json(path, pool=dict, sha256=dict)["sha256"]
    changed = [name for name in found if found[name] != recorded.get(name)]
    if changed:
        raise DataError(
            f"the real images are not those that the run was started with: {', '.join(changed)} "
            f"({path})",
            "restore the data or a package version that reads or draws them alike, or start anew",
        )
