"""What networks multiply in where a config leaves it open."""

from __future__ import annotations

from typing import Literal

from imgcollapse.config import Config

Precision = Literal["fp32", "bf16"]


def settled_precision(config: Config, has_bf16: bool) -> Precision:
    """``training.precision``; ``auto`` is bf16 for denoisers on a device that has it, else fp32.

    A VAE stays in fp32: its loss divides by the width that it learns, which becomes small, and
    rounding can move its curve by more than half a percent (``train/guard-vae-bf16`` of the bench).
    """
    asked = config.training.precision
    if asked != "auto":
        return asked
    return "bf16" if has_bf16 and config.generator.kind == "diffusion" else "fp32"
