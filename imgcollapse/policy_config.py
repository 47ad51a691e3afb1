"""What the next pool is made of: composition, watermark, filter and repairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import Field, model_validator

from imgcollapse.repair_config import RepairConfig
from imgcollapse.section import MOST_IMAGES, Listed, Section

PresetName = Literal["replace", "accumulate", "accumulate-subsample", "mix", "real-only"]
T = TypeVar("T")
Count = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
PRESETS: dict[str, dict[str, Any]] = {
    "replace": {"real": "none", "window": "last", "cap": "none"},
    "accumulate": {"real": "fixed", "window": "all", "cap": "none"},
    "accumulate-subsample": {"real": "fixed", "window": "all", "cap": "pool"},
    "mix": {"real": "fixed", "window": "last", "cap": "pool", "real_fraction": 0.5},
    "real-only": {"real": "fixed", "window": "none", "cap": "none"},
}

TAKE_REAL_IMAGES_IN = "take real images in before it: --with presets/mix.yaml"
"""A hint: what a ValueError holds after its message."""


class WatermarkConfig(Section):
    """The mark on what a generation releases, under a key of its own for each generation."""

    adoption: float = Field(1.0, ge=0, le=1, description="part of the images that carry it")
    psnr: float = Field(40.0, ge=30, le=50, description="dB; lower is stronger")


class FilterConfig(Section):
    """Drops images of the incoming pool that it takes for generated ones."""

    kind: Literal["oracle", "simulated", "watermark", "reweight"]
    detector: Literal["simulated", "watermark"] = Field(
        "simulated", description="whose findings reweight turns into posteriors"
    )
    true_positive_rate: float = Field(0.9, ge=0, le=1, description="of the simulated detector")
    false_positive_rate: float = Field(0.01, ge=0, lt=1)
    false_positives: dict[str, float] = Field(
        {}, description="rates of single classes, of the simulated detector"
    )
    trusted_real: Literal["keep", "seen"] = Field(
        "seen", description="keep: the lab's own real images never meet the filter"
    )
    matched_random: bool = Field(
        False, description="drops as many images as the filter would, but any: its control"
    )

    @model_validator(mode="after")
    def fits_kind(self) -> Self:
        self.refuse_without_effect("policy.filter", "kind", detector=("reweight",))
        reads = "detector" if self.kind == "reweight" else "kind"
        self.refuse_without_effect(
            "policy.filter",
            reads,
            true_positive_rate=("simulated",),
            false_positive_rate=("simulated", "watermark") if reads == "kind" else ("simulated",),
            false_positives=("simulated",),
        )
        if any(not 0 <= rate < 1 for rate in self.false_positives.values()):
            raise ValueError("policy.filter.false_positives are rates from 0 to below 1")
        if self.kind == "watermark" and self.false_positive_rate == 0:
            raise ValueError("policy.filter.false_positive_rate of kind: watermark is above 0")
        blind = self.true_positive_rate <= self.false_positive_rate
        if self.kind == "reweight" and self.reads == "simulated" and blind:
            raise ValueError(
                "policy.filter.true_positive_rate of kind: reweight is above its "
                "false_positive_rate, or its verdicts tell nothing"
            )
        return self

    @property
    def reads(self) -> str:
        """What it goes by: ``oracle`` and ``simulated`` by the origin, ``watermark`` by marks."""
        return self.detector if self.kind == "reweight" else self.kind


class PolicyConfig(Section):
    """What the next pool is made of; ``preset`` fills the fields that are not given.

    Where a given field is not the preset's, the policy is one of its own and ``preset`` null.

    ``real`` says which real images take part: the first pool's (``fixed``), as many new ones in
    every generation (``fresh``), or the first pool's before generation ``hoarded_until`` and none
    from then on (``hoarded``). ``window`` says whose samples do: the last generation's, those of
    the last k, or all. ``cap`` is how many images are kept of the union (``pool``: as many as the
    first pool held) by a draw that is uniform or, ``class-stratified``, keeps the shares of the
    classes; ``real_fraction`` is the real part of the cap. With ``pool: on-the-fly`` the samples
    are drawn anew for every pass over the pool. ``watermark`` marks what is released, ``filter``
    drops images from the incoming pool, and ``repairs`` select or change images, in their order.
    """

    preset: PresetName | None = "accumulate-subsample"
    real: Literal["none", "fixed", "fresh", "hoarded"] | None = None
    hoarded_until: int | None = Field(None, ge=1)
    window: Literal["none", "last", "all"] | Annotated[int, Field(ge=1, le=100_000)] | None = None
    cap: Literal["none", "pool"] | Count | None = None
    subsample: Literal["uniform", "class-stratified"] = "uniform"
    real_fraction: float | None = Field(None, gt=0, lt=1)
    pool: Literal["fixed", "on-the-fly"] = "fixed"
    watermark: WatermarkConfig | None = None
    filter: FilterConfig | None = None
    repairs: Listed[RepairConfig] = ()

    @model_validator(mode="before")
    @classmethod
    def fill_from_preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        preset = values.get("preset", "accumulate-subsample")
        filled = PRESETS.get(preset, {}) if isinstance(preset, str) else {}
        given = {
            key: value
            for key, value in values.items()
            if value is not None or (key == "real_fraction" and key in filled)
        }
        policy = {**filled, **given, "preset": preset}
        if any(policy[key] != value for key, value in filled.items()) or (
            filled and _composition(policy) - set(filled)
        ):
            policy["preset"] = None
        return policy

    @model_validator(mode="after")
    def is_a_policy(self) -> Self:
        if self.real is None or self.window is None or self.cap is None:
            raise ValueError("policy needs a preset, or each of real, window and cap")
        if self.window == "none" and self.real in ("none", "hoarded"):
            raise ValueError("policy leaves the pool empty: neither real images nor samples")
        if (self.real == "hoarded") != (self.hoarded_until is not None):
            raise ValueError("policy.hoarded_until goes with real: hoarded, and only with it")
        both = self.real != "none" and self.window != "none" and self.cap != "none"
        if self.real_fraction is not None and not both:
            raise ValueError(
                "policy.real_fraction needs real images, a window of samples and a cap"
            )
        if self.subsample != "uniform" and self.cap == "none":
            raise ValueError("policy.subsample has no effect without policy.cap")
        if self.window == "none" and (self.filter or self.watermark or self.repairs):
            raise ValueError(
                "policy.watermark, filter and repairs need samples: policy.window is none"
            )
        if self.pool == "on-the-fly" and (self.window != "last" or self.filter or self.repairs):
            raise ValueError(
                "policy.pool: on-the-fly goes with policy.window: last, without filter and repairs"
            )
        return self.has_a_filter_that_leaves_something()

    def has_a_filter_that_leaves_something(self) -> Self:
        if self.filter is None:
            return self
        if self.filter.reads == "watermark" and self.watermark is None:
            raise ValueError("policy.filter reads watermarks, and there is no policy.watermark")
        if self.filter.kind == "oracle" and self.real in ("none", "hoarded"):
            raise ValueError(
                f"policy.filter.kind: oracle leaves nothing where policy.real is {self.real}",
                TAKE_REAL_IMAGES_IN,
            )
        marks_all = self.watermark is not None and self.watermark.adoption == 1
        if self.filter.kind == "watermark" and marks_all and self.real in ("none", "hoarded"):
            raise ValueError(
                "policy.filter.kind: watermark leaves nothing where all samples are marked and "
                f"policy.real is {self.real}",
                TAKE_REAL_IMAGES_IN,
            )
        if self.filter.trusted_real == "keep" and self.real == "none":
            raise ValueError("policy.filter.trusted_real has no effect where policy.real is none")
        return self


def _composition(policy: Mapping[str, Any]) -> set[str]:
    """The fields of a raw policy that say what a pool is composed of, but for their defaults."""
    plain = {"subsample": "uniform", "pool": "fixed"}
    fields = {"hoarded_until", "real_fraction", *plain}
    return {key for key in fields & set(policy) if policy[key] != plain.get(key)}


def takes_part(policy: PolicyConfig, generation: int) -> bool:
    """Whether real images are in the pool of a generation above 0."""
    if policy.real == "hoarded":
        return generation < (policy.hoarded_until or 0)
    return policy.real != "none"


def window_of(policy: PolicyConfig) -> int | None:
    """How many generations back samples take part; None for all."""
    if isinstance(policy.window, int):
        return policy.window
    return {"none": 0, "last": 1, "all": None}[policy.window or "none"]


def remembered(policy: PolicyConfig, samples: Sequence[T]) -> list[T]:
    """Those of the samples so far, oldest first, that the policy's window still reaches."""
    window = window_of(policy)
    return list(samples if window is None else samples[max(0, len(samples) - window) :])


def size_of_cap(policy: PolicyConfig, first: int) -> int | None:
    """Images that a pool is thinned to, where the first held ``first``; None without a cap."""
    if policy.cap == "none" or policy.cap is None:
        return None
    return first if policy.cap == "pool" else policy.cap


def part_of_real(policy: PolicyConfig, first: int) -> int | None:
    """How many images of the cap are real; None where reals and samples are thinned together."""
    size = size_of_cap(policy, first)
    if policy.real_fraction is None or size is None:
        return None
    return round(policy.real_fraction * size)
