"""Finds out what a folder holds: a run, a study, or several runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from imgcollapse.config_file import to_yaml
from imgcollapse.errors import ConfigError
from imgcollapse.report.contents import Arm, Chain, Contents
from imgcollapse.report.study_reading import is_study, read_study
from imgcollapse.store.run_directory import RunDirectory

DEEPEST = 2


def read_contents(path: Path) -> Contents:
    """What a report of ``path`` tells.

    ConfigError where there is neither run nor study, or nothing is committed; CorruptError where a
    file is broken.
    """
    if RunDirectory(path).exists:
        paths = [path]
    elif is_study(path):
        return read_study(path)
    else:
        paths = _runs_below(path, DEEPEST)
    if not paths:
        raise ConfigError(f"neither a run nor a study here ({path})", "imgcollapse run makes a run")
    chains = []
    left_out = []
    for one in paths:
        run = RunDirectory(one)
        run.check_readable()
        place = one.relative_to(path).as_posix()
        if run.generations():
            chains.append(read_chain(run, place))
        else:
            left_out.append(place)
    if not chains:
        raise ConfigError(
            f"nothing is committed yet ({path})", "imgcollapse run CONFIG --out DIR goes on"
        )
    name = path.resolve().name
    return Contents(name, _arms(chains, name), left_out=left_out)


def read_chain(run: RunDirectory, place: str) -> Chain:
    """The chain of a run, of which one generation at least is committed."""
    initial, config = run.initial_counts(), run.config()
    return Chain(
        place=place,
        seed=config.seed,
        classes=tuple(initial),
        initial_counts=np.array(list(initial.values()), np.int64),
        scores=run.scores(),
        run=run,
        starts=config.starts,
    )


def _runs_below(path: Path, depth: int) -> list[Path]:
    """Runs in a folder, or in the folders of a folder."""
    found: list[Path] = []
    for below in sorted(path.iterdir()) if path.is_dir() else []:
        if RunDirectory(below).exists:
            found.append(below)
        elif depth > 1 and below.is_dir() and not below.is_symlink():
            found += _runs_below(below, depth - 1)
    return found


def _arms(chains: list[Chain], name: str) -> list[Arm]:
    """Chains that differ in their seed only are one arm, named for what their names share."""
    groups: dict[tuple[str, str], list[Chain]] = {}
    for chain in chains:
        assert chain.config is not None
        rest = to_yaml(chain.config.model_copy(update={"seed": 0}))
        groups.setdefault((chain.place.rpartition("/")[0], rest), []).append(chain)
    arms: list[list[Chain]] = []
    for group in groups.values():
        twice = len({chain.seed for chain in group}) < len(group)
        arms += [[chain] for chain in group] if twice else [group]
    names = [_shared_name([chain.place for chain in arm]) or name for arm in arms]
    return [
        Arm(one if names.count(one) == 1 else arm[0].place, arm)
        for one, arm in zip(names, arms, strict=True)
    ]


def _shared_name(places: list[str]) -> str:
    """``mix`` of ``mix/seed0`` and ``mix/seed1``, or of ``mix-seed0`` alone; empty for ``.``."""
    shared = re.sub(r"[-_/]?seed\d*$", "", _common_start(places))
    return (shared if len(places) == 1 else re.sub(r"[-_/]?\d*$", "", shared)).strip("./")


def _common_start(names: list[str]) -> str:
    first, last = min(names), max(names)
    same = [one == other for one, other in zip(first, last, strict=False)]
    return first[: (*same, False).index(False)]
