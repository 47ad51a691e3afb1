"""The claims behind named figures: pure functions of the tables in an output folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imgcollapse.study.claims import (
    accumulate,
    crowding,
    drift,
    goldens,
    mad_lambda,
    sampler,
    shumailov_gaussian,
    shumailov_vae,
)
from imgcollapse.study.claims.claim import Claim

CLAIMS: dict[str, Callable[[Path], list[Claim]]] = {
    "crowding": crowding.claims,
    "goldens": goldens.claims,
    "shumailov-vae": shumailov_vae.claims,
    "shumailov-gaussian": shumailov_gaussian.claims,
    "mad-lambda": mad_lambda.claims,
    "accumulate": accumulate.claims,
    "drift": drift.claims,
    "sampler": sampler.claims,
}
