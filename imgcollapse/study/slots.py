"""How many cells of a study are carried out at once on this machine, and where."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from imgcollapse.device import pick_device, usable_cores
from imgcollapse.study.local_runner import visible_gpus
from imgcollapse.study.study_folder import Cell


def slots_for(cells: Sequence[Cell], workers: int | None, per_gpu: int) -> tuple[int, list[str]]:
    """Slots, and the GPUs that they are spread over; none where the cells run on CPUs.

    As many as there are cores, or ``per_gpu`` on each GPU, unless ``workers`` says otherwise, and
    no more than cells. They depend on nothing that changes as cells are done: a cell has the same
    number of threads, on which its bytes depend, whenever the command is given.
    """
    devices = {pick_device(one).type for one in {cell.config.device for cell in cells}}
    gpus = visible_gpus(torch.cuda.device_count) if "cuda" in devices else []
    wanted = workers or (per_gpu * len(gpus) if gpus else usable_cores())
    return min(wanted, len(cells)), gpus
