"""``imgcollapse reproduce``: what lies behind a named figure, and whether its claims hold."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgcollapse.cli.parameters import JsonOption, print_json
from imgcollapse.cli.reporter import Interrupts
from imgcollapse.cli.study import carry_out, raise_first
from imgcollapse.errors import ConfigError, Stopped

if TYPE_CHECKING:
    from imgcollapse.study.claims.claim import Claim

NAMES = {
    "crowding": "common classes crowd out rare ones, on the kennel",
    "goldens": "nine in ten dogs are goldens",
    "shumailov-vae": "the latents of a VAE shrink; needs MNIST",
    "shumailov-gaussian": "refitted Gaussians lose variance and modes",
    "mad-lambda": "sampling bias keeps precision and loses recall",
    "accumulate": "replace, accumulate-subsample, accumulate: damage in that order",
    "drift": "chance alone, against exact Wright-Fisher",
    "sampler": "what samplers do to shares with a perfect denoiser",
}


def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="; ".join(f"{name}: {what}" for name, what in NAMES.items()) + "."
        ),
    ],
    quick: Annotated[
        bool, typer.Option("--quick", help="At most ten minutes on two CPU cores.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="The folder [default: reproductions/NAME, or NAME-quick].")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes at once [default: one a core].")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", hidden=True)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run what lies behind a named figure, draw it, and print which of its claims hold.

    Give the same command again to go on.
    """
    if name not in NAMES:
        raise ConfigError(f"there is no reproduction {name}", f"one of {', '.join(NAMES)}")
    folder = out or Path("reproductions") / (f"{name}-quick" if quick else name)
    print("importing PyTorch …", file=sys.stderr)
    from imgcollapse.study.experiments import EXPERIMENTS

    if name in EXPERIMENTS:
        from imgcollapse.study.reproduction import measure_experiment

        measure_experiment(name, folder, quick, set_ or [], Listener())
    else:
        _run_study(name, folder, quick, set_ or [], workers)
    from imgcollapse.study.reproduction import TITLES, conclude

    options = (["--quick"] if quick else []) + [f"--set {one}" for one in set_ or []]
    claims = conclude(name, folder, " ".join(["imgcollapse reproduce", name, *options]))
    if as_json:
        print_json(
            {"name": name, "folder": str(folder), "claims": [one.as_row() for one in claims]}
        )
    else:
        _print(TITLES[name], claims, folder)


class Listener:
    """Says on stderr how far an experiment is, and stops it when it is interrupted."""

    def __init__(self) -> None:
        self.interrupts = Interrupts()

    def message(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def should_stop(self) -> bool:
        return self.interrupts.came


def _run_study(
    name: str, out: Path, quick: bool, overrides: list[str], workers: int | None
) -> None:
    from imgcollapse.config_layers import find_study
    from imgcollapse.study.reproduction import measure_besides, refuse_missing_data
    from imgcollapse.study.slots import slots_for
    from imgcollapse.study.study_file import read_study
    from imgcollapse.study.study_folder import StudyFolder

    study = read_study(find_study(name), overrides, quick)
    folder = StudyFolder(out)
    folder.refuse_unless_same(study)
    refuse_missing_data(study)
    cells = list(folder.cells(study))
    places = slots_for(cells, workers, 1)
    done, _ = carry_out(folder, study, cells, places, None, to_stderr=True)
    raise_first(done, len(cells), out)
    if done.elsewhere:
        raise Stopped(
            f"{len(done.elsewhere)} cells are under way in another process ({out})",
            "give the same command again when they are done",
        )
    measure_besides(name, out, study)


def _print(title: str, claims: list[Claim], folder: Path) -> None:
    from imgcollapse.study.claims.claim import RULE, to_text

    print(f"{title}\n\n{to_text(claims)}\n\n{RULE}")
    print(f"done: {folder} (claims.csv, claims.md, figures)")
