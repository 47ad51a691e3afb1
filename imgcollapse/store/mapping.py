"""Arrays of an npz that are mapped into memory instead of being read."""

from __future__ import annotations

import contextlib
import resource
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

LOCAL_HEADER = struct.Struct("<4s22x2H")
"""Of a member of a zip file: its mark, and how long the name and the extra field after it are."""
READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def mapped_array(path: Path, name: str) -> NDArray[Any]:
    """An array of an uncompressed npz, read-only and in the file, which stays open as it lives.

    ValueError, OSError, KeyError or BadZipFile where the file is not whole. A changed value is not
    seen: that is for the manifest.
    """
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed")
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        mark, name_bytes, extra_bytes = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
        if mark != b"PK\3\4":
            raise ValueError(f"{name} is not where the directory of the file says")
        start = file.seek(name_bytes + extra_bytes, 1)
        shape, is_fortran, dtype = READERS[npy.read_magic(file)](file)
        if (
            file.tell() - start + np.prod(shape, dtype=np.int64) * dtype.itemsize
            != member.file_size
        ):
            raise ValueError(f"{name} is not of the size that it says")
        return np.memmap(file, dtype, "r", file.tell(), shape, "F" if is_fortran else "C")


def allow_open_files(num: int) -> None:
    """Raises the limit of open files by so many, as far as the system lets a program do so."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = soft + num if hard == resource.RLIM_INFINITY else min(soft + num, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
