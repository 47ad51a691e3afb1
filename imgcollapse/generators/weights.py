"""Modules on disk in the diffusers layout: config.json beside safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import nn

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
