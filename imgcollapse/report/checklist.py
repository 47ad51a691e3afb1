"""The items of the NeurIPS paper checklist that runs can answer, each with one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from imgcollapse.metrics.over_chains import RULE

UNANSWERED = (
    "Theory, code of ethics, safeguards, crowdsourcing, review boards and declared use of language "
    "models are for the authors: no run can answer them."
)
FETCHED = "the images are fetched under the name {} by torchvision"
OPEN = {
    "kennel": "the program draws the images",
    "digits": "the images come with scikit-learn",
}


@dataclass(frozen=True)
class Item:
    """``answer`` is Yes, No or NA."""

    name: str
    answer: str
    because: str


def checklist(runs: Sequence[dict[str, Any]], over_chains: bool) -> list[Item]:
    """The items, from the facts of each run; ``over_chains``: there are intervals over chains."""
    return [
        Item("Claims", "NA", "A run claims nothing; what it measured stands under Results."),
        Item("Limitations", "Yes", "They stand under Limits."),
        _reproducibility(runs),
        _access(runs),
        Item(
            "Experimental setting",
            "Yes",
            "Every setting is in config.yaml; splits, n and seeds stand above.",
        ),
        _error_bars(runs, over_chains),
        _compute(runs),
        Item(
            "Broader impacts",
            "NA",
            "Not for a run to say; what is measured, the loss of rare classes, bears on whom "
            "generated data leave out (Shumailov et al. 2024).",
        ),
        _licences(runs),
        Item(
            "New assets",
            "No",
            "The models and samples of the run are described here, but carry no licence until "
            "their authors state one.",
        ),
    ]


def _reproducibility(runs: Sequence[dict[str, Any]]) -> Item:
    name = "Reproducibility"
    if any(run["done"] < run["generations"] for run in runs):
        return Item(name, "No", "Not all generations have been made yet.")
    if not all(run["deterministic"] for run in runs):
        return Item(
            name,
            "Yes",
            "Config, seeds, versions and device are recorded; with deterministic: false the "
            "statistics repeat, the bytes do not.",
        )
    return Item(
        name,
        "Yes",
        "Config, seeds, versions, threads and device are recorded; with the same of each the bytes "
        "repeat, elsewhere the statistics do.",
    )


def _access(runs: Sequence[dict[str, Any]]) -> Item:
    name = "Open access to data and code"
    sources = sorted({run["data"]["source"] for run in runs})
    if any(str(run["environment"].get("git")).endswith("-dirty") for run in runs):
        return Item(name, "No", "The code was changed and not committed when the run was started.")
    if "files" in sources:
        return Item(
            name, "No", "The code is open (MIT); whether the files are is not known to the lab."
        )
    how = "; ".join(OPEN.get(source, FETCHED.format(source)) for source in sources)
    return Item(name, "Yes", f"The code is open (MIT); {how}.")


def _error_bars(runs: Sequence[dict[str, Any]], over_chains: bool) -> Item:
    name = "Error bars"
    if over_chains:
        return Item(
            name,
            "Yes",
            f"Limits over chains are 95 % ({RULE}); those within a chain are measurement error.",
        )
    num = "one chain" if len(runs) == 1 else f"{len(runs)} chains"
    return Item(
        name,
        "No",
        f"The 95 % limits of each of {num} are measurement error; none over chains are here."
        if len(runs) > 1
        else f"The 95 % limits are the measurement error of {num}, not variation over chains.",
    )


def _compute(runs: Sequence[dict[str, Any]]) -> Item:
    measured = all(run["done"] and None not in run["compute"]["seconds"] for run in runs)
    if not measured:
        return Item("Compute", "No", "The seconds of some generations were not recorded.")
    return Item("Compute", "Yes", "Device, threads and measured seconds stand under Compute.")


def _licences(runs: Sequence[dict[str, Any]]) -> Item:
    name = "Licences of assets"
    unstated = sorted({run["data"]["source"] for run in runs if not run["data"]["licence_stated"]})
    if unstated:
        return Item(
            name, "No", f"Who made the images states no licence with them ({', '.join(unstated)})."
        )
    return Item(name, "Yes", "The licence of the images stands under Data; imgcollapse is MIT.")
