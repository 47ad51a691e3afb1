"""``study.parquet``: the scores of a study for tools that read columns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from imgcollapse.store.files import TEMPORARY

KINDS = {
    **dict.fromkeys(("seed", "generation", "n"), "int64"),
    **dict.fromkeys(("value", "low", "high"), "float64"),
}
"""Columns that are not text."""

Write = Callable[[Sequence[Sequence[object]]], None]


@contextmanager
def parquet_writer(path: Path, columns: Sequence[str]) -> Iterator[Write]:
    """Takes rows in parts and makes a file of them; takes them only, where pyarrow is not there."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        yield lambda rows: None
        return
    schema = pyarrow.schema(
        [(name, getattr(pyarrow, KINDS.get(name, "string"))()) for name in columns]
    )
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with pyarrow.parquet.ParquetWriter(temporary, schema) as writer:

            def write(rows: Sequence[Sequence[object]]) -> None:
                parts = [list(part) for part in zip(*rows, strict=True)]
                if parts:
                    writer.write_table(pyarrow.table(parts, schema=schema))

            yield write
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
