"""Sampling bias in the loop of Alemohammad et al. 2024 (MAD): quality kept, diversity lost."""

from __future__ import annotations

from pathlib import Path

from imgcollapse.study.claims.chains import Chains
from imgcollapse.study.claims.claim import NEGATIVE, POSITIVE, Claim, Region


def claims(folder: Path) -> list[Claim]:
    """Of the arms ``unbiased`` and ``biased``, all generated, and ``fixed-real``, unbiased."""
    chains = Chains.read(folder)
    precision, recall = chains.score("precision"), chains.score("recall")
    return [
        Claim(
            "unbiased: precision falls (change over the generations)",
            NEGATIVE,
            chains.change(precision, "unbiased"),
        ),
        Claim("unbiased: recall falls", NEGATIVE, chains.change(recall, "unbiased")),
        Claim(
            "lambda below 1: precision stays, or falls by less than 0.05",
            Region(low=-0.05),
            chains.change(precision, "biased"),
        ),
        Claim(
            "lambda below 1 keeps more precision: biased less unbiased",
            POSITIVE,
            chains.difference(precision, "biased", "unbiased"),
        ),
        Claim("lambda below 1: recall falls", NEGATIVE, chains.change(recall, "biased")),
        Claim(
            "lambda below 1 loses more recall: biased less unbiased",
            NEGATIVE,
            chains.difference(recall, "biased", "unbiased"),
        ),
        Claim(
            "fixed real data delay it: recall, fixed-real less unbiased",
            POSITIVE,
            chains.difference(recall, "fixed-real", "unbiased"),
        ),
        Claim(
            "fixed real data delay it: distance, fixed-real less unbiased",
            NEGATIVE,
            chains.difference(chains.score("fd_judge"), "fixed-real", "unbiased"),
        ),
    ]
