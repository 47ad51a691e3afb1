"""Modules on disk in the diffusers layout: config.json beside safetensors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from imgcollapse.errors import CorruptError

WEIGHTS = "diffusion_pytorch_model.safetensors"


def save_module(module: nn.Module, folder: Path, settings: dict[str, Any]) -> None:
    """Writes ``config.json`` (class name and settings) and the weights."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"_class_name": type(module).__name__, **settings}, indent=2) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()
    }
    save_file(tensors, str(folder / WEIGHTS), metadata={"format": "pt"})


def load_weights(module: nn.Module, folder: Path) -> None:
    """Puts the weights of a folder into a module; CorruptError if they do not fit."""
    try:
        module.load_state_dict(load_file(str(folder / WEIGHTS)))
    except Exception as error:
        raise CorruptError(f"the model cannot be loaded ({folder}): {error}") from error


def refuse_other_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """CorruptError where ``config.json`` has another value of a setting than given.

    Weights of equal shapes can be of networks that compute something else.
    """
    try:
        saved = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        expected = json.loads(json.dumps(dict(settings)))
        odd = [key for key in expected.keys() & saved.keys() if saved[key] != expected[key]]
    except Exception as error:
        raise CorruptError(f"the model cannot be loaded ({folder}): {error}") from error
    for key in sorted(odd):
        if not key.startswith("_"):
            raise CorruptError(
                f"the model has {key} {saved[key]} and not {expected[key]} ({folder})",
                "it was made by another version of imgcollapse: start the run anew",
            )


def save_tensors(tensors: dict[str, Tensor], path: Path) -> None:
    """Writes tensors by name, whatever their strides and device."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.cpu().contiguous() for name, value in tensors.items()}, str(path))


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU; CorruptError if it is not whole."""
    try:
        return load_file(str(path))
    except Exception as error:
        raise CorruptError(f"the model cannot be loaded ({path}): {error}") from error
