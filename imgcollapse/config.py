"""The configuration of a chain: YAML into frozen models, refused before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from imgcollapse.policy_config import PolicyConfig, WatermarkConfig
from imgcollapse.sampling_config import (
    FEWEST_HEUN_STEPS,
    FLOW_SAMPLERS,
    VP_SAMPLERS,
    SamplingConfig,
    with_preset,
)
from imgcollapse.section import MOST_IMAGES, MOST_STEPS, Listed, Section
from imgcollapse.seeds import seed_for
from imgcollapse.training_config import TrainingConfig
from imgcollapse.web_config import LabConfig, LabPlace, refuse_odd_labs

SourceName = Literal[
    "kennel", "digits", "mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "files"
]
FETCHED = ("mnist", "fashion-mnist", "cifar10", "cifar100", "svhn")
STEPWISE = ("vae", "diffusion")
"""Generators that start from noise, and learn in passes over their pool."""


class DataConfig(Section):
    """Where images come from. Paths may hold ``~`` and ``$VARIABLES``."""

    source: SourceName = "kennel"
    image_size: int | None = Field(
        None, ge=4, le=256, description="side in pixels; null keeps the source's own (kennel: 32)"
    )
    resize: Literal["antialias", "pad"] = "antialias"
    root: str | None = Field(None, description="null: $IMGCOLLAPSE_DATA, else ./data")
    judge_root: str | None = None
    reference_root: str | None = None
    download: bool = False
    judge_per_class: int | None = Field(
        None,
        ge=10,
        le=MOST_IMAGES,
        description="images of each class that train and calibrate the judge",
    )
    reference_per_class: int | None = Field(None, ge=2, le=MOST_IMAGES)

    @model_validator(mode="after")
    def fits_source(self) -> Self:
        read = ("digits", *FETCHED, "files")
        self.refuse_without_effect(
            "data", "source", root=(*FETCHED, "files"), download=FETCHED, resize=read
        )
        return self


class ProfileConfig(Section):
    """The imbalance: how many real images each class starts with."""

    kind: Literal["exp", "step", "zipf", "counts", "as-is"] = "exp"
    num_max: int = Field(2000, ge=1, le=MOST_IMAGES, description="images of the most common class")
    imbalance: float = Field(0.01, gt=0, le=1, description="rarest class over most common class")
    exponent: float = Field(1.0, ge=0, description="of zipf")
    counts: Listed[int] | None = Field(None, description="images by rank, common first")
    ranks: Literal["natural", "seeded", "latin"] | Listed[int | str] = Field(
        "natural",
        description="which class holds which rank; latin: rotated by the seed, so that over as "
        "many seeds in a row as there are classes each class holds each rank once",
    )

    @model_validator(mode="after")
    def fits_kind(self) -> Self:
        self.refuse_without_effect(
            "profile",
            "kind",
            num_max=("exp", "step", "zipf"),
            imbalance=("exp", "step"),
            exponent=("zipf",),
            ranks=("exp", "step", "zipf", "counts"),
        )
        if (self.kind == "counts") != (self.counts is not None):
            raise ValueError("profile.counts goes with profile.kind: counts, and only with it")
        if self.counts is not None and not (
            min(self.counts, default=0) >= 0 < sum(self.counts) <= MOST_IMAGES
        ):
            raise ValueError(
                "profile.counts are not negative, not all zero and not above 10,000,000 together"
            )
        return self


class FirstStageConfig(Section):
    """A linear map between images and a few whitened coordinates, fitted on the pool."""

    kind: Literal["pca"] = "pca"
    dim: int = Field(64, ge=2, le=3 * 256**2)


class NegativeConfig(Section):
    """Pushes the generator away from what it becomes when trained on its own samples."""

    kind: Literal["neon", "sims"] = Field(
        description="neon extrapolates weights; sims predictions, which takes twice the time"
    )
    weight: float = Field(1.0, ge=0, le=100, description="0 leaves the generator as it is")
    images: Literal["pool"] | Annotated[int, Field(ge=1, le=MOST_IMAGES)] = Field(
        "pool", description="own samples to train on; pool: as many as the pool holds"
    )
    steps: int = Field(500, ge=1, le=MOST_STEPS, description="training steps on them")


class GeneratorConfig(Section):
    """What is fitted. Sizes of other kinds are let be, so that ``kind`` alone changes the arm."""

    kind: Literal["bootstrap", "gaussian", "vae", "diffusion"] = "diffusion"
    network: Literal["unet", "mlp"] = Field(
        "unet", description="unet: convolutions, of the vae without skips; mlp: dense layers"
    )
    width: int = Field(64, ge=8, le=4096)
    depth: int = Field(3, ge=1, le=6, description="levels of a unet, blocks of an mlp")
    objective: Literal["eps", "v", "flow"] = "v"
    first_stage: FirstStageConfig | None = None
    labels: Literal["none", "from-pool", "balanced"] = "none"
    label_dropout: float = Field(
        0.0, ge=0, lt=1, description="part of the training images whose class is not shown"
    )
    init: Literal["scratch", "warm"] = "scratch"
    latent: int = Field(32, ge=1, le=4096, description="latent dimensions of the vae")
    kl_weight: float = Field(
        100.0, gt=0, description="weight of the vae's KL term; 1 is the ELBO, more fills the prior"
    )
    max_noise: float = Field(
        0.1, ge=0.01, le=2, description="largest standard deviation of the vae's pixels, in [-1, 1]"
    )
    decode: Literal["sample", "mean"] = "sample"
    class_balance: float = Field(
        0.0, ge=0, le=1000, description="tau of the class-balancing loss of diffusion; 0: without"
    )
    negative: NegativeConfig | None = None
    components: int = Field(20, ge=1, le=10_000, description="components of the gaussian mixture")

    @model_validator(mode="after")
    def fits_kind(self) -> Self:
        self.refuse_without_effect(
            "generator",
            "kind",
            first_stage=("gaussian", "diffusion"),
            labels=("bootstrap", "vae", "diffusion"),
            label_dropout=("diffusion",),
            init=STEPWISE,
            decode=("vae",),
            class_balance=("diffusion",),
            negative=STEPWISE,
        )
        if self.label_dropout and self.labels == "none":
            raise ValueError("generator.label_dropout has no effect with generator.labels: none")
        if self.class_balance and self.labels == "none":
            raise ValueError("generator.class_balance needs labels, and generator.labels is none")
        if self.negative is not None and self.negative.kind == "sims" and self.kind == "vae":
            raise ValueError(
                "generator.negative.kind: sims goes with generator.kind: diffusion; neon with both"
            )
        if self.kind == "bootstrap" and self.labels == "balanced":
            raise ValueError(
                "generator.labels: balanced does not go with generator.kind: bootstrap, "
                "which draws classes as the pool holds them"
            )
        return self


class JudgeConfig(Section):
    steps: int = Field(800, ge=1, le=MOST_STEPS, description="training steps of 128 images")


class ScoresConfig(Section):
    num_images: int = Field(
        10000, ge=50, le=MOST_IMAGES, description="generated images scored each generation"
    )
    tstr: bool = Field(
        False, description="train a classifier on the samples of each generation, test it on real"
    )
    grid_images: int = Field(64, ge=1, le=400, description="same noise in every generation")


class Config(Section):
    """One chain. ``generations`` counts generation 0: 10 means generations 0 to 9."""

    seed: int = Field(0, ge=0)
    generations: int = Field(10, ge=1, le=100_000)
    data: DataConfig = DataConfig()
    profile: ProfileConfig = ProfileConfig()
    generator: GeneratorConfig = GeneratorConfig()
    training: TrainingConfig = TrainingConfig()
    sampling: SamplingConfig = SamplingConfig()
    policy: PolicyConfig = PolicyConfig.model_validate({})
    judge: JudgeConfig = JudgeConfig()
    scores: ScoresConfig = ScoresConfig()
    labs: Listed[LabConfig] = Field((), description="two or more: an ecosystem on one web")
    lab: LabPlace | None = Field(None, description="written by an ecosystem into its labs' runs")
    device: Literal["auto", "cpu", "cuda"] = "auto"
    deterministic: bool = True

    @model_validator(mode="before")
    @classmethod
    def fill_sampling_preset(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or not isinstance(values.get("sampling"), Mapping):
            return values
        given = values.get("generator")
        generator = given if isinstance(given, Mapping) else {}
        sampling = with_preset(
            dict(values["sampling"]),
            str(generator.get("objective", "v")),
            generator.get("first_stage") is None,
        )
        return {**values, "sampling": sampling}

    @property
    def starts(self) -> int:
        """The generation of the web in which the chain's own generation 0 takes part."""
        return self.lab.starts if self.lab else 0

    @property
    def chain_seed(self) -> int:
        """What the chain's draws are derived from; real images, judge and grid only know seed."""
        return seed_for(self.seed, "lab", self.lab.name) if self.lab else self.seed

    @property
    def watermarks(self) -> set[WatermarkConfig | None]:
        """How the samples that pools may hold are marked; None stands for those that are not."""
        web = self.lab.web if self.lab else ()
        return {self.policy.watermark, *(seat.watermark for seat in web)}

    @property
    def gives_labels(self) -> bool:
        """Whether what is released has classes, if the pool's images have."""
        copies = self.generator.kind == "bootstrap" or self.generator.labels != "none"
        return copies or any(repair.kind == "relabel" for repair in self.policy.repairs)

    @property
    def needs_labels(self) -> bool:
        """Whether the generator learns from images of a class only."""
        conditional = self.generator.kind in STEPWISE and self.generator.labels != "none"
        return conditional and not self.generator.label_dropout

    @model_validator(mode="after")
    def labs_make_an_ecosystem(self) -> Self:
        if self.labs:
            refuse_odd_labs(self.labs, self.generations)
        if self.lab and self.policy.pool == "on-the-fly":
            raise ValueError("policy.pool: on-the-fly goes with one lab, whose samples it draws")
        return self

    @model_validator(mode="after")
    def parts_fit_together(self) -> Self:
        generator, sampling = self.generator, self.sampling
        side = self.data.image_size
        if generator.kind == "diffusion":
            allowed = FLOW_SAMPLERS if generator.objective == "flow" else VP_SAMPLERS
            if sampling.sampler not in allowed:
                raise ValueError(
                    f"generator.objective {generator.objective} does not go with sampling.sampler "
                    f"{sampling.sampler}: it goes with {', '.join(allowed)}"
                )
            is_vp_heun = sampling.sampler == "heun" and generator.objective != "flow"
            if is_vp_heun and sampling.steps < FEWEST_HEUN_STEPS:
                raise ValueError(
                    f"sampling.steps of sampling.sampler: heun is at least {FEWEST_HEUN_STEPS} "
                    f"with generator.objective: {generator.objective}, not {sampling.steps}"
                )
            if generator.network == "unet" and generator.first_stage is not None:
                raise ValueError(
                    "generator.first_stage gives vectors, which generator.network: mlp takes"
                )
            if generator.network == "unet" and generator.width % 8:
                raise ValueError("generator.width of a unet is a multiple of 8")
            if generator.network == "unet" and side is not None:
                check_unet_side(side, generator.depth)
        if is_convolutional_vae(generator) and side is not None and side % 4:
            raise ValueError(f"data.image_size {side} is not a multiple of 4, as the vae needs")
        if generator.kind == "bootstrap" and sampling.lambda_ != 1:
            raise ValueError("sampling.lambda has no effect with generator.kind: bootstrap")
        if sampling.lambda_by == "guidance" and not generator.label_dropout:
            raise ValueError(
                "sampling.lambda_by: guidance needs generator.kind: diffusion, generator.labels "
                "other than none and generator.label_dropout above 0"
            )
        if sampling.truncation is not None and generator.kind not in STEPWISE:
            raise ValueError(
                f"sampling.truncation has no effect with generator.kind: {generator.kind}; "
                f"it goes with {', '.join(STEPWISE)}"
            )
        if self.policy.pool == "on-the-fly" and generator.kind not in STEPWISE:
            raise ValueError(
                f"policy.pool: on-the-fly goes with generators that are trained step by step "
                f"({', '.join(STEPWISE)}), not with generator.kind: {generator.kind}"
            )
        held_out = (self.data.judge_root, self.data.reference_root)
        if self.profile.kind == "as-is":
            if self.data.source != "files" or None in (self.data.root, *held_out):
                raise ValueError(
                    "profile.kind: as-is needs data.source: files with data.root, data.judge_root "
                    "and data.reference_root, because judge and reference are balanced real images"
                )
        elif held_out != (None, None):
            raise ValueError(
                "data.judge_root and data.reference_root go with profile.kind: as-is, "
                "and only with it"
            )
        if self.data.source == "kennel" and not 16 <= (self.data.image_size or 32) <= 64:
            raise ValueError("data.image_size of the kennel is 16 to 64")
        return self


def is_convolutional_vae(generator: GeneratorConfig) -> bool:
    return generator.kind == "vae" and generator.network == "unet"


def check_unet_side(side: int, levels: int) -> None:
    """ValueError if a UNet with so many levels cannot take images of this side."""
    multiple = 2 ** (levels - 1)
    if side % multiple:
        padded = -(-side // multiple) * multiple
        raise ValueError(
            f"data.image_size {side} is not divisible by {multiple}, as a UNet of {levels} levels "
            f"needs; try data.image_size={padded} with data.resize=pad"
        )
