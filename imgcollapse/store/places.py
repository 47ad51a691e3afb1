"""Whether something can be written where it is to be, before it is made."""

from __future__ import annotations

import tempfile
from pathlib import Path

from imgcollapse.errors import ConfigError, DataError


def refuse_unwritable(out: Path, what: str) -> None:
    """ConfigError where no file can be made in the folder, or in the one that is to hold it.

    ``what`` is what would be written, such as ``run``.
    """
    nearest = next(path for path in (out.absolute(), *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise ConfigError(
            f"the {what} cannot be written: {error.strerror} in {nearest} ({out})",
            "give an --out that lies in a folder that can be written",
        ) from error


def refuse_taken(out: Path, what: str) -> None:
    """DataError where there is a file already, ConfigError where none can be made."""
    if out.exists():
        raise DataError(f"there is something at this path already ({out})", "name another path")
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"there is no folder for the {what} ({out})", "give another --out")
    refuse_unwritable(out.absolute().parent, what)
