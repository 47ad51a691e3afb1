"""``imgcollapse reproduce``: the study behind a named figure, and whether its claims hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, SetOption, print_json
from imgcollapse.cli.reporter import Interrupts
from imgcollapse.errors import ConfigError

if TYPE_CHECKING:
    from imgcollapse.study.claims.claim import Claim

NAMES = {
    "crowding": "common classes crowd out rare ones, chance and sampler taken away (kennel)",
    "goldens": "90 % goldens: soon only goldens (kennel)",
    "shumailov-vae": "latents of a VAE shrink (needs MNIST)",
    "shumailov-gaussian": "refitted Gaussians lose variance and modes",
    "mad-lambda": "sampling bias keeps precision and loses recall",
    "accumulate": "replace, accumulate-subsample, accumulate: damage in that order",
    "drift": "chance alone, against exact Wright-Fisher",
    "sampler": "what samplers do to shares with a perfect denoiser",
}
LISTED = "; ".join(f"{name}: {what}" for name, what in NAMES.items())
