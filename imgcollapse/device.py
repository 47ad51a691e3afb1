"""The device that a run computes on, its threads, and what is worth recording about both."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import torch

from imgcollapse.errors import EnvironmentalError

PACKAGES = ("torch", "torchvision", "diffusers", "numpy", "scipy", "scikit-learn", "pillow")
_RANDOM = threading.Lock()
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of ``mallopt``, from malloc.h."""
FROM_KERNEL, MOST_KEPT = 2**25, 2**27
"""Bytes: the most that glibc takes for ``M_MMAP_THRESHOLD``, and 128 MB at the end of each heap."""
REPEATABLE_WORKSPACES = (":4096:8", ":16:8")
"""The settings of cuBLAS with which it repeats its bytes."""


def pick_device(wanted: Literal["auto", "cpu", "cuda"]) -> torch.device:
    """CUDA when there is one and it was not refused, else the CPU."""
    if wanted == "cuda" and not torch.cuda.is_available():
        raise EnvironmentalError(
            "no CUDA device is available (device: cuda)", "use --device auto or --device cpu"
        )
    use_cuda = wanted != "cpu" and torch.cuda.is_available()
    return torch.device("cuda" if use_cuda else "cpu")


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Torch's own random numbers on the CPU begin at a seed, and are as before at the end.

    One thread at a time: they are global.
    """
    with _RANDOM, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def beside(device: torch.device, apart: bool) -> Iterator[None]:
    """On CUDA, work of this thread on a stream of its own, if it is to run apart from the rest."""
    if not (apart and device.type == "cuda"):
        yield
        return
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    stream.synchronize()


def usable_cores() -> int:
    """Cores that this process may use: its affinity, cut to the cgroup's quota."""
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    try:
        with open("/sys/fs/cgroup/cpu.max", encoding="ascii") as file:
            quota, period = file.read().split()
        if quota != "max":
            cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass
    return cores


def free_memory(device: torch.device) -> int:
    """Bytes that this process may still take: of a CUDA device, or of the machine's memory.

    The latter is what the kernel calls available, cut to the limits of the cgroups (version 2)
    that the process is in; where no kernel says so, all memory that there is.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        facts = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        named = dict(line.split(":", 1) for line in facts)
        free = 1024 * int(named["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(0, min([free, *_left_to_cgroups(Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"))]))


def _left_to_cgroups(root: Path, own: Path) -> list[int]:
    """What each limited cgroup of a process has left; file pages it could drop count as left."""
    left = []
    try:
        lines = own.read_text(encoding="ascii").splitlines()
        folder = root / next(line[len("0::/") :] for line in lines if line.startswith("0::/"))
        for one in (folder, *folder.parents):
            if not (one / "memory.max").is_file():
                continue
            limit = (one / "memory.max").read_text(encoding="ascii").strip()
            used = int((one / "memory.current").read_text(encoding="ascii"))
            facts = (one / "memory.stat").read_text(encoding="ascii").split()
            held = dict(zip(facts[::2], facts[1::2], strict=True))
            if limit != "max":
                cached = int(held["inactive_file"]) + int(held["active_file"])
                left.append(int(limit) - used + cached)
    except (OSError, StopIteration, KeyError, ValueError):
        pass
    return left


def wanted_threads() -> int:
    """``OMP_NUM_THREADS`` where it is set to a number (its first level), else the usable cores."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdigit() and int(first) > 0 else usable_cores()


def threads_of_each(processes: int) -> int:
    """Threads of one of several processes at once, which together use no more than the cores."""
    return max(1, min(wanted_threads(), usable_cores() // processes))


def set_up(device: torch.device, deterministic: bool) -> None:
    """Sets threads and determinism for the whole process, before any work; the last call holds.

    More OpenMP threads than cores made a training step five times slower, so the count is the
    usable cores unless OMP_NUM_THREADS says otherwise. Where ``deterministic``, an operation
    that cannot repeat its bytes raises; a warning would not do, because attention on CUDA takes
    its deterministic way only then. EnvironmentalError where cuBLAS was told to use workspaces
    that do not repeat.
    """
    torch.set_num_threads(wanted_threads())
    keep_freed_memory()
    torch.set_float32_matmul_precision("high")
    # cuBLAS reads this once, at its first call, so it is set whatever this call asks for.
    workspace = os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", REPEATABLE_WORKSPACES[0])
    if deterministic and device.type == "cuda" and workspace not in REPEATABLE_WORKSPACES:
        raise EnvironmentalError(
            f"CUBLAS_WORKSPACE_CONFIG={workspace} does not give equal bytes (deterministic: true)",
            f"set it to {REPEATABLE_WORKSPACES[0]}, unset it, or use --set deterministic=false",
        )
    torch.backends.cudnn.benchmark = not deterministic
    torch.use_deterministic_algorithms(deterministic)
    # It would fill with NaN whatever is about to be written: a twentieth of a step on a CPU.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def keep_freed_memory() -> None:
    """Lets the GNU allocator keep memory that was freed, for the whole process.

    It would give the end of its heap back after every training step, whose next one then waits for
    the kernel to clear the same pages again. Larger arrays than ``FROM_KERNEL`` bytes come from the
    kernel and go back to it at once. Other allocators, and one that the environment sets up, are
    left as they are.
    """
    if platform.libc_ver()[0] != "glibc" or any(one.startswith("MALLOC_") for one in os.environ):
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, FROM_KERNEL)
    libc.mallopt(M_TRIM_THRESHOLD, MOST_KEPT)


def has_bf16(device: torch.device) -> bool:
    """Whether a device is known to multiply bfloat16 by instructions of its own.

    Of processors only x86 ones are, by PyTorch 2.11 or newer.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = getattr(torch.cpu, "get_capabilities", dict[str, Any])()  # not in 2.10
    return bool(capabilities.get("avx512_bf16", False))


def dtype_of(precision: Literal["auto", "fp32", "bf16"]) -> torch.dtype:
    """What products are computed in; ``auto``, which generators settle, is float32 by itself."""
    return torch.bfloat16 if precision == "bf16" else torch.float32


def describe(device: torch.device) -> dict[str, object]:
    """Device, threads and versions, as ``environment.json`` records them."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": device.type,
        "device_name": name,
        "threads": torch.get_num_threads(),
        "bf16": has_bf16(device),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cuda": torch.version.cuda if device.type == "cuda" else None,
        "versions": versions(),
        "command": sys.argv,
        "git": git_state(),
    }


def _processor() -> str:
    """The processor's name where the system tells it, else its architecture."""
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(one.partition(":")[2].strip() for one in facts if one.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def git_state() -> str | None:
    """The commit that this code is checked out at, ``-dirty`` if changed; None if installed."""
    folder = Path(__file__).parent
    if not (folder.parent / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


def versions() -> dict[str, str]:
    """Installed versions of the packages that decide a run's bytes."""
    found = {}
    for package in (*PACKAGES, "imgcollapse"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found
