"""Sections of a config as sentences of a methods paragraph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgcollapse.config import STEPWISE, Config
from imgcollapse.policy_config import PolicyConfig
from imgcollapse.precision import settled_precision
from imgcollapse.report.citing_text import listed, literal

DATA = {
    "kennel": "drawn images of ten breeds of dogs (kennel)",
    "digits": "handwritten digits [@alpaydin1998]",
    "mnist": "MNIST [@lecun1998]",
    "fashion-mnist": "Fashion-MNIST [@xiao2017]",
    "cifar10": "CIFAR-10 [@krizhevsky2009]",
    "cifar100": "CIFAR-100 [@krizhevsky2009]",
    "svhn": "SVHN [@netzer2011]",
    "files": "images of our own",
}
PROFILES = {
    "exp": "falls exponentially with its rank [@cui2019]",
    "step": "takes one step from common to rare",
    "zipf": "falls as a power of its rank",
    "counts": "was given",
    "as-is": "is that of the data",
}
SAMPLERS = {
    "ddpm": "ancestral sampling [@ho2020]",
    "ddim": "DDIM [@song2021]",
    "dpm++": "DPM-Solver++ [@lu2022]",
    "unipc": "UniPC [@zhao2023]",
    "heun": "Heun's method [@karras2022]",
    "euler": "Euler's method [@karras2022]",
    "flow": "Euler's method",
}
OBJECTIVES = {
    "eps": "a diffusion model [@ho2020] that predicts the noise",
    "v": "a diffusion model [@ho2020] that predicts v [@salimans2022]",
    "flow": "a flow-matching model [@lipman2023;@liu2023]",
}
PRESETS = {
    "accumulate": " [@gerstgrasser2024]",
    "accumulate-subsample": " [@kazdan2024]",
    "mix": " [@bertrand2024]",
}
REPAIRS = {
    "select": "kept {part} of the samples by {by} ({keep})",
    "curate": "kept one of every {candidates} samples by preference [@ferbach2024]",
    "project": "moved samples toward real prototypes of their class [@gillman2024]",
    "relabel": "gave each sample the class that the judge saw",
    "rebalance": "made judged classes equally common ({how}) [@wyllie2024]",
}
NEGATIVE = {"neon": "[@alemohammad2025neon]", "sims": "[@alemohammad2024sims]"}


def generator_words(config: Config) -> str:
    """What was fitted in each generation."""
    generator = config.generator
    network = {"unet": "a UNet", "mlp": "a dense network"}[generator.network]
    if generator.kind == "bootstrap":
        return "a bootstrap that copies images of its pool at random, a control without a model"
    if generator.kind == "gaussian":
        words = f"a mixture of {generator.components} Gaussians"
    elif generator.kind == "vae":
        layers = {"unet": "convolutions", "mlp": "dense layers"}[generator.network]
        words = (
            f"a variational autoencoder [@kingma2014] of {layers} with {generator.latent} latent "
            f"dimensions, a calibrated decoder [@rybkin2021] and a KL weight of "
            f"{generator.kl_weight:g}"
        )
    else:
        size = f"{network} of width {generator.width} and depth {generator.depth}"
        words = f"{OBJECTIVES[generator.objective]} with {size}"
    if generator.first_stage is not None:
        words += f" on the first {generator.first_stage.dim} principal components"
    if generator.labels != "none":
        how = {"from-pool": "drawn as in the pool", "balanced": "asked for equally often"}
        words += f", conditioned on classes {how[generator.labels]}"
    if generator.class_balance:
        words += f", with a class-balancing loss (weight {generator.class_balance:g}) [@qin2023]"
    if generator.negative is not None:
        words += (
            f", with negative extrapolation from its own samples (weight "
            f"{generator.negative.weight:g}) {NEGATIVE[generator.negative.kind]}"
        )
    return words


def data_words(config: Config) -> str:
    """What the real images are."""
    size = config.data.image_size
    return DATA[config.data.source] + (f" at {size}×{size} pixels" if size else "")


def training_words(config: Config) -> str:
    """How a network was trained in each generation; empty for generators without steps."""
    training = config.training
    if config.generator.kind not in STEPWISE:
        return ""
    lasts = f"{training.steps:,} steps"
    if training.budget == "epochs":
        lasts = f"{training.epochs:g} passes over the pool"
    begins = {"scratch": "from scratch", "warm": "from the weights of the generation before"}
    return (
        f"Each generation was trained {begins[config.generator.init]} for {lasts} in batches of "
        f"{training.batch_size} (AdamW, learning rate {training.learning_rate:g}), and the moving "
        f"average of its weights (decay {training.ema_decay:g}) was sampled."
    )


def precision_words(config: Config, environment: Mapping[str, Any]) -> str:
    """The numbers that a network multiplied; empty without one, or where no run recorded them."""
    if config.generator.kind not in STEPWISE:
        return ""
    if config.training.precision == "auto" and "bf16" not in environment:
        return ""
    precision = settled_precision(config.training, environment.get("bf16", False))
    exact = "TensorFloat-32" if environment.get("device") == "cuda" else "float32"
    if precision == "bf16":
        return "bfloat16" + (f" ({exact} in drawing)" if config.generator.kind == "vae" else "")
    return "float32" if exact == "float32" else f"float32 ({exact} products)"


def sampling_words(config: Config) -> str:
    """How images were drawn; empty for generators that just draw."""
    sampling, kind = config.sampling, config.generator.kind
    words = ""
    if kind == "diffusion":
        words = f"Samples were drawn by {SAMPLERS[sampling.sampler]} in {sampling.steps} steps"
    elif kind == "vae":
        decoded = {"sample": "samples", "mean": "means"}[config.generator.decode]
        words = f"Samples were {decoded} of the decoder at draws from the prior"
    if not words:
        return ""
    if sampling.lambda_by == "guidance":
        words += f", with a guidance weight of {sampling.guidance:g} [@ho2022guidance]"
    elif sampling.lambda_ != 1:
        words += (
            f", with the starting noise scaled by lambda = {sampling.lambda_:g} "
            "[@alemohammad2024mad]"
        )
    if sampling.truncation is not None:
        words += f", truncated at {sampling.truncation:g} standard deviations [@brock2019]"
    return words + "."


def policy_words(policy: PolicyConfig) -> str:
    """What pools after the first held: a clause that goes on from ``each later pool``."""
    window = policy.window
    samples = {
        "none": "",
        "last": "the samples of the generation before",
        "all": "the samples of all generations before",
    }
    real = {
        "none": "",
        "fixed": "the real images of the first pool",
        "fresh": "as many new real images",
        "hoarded": f"the real images of the first pool before generation {policy.hoarded_until}",
    }
    parts = [
        real[policy.real or "none"],
        f"the samples of the last {window} generations"
        if isinstance(window, int)
        else samples[window or "none"],
    ]
    words = f"held {listed([part for part in parts if part])}"
    if policy.real == "none" and policy.window != "none":
        words = words.replace("held ", "held only ", 1)
    if policy.real_fraction is not None:
        words += f", {100 * policy.real_fraction:g} % of it real"
    if policy.cap != "none":
        size = "the size of the first pool" if policy.cap == "pool" else f"{policy.cap:,} images"
        words += f", thinned to {size}"
        if policy.subsample == "class-stratified":
            words += " in the shares of its classes"
    if policy.pool == "on-the-fly":
        words += ", drawn anew for every pass"
    words += (
        " [@alemohammad2024mad]" if policy.real == "fresh" else PRESETS.get(policy.preset or "", "")
    )
    return words


def remedy_words(policy: PolicyConfig) -> str:
    """Watermark, filter and repairs in a sentence; empty where there are none."""
    done = []
    if policy.watermark is not None:
        marked = f"{100 * policy.watermark.adoption:g} % of the released samples"
        done.append(f"marked {marked} invisibly ({policy.watermark.psnr:g} dB) [@cox1997]")
    if policy.filter is not None:
        name = f"{policy.filter.kind} filter"
        source = " [@azadi2019]" if policy.filter.kind == "reweight" else ""
        done.append(
            f"dropped at random as many images of the incoming pool as a {name} would have"
            if policy.filter.matched_random
            else f"dropped images of the incoming pool by a {name}{source}"
        )
    for repair in policy.repairs:
        settings: dict[str, Any] = repair.model_dump()
        if "part" in settings:
            settings["part"] = f"{100 * settings['part']:g} %"
        words = REPAIRS[repair.kind].format(**settings)
        if settings.get("by") == "spread":
            words += " [@gonzalez1985;@shi2025]"
        if settings.get("favourite"):
            words += f" for {literal(settings['favourite'])}"
        done.append(words)
    return f"The loop {listed(done)}." if done else ""
