"""How images are drawn, with the samplers of each objective."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from imgcollapse.section import Section

MOST_SAMPLES = 10_000_000
FEWEST_HEUN_STEPS = 18
"""As in Karras et al. 2022; with fewer a perfect denoiser widens a Gaussian of width 0.2 by more
than 8 %: 16 steps by 10, 12 by 21, 8 by 64, and 3 steps fifteenfold."""
VP_SAMPLERS = ("ddpm", "ddim", "dpm++", "unipc", "heun", "euler")
FLOW_SAMPLERS = ("flow", "heun", "dpm++", "unipc")
SAMPLING_PRESETS: dict[tuple[str, str], dict[str, Any]] = {
    ("fast", "vp"): {"sampler": "unipc", "steps": 30},
    ("fast", "flow on pixels"): {"sampler": "unipc", "steps": 50},
    ("fast", "flow"): {"sampler": "unipc", "steps": 15},
    ("exact", "vp"): {"sampler": "heun", "steps": 100},
    ("exact", "flow on pixels"): {"sampler": "heun", "steps": 100},
    ("exact", "flow"): {"sampler": "heun", "steps": 60},
}
"""By preset and process. Heun takes two evaluations a step."""


class SamplingConfig(Section):
    preset: Literal["fast", "exact"] | None = Field(
        None, description="sampler and steps that pass the audit: few evaluations, or many"
    )
    sampler: Literal["ddpm", "ddim", "dpm++", "unipc", "heun", "euler", "flow"] = "dpm++"
    steps: int = Field(35, ge=1, le=1000)
    variance: Literal["fixed_small", "fixed_large"] | None = None
    lambda_: float = Field(
        1.0,
        alias="lambda",
        ge=0,
        le=10,
        description="sampling bias, as lambda_by says; 1 is unbiased",
    )
    lambda_by: Literal["noise", "guidance"] = Field(
        "noise",
        description="lambda scales prior or starting noise, or is 1/(1+w) of guidance weight w",
    )
    truncation: float | None = Field(
        None,
        gt=0,
        le=8,
        description="prior or starting noise stays within so many standard deviations",
    )
    num_images: Literal["pool"] | Annotated[int, Field(ge=1, le=MOST_SAMPLES)] = Field(
        "pool", description="images sampled for the next pool; pool: as many as the first pool"
    )
    batch_size: int = Field(512, ge=1, le=MOST_SAMPLES)

    @model_validator(mode="after")
    def parts_fit_together(self) -> Self:
        if self.variance is not None and self.sampler != "ddpm":
            raise ValueError("sampling.variance goes with sampling.sampler: ddpm, and only with it")
        if self.lambda_by == "guidance" and self.lambda_ == 0:
            raise ValueError("sampling.lambda: 0 by guidance is a weight without end")
        return self

    @property
    def noise_scale(self) -> float:
        """What prior or starting noise is multiplied by."""
        return self.lambda_ if self.lambda_by == "noise" else 1.0

    @property
    def guidance(self) -> float:
        """The weight w of classifier-free guidance, 0 without; below 0 where lambda is above 1."""
        return 1 / self.lambda_ - 1 if self.lambda_by == "guidance" else 0.0


def with_preset(sampling: dict[str, Any], objective: str, on_pixels: bool) -> dict[str, Any]:
    """Raw values of a sampling section with its preset filled in; ValueError where they differ."""
    process = "vp" if objective != "flow" else "flow on pixels" if on_pixels else "flow"
    filled = SAMPLING_PRESETS.get((str(sampling.get("preset")), process), {})
    for name, value in filled.items():
        if sampling.get(name) not in (None, value):
            raise ValueError(
                f"sampling.preset: {sampling['preset']} means {name} {value}, "
                f"not {sampling[name]}; leave out one of the two"
            )
    return {**sampling, **filled}
