"""Several chains of one config, which differ in their seed."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imgcollapse.config import STEPWISE, Config
from imgcollapse.device import pick_device
from imgcollapse.errors import LabError, Stopped
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.processes import Processes, sharing_cores
from imgcollapse.study.threads import in_threads

if TYPE_CHECKING:
    from imgcollapse.study.chain_run import Reporter

STACKED_ON = ("cuda",)
"""Types of device on which one stack is faster than its networks in processes at once."""

RunToDisk = Callable[[Config, Path, "Reporter"], object]


def replica_folder(out: Path, config: Config) -> Path:
    return out / f"seed{config.seed}"


def are_stacked(config: Config) -> bool:
    """Whether the networks of a config's replicas are trained as one stack, whatever the data.

    It is what ``can_be_stacked`` finds of their trainings, on a device where a stack gains.
    """
    generator, training = config.generator, config.training
    is_dense = generator.kind in STEPWISE and generator.network == "mlp"
    can_be = is_dense and training.compile != "always" and not training.cuda_graphs
    return can_be and pick_device(config.device).type in STACKED_ON


def run_replicas(
    configs: Sequence[Config], out: Path, reporters: Sequence[Reporter]
) -> list[RunDirectory]:
    """Makes or goes on with one run for each config, below ``out``.

    On a GPU, dense networks are trained as one stack in this process. Other chains run at once in
    processes, to which their reporters are sent. A chain that fails does not stop the others: it is
    told at once, and when all have ended the first error is raised, or else that some were stopped.
    """
    errors: list[BaseException] = []

    def follow(carry_out: RunToDisk, config: Config, reporter: Reporter) -> None:
        try:
            carry_out(config, replica_folder(out, config), reporter)
        except BaseException as error:
            errors.append(error)
            reporter.message(f"error: {error}" if isinstance(error, LabError) else repr(error))

    def chains(carry_out: RunToDisk) -> list[Callable[[], None]]:
        both = zip(configs, reporters, strict=True)
        return [functools.partial(follow, carry_out, *one) for one in both]

    if are_stacked(configs[0]):
        from imgcollapse.study.company import Company
        from imgcollapse.study.run import run_to_disk

        company = Company(len(configs))
        company.run(chains(functools.partial(run_to_disk, train=company.train)))
    else:
        if configs[0].data.download:
            from imgcollapse.data.splits import make_splits

            make_splits(configs[0])  # fetched once, not by several at the same time
        processes = Processes(len(configs))
        with sharing_cores(processes.at_once):
            in_threads(chains(processes.run))
    if errors:
        raise min(errors, key=lambda error: isinstance(error, Stopped))
    return [RunDirectory(replica_folder(out, config)) for config in configs]
