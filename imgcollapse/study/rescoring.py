"""The scores of a run once more, from the images that it keeps."""

from __future__ import annotations

from collections.abc import Iterator

from imgcollapse.data.splits import make_splits
from imgcollapse.device import pick_device, set_up
from imgcollapse.errors import CorruptError
from imgcollapse.images import ImageSet
from imgcollapse.metrics.judge import Judge
from imgcollapse.policies import PoolMaker, remembered
from imgcollapse.scores import FLOOR, Score
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.study.placement import keep_of
from imgcollapse.study.preparation import floor_scores, make_ruler
from imgcollapse.study.radioactivity import radioactivity_scores
from imgcollapse.study.selection_scores import selection_scores
from imgcollapse.study.web import web_samples


def rescore(run: RunDirectory) -> Iterator[tuple[int, list[Score]]]:
    """Each generation of a run, the floor first, and its scores measured anew.

    Pools are made again from the real images and the samples. On the device, versions and threads
    that the run had, the scores are the same to the last bit.
    """
    config = run.config()
    device = pick_device(config.device)
    set_up(device, config.deterministic)
    splits = make_splits(config)
    ruler = make_ruler(config, splits, Judge.load(run.path / "judge", device))
    yield FLOOR, floor_scores(config, ruler, splits.floor)
    keep = keep_of(config, None)
    maker = PoolMaker(config, splits.pool, fresh=splits.fresh, look=ruler.judge.look, keep=keep)
    past: list[ImageSet] = []
    scores: list[Score] = []
    for number in range(len(run.generations())):
        if config.lab is not None:
            past = web_samples(run, config, number, splits.pool.classes, maker.released)
        pool = maker.pool(number + config.starts, past).images
        samples = run.samples(number, splits.pool.classes)
        samples = samples[: config.scores.num_images].in_memory()
        found = ruler.score(samples, pool, number)
        found += radioactivity_scores(config, samples, number, ruler.judge.extractor)
        scores += found
        yield number, found + selection_scores(config, ruler, scores)
        released = run.released(number, splits.pool.classes, maker.released)
        past = remembered(config.policy, [*past, released])


def check_scores(run: RunDirectory) -> int:
    """Compares the scores of a run with what they are when measured again; returns their number.

    Raises CorruptError with the first that differs.
    """
    kept = run.scores()
    again = [score for _, scores in rescore(run) for score in scores]
    for old, new in zip(kept, again, strict=True):
        if old != new:
            was, found = old.as_row(), new.as_row()
            column = next(name for name in was if was[name] != found[name])
            raise CorruptError(
                f"{old.metric} {old.class_} of generation {old.generation}: {column} is "
                f"{was[column]!r}, measured again {found[column]!r} ({run.path})",
                "another device, thread count or version gives other last digits",
            )
    return len(again)
