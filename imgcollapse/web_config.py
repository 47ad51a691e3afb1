"""Several labs whose samples make one web, on which all of them train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from imgcollapse.policy_config import WatermarkConfig
from imgcollapse.section import Listed, Section

Sections = dict[str, Any]


class Member(Section):
    """One lab, and its part in the web."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    share: float = Field(
        1.0, gt=0, le=1e6, description="of each generation's samples, relative to others"
    )
    starts: int = Field(0, ge=0, description="the first generation that it takes part in")


class Seat(Member):
    """One lab as the others see it, with how it marks what it releases."""

    watermark: WatermarkConfig | None = None


class LabConfig(Member):
    """A lab: what of its config differs from that of the ecosystem, section by section.

    A lab that starts late trains, from its first generation on, on what its policy makes of the
    web.
    """

    generator: Sections = Field({})
    training: Sections = Field({})
    sampling: Sections = Field({})
    policy: Sections = Field({})

    @property
    def sections(self) -> Sections:
        """Those that are given."""
        given = {
            "generator": self.generator,
            "training": self.training,
            "sampling": self.sampling,
            "policy": self.policy,
        }
        return {name: section for name, section in given.items() if section}


class LabPlace(Section):
    """Written by the ecosystem into the config of each lab's run: which it is, and who else."""

    name: str
    web: Listed[Seat]

    @model_validator(mode="after")
    def has_a_seat(self) -> Self:
        names = [seat.name for seat in self.web]
        if names.count(self.name) != 1:
            raise ValueError(
                f"lab.name: {self.name!r} is not the name of one seat of lab.web "
                f"({', '.join(names)})"
            )
        return self

    @property
    def starts(self) -> int:
        return next(seat.starts for seat in self.web if seat.name == self.name)


def refuse_odd_labs(labs: Sequence[LabConfig], generations: int) -> None:
    """ValueError where labs do not make an ecosystem of so many generations."""
    names = [lab.name for lab in labs]
    if len(labs) < 2:
        raise ValueError("labs are two or more; one lab is a chain")
    if len(set(names)) < len(names):
        raise ValueError("two labs have the same name")
    if min(lab.starts for lab in labs) > 0:
        raise ValueError("no lab starts at generation 0, so the web stays empty")
    if late := [lab.name for lab in labs if lab.starts >= generations]:
        raise ValueError(f"the lab {late[0]} starts after the last generation")
    if any("num_images" in lab.sampling for lab in labs):
        raise ValueError("sampling.num_images is that of the ecosystem, not of a lab")


def parts_of_web(web: Sequence[Seat], generation: int, num: int) -> NDArray[np.int64]:
    """How many of the ``num`` images of a generation come from each lab, 0 before it starts.

    By their shares, to less than one image (largest remainders, earlier labs first).
    """
    shares = np.array([seat.share * (seat.starts <= generation) for seat in web])
    quotas = shares / shares.sum() * num
    parts = np.floor(quotas).astype(np.int64)
    order = np.argsort(parts - quotas, kind="stable")
    parts[order[: num - parts.sum()]] += 1
    whole: NDArray[np.int64] = parts
    return whole
