"""What a card says of one run, read from its directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgcollapse.config import STEPWISE, Config
from imgcollapse.data.terms import TERMS
from imgcollapse.figures.tables import RunTables
from imgcollapse.report.setting_words import precision_words
from imgcollapse.scores import FLOOR, Score
from imgcollapse.store.files import read_json, sha256_of
from imgcollapse.store.manifest import chain_hash
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.store.volatile import logged_seconds

HEADLINES = (
    ("tail_share", "initial", "share of the rarer half of the classes"),
    ("classes_alive", "initial", "classes alive"),
    ("effective_classes", "", "effective classes"),
    ("reject", "", "rejected as no class"),
    ("fd_judge", "initial", "Fréchet distance on judge features"),
    ("crowding", "initial", "crowding"),
)


def facts_of(run: RunDirectory) -> dict[str, Any]:
    """Plain values for JSON; what the run has not come to yet is None."""
    config, environment = run.config(), run.environment()
    done = len(run.generations())
    begun = (run.path / "reference").is_dir()
    return {
        "seed": config.seed,
        "done": done,
        "generations": config.generations,
        "setting": setting(config, environment),
        "data": _data(run, config, begun),
        "judge": _judge(run) if begun else None,
        "sampler_audit": run.audit() if begun else None,
        "scores": _scores(run) if begun else None,
        "compute": _compute(run, config),
        "environment": environment,
        "hashes": {
            "config": sha256_of(run.path / "config.yaml"),
            "manifest": chain_hash(run.path),
        },
        "deterministic": config.deterministic,
    }


def setting(config: Config, environment: Mapping[str, Any]) -> dict[str, str]:
    """The config in words, part by part, on the device that the environment recorded."""
    profile, generator, training = config.profile, config.generator, config.training
    sampling, policy = config.sampling, config.policy
    shape = {
        "exp": f"exponential, from {profile.num_max:,} images to {profile.imbalance:g} of that",
        "step": f"two steps, {profile.num_max:,} images and {profile.imbalance:g} of that",
        "zipf": f"Zipf, {profile.num_max:,} images over rank to the {profile.exponent:g}",
        "counts": f"given counts {list(profile.counts or ())}",
        "as-is": "as the data are",
    }[profile.kind]
    words = {"profile": shape, "generator": generator.kind}
    if generator.kind in STEPWISE:
        words["generator"] += f", {generator.network} of width {generator.width}"
        words["generator"] += f" and depth {generator.depth}"
    if generator.kind == "diffusion":
        words["generator"] += f", objective {generator.objective}"
        words["sampler"] = f"{sampling.sampler}, {sampling.steps} steps"
    if generator.first_stage is not None:
        words["generator"] += f", on {generator.first_stage.dim} principal components"
    words["generator"] += {
        "none": ", not asked for classes",
        "from-pool": ", asked for classes as its pool holds them",
        "balanced": ", asked for each class equally often",
    }[generator.labels]
    if generator.kind in STEPWISE:
        words["generator"] += {
            "scratch": "; from scratch in every generation",
            "warm": "; each generation goes on from the weights of the last",
        }[generator.init]
        length = (
            f"{training.steps:,} steps"
            if training.budget == "steps"
            else f"{training.epochs:g} epochs"
        )
        words["training"] = (
            f"{length} of {training.batch_size} images, learning rate {training.learning_rate:g}, "
            f"average of decay {training.ema_decay:g}, products in "
            f"{precision_words(config, environment) or 'numbers that were not recorded'}"
        )
    if sampling.lambda_ != 1:
        words["lambda"] = f"{sampling.lambda_:g}, by {sampling.lambda_by}"
    if sampling.truncation is not None:
        words["truncation"] = f"{sampling.truncation:g} standard deviations"
    words["policy"] = (
        f"{policy.preset or 'of its own'}: real images {policy.real}, samples of window "
        f"{policy.window}, cap {policy.cap}"
    )
    if policy.real_fraction is not None:
        words["policy"] += f", {100 * policy.real_fraction:g} % real"
    if policy.filter is not None:
        words["filter"] = policy.filter.kind
    if policy.watermark is not None:
        words["watermark"] = f"on {100 * policy.watermark.adoption:g} % of what is released"
    if policy.repairs:
        words["repairs"] = ", ".join(repair.kind for repair in policy.repairs)
    words["scored"] = f"{config.scores.num_images:,} images of each generation"
    return words


def _data(run: RunDirectory, config: Config, begun: bool) -> dict[str, Any]:
    terms = TERMS[config.data.source]
    counts = read_json(run.path / "reference" / "counts.json", pool=dict) if begun else {}
    return {
        "source": config.data.source,
        "terms": terms.sentence(),
        "licence_stated": terms.stated,
        "splits": {name: part for name, part in counts.items() if name != "sha256"} or None,
    }


def _judge(run: RunDirectory) -> dict[str, Any]:
    names = ("accuracy", "num_fitting", "num_held_out", "false_reject", "calibration_error")
    facts = read_json(run.path / "judge" / "judge.json", sha256=str, accuracy=float)
    return {
        **{name: facts.get(name) for name in names},
        "lowest_visible_share": max(facts["lowest_visible_share"]),
        "sha256": facts["sha256"],
    }


def _scores(run: RunDirectory) -> dict[str, Any]:
    """The floor, and the headlines of the first and the last generation."""
    tables = RunTables.read(run)
    numbers = [FLOOR, *sorted({*tables.generations[:1], *tables.generations[-1:]})]
    fits, rejects = tables.values("share_fit"), tables.values("reject")
    rows = []
    for metric, reference, name in HEADLINES:
        found = tables.values(metric, reference)
        if not found:
            continue
        cells = [_cell(found[number]) if number in found else None for number in numbers]
        rows.append({"metric": metric, "name": name, "cells": cells})
    return {
        "rows": rows,
        "generations": numbers,
        "misfits": [number for number in tables.generations if fits[number].value > 1],
        "num_floor": rejects[FLOOR].n,
        "num_scored": max((rejects[number].n for number in tables.generations), default=0),
    }


def _cell(score: Score) -> dict[str, float | None]:
    return {"value": score.value, "low": score.low, "high": score.high}


def _compute(run: RunDirectory, config: Config) -> dict[str, Any]:
    """Seconds as they were measured, and images as config and pools say."""
    done = len(run.generations())
    logged = logged_seconds(run.path)
    seconds = [logged.get(number) for number in range(done)]
    trained = sum(_images_trained(config, run.pool(number)["size"]) for number in range(done))
    classes = tuple(run.initial_counts()) if done else ()
    return {
        "seconds": seconds,
        "images_trained": trained,
        "images_sampled": sum(len(run.samples(number, classes)) for number in range(done)),
    }


def _images_trained(config: Config, size: int) -> int:
    """How often a generation with a pool of so many images looks at an image."""
    if config.generator.kind not in STEPWISE:
        return 0
    seen = config.training.num_steps(size) * min(config.training.batch_size, size)
    negative = config.generator.negative
    if negative is not None:
        own = size if negative.images == "pool" else negative.images
        seen += negative.steps * min(config.training.batch_size, own)
    return seen
