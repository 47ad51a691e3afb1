"""``imgcollapse doctor``: what is installed, whether it fits together, and how to mend it."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import typer
from packaging.requirements import Requirement

from imgcollapse.cli.parameters import JsonOption, print_json

REINSTALL = (
    "torch and torchvision were built for different versions: install both from one index, "
    "pip install --force-reinstall torch torchvision"
)


class Note(str):
    """What a check says of something that may be lacking."""


def doctor(as_json: JsonOption = False) -> None:
    """Check Python, packages, device and data; exit 7 where something needs mending."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("imgcollapse", lambda: metadata.version("imgcollapse")),
        *((one.name, functools.partial(_package, one)) for one in _requirements()),
        ("device", _device),
        ("threads", _threads),
        ("bf16", _bf16),
        ("data", _data),
        ("configs", _configs),
    ]
    rows = []
    for name, check in checks:
        try:
            says = check()
            mark = "note" if isinstance(says, Note) else "ok"
        except Exception as error:
            says, mark = _mend(name, error), "BAD"
        rows.append({"check": name, "fine": mark != "BAD", "mark": mark, "says": says})
    healthy = all(row["fine"] for row in rows)
    if as_json:
        print_json({"healthy": healthy, "checks": rows})
    else:
        for row in rows:
            print(f"{row['mark']:<4} {row['check']:<12} {row['says']}")
    if not healthy:
        raise typer.Exit(7)


def is_torchvision_mismatch(error: Exception) -> bool:
    """Whether torchvision failed to load because it was built for another torch."""
    return "torchvision::nms" in str(error)


def _mend(name: str, error: Exception) -> str:
    if is_torchvision_mismatch(error):
        return REINSTALL
    if isinstance(error, metadata.PackageNotFoundError):
        return f"not installed: pip install {name}"
    if isinstance(error, ImportError):
        return f"{error}: pip install {error.name or name}"
    return str(error)


def _python() -> str:
    return sys.version.split()[0]


def _requirements() -> list[Requirement]:
    """What the installed package needs, without what only its extras need."""
    try:
        texts = metadata.requires("imgcollapse") or []
    except metadata.PackageNotFoundError:
        return []
    needed = [Requirement(text) for text in texts]
    return [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]


def _package(needed: Requirement) -> str:
    version = metadata.version(needed.name)
    if not needed.specifier.contains(version, prereleases=True):
        raise RuntimeError(
            f"{version} is not {needed.specifier}: pip install '{needed.name}{needed.specifier}'"
        )
    if needed.name in ("torch", "diffusers"):
        importlib.import_module(needed.name)
    elif needed.name == "torchvision":
        _call_torchvision()
    return version


def _call_torchvision() -> None:
    torch = importlib.import_module("torch")
    importlib.import_module("torchvision")
    from torchvision.ops import nms

    nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)


def _device() -> str:
    import torch

    if not torch.cuda.is_available():
        return "cpu (no CUDA device; everything runs, slowly)"
    return f"cuda: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}"


def _threads() -> str:
    from imgcollapse.device import usable_cores, wanted_threads

    cores, asked = usable_cores(), wanted_threads()
    if asked > cores:
        raise RuntimeError(
            f"OMP_NUM_THREADS={asked} on {cores} usable cores slows every step: "
            f"export OMP_NUM_THREADS={cores}"
        )
    return f"{asked} on {cores} usable cores"


def _bf16() -> str:
    from imgcollapse.device import has_bf16, pick_device

    if has_bf16(pick_device("auto")):
        return "generators train in it where training.precision is auto"
    return "no instructions for it were found: networks multiply in fp32"


def _data() -> str:
    root = Path(os.environ.get("IMGCOLLAPSE_DATA", "data"))
    if root.is_dir():
        return f"{root} is there"
    return Note(
        f"{root} is not there; kennel and digits need no files (IMGCOLLAPSE_DATA, data.root)"
    )


def _configs() -> str:
    from imgcollapse.config_file import load_config
    from imgcollapse.config_layers import list_configs

    paths = list_configs()
    if not paths:
        raise RuntimeError("no shipped configs found: reinstall imgcollapse")
    for path in paths:
        load_config(path)
    return f"{len(paths)} shipped, all valid"
