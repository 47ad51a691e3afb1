"""What the figures of a run are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgcollapse.drawing.bars import ClassShares, ordered_colours
from imgcollapse.errors import ConfigError
from imgcollapse.metrics.shares import tail_classes
from imgcollapse.scores import FLOOR, Score, from_csv, select
from imgcollapse.store.manifest import TABLE
from imgcollapse.store.run_directory import RunDirectory, read_npz


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
        """From ``scores.csv`` and ``reference/counts.json`` of a run, or of a copy of these."""
        table = path / TABLE
        try:
            text = table.read_text(encoding="utf-8")
        except OSError:
            raise ConfigError(
                f"no table of scores ({table})", "imgcollapse run CONFIG --out DIR makes one"
            ) from None
        initial = RunDirectory(path).initial_counts()
        counts = np.array(list(initial.values()), np.int64)
        return cls(path, tuple(initial), counts, from_csv(text, str(table)))

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

    @property
    def generations(self) -> list[int]:
        return sorted({score.generation for score in self.scores} - {FLOOR})

    def values(self, metric: str, reference: str = "") -> dict[int, Score]:
        """The scores of one metric of the whole set, by generation; the floor is -1."""
        found = select(self.scores, metric, reference=reference, class_="")
        return {score.generation: score for score in found}

    def shares(self, generation: int) -> ClassShares:
        """Counted shares of a generation, or of held-out real images (generation -1)."""
        here = [score for score in self.scores if score.generation == generation]
        return class_shares(here, self.classes, self.order)

    def initial_shares(self) -> ClassShares:
        """Shares of the first pool by its labels, beside the rejects among held-out real images."""
        parts = (self.initial_counts / self.initial_counts.sum())[self.order]
        names = tuple(self.classes[label] for label in self.order)
        n = int(self.initial_counts.sum())
        reject = self.values("reject")[FLOOR].value
        return ClassShares(names, ordered_colours(self.order), parts, parts, parts, reject, n)

    def grid(self, generation: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The samples of the common noise, uint8 N×C×H×W, and their verdicts."""
        images, verdicts = read_npz(
            self.path / f"gen_{generation:03d}" / "grid.npz", "arr_0", "arr_1"
        )
        return images.transpose(0, 3, 1, 2), verdicts


def class_shares(
    scores: Sequence[Score], classes: Sequence[str], order: NDArray[np.int64]
) -> ClassShares:
    """The counted shares among the scores of one set, by class in the given order."""
    raw = {score.class_: score for score in select(scores, "share_raw")}
    names = tuple(classes[label] for label in order)
    reject = select(scores, "reject")[0]
    return ClassShares(
        names=names,
        colours=ordered_colours(order),
        shares=np.array([raw[name].value for name in names]),
        low=np.array([raw[name].low for name in names], np.float64),
        high=np.array([raw[name].high for name in names], np.float64),
        reject=reject.value,
        n=reject.n,
    )
