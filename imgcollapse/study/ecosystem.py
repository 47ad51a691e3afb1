"""An ecosystem: several labs in turn, each a run of its own, that train on one web."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from imgcollapse.config import Config
from imgcollapse.config_file import lab_configs
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.chain_run import ChainRun, Reporter
from imgcollapse.study.run import opened

ReporterOf = Callable[[Config], Reporter]


def run_ecosystem(config: Config, out: Path, reporter_of: ReporterOf) -> list[RunDirectory]:
    """Makes or goes on with one run for each lab, below ``out``, in the order of the config.

    In every generation each lab that has started trains, samples and is scored; only then does the
    next begin. All labs share the real images, the judge and the references. Stopped and errors of
    one lab pass; the same call goes on.
    """
    configs = lab_configs(config)
    with ExitStack() as stack:
        chains: list[ChainRun] = []
        for one in configs:
            first = RunDirectory(chains[0].run.path) if chains else None
            place = out / str(one.lab and one.lab.name)
            chains.append(stack.enter_context(opened(one, place, reporter_of(one), first)))
        for generation in range(config.generations):
            for chain in chains:
                if chain.config.starts + chain.done == generation:
                    chain.advance()
    return [chain.run for chain in chains]
