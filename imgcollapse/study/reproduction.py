"""A named figure again: what lies behind it is run, drawn, and compared with what is claimed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from imgcollapse.config import FETCHED
from imgcollapse.config_file import explained, read_override
from imgcollapse.data.splits import make_splits
from imgcollapse.drawing.canvas import Format
from imgcollapse.errors import ConfigError
from imgcollapse.figures.curves import FILE as CURVES
from imgcollapse.figures.curves import Point, write_points
from imgcollapse.figures.drawing_all import draw_all, names_of
from imgcollapse.section import Section
from imgcollapse.store.files import TEMPORARY, write_text
from imgcollapse.store.places import refuse_unwritable
from imgcollapse.study.claims import CLAIMS
from imgcollapse.study.claims.claim import Claim, to_csv, to_markdown
from imgcollapse.study.experiments import EXPERIMENTS
from imgcollapse.study.experiments.experiment import Hearer
from imgcollapse.study.latent_deviation import latent_points
from imgcollapse.study.sampler_shift import shift_points
from imgcollapse.study.study_file import Study
from imgcollapse.study.study_folder import StudyFolder

FORMATS: tuple[Format, ...] = ("pdf", "png")
LOCK = "experiment.yaml"
TITLES = {
    "crowding": "Common classes crowd out rare ones",
    "goldens": "Nine in ten dogs are goldens: soon there are only goldens",
    "shumailov-vae": "Shumailov et al. 2024: the latents of a VAE shrink",
    "shumailov-gaussian": "Shumailov et al. 2024: refitted Gaussians collapse",
    "mad-lambda": "Alemohammad et al. 2024: sampling bias keeps quality and loses diversity",
    "accumulate": "Gerstgrasser et al., Kazdan et al. 2024: keeping data does less damage",
    "drift": "Chance alone loses classes as Wright and Fisher say",
    "sampler": "A cheap sampler collapses on its own account",
}


def measure_experiment(
    name: str, out: Path, quick: bool, overrides: Sequence[str], hearer: Hearer
) -> None:
    """Measures one of ``EXPERIMENTS`` into ``curve.csv``, unless that is done.

    ConfigError where the folder holds something else, or the experiment at another size.
    """
    experiment = EXPERIMENTS[name]
    size = _sized(experiment.quick if quick else experiment.full, overrides)
    lock = yaml.safe_dump({"experiment": name, **size.model_dump(mode="json")}, sort_keys=False)
    _refuse_unless_same(out, lock)
    refuse_unwritable(out, "experiment")
    if not (out / CURVES).is_file():
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / LOCK, lock)
        write_text(out / CURVES, write_points(experiment.measure(size, hearer)))


def refuse_missing_data(study: Study) -> None:
    """DataError where the images of a study are not on disk, before anything is written."""
    for config in {one.data: one for one in study.arms.values()}.values():
        if config.data.source in FETCHED and not config.data.download:
            make_splits(config)


def measure_besides(name: str, out: Path, study: Study) -> None:
    """Measures into ``curve.csv`` what claims need of a whole study and no score of it holds."""
    points: list[Point] = []
    if name == "crowding":
        points = shift_points(study.arms)
    elif name == "shumailov-vae":
        cells = StudyFolder(out).cells(study)
        points = latent_points([(cell.arm, cell.seed, cell.path) for cell in cells])
    if points:
        write_text(out / CURVES, write_points(points))


def conclude(name: str, out: Path, command: str) -> list[Claim]:
    """Writes ``claims.csv`` and ``claims.md`` from the tables of a folder, and draws figures."""
    claims = CLAIMS[name](out)
    write_text(out / "claims.csv", to_csv(claims))
    how = f"Made by `{command}`, from the tables beside it alone."
    write_text(out / "claims.md", to_markdown(claims, TITLES[name], how))
    draw(out)
    return claims


def draw(out: Path) -> None:
    """Draws what the tables of a folder hold into its ``figures/``."""
    draw_all(out, out / "figures", names_of(out), FORMATS)


def _sized(size: Section, overrides: Sequence[str]) -> Section:
    given = dict(read_override(one) for one in overrides)
    try:
        return type(size).model_validate(size.model_dump() | given)
    except ValidationError as error:
        message, hint = explained(error, type(size))
        raise ConfigError(f"{message} (--set)", hint) from None


def _refuse_unless_same(out: Path, lock: str) -> None:
    path = out / LOCK
    if path.is_file():
        held = path.read_text(encoding="utf-8").splitlines()
        lines = difflib.unified_diff(held, lock.splitlines(), "", "", "", "", 0, "")
        if changes := [line for line in list(lines)[2:] if line[0] in "+-"]:
            raise ConfigError(
                f"another experiment, or another size of it, is in this folder ({out})\n"
                + "\n".join(f"  {line}" for line in changes),
                "give another --out, or the options with which it was begun",
            )
    elif out.exists() and not (out.is_dir() and _is_bare(out)):
        raise ConfigError(
            f"there is something else than an experiment ({out})", "give another --out"
        )


def _is_bare(out: Path) -> bool:
    return {path.name for path in out.iterdir()} <= {LOCK + TEMPORARY}
