"""Sources by key: how a text names them, and their BibTeX."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BIBLIOGRAPHY = Path(__file__).with_name("references.bib")


@dataclass(frozen=True)
class Source:
    """An entry of the bibliography: its BibTeX, and its name in a text."""

    bibtex: str
    name: str


@functools.cache
def sources() -> dict[str, Source]:
    """Every entry of ``references.bib`` by its key."""
    entries = re.split(r"\n(?=@)", BIBLIOGRAPHY.read_text(encoding="utf-8").strip())
    found = {}
    for entry in entries:
        key = entry.partition("{")[2].partition(",")[0]
        fields = dict(re.findall(r"^  (\w+) = \{(.+)\},?$", entry, re.M))
        name = f"{_short(fields['author'])}, {fields['year']}"
        found[key] = Source(entry.strip() + "\n", name)
    return found


def _short(authors: str) -> str:
    """One last name, two joined by and, or the first and et al."""
    last = [name.split(",")[0] for name in authors.split(" and ")]
    if len(last) > 2 or "others" in last:
        return f"{last[0]} et al."
    return " and ".join(last)


def bibtex(keys: Iterable[str]) -> str:
    """The entries of the sources in the order of the bibliography."""
    wanted = set(keys)
    return "\n".join(source.bibtex for key, source in sources().items() if key in wanted)
