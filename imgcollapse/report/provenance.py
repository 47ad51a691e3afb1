"""Where the numbers of a report are from: machine, versions, hashes, judge and audit."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from typing import Any

from imgcollapse.config_file import to_yaml
from imgcollapse.report.contents import Chain, Contents, scored
from imgcollapse.report.methods import read_judge
from imgcollapse.scores import percent
from imgcollapse.store.files import sha256_of
from imgcollapse.store.manifest import FILE as MANIFEST

Items = list[tuple[str, str]]


def provenance(contents: Contents) -> list[dict[str, Any]]:
    """For each arm its facts, in order, and the config of its first chain as YAML."""
    told = []
    for arm in contents.arms:
        chain = arm.chains[0]
        told.append(
            {
                "name": arm.name,
                "facts": _facts(arm.chains),
                "config": to_yaml(chain.config) if chain.config else "",
            }
        )
    return told


def _facts(chains: Sequence[Chain]) -> Items:
    """Judge, sampler, command and machine are those of the first chain."""
    chain = chains[0]
    facts: Items = [
        ("seeds" if len(chains) > 1 else "seed", ", ".join(str(one.seed) for one in chains)),
        ("scored images", scored(chains)),
        ("extractor", _by_seed(chains, _extractor)),
    ]
    if chain.run is None:
        return [*facts, ("runs", "not at hand: made from the study's tables")]
    environment, audit, judge = chain.run.environment(), chain.run.audit(), read_judge(chain)
    command, cuda = environment.get("command"), environment.get("cuda")
    device = f"{environment.get('device')} ({environment.get('device_name')})"
    visible = percent(max(judge["lowest_visible_share"]))
    versions = environment["versions"].items()
    return [
        *facts,
        (
            "judge",
            f"right on {percent(judge['accuracy'])} of {judge['num_held_out']:,} held-out real "
            f"images; of equally common classes it sees shares from {visible}",
        ),
        ("judge sha256", judge["sha256"]),
        ("sampler", audit["sentence"]),
        ("manifest sha256", _by_seed(chains, _manifest)),
        ("command", shlex.join(map(str, command)) if isinstance(command, list) else "unknown"),
        ("git", str(environment.get("git") or "not in a repository")),
        (
            "device",
            f"{device}, threads: {environment.get('threads')}, CUDA: {cuda or 'none'}, "
            f"bf16: {environment.get('bf16', 'not recorded')}",
        ),
        ("system", f"Python {environment.get('python')}, {environment.get('platform')}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions)),
    ]


def _by_seed(chains: Sequence[Chain], of: Callable[[Chain], str]) -> str:
    """What each chain has, or once what all have."""
    found = [of(chain) for chain in chains]
    if len(set(found)) == 1:
        return found[0]
    return "\n".join(f"seed {chain.seed}: {one}" for chain, one in zip(chains, found, strict=True))


def _extractor(chain: Chain) -> str:
    return ", ".join(sorted({score.extractor for score in chain.scores}))


def _manifest(chain: Chain) -> str:
    path = chain.run.path / MANIFEST if chain.run else None
    return sha256_of(path) if path and path.is_file() else "none"
