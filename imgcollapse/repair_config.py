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
    favourite: str | None = Field(
        None,
        description="the class whose probability is the reward; null: the likeliest one's, "
        "which is the judge's confidence",
    )
    strength: float = Field(5.0, ge=0, le=1000, description="the reward is multiplied by it")
    candidates: int = Field(2, ge=2, le=100)


class ProjectConfig(Section):
    """Moves samples toward real prototypes of their class."""

    kind: Literal["project"]
    prototypes: int = Field(16, ge=1, le=1000, description="k-means centres of each class")
    strength: float = Field(1.0, gt=0, le=1, description="1 puts the prototype in its place")


class RelabelConfig(Section):
    """Gives each sample the class that the judge sees."""

    kind: Literal["relabel"]


class RebalanceConfig(Section):
    """Makes judged classes equally common in the pool, which keeps its size."""

    kind: Literal["rebalance"]
    how: Literal["weights", "star", "stock"] = Field(
        "weights",
        description="each image as often as its class is rare; draws with replacement; "
        "rare classes filled up with real images",
    )


def _kind(values: Any) -> Any:
    return values.get("kind") if isinstance(values, Mapping) else getattr(values, "kind", None)


RepairConfig = Annotated[
    Annotated[SelectConfig, Tag("select")]
    | Annotated[CurateConfig, Tag("curate")]
    | Annotated[ProjectConfig, Tag("project")]
    | Annotated[RelabelConfig, Tag("relabel")]
    | Annotated[RebalanceConfig, Tag("rebalance")],
    Discriminator(_kind),
]
