"""What the figures of a run are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcollapse.drawing.bars import ClassShares, ordered_colours
from imgcollapse.drawing.palette import class_colours
from imgcollapse.errors import ConfigError, CorruptError
from imgcollapse.figures.plot import NotDrawnError
from imgcollapse.metrics.shares import tail_classes
from imgcollapse.scores import FLOOR, Score, from_csv, select
from imgcollapse.store.manifest import TABLE
from imgcollapse.store.run_directory import RunDirectory, read_npz

NEIGHBOURS = ("samples", "nearest", "origins", "to_pool", "to_held_out", "counts")


@dataclass(frozen=True)
class RunTables:
    """Scores of the committed generations and the classes, common first."""

    path: Path
    classes: tuple[str, ...]
    initial_counts: NDArray[np.int64]
    scores: list[Score]

    @classmethod
    def read(cls, run: RunDirectory) -> RunTables:
        initial = run.initial_counts()
        return cls(
            run.path, tuple(initial), np.array(list(initial.values()), np.int64), run.scores()
        )

    @classmethod
    def of_folder(cls, path: Path) -> RunTables:
        """From ``scores.csv`` and ``reference/counts.json`` of a run, or of a copy of these.

        ConfigError where there is no table or no generation in it, CorruptError where it is broken.
        """
        table = path / TABLE
        try:
            text = table.read_text(encoding="utf-8")
        except OSError:
            raise ConfigError(
                f"no table of scores ({table})", "imgcollapse run CONFIG --out DIR makes one"
            ) from None
        except UnicodeDecodeError as error:
            raise CorruptError(f"not a table of scores: {error} ({table})") from None
        initial = RunDirectory(path).initial_counts()
        counts = np.array(list(initial.values()), np.int64)
        found = cls(path, tuple(initial), counts, from_csv(text, str(table)))
        if not found.generations:
            raise ConfigError(f"no generation is committed yet ({path})", "imgcollapse status DIR")
        return found

    @cached_property
    def _by_metric(self) -> dict[str, list[Score]]:
        found: dict[str, list[Score]] = {}
        for score in self.scores:
            found.setdefault(score.metric, []).append(score)
        return found

    @property
    def order(self) -> NDArray[np.int64]:
        """Classes by the images they began with, common first."""
        return np.argsort(-self.initial_counts, kind="stable")

    @property
    def head(self) -> str:
        """The class that began with the most images."""
        return self.classes[int(self.order[0])]

    @property
    def tail(self) -> list[str]:
        """The rarer half of the classes that began."""
        rare = tail_classes(self.initial_counts)
        return [name for name, is_rare in zip(self.classes, rare, strict=True) if is_rare]

    @cached_property
    def began(self) -> list[str]:
        """The classes of the first pool, common first."""
        return [self.classes[label] for label in self.order if self.initial_counts[label]]

    @cached_property
    def colours(self) -> dict[str, str]:
        return dict(zip(self.classes, class_colours(len(self.classes)), strict=True))

    def share_at_first(self, name: str) -> float:
        """The share of a class in the first pool."""
        return float(self.initial_counts[self.classes.index(name)] / self.initial_counts.sum())

    @cached_property
    def generations(self) -> list[int]:
        return sorted({score.generation for score in self.scores} - {FLOOR})

    def values(self, metric: str, reference: str = "", class_: str = "") -> dict[int, Score]:
        """One score of the whole set, or of a class, by generation; the floor is -1."""
        found = select(self._by_metric.get(metric, ()), metric, reference=reference, class_=class_)
        return {score.generation: score for score in found}

    def needed(self, metric: str, reference: str = "", class_: str = "") -> dict[int, Score]:
        """As ``values``; NotDrawnError where the floor or a generation has none."""
        found = self.values(metric, reference, class_)
        if lacking := {FLOOR, *self.generations} - found.keys():
            raise NotDrawnError(f"no {metric} of generation {min(lacking)} in the table of scores")
        return found

    def shares(self, generation: int) -> ClassShares:
        """Counted shares of a generation, or of held-out real images (generation -1)."""
        here = [
            score
            for metric in ("share_raw", "reject")
            for score in self._by_metric.get(metric, ())
            if score.generation == generation
        ]
        return class_shares(here, self.classes, self.order)

    def initial_shares(self) -> ClassShares:
        """Shares of the first pool by its labels, beside the rejects among held-out real images."""
        parts = (self.initial_counts / self.initial_counts.sum())[self.order]
        names = tuple(self.classes[label] for label in self.order)
        n = int(self.initial_counts.sum())
        reject = self.needed("reject")[FLOOR].value
        return ClassShares(names, ordered_colours(self.order), parts, parts, parts, reject, n)

    def grid(self, generation: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The samples of the common noise, uint8 N×C×H×W, and their verdicts.

        NotDrawnError where there are tables without images.
        """
        path = self.path / f"gen_{generation:03d}" / "grid.npz"
        if not path.parent.is_dir():
            raise NotDrawnError(f"no images of generation {generation} beside the table of scores")
        images, verdicts = read_npz(path, "arr_0", "arr_1")
        return images.transpose(0, 3, 1, 2), verdicts

    def neighbours(self, generation: int) -> dict[str, NDArray[Any]]:
        """Samples of a generation beside the pool images nearest to them, as they are stored.

        NotDrawnError where the run is of a version that did not keep them.
        """
        path = self.path / f"gen_{generation:03d}" / "neighbours.npz"
        if not path.is_file():
            raise NotDrawnError("the run keeps no nearest neighbours: it is of an earlier version")
        return dict(zip(NEIGHBOURS, read_npz(path, *NEIGHBOURS), strict=True))

    def audit(self) -> dict[str, Any]:
        """The audit of the run's sampler; NotDrawnError where it is not there."""
        if not (self.path / "reference" / "audit.json").is_file():
            raise NotDrawnError("no audit of the sampler beside the table of scores")
        return RunDirectory(self.path).audit()

    def audit_rows(self) -> list[dict[str, Any]]:
        """One row for each mode of the audit, none where there is no audit."""
        try:
            rows: list[dict[str, Any]] = self.audit().get("rows", [])
        except NotDrawnError:
            return []
        return rows


def class_shares(
    scores: Sequence[Score], classes: Sequence[str], order: NDArray[np.int64]
) -> ClassShares:
    """The counted shares among the scores of one set, by class in the given order."""
    raw = {score.class_: score for score in select(scores, "share_raw")}
    names = tuple(classes[label] for label in order)
    reject = next(iter(select(scores, "reject")), None)
    if reject is None or not raw.keys() >= set(names):
        raise NotDrawnError("shares are missing in the table of scores")
    return ClassShares(
        names=names,
        colours=ordered_colours(order),
        shares=np.array([raw[name].value for name in names]),
        low=np.array([raw[name].low for name in names], np.float64),
        high=np.array([raw[name].high for name in names], np.float64),
        reject=reject.value,
        n=reject.n,
    )
