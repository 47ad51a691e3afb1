"""Runs below a folder."""

from __future__ import annotations

import re
from pathlib import Path

from imgcollapse.errors import ConfigError
from imgcollapse.store.run_directory import RunDirectory

DEEPEST = 2
"""A cell of a study lies at STUDY/ARM/seedN."""


def folder_of(arm: str) -> str:
    """The name of an arm's folder: what no file system minds."""
    return re.sub(r"[^A-Za-z0-9._=-]", "-", arm)


def runs_below(directory: Path) -> list[Path]:
    """The run that lies here, or those below, by path, ``seed2`` before ``seed10``.

    ConfigError where there are none.
    """
    if RunDirectory(directory).exists:
        return [directory]
    found = _below(directory, DEEPEST)
    if not found:
        raise ConfigError(f"no run here ({directory})", "imgcollapse run CONFIG --out DIR")
    return found


def _below(folder: Path, levels: int) -> list[Path]:
    if not folder.is_dir():
        return []
    found: list[Path] = []
    for path in sorted(folder.iterdir(), key=_numbers_last):
        if RunDirectory(path).exists:
            found.append(path)
        elif levels > 1 and not path.is_symlink():
            found += _below(path, levels - 1)
    return found


def _numbers_last(path: Path) -> tuple[str, int]:
    """``seed2`` before ``seed10``."""
    stem = path.name.rstrip("0123456789")
    digits = path.name[len(stem) :]
    return stem, int(digits or -1)
