"""Modules on disk in the diffusers layout: config.json beside safetensors."""

from __future__ import annotations

import json
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
