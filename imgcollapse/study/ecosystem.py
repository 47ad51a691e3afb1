"""An ecosystem: several labs in turn, each a run of its own, that train on one web."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from imgcollapse.config import Config
from imgcollapse.config_file import lab_configs
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.chain_run import ChainRun, Reporter
from imgcollapse.study.run import is_complete, opened

ReporterOf = Callable[[Config], Reporter]


def run_ecosystem(config: Config, out: Path, reporter_of: ReporterOf) -> list[RunDirectory]:
    """Makes or goes on with one run for each lab, below ``out``, in the order of the config.

    In every generation each lab that has started trains, samples and is scored; only then does the
    next begin. All labs share the real images, the judge and the references. Stopped and errors of
    one lab pass; the same call goes on.
    """
    configs = lab_configs(config)
    places = [out / one.lab.name for one in configs if one.lab is not None]
    runs = [RunDirectory(place) for place in places]
    if all(is_complete(*both) for both in zip(configs, places, strict=True)):
        for run in runs:
            run.check()
        return runs
    with ExitStack() as stack:
        chains: list[ChainRun] = []
        for one, place in zip(configs, places, strict=True):
            sibling = runs[0] if chains else None
            chains.append(stack.enter_context(opened(one, place, reporter_of(one), sibling)))
        for generation in range(config.generations):
            for chain in chains:
                if chain.config.starts + chain.done == generation:
                    chain.advance()
            for chain in chains:
                chain.finish()
                chain.stop_if_asked()
    return runs
