"""Dense layers, whose products on a CPU go through oneDNN where it is faster than MKL."""

from __future__ import annotations

import platform

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_WORK = 2**23
"""Rows times inputs times outputs: smaller products are as fast or faster by MKL."""
MOST_INPUTS = 8
"""Times the rows: gradients of wider weights are slower as those of a convolution."""
IMAGES = 16
"""With one thread PyTorch leaves a 1×1 convolution of fewer images to MKL."""
HAS_ONEDNN = torch.backends.mkldnn.is_available() and platform.machine() in ("x86_64", "AMD64")


class Dense(nn.Linear):
    """``nn.Linear`` of N×K; on a CPU large float32 ones are computed as a 1×1 convolution.

    PyTorch multiplies float32 matrices on a CPU by MKL, which reaches half of what an AMD
    processor can, and convolutions, as all of bfloat16, by oneDNN, which reaches twice as much
    there. The result differs in rounding. Compiled code is left to the compiler.
    """

    def forward(self, x: Tensor) -> Tensor:
        if torch.compiler.is_compiling() or not _pays(x, self.weight):
            return super().forward(x)
        rows, inputs = x.shape
        images = IMAGES if torch.get_num_threads() == 1 else 1
        as_images = x.contiguous().view(images, rows // images, 1, inputs).permute(0, 3, 1, 2)
        y = F.conv2d(as_images, self.weight[:, :, None, None], self.bias)
        return y.permute(0, 2, 3, 1).reshape(rows, -1)


def _pays(x: Tensor, weight: Tensor) -> bool:
    return (
        HAS_ONEDNN
        and x.device.type == "cpu"
        and x.dim() == 2
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_autocast_enabled("cpu")
        and len(x) * weight.numel() >= LEAST_WORK
        and weight.shape[1] <= MOST_INPUTS * len(x)
        and (torch.get_num_threads() > 1 or len(x) % IMAGES == 0)
    )
