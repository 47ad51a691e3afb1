"""What networks multiply in where a config leaves it open."""

from __future__ import annotations

from typing import Literal

from imgcollapse.training_config import TrainingConfig

Precision = Literal["fp32", "bf16"]


def settled_precision(training: TrainingConfig, has_bf16: bool) -> Precision:
    """``training.precision``; ``auto`` is bf16 on a device that has it, else fp32.

    What a network learns then is guarded by the bench: ``train/guard`` and ``train/guard-vae``.
    """
    if training.precision != "auto":
        return training.precision
    return "bf16" if has_bf16 else "fp32"
