"""The memory layout of convolutions."""

from __future__ import annotations

import functools

import torch
from torch import Tensor, nn

CHANNELS_LAST_ON = ("cuda",)
"""Types of device whose convolutions take channels_last, as the kernels of tensor cores do."""


def lay_out_convolutions(network: nn.Module, *, on_cpu: bool = False) -> None:
    """Hands every convolution its input as channels_last, where its device takes it so.

    What lies between convolutions may give NCHW back: GroupNorm does on CUDA, and diffusers'
    residual blocks make their input contiguous in training. ``on_cpu`` does the same on a CPU: a
    UNet of 1.0 M parameters learned 1.1 times as fast there, a convolutional VAE slower.
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
            part.register_forward_pre_hook(functools.partial(_laid_out, on_cpu))


def _laid_out(on_cpu: bool, part: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    (x,) = inputs
    if x.device.type not in CHANNELS_LAST_ON and not on_cpu:
        return x
    return x.contiguous(memory_format=torch.channels_last)
