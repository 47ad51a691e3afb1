"""What a run sets for its whole process, and that CUDA could repeat what the networks compute."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from imgcollapse import device
from imgcollapse.config_file import parse_config
from imgcollapse.device import (
    _left_to_cgroups,
    free_memory,
    set_up,
    threads_of_each,
    wanted_threads,
)
from imgcollapse.errors import EnvironmentalError
from imgcollapse.generators import Surroundings, make_generator
from imgcollapse.images import ImageSet
from imgcollapse.metrics.judge import train_judge

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
NETWORKS: dict[str, dict[str, Any]] = {
    "vae": {"generator": {"kind": "vae", "width": 8, "latent": 4}},
    "unet": {"generator": {"network": "unet", "width": 8, "depth": 2}},
    **{
        sampler: {
            "generator": {"network": "mlp", "width": 8, "depth": 1, "objective": objective},
            "sampling": {"sampler": sampler, "steps": 18},
        }
        for sampler, objective in (("ddpm", "eps"), ("ddim", "v"), ("heun", "v"), ("flow", "flow"))
    },
}
RAISING_ON_CUDA = {
    "_adaptive_avg_pool2d_backward", "_adaptive_avg_pool3d_backward", "_ctc_loss_backward",
    "adaptive_max_pool2d_backward", "avg_pool3d_backward", "bincount",
    "fractional_max_pool2d_backward", "grid_sampler_2d_backward", "histc",
    "max_unpool2d", "median", "nll_loss2d_forward", "put_", "reflection_pad1d_backward",
    "reflection_pad2d_backward", "reflection_pad3d_backward", "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward", "upsample_linear1d_backward", "upsample_trilinear3d_backward",
}  # fmt: skip
"""Of those that torch.use_deterministic_algorithms lists as raising, what image networks use."""


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(WORKSPACE, ":4096:8")
    mode, benchmark = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    yield
    torch.use_deterministic_algorithms(mode)
    torch.backends.cudnn.benchmark = benchmark


def pool() -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 3, 16, 16))
    return ImageSet.of(pixels.astype(np.uint8), np.arange(60) % 2, ("one", "two"))


@pytest.mark.parametrize(("wanted", "cores"), [("", 8), ("3", 8), ("64", 8), ("", 1), ("2,1", 5)])
def test_processes_at_once_never_have_more_threads_than_cores(
    monkeypatch: pytest.MonkeyPatch, wanted: str, cores: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    monkeypatch.setattr(device, "usable_cores", lambda: cores)
    for processes in range(1, cores + 1):
        threads = threads_of_each(processes)
        assert 1 <= threads <= wanted_threads()
        assert processes * threads <= cores
        assert threads == wanted_threads() or processes * (threads + 1) > cores


@pytest.mark.parametrize("order", [(True, False), (False, True), (True, False, True)])
def test_the_last_set_up_holds(order: tuple[bool, ...]) -> None:
    for deterministic in order:
        set_up(CPU, deterministic)
    assert torch.are_deterministic_algorithms_enabled() == order[-1]
    assert torch.backends.cudnn.benchmark != order[-1]


def test_memory_is_not_filled_before_its_use() -> None:
    filling: Any = torch.utils.deterministic
    filling.fill_uninitialized_memory = True
    set_up(CPU, deterministic=True)
    assert filling.fill_uninitialized_memory is False


HEAP_AFTER_A_STEP = """
import ctypes, sys
import torch
from imgcollapse.device import set_up
if sys.argv[1] == "kept":
    set_up(torch.device("cpu"), True)
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.mallinfo2.restype = type("Info", (ctypes.Structure,), {
    "_fields_": [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd "
                 "usmblks fsmblks uordblks fordblks keepcost".split()]})
for part in [libc.malloc(20_000_000) for _ in range(5)]:
    libc.free(part)
