"""Files that are there whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO, TextIO

from imgcollapse.errors import CorruptError

TEMPORARY = ".tmp"
RESTORE = "restore it from a copy, or delete the run and make it again"


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file under a temporary name beside ``path``, flushed to disk and renamed at the end."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """The content of a file, as ``written_whole``."""
    with written_whole(path) as file:
        file.write(content)


@contextmanager
def written_in_parts(path: Path) -> Iterator[TextIO]:
    """As ``write_text``, for a text that comes in parts and need not fit into memory."""
    with written_whole(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.detach()


def write_text(path: Path, text: str) -> None:
    """As ``write_bytes``, UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """As ``write_bytes``; indented JSON that refuses NaN and infinity."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, **kinds: type | UnionType) -> Any:
    """What ``write_json`` wrote; with ``kinds``, an object that holds these keys with such values.

    Raises CorruptError where the file is missing, not whole, or holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CorruptError(f"a file is missing ({path})", RESTORE) from None
    except (IsADirectoryError, NotADirectoryError, ValueError) as error:
        raise CorruptError(f"not readable as JSON: {error} ({path})", RESTORE) from error
    for key, kind in kinds.items():
        if not isinstance(value, dict) or not isinstance(value.get(key, ...), kind):
            raise CorruptError(f"{key} is missing or of another kind ({path})", RESTORE)
    return value


def move_folder(staged: Path, folder: Path) -> None:
    """Flushes every file below ``staged`` and renames it to ``folder`` in one step."""
    for path in sorted(staged.rglob("*")):
        _sync(path)
    _sync(staged)
    os.rename(staged, folder)
    _sync(folder.parent)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's content, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hashes_below(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, by its path relative to the folder's parent."""
    return {
        path.relative_to(folder.parent).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
