"""``imgcollapse doctor``: what is installed, whether it fits together, and how to mend it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import typer

from imgcollapse.cli.parameters import JsonOption, print_json

REINSTALL = (
    "torch and torchvision were built for different versions: install both from one index, "
    "pip install --force-reinstall torch torchvision"
)


def doctor(as_json: JsonOption = False) -> None:
    """Check Python, packages, device and data; exit 7 where something needs mending."""
    checks: list[tuple[str, Callable[[], str]]] = [
        ("python", _python),
        ("torch", _torch),
        ("torchvision", _torchvision),
        ("diffusers", lambda: _version("diffusers")),
        ("device", _device),
        ("threads", _threads),
        ("data", _data),
        ("configs", _configs),
    ]
    rows = []
    for name, check in checks:
        try:
            rows.append({"check": name, "fine": True, "says": check()})
        except Exception as error:
            rows.append({"check": name, "fine": False, "says": _mend(name, error)})
    healthy = all(row["fine"] for row in rows)
    if as_json:
        print_json({"healthy": healthy, "checks": rows})
    else:
        for row in rows:
            print(f"{'ok  ' if row['fine'] else 'BAD '} {row['check']:<12} {row['says']}")
    if not healthy:
        raise typer.Exit(7)


def is_torchvision_mismatch(error: Exception) -> bool:
    """Whether torchvision failed to load because it was built for another torch."""
    return "torchvision::nms" in str(error)


def _mend(name: str, error: Exception) -> str:
    if is_torchvision_mismatch(error):
        return REINSTALL
    if isinstance(error, ImportError):
        return f"{error}: pip install {error.name or name}"
    return str(error)


def _python() -> str:
    return sys.version.split()[0]


def _version(module: str) -> str:
    return str(importlib.import_module(module).__version__)


def _torch() -> str:
    version = _version("torch")
    major, minor = (int(part) for part in version.split(".")[:2])
    if (major, minor) < (2, 10):
        raise RuntimeError(f"torch {version} is older than 2.10: pip install --upgrade torch")
    return version


def _torchvision() -> str:
    import torch

    version = _version("torchvision")
    from torchvision.ops import nms

    nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([1.0]), 0.5)
    return version


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


def _data() -> str:
    root = Path(os.environ.get("IMGCOLLAPSE_DATA", "data"))
    if root.is_dir():
        return f"{root} is there"
    return f"{root} is not there; kennel and digits need no files (IMGCOLLAPSE_DATA, data.root)"


def _configs() -> str:
    from imgcollapse.config_file import load_config, shipped_configs

    paths = sorted(shipped_configs().glob("*.yaml"))
    if not paths:
        raise RuntimeError("no shipped configs found: reinstall imgcollapse")
    for path in paths:
        load_config(path)
    return f"{len(paths)} shipped, all valid"