print(libc.mallinfo2().arena)
"""


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="an allocator that does not count"
)
def test_memory_that_a_step_frees_stays_with_the_process() -> None:
    """Bytes of the heap after 100 MB were taken, in five parts, and freed."""
    plain_allocator = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD"))
    }
    heap = {}
    for name in ("kept", "as it is"):
        command = [sys.executable, "-c", HEAP_AFTER_A_STEP, name]
        found = subprocess.run(
            command, capture_output=True, text=True, check=True, env=plain_allocator
        )
        heap[name] = int(found.stdout)
    assert heap["kept"] - heap["as it is"] > 50_000_000


def test_the_processor_is_named_where_the_system_tells_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "vendor: x\nmodel name\t: A: B 3\n")
    assert device.describe(torch.device("cpu"))["device_name"] == "A: B 3"
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "vendor: x\n")
    named = (platform.processor(), platform.machine())
    assert device.describe(torch.device("cpu"))["device_name"] in named


def test_what_cannot_repeat_raises_instead_of_warning() -> None:
    set_up(CPU, deterministic=True)
    assert not torch.is_deterministic_algorithms_warn_only_enabled()
    with pytest.raises(RuntimeError, match="deterministic"):
        torch.zeros(2).put_(torch.tensor([0]), torch.tensor([1.0]))


@pytest.mark.parametrize("deterministic", [True, False])
def test_cublas_is_told_before_its_first_call(
    deterministic: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(WORKSPACE)
    set_up(CPU, deterministic)
    assert os.environ[WORKSPACE] == ":4096:8"


def test_a_workspace_of_cublas_that_does_not_repeat_is_refused_on_cuda(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WORKSPACE, ":0:0")
    with pytest.raises(EnvironmentalError, match=WORKSPACE):
        set_up(CUDA, deterministic=True)
    set_up(CUDA, deterministic=False)
    set_up(CPU, deterministic=True)


@pytest.mark.parametrize("name", [*NETWORKS, "judge"])
def test_no_network_computes_what_cuda_cannot_repeat(name: str) -> None:
    set_up(CPU, deterministic=True)
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        if name == "judge":
            train_judge(pool(), seed=1, device=CPU, steps=2).look(pool().images)
        else:
            values = {**NETWORKS[name], "training": {"steps": 2, "batch_size": 16}}
            values["generator"] = {**values["generator"], "labels": "balanced"}
            generator = make_generator(parse_config(values), (3, 16, 16), ("one", "two"), CPU)
            generator.fit(pool(), seed=1, surroundings=Surroundings())
            generator.sample(4, seed=2, labels=np.array([0, 1, 0, 1]))
    names = {event.name.removeprefix("aten::") for event in profiled.events() or ()}
    assert "linear" in names
    assert not names & RAISING_ON_CUDA


def test_free_memory_is_part_of_what_there_is() -> None:
    all_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert all_bytes / 1000 < free_memory(CPU) < all_bytes


def write_cgroup(folder: Path, limit: str, used: int, inactive: int, active: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(
        f"anon 5\nfile 6\ninactive_file {inactive}\nactive_file {active}\n"
    )


def test_what_cgroups_leave_is_their_limit_less_what_cannot_be_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch system limits the job, which holds the step that the process is in."""
    own = tmp_path / "own"
    own.write_text("9:cpu:/\n0::/job/step\n")
    assert _left_to_cgroups(tmp_path, own) == []
    write_cgroup(tmp_path / "job", "1000", 700, 300, 150)
    assert _left_to_cgroups(tmp_path, own) == [750], "the step has no account of its own"
    write_cgroup(tmp_path / "job" / "step", "max", 50, 0, 0)
    assert _left_to_cgroups(tmp_path, own) == [750]
    write_cgroup(tmp_path / "job" / "step", "500", 50, 10, 20)
    assert sorted(_left_to_cgroups(tmp_path, own)) == [480, 750]
    assert _left_to_cgroups(tmp_path, tmp_path / "nothing") == []
    own.write_text("9:memory:/job\n")
    assert _left_to_cgroups(tmp_path, own) == []
    monkeypatch.setattr("imgcollapse.device._left_to_cgroups", lambda root, own: [480, 750])
    assert free_memory(CPU) == 480
    monkeypatch.setattr("imgcollapse.device._left_to_cgroups", lambda root, own: [-3])
    assert free_memory(CPU) == 0
