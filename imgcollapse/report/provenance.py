"""Where the numbers of a report are from: machine, versions, hashes, judge and audit."""

from __future__ import annotations

import hashlib
import shlex
from typing import Any

from imgcollapse.config_file import to_yaml
from imgcollapse.report.contents import Chain, Contents
from imgcollapse.report.methods import read_judge
from imgcollapse.scores import percent, select
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
                "place": chain.place,
                "facts": _facts(chain, [one.seed for one in arm.chains]),
                "config": to_yaml(chain.config) if chain.config else "",
            }
        )
    return told


def _facts(chain: Chain, seeds: list[int]) -> Items:
    extractors = ", ".join(sorted({score.extractor for score in chain.scores}))
    numbers = sorted({score.n for score in select(chain.scores, "reject")})
    facts: Items = [
        ("seeds" if len(seeds) > 1 else "seed", ", ".join(map(str, seeds))),
        ("scored images", " to ".join(f"{n:,}" for n in dict.fromkeys((numbers[0], numbers[-1])))),
        ("extractor", extractors),
    ]
    if chain.run is None:
        return [*facts, ("runs", "not at hand: made from the study's tables")]
    environment, audit, judge = chain.run.environment(), chain.run.audit(), read_judge(chain)
    manifest = chain.run.path / MANIFEST
    command = environment.get("command")
    return [
        *facts,
        ("judge", f"right on {percent(judge['accuracy'])} of {judge['num_held_out']:,} held-out "
                  f"real images; of equally common classes it sees shares from "
                  f"{percent(max(judge['lowest_visible_share']))}"),
        ("judge sha256", judge["sha256"]),
        ("sampler", audit["sentence"]),
        ("manifest sha256", hashlib.sha256(manifest.read_bytes()).hexdigest()
                            if manifest.is_file() else "no manifest"),
        ("command", shlex.join(map(str, command)) if isinstance(command, list) else "unknown"),
        ("git", _git(environment.get("git"))),
        ("device", f"{environment.get('device')} ({environment.get('device_name')}), "
                   f"{environment.get('threads')} threads"
                   + (f", CUDA {environment['cuda']}" if environment.get("cuda") else "")),
        ("system", f"Python {environment.get('python')}, {environment.get('platform')}"),
        ("versions", ", ".join(f"{name} {version}"
                               for name, version in environment["versions"].items())),
    ]  # fmt: skip


def _git(state: object) -> str:
    return str(state) if state else "not in a repository"
