"""What an audit of a sampler states beside its numbers, and what these leave out."""

from __future__ import annotations

from scipy.stats import truncnorm

from imgcollapse.config import Config

SPACING = {
    "ddpm": "even in time, leading",
    "ddim": "even in time, trailing",
    "dpm++": "even in log-SNR",
    "unipc": "even in log-SNR",
    "heun": "sigma^(1/7) even",
    "euler": "sigma^(1/7) even",
}
"""Of the variance-preserving samplers; those of flow matching step evenly in time."""


def is_pixels(config: Config) -> bool:
    return config.generator.first_stage is None


def truncated_deviation(truncation: float | None) -> float:
    """The standard deviation of starting noise that is cut at ``truncation``.

    Along a line that is none of its coordinates, such as that of grey images, it is a sum of many
    independent numbers: normal noise of this deviation.
    """
    return 1.0 if truncation is None else float(truncnorm(-truncation, truncation).std())


def setting(config: Config) -> dict[str, str]:
    """What the numbers hold for, in words."""
    sampling, objective = config.sampling, config.generator.objective
    clips = is_pixels(config) and sampling.sampler in ("ddpm", "ddim")
    cut = sampling.truncation
    return {
        "prediction": objective,
        "noise_schedule": "flow matching: (1 - t) image + t noise, t from 1 to 0"
        if objective == "flow"
        else "variance preserving: 1000 steps of beta from 0.0001 to 0.02",
        "spacing": "even in time" if objective == "flow" else SPACING[sampling.sampler],
        "clipping": "predicted pixels to [-1, 1]" if clips else "none",
        "variance": (sampling.variance or "fixed_large") if sampling.sampler == "ddpm" else "none",
        "lambda": f"{sampling.noise_scale:g}",
        "truncation": "none"
        if cut is None
        else f"{cut:g}, as normal noise of deviation {truncated_deviation(cut):.3f}",
        "guidance": f"{sampling.guidance:g}, not audited" if sampling.guidance else "none",
    }


def not_audited(config: Config) -> tuple[str, ...]:
    """The config's biases that a mixture without classes or a sampler of steps does not show."""
    sampling = config.sampling
    if config.generator.kind == "diffusion":
        if not sampling.guidance:
            return ()
        return (f"guidance of weight {sampling.guidance:g} is of the model, and is not audited",)
    found = []
    if sampling.lambda_ != 1:
        found.append(f"lambda {sampling.lambda_:g} scales its noise, which is not audited")
    if sampling.truncation is not None:
        found.append(f"truncation {sampling.truncation:g} cuts its noise, which is not audited")
    return tuple(found)
