"""The state of a training under way, so that a killed run goes on where it was."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from imgcollapse.store.files import write_bytes

SAVE_EVERY_SECONDS = 60.0
POSITION = "position"


class TrainingState:
    """One file in ``state/``, saved at most once a minute; the seed says of which training."""

    def __init__(self, path: Path, every_seconds: float = SAVE_EVERY_SECONDS) -> None:
        self.path = path
        self.every_seconds = every_seconds
        self.saved_at = time.monotonic()

    def load(self, seed: int) -> tuple[int, dict[str, Any]] | None:
        """The step and the arrays that were saved for this training, or None.

        A file that is unreadable or of another training counts as none.
        """
        try:
            arrays = load_file(self.path)
            saved_seed, step = arrays.pop(POSITION).tolist()
        except (OSError, SafetensorError, KeyError):
            return None
        return (step, arrays) if saved_seed == seed else None

    def save(self, seed: int, step: int, arrays: dict[str, Any]) -> None:
        position = np.array([seed, step], np.int64)
        write_bytes(self.path, save({**arrays, POSITION: position}))
        self.saved_at = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self.saved_at >= self.every_seconds

    def clear(self) -> None:
        if self.path.exists():
            os.remove(self.path)
