"""Curves and their settings in words: what the table ``curve.csv`` calls by short names."""

from __future__ import annotations

from dataclasses import dataclass

STEPS, POOL, GENERATION = "steps of the sampler", "pool", "generation"


@dataclass(frozen=True)
class CurveWords:
    """Title of a panel, what is on its axes, and whether heights are parts of 1."""

    title: str
    up: str
    across: str = GENERATION
    is_share: bool = False


CURVES = {
    "share of 10 %": CurveWords("a class of 10 %", "share that comes out", STEPS, True),
    "shift": CurveWords("farthest shift of a class", "shift of the log-odds", STEPS),
    "crowding of the sampler": CurveWords("crowding", "slope on the log share", STEPS),
    "extinct": CurveWords("classes gone", "share of the classes", POOL, True),
    "mean share": CurveWords("mean share", "times its first share", POOL),
    "variance of shares": CurveWords("variance of shares", "times the exact variance", POOL),
    "variance": CurveWords("variance", "variance, at first 1"),
    "log variance": CurveWords("log of the variance", "natural logarithm"),
    "squared error of the mean": CurveWords("error of the mean", "squared distance"),
    "share below a hundredth": CurveWords(
        "variance below a hundredth", "share of repetitions", is_share=True
    ),
    "modes left": CurveWords("modes left of four", "modes"),
    "total variance": CurveWords("total variance", "times the first fit's"),
    "latent deviation of a chain": CurveWords("latents of each chain", "standard deviation"),
    "latent deviation": CurveWords("latents, mean over chains", "standard deviation"),
}
SETTINGS = {
    "ddpm eps fixed_small": "DDPM, small variance",
    "ddpm eps fixed_large": "DDPM, large variance",
    "ddim eps": "DDIM",
    "dpm++ eps": "DPM-Solver++, noise",
    "unipc eps": "UniPC, noise",
    "heun eps": "Heun, noise",
    "euler eps": "Euler, noise",
    "flow flow": "Euler, flow",
    "heun flow": "Heun, flow",
    "dpm++ flow": "DPM-Solver++, flow",
    "unipc flow": "UniPC, flow",
    "maximum likelihood": "Gaussian, maximum likelihood",
    "unbiased": "Gaussian, unbiased",
    "200 samples": "mixture, 200 samples a fit",
}


def words_of(curve: str) -> CurveWords:
    """The words of a curve; of one that has none, its name."""
    return CURVES.get(curve, CurveWords(curve, curve))


def setting_words(setting: str) -> str:
    """The words of a setting; of one that has none, its name."""
    if setting.endswith(" images"):
        return f"classes of {setting}"
    return SETTINGS.get(setting, setting.replace(" seed ", ", seed "))
