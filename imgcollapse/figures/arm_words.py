"""Arms in words: the swept keys in their names as a reader calls them."""

from __future__ import annotations

import re
from collections import Counter

TOGETHER = "\N{NO-BREAK SPACE}"
KNOB = re.compile(r"(^| )([A-Za-z]\w*(?:\.\w+)+)=(\S+)")
WORDS = {
    "policy.real_fraction": "real part",
    "training.steps": "training steps",
    "sampling.steps": "sampler steps",
    "judge.steps": "judge steps",
}


def knob_words(key: str) -> str:
    """A swept key in words: ``policy.real_fraction`` is the real part."""
    return WORDS.get(key, key.rpartition(".")[2].replace("_", " "))


def arm_words(arm: str) -> str:
    """``mix sampling.lambda=0.9`` is ``mix, lambda 0.9``, in which a key stays with its value.

    Keys of the same words keep their names.
    """
    held = Counter(knob_words(one[2]) for one in KNOB.finditer(arm))

    def said(match: re.Match[str]) -> str:
        before, key, value = match.groups()
        words = knob_words(key)
        words = (words if held[words] == 1 else key).replace(" ", TOGETHER)
        return f"{before and ', '}{words}{TOGETHER}{value}"

    return KNOB.sub(said, arm)
