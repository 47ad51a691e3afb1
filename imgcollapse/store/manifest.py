"""The manifest: a hash of every committed file, and a chain of hashes through the generations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from imgcollapse.errors import CorruptError
from imgcollapse.store.files import hashes_below, read_json, sha256_of, write_json

FILE = "manifest.json"
WHOLE = ("config.yaml", "scores.csv")
FOLDERS = ("judge", "reference")


def write_manifest(run: Path, generations: list[Path]) -> None:
    """Writes ``manifest.json``; entries of generations that it holds already are kept."""
    known = {entry["generation"]: entry for entry in _read(run).get("generations", [])}
    entries: list[dict[str, Any]] = []
    for number, folder in enumerate(generations):
        previous = _digest(entries[-1]) if entries else ""
        entry = known.get(number)
        if entry is None or entry["previous"] != previous:
            entry = {"generation": number, "previous": previous, "files": hashes_below(folder)}
        entries.append(entry)
    write_json(run / FILE, {"files": _whole(run), "generations": entries})


def recorded_hash(run: Path, name: str) -> str | None:
    """The hash that the manifest has of a file outside of generations, None if it has none."""
    return _read(run).get("files", {}).get(name)


def check_manifest(run: Path, generations: list[Path]) -> int:
    """Compares every committed file with the manifest; returns how many were compared.

    Raises CorruptError that names the first files that differ, are missing or are not listed.
    """
    manifest = _read(run)
    if not manifest:
        raise CorruptError(f"no manifest ({run / FILE})", "is this a run directory?")
    entries = manifest["generations"]
    expected = dict(manifest["files"])
    previous = ""
    for number, entry in enumerate(entries):
        if entry["generation"] != number or entry["previous"] != previous:
            raise CorruptError(f"the chain of hashes breaks at generation {number} ({run / FILE})")
        previous = _digest(entry)
        expected |= entry["files"]
    found = _whole(run)
    for folder in generations:
        found |= hashes_below(folder)
    wrong = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise CorruptError(
            f"{len(wrong)} of {len(expected)} files differ from the manifest: {shown} ({run})",
            "restore them from a copy, or delete the run and make it again",
        )
    return len(expected)


def _whole(run: Path) -> dict[str, str]:
    hashes = {name: sha256_of(run / name) for name in WHOLE if (run / name).is_file()}
    for name in FOLDERS:
        hashes |= hashes_below(run / name)
    return hashes


def _digest(entry: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(entry, sort_keys=True).encode()).hexdigest()


def _read(run: Path) -> dict[str, Any]:
    if not (run / FILE).exists():
        return {}
    content = read_json(run / FILE)
    if not _is_manifest(content):
        raise CorruptError(f"the manifest has other keys than those of a manifest ({run / FILE})")
    return dict(content)


def _is_manifest(content: object) -> bool:
    if not isinstance(content, dict) or content.keys() != {"files", "generations"}:
        return False
    entries = content["generations"]
    return (
        isinstance(content["files"], dict)
        and isinstance(entries, list)
        and all(
            isinstance(entry, dict)
            and entry.keys() == {"generation", "previous", "files"}
            and isinstance(entry["files"], dict)
            for entry in entries
        )
    )
