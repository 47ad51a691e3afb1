"""A text with citations, as words or as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from imgcollapse.report.citations import bibtex, sources

ESCAPED = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
ESCAPED |= {sign: f"\\{sign}" for sign in "&%$#_{}"}
ESCAPED |= {"×": r"$\times$", "±": r"$\pm$", "−": "$-$", "–": "--"}
CITATION = re.compile(r"\[@([\w;@]+)\]")


@dataclass
class CitingText:
    """Paragraphs of sentences in which ``[@key;@key]`` cites sources of the bibliography."""

    paragraphs: list[list[str]] = field(default_factory=list)

    def begin(self) -> None:
        """A new paragraph."""
        self.paragraphs.append([])

    def add(self, *sentences: str) -> None:
        self.paragraphs[-1] += [sentence for sentence in sentences if sentence]

    @property
    def raw(self) -> str:
        return "\n\n".join(" ".join(sentences) for sentences in self.paragraphs if sentences)

    def keys(self) -> set[str]:
        return {key for group in CITATION.findall(self.raw) for key in _keys(group)}

    def as_text(self) -> str:
        """With names and years in brackets."""
        return CITATION.sub(lambda found: f"({_names(found[1])})", self.raw)

    def as_latex(self) -> str:
        """With ``\\citep`` and signs that LaTeX reads."""
        parts = CITATION.split(self.raw)
        return "".join(
            f"\\citep{{{','.join(_keys(part))}}}" if place % 2 else _escaped(part)
            for place, part in enumerate(parts)
        )

    def as_bibtex(self) -> str:
        return bibtex(self.keys())


def listed(words: Iterable[str]) -> str:
    """``a``, ``a and b``, or ``a, b and c``; empty of nothing."""
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def literal(text: str) -> str:
    """Text of the user's own in which nothing is taken for a citation."""
    return text.replace("[@", "[ @")


def _keys(group: str) -> list[str]:
    return [key.lstrip("@") for key in group.split(";")]


def _names(group: str) -> str:
    return "; ".join(sources()[key].name for key in _keys(group))


def _escaped(text: str) -> str:
    return "".join(ESCAPED.get(sign, sign) for sign in text)
