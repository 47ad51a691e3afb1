"""The memory layout of convolutions on CUDA."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CHANNELS_LAST_ON = ("cuda",)
"""Types of device whose convolutions take channels_last, as the kernels of tensor cores do."""


def lay_out_convolutions(network: nn.Module) -> None:
    """Hands every convolution its input as channels_last, where its device takes it so.

    What lies between convolutions may give NCHW back: GroupNorm does on CUDA, and diffusers'
    residual blocks make their input contiguous in training.
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.register_forward_pre_hook(_laid_out)


def _laid_out(part: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    (x,) = inputs
    if x.device.type not in CHANNELS_LAST_ON:
        return x
    return x.contiguous(memory_format=torch.channels_last)
