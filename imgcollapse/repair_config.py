"""Repairs: what is done to samples before they are released, and to pools before training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from imgcollapse.section import Section


class SelectConfig(Section):
    """Keeps ``part`` of the samples: the best, the worst, or any (its control)."""

    kind: Literal["select"]
    by: Literal["confidence", "loss", "spread"] = Field(
        "confidence",
        description="the judge's; the generator's own loss, low is good; farthest-point",
    )
    keep: Literal["top", "random", "bottom"] = "top"
    part: float = Field(0.5, gt=0, lt=1)

    @model_validator(mode="after")
    def fits_by(self) -> Self:
        if self.by == "spread" and self.keep == "bottom":
            raise ValueError("repair select by spread keeps the farthest points or random ones")
        return self


class CurateConfig(Section):
    """Of every ``candidates`` samples one is released, drawn by the softmax of its reward."""

    kind: Literal["curate"]
    reward: Literal["confidence", "class"] = "confidence"
    favourite: str | None = Field(None, description="the class that is liked")
    strength: float = Field(5.0, ge=0, description="the reward, in [0, 1], is multiplied by it")
    candidates: int = Field(2, ge=2, le=100)

    @model_validator(mode="after")
    def fits_reward(self) -> Self:
        if (self.reward == "class") != (self.favourite is not None):
            raise ValueError("repair curate has a favourite with reward: class, and only with it")
        return self


class ProjectConfig(Section):
    """Moves samples toward real prototypes."""

    kind: Literal["project"]
    prototypes: int = Field(64, ge=1, le=10_000, description="k-means centres of real images")
    strength: float = Field(0.5, gt=0, le=1, description="1 puts the prototype in its place")


class RelabelConfig(Section):
    """Gives each sample the class that the judge sees."""

    kind: Literal["relabel"]


class RebalanceConfig(Section):
    """Makes judged classes equally common in the pool, which keeps its size."""

    kind: Literal["rebalance"]
    how: Literal["stock", "star", "weights"] = Field(
        "weights",
        description="fill up with real images; balanced draws with replacement; weighted draw",
    )


def _kind(values: Any) -> str | None:
    return values.get("kind") if isinstance(values, Mapping) else getattr(values, "kind", None)


RepairConfig = Annotated[
    Annotated[SelectConfig, Tag("select")]
    | Annotated[CurateConfig, Tag("curate")]
    | Annotated[ProjectConfig, Tag("project")]
    | Annotated[RelabelConfig, Tag("relabel")]
    | Annotated[RebalanceConfig, Tag("rebalance")],
    Discriminator(_kind),
]
