"""An ecosystem: several labs in turn, each a run of its own, that train on one web."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from imgcollapse.config import Config
from imgcollapse.config_file import lab_configs
from imgcollapse.data.splits import Splits
from imgcollapse.errors import ConfigError, errors_of
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.chain_run import ChainRun, Reporter
from imgcollapse.study.run import Start, is_complete, opened, start_of

ReporterOf = Callable[[Config], Reporter]


def run_ecosystem(config: Config, out: Path, reporter_of: ReporterOf) -> list[RunDirectory]:
    """Makes or goes on with one run for each lab, below ``out``, in the order of the config.

    In every generation each lab that has started trains, samples and is scored; only then does the
    next begin. All labs share the real images, the judge and the references. What does not fit one
    of them is refused before the first writes. Stopped and errors of one lab pass, errors with its
    name; the same call goes on.
    """
    if RunDirectory(out).exists:
        raise ConfigError(f"there is a run of one chain already ({out})", "give another --out")
    configs = lab_configs(config)
    places = [out / one.lab.name for one in configs if one.lab is not None]
    runs = [RunDirectory(place) for place in places]
    complete = [is_complete(*both) for both in zip(configs, places, strict=True)]
    if all(complete):
        for run in runs:
            run.check()
        return runs
    reporters = [reporter_of(one) for one in configs]
    starts = _starts(configs, places, reporters)
    with ExitStack() as stack:
        chains: list[ChainRun] = []
        for one, place, reporter, start in zip(configs, places, reporters, starts, strict=True):
            sibling = runs[0] if chains else None
            with errors_of(f"lab {place.name}"):
                chain = stack.enter_context(opened(one, place, reporter, sibling, start=start))
            chains.append(chain)
        for generation in range(config.generations):
            due = [one for one in chains if one.config.starts + one.done == generation]
            for chain in due:
                with errors_of(f"lab {chain.run.path.name}"):
                    chain.advance()
            for chain in due:
                with errors_of(f"lab {chain.run.path.name}"):
                    chain.finish()
            if due:  # however little time there is, something is done before a stop
                for chain in chains:
                    chain.stop_if_asked()
    return runs


def _starts(
    configs: Sequence[Config], places: Sequence[Path], reporters: Sequence[Reporter]
) -> list[Start]:
    """Of every lab. Real images are read once, but for labs that get fresh ones of their own."""
    starts: list[Start] = []
    shared: Splits | None = None
    for one, place, reporter in zip(configs, places, reporters, strict=True):
        with errors_of(f"lab {place.name}"):
            if one.policy.real == "fresh":
                starts.append(start_of(one, place, reporter))
            else:
                starts.append(start_of(one, place, reporter, shared))
                shared = starts[-1].splits
    return starts
