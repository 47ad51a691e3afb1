"""How networks are trained, and where the pool lies meanwhile."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from imgcollapse.section import MOST_IMAGES, MOST_STEPS, Section


class TrainingConfig(Section):
    """How a network learns; ``pool`` changes where images lie and no result."""

    budget: Literal["steps", "epochs"] = "steps"
    steps: int = Field(4000, ge=1, le=MOST_STEPS)
    epochs: float = Field(20, gt=0, le=100_000)
    batch_size: int = Field(256, ge=1, le=MOST_IMAGES)
    learning_rate: float = Field(1e-3, gt=0)
    warmup_steps: int = Field(100, ge=0, le=MOST_STEPS)
    weight_decay: float = Field(0.0, ge=0)
    gradient_clip: float = Field(1.0, gt=0)
    ema_decay: float = Field(0.999, ge=0, lt=1)
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto",
        description="of products in training, and in the drawing of diffusion; auto: bf16 where "
        "the device has it, else fp32",
    )
    compile: Literal["auto", "always", "never"] = Field(
        "auto",
        description="torch.compile; auto: of many steps with convolutions on CUDA, "
        "if not deterministic",
    )
    pool: Literal["auto", "resident", "mapped"] = Field(
        "auto",
        description="resident: the pool in memory and on the device; mapped: in a file, rows "
        "fetched ahead; auto: mapped where it is more than half of the free memory",
    )
    cuda_graphs: bool = Field(
        False, description="CUDA: a training step, and the network in sampling, as graphs"
    )

    @model_validator(mode="after")
    def fits_budget(self) -> Self:
        self.refuse_without_effect("training", "budget", epochs=("epochs",))
        return self

    def num_steps(self, pool_size: int) -> int:
        """Steps of one generation whose pool holds so many images."""
        if self.budget == "steps":
            return self.steps
        return max(1, round(self.epochs * pool_size / min(self.batch_size, pool_size)))
