"""The manifest: a hash of every committed file, and a chain of hashes through the generations."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from imgcollapse.errors import CorruptError
from imgcollapse.store.files import RESTORE, hashes_below, read_json, sha256_of, write_json

FILE = "manifest.json"
TABLE = "scores.csv"
WHOLE = ("config.yaml", TABLE)
FOLDERS = ("judge", "reference")


def write_manifest(run: Path, generations: list[Path]) -> None:
    """Writes ``manifest.json``; what it holds already is kept, but for the hash of the table."""
    held = _read(run)
    files = _whole(run)
    files |= {name: hash_ for name, hash_ in held.get("files", {}).items() if name != TABLE}
    known = {entry["generation"]: entry for entry in held.get("generations", [])}
    entries: list[dict[str, Any]] = []
    for number, folder in enumerate(generations):
        previous = _digest(entries[-1]) if entries else ""
        entry = known.get(number)
        if entry is None or entry["previous"] != previous:
            entry = {"generation": number, "previous": previous, "files": hashes_below(folder)}
        entries.append(entry)
    write_json(run / FILE, {"files": files, "generations": entries})


def recorded_hash(run: Path, name: str) -> str | None:
    """The hash that the manifest has of a file outside of generations, None if it has none."""
    found: str | None = _read(run).get("files", {}).get(name)
    return found


def chain_hash(run: Path) -> str | None:
    """The hash of the last generation's entry, which holds those before it; None without one."""
    entries = _read(run).get("generations", [])
    return _digest(entries[-1]) if entries else None


def check_manifest(run: Path, generations: list[Path]) -> int:
    """Compares every committed file with the manifest; returns how many were compared.

    Raises CorruptError that names the first files that differ, are missing or are not listed.
    Before anything is committed there is no manifest, and nothing to compare.
    """
    if not (run / FILE).exists() and not generations:
        return 0
    files, entries = _recorded(run)
    expected = dict(files)
    for entry in entries:
        expected |= entry["files"]
    found = _whole(run)
    for folder in generations:
        found |= hashes_below(folder)
    _refuse_differences(run, expected, found)
    return len(expected)


def check_begun(run: Path, generations: list[Path]) -> int:
    """Compares what a run goes on from: config, judge, reference and recorded generations.

    Returns how many of the generations are recorded. A run that was killed may have a generation
    and a table that its manifest does not know yet, and one from which generations were taken
    away still has their entries: neither is an error. Raises CorruptError as ``check_manifest``.
    """
    if not (run / FILE).exists() and not generations:
        return 0
    files, entries = _recorded(run)
    expected = {name: hash_ for name, hash_ in files.items() if name != TABLE}
    found = {name: hash_ for name, hash_ in _whole(run).items() if name != TABLE}
    both = list(zip(generations, entries, strict=False))
    for folder, entry in both:
        expected |= entry["files"]
        found |= hashes_below(folder)
    _refuse_differences(run, expected, found)
    return len(both)


def check_generation(run: Path, number: int, folder: Path) -> None:
    """CorruptError where the files of one generation's folder are not what the manifest says."""
    _, entries = _recorded(run)
    if number >= len(entries):
        raise CorruptError(
            f"generation {number} is not in the manifest ({run / FILE})",
            "give the command of the run again",
        )
    _refuse_differences(run, entries[number]["files"], hashes_below(folder))


def _recorded(run: Path) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Files and entries of a manifest whose chain of hashes holds."""
    manifest = _read(run)
    if not manifest:
        raise CorruptError(f"no manifest ({run / FILE})", RESTORE)
    previous = ""
    for number, entry in enumerate(manifest["generations"]):
        if entry["generation"] != number or entry["previous"] != previous:
            raise CorruptError(f"the chain of hashes breaks at generation {number} ({run / FILE})")
        previous = _digest(entry)
    return manifest["files"], manifest["generations"]


def _refuse_differences(run: Path, expected: dict[str, str], found: dict[str, str]) -> None:
    wrong = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if wrong:
        shown = ", ".join(wrong[:5]) + (f" and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise CorruptError(
            f"{len(wrong)} of {len(expected)} files differ from the manifest: {shown} ({run})",
            RESTORE,
        )


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
