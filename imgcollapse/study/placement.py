"""Where a chain keeps what grows with its pool."""

from __future__ import annotations

from pathlib import Path

import torch

from imgcollapse.arrays import Keep, in_file, in_memory, where_they_fit
from imgcollapse.config import Config
from imgcollapse.device import free_memory

CPU = torch.device("cpu")


def keep_of(config: Config, folder: Path | None) -> Keep:
    """As ``training.pool`` asks: in memory, or in files in ``folder``.

    ``auto`` is in memory for what takes at most half of what the machine has free at the time.
    """
    if config.training.pool == "resident":
        return in_memory
    if config.training.pool == "mapped":
        return in_file(folder)
    return where_they_fit(folder, lambda: free_memory(CPU) // 2)
