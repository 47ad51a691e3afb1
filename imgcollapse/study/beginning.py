"""Arms that differ only in their policy begin alike, so the beginning is made once."""

from __future__ import annotations

import shutil

from imgcollapse.config import Config
from imgcollapse.policies import drawn_for, of_samples, synthetic_needed
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.chance import shares_are_asked_for, why_no_selection
from imgcollapse.study.requirements import differences

PARTS = ("judge", "reference", "gen_000")


def share_beginning(run: RunDirectory, config: Config, sibling: RunDirectory) -> bool:
    """Copies judge, reference and generation 0 from a sibling where they would be the same bytes.

    They are if the configs differ in nothing but policy and number of generations, draw and
    release the same samples, have rows of the same metrics, and if both began on the same device,
    threads and versions. Returns whether it did. Raises CorruptError where the sibling is not what
    its manifest says.
    """
    if (run.path / "judge").is_dir() or not sibling.generations():
        return False
    if beginning_of(sibling.config()) != beginning_of(config):
        return False
    if differences(sibling.environment(), run.environment()) or not sibling.check_begun():
        return False
    for part in PARTS:
        with run.commit(part) as folder:
            shutil.copytree(sibling.path / part, folder, dirs_exist_ok=True)
    return True


def share_judge(run: RunDirectory, sibling: RunDirectory) -> None:
    """Copies the judge of another lab of the ecosystem, which has the same real images."""
    if not (run.path / "judge").is_dir() and (sibling.path / "judge").is_dir():
        with run.commit("judge") as folder:
            shutil.copytree(sibling.path / "judge", folder, dirs_exist_ok=True)


def beginning_of(config: Config) -> object:
    """What judge, reference and generation 0 depend on: equal for configs that begin alike."""
    pool = 10**9  # stands for the size of the first pool, whatever it is
    needed = synthetic_needed(config.policy, config.sampling.num_images, pool)
    drawn = max(drawn_for(config.policy.repairs, needed), config.scores.num_images)
    released = (of_samples(config.policy.repairs), config.policy.watermark)
    rows = (why_no_selection(config) is None, shares_are_asked_for(config))
    return config.model_copy(update={"policy": None, "generations": 0}), drawn, released, rows
