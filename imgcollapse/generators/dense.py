"""Dense layers, whose products on a CPU go through oneDNN where it is faster than MKL."""

from __future__ import annotations

import platform

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST_ROWS = 64
LEAST_SIDE = 128
"""Of a weight: smaller products gain nothing."""
MOST_INPUTS = 8
"""Times the rows: gradients of wider weights are slower as those of a convolution."""
IMAGES = 16
"""With one thread PyTorch leaves a 1×1 convolution of fewer images to MKL."""
HAS_ONEDNN = torch.backends.mkldnn.is_available() and platform.machine() in ("x86_64", "AMD64")


class Dense(nn.Linear):
    """``nn.Linear`` of N×K; on a CPU large ones are computed as a 1×1 convolution.

    PyTorch multiplies matrices on a CPU by MKL, which reaches half of what an AMD processor can,
    and convolutions by oneDNN, which reaches twice as much there. The result differs in rounding.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not _pays(x, self.weight):
            return super().forward(x)
        rows, inputs = x.shape
        images = IMAGES if torch.get_num_threads() == 1 and rows % IMAGES == 0 else 1
        kernel = self.weight[:, :, None, None]
        as_images = x.reshape(images, rows // images, 1, inputs).permute(0, 3, 1, 2)
        return F.conv2d(as_images, kernel, self.bias).permute(0, 2, 3, 1).reshape(rows, -1)


def _pays(x: Tensor, weight: Tensor) -> bool:
    return (
        HAS_ONEDNN
        and x.device.type == "cpu"
        and x.dim() == 2
        and len(x) >= LEAST_ROWS
        and min(weight.shape) >= LEAST_SIDE
        and weight.shape[1] <= MOST_INPUTS * len(x)
    )
