"""A run on disk: the config that locks it, the committed generations, and the tables of both."""

from __future__ import annotations

import difflib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgcollapse.config import Config
from imgcollapse.config_file import load_config, to_yaml
from imgcollapse.errors import ConfigError, CorruptError, NumericalError
from imgcollapse.images import UNLABELLED, ImageSet
from imgcollapse.scores import Score, to_csv
from imgcollapse.store.files import (
    RESTORE,
    TEMPORARY,
    move_folder,
    read_json,
    sha256_of,
    write_json,
    write_text,
    written_whole,
)
from imgcollapse.store.lock import LOCK
from imgcollapse.store.manifest import FILE as MANIFEST
from imgcollapse.store.manifest import check_begun, check_manifest, recorded_hash, write_manifest
from imgcollapse.store.mapping import mapped_array
from imgcollapse.store.progress import TrainingState

COMMITTED = "COMMITTED"


class RunDirectory:
    """Reads and writes one run; ``RunLock`` keeps other writers out.

    A generation's folder is filled in ``state/`` and renamed into place with ``COMMITTED`` in
    it, so that it exists whole or not at all. Tables are made anew from what is committed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return any((self.path / name).is_file() for name in ("config.yaml", MANIFEST))

    def config(self) -> Config:
        """The config that locks the run; ConfigError where this is no run.

        CorruptError where it is missing, unreadable, or not the one that the manifest recorded.
        """
        if not self.exists:
            raise ConfigError(f"not a run directory ({self.path})", "imgcollapse run makes one")
        path = self.path / "config.yaml"
        try:
            config = load_config(path)
        except ConfigError as error:
            raise CorruptError(error.message, RESTORE) from None
        if recorded_hash(self.path, path.name) not in (None, sha256_of(path)):
            raise CorruptError(f"the config is not that of the manifest ({path})", RESTORE)
        return config

    def create(self, config: Config, environment: dict[str, object]) -> None:
        """Makes the directory and writes what a run opens with."""
        for name in ("state", "volatile", "figures"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        if not (self.path / "environment.json").is_file():
            write_json(self.path / "environment.json", environment)
        if not (self.path / "config.yaml").is_file():
            write_text(self.path / "config.yaml", to_yaml(config))

    def environment(self) -> dict[str, Any]:
        """Device, threads and versions that the run was started with."""
        recorded: dict[str, Any] = read_json(self.path / "environment.json", versions=dict)
        return recorded

    def refuse_unless_same(self, config: Config) -> None:
        """ConfigError with a diff if the run was started with another config.

        A folder that holds something else than a run is refused too.
        """
        if self.exists:
            held, wanted = to_yaml(self.config()).splitlines(), to_yaml(config).splitlines()
            lines = list(difflib.unified_diff(held, wanted, "the run", "asked for", "", "", 0, ""))
            changes = [line for line in lines if line[0] in "+-"]
            if changes:
                raise ConfigError(
                    "the run was started with another config "
                    f"({self.path})\n" + "\n".join(f"  {line}" for line in changes),
                    "give another --out, or the config that the run was started with",
                )
        elif self.path.exists() and not (self.path.is_dir() and self._is_bare()):
            raise ConfigError(
                f"there is something else than a run ({self.path})", "give another --out"
            )

    def _is_bare(self) -> bool:
        names = {path.name for path in self.path.iterdir()}
        return names <= {LOCK, "environment.json", "state", "volatile", "figures"} | {
            name + TEMPORARY for name in ("config.yaml", "environment.json")
        }

    def generations(self) -> list[Path]:
        """Folders of the committed generations, 0 first, without gaps."""
        folders: list[Path] = []
        while (self._generation(len(folders)) / COMMITTED).is_file():
            folders.append(self._generation(len(folders)))
        return folders

    def _generation(self, number: int) -> Path:
        return self.path / f"gen_{number:03d}"

    @contextmanager
    def commit(self, name: str) -> Iterator[Path]:
        """A folder that becomes ``name`` of the run when the context ends without an error."""
        staged = self.path / "state" / name
        shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(self.path / name, ignore_errors=True)
        staged.mkdir(parents=True)
        yield staged
        if name.startswith("gen_"):
            write_text(staged / COMMITTED, "")
        move_folder(staged, self.path / name)

    def training_state(self) -> TrainingState:
        return TrainingState(self.path / "state" / "training.safetensors")

    def clear_state(self) -> None:
        """Leaves nothing in ``state/``."""
        shutil.rmtree(self.path / "state")
        (self.path / "state").mkdir()

    def scores(self) -> list[Score]:
        """The floor's scores, then those of every committed generation."""
        floor = self.path / "reference"
        found = []
        for folder in [*([floor] if floor.is_dir() else []), *self.generations()]:
            found += read_scores(folder / "scores.json")
        return found

    def initial_counts(self) -> dict[str, int]:
        """The images of each class in the first pool."""
        path = self.path / "reference" / "counts.json"
        counts: dict[str, int] = read_json(path, pool=dict, sha256=dict)["pool"]
        if not counts or not all(isinstance(count, int) for count in counts.values()):
            raise CorruptError(f"counts are not numbers ({path})", RESTORE)
        return counts

    def audit(self) -> dict[str, Any]:
        """The audit of the run's sampler: whether it ``passes``, its ``sentence`` and rows."""
        path = self.path / "reference" / "audit.json"
        found: dict[str, Any] = read_json(path, passes=bool, sentence=str)
        return found

    def pool(self, number: int) -> dict[str, Any]:
        """What ``pool.json`` of a committed generation says.

        Its ``size``, the training's ``loss`` (None where it has none), and ``counts``: origin ->
        class -> images.
        """
        path = self._generation(number) / "pool.json"
        found: dict[str, Any] = read_json(path, size=int, loss=float | None, counts=dict)
        return found

    def check_readable(self) -> None:
        """CorruptError where a small file that commands read is missing, broken or another."""
        self.config()
        if (self.path / "judge").is_dir():
            read_json(self.path / "judge" / "judge.json", classes=list, sha256=str)
        if (self.path / "reference").is_dir():
            self.initial_counts()
        self.scores()
        for number in range(len(self.generations())):
            self.pool(number)

    def write_tables(self) -> None:
        """Makes ``scores.csv`` and ``manifest.json`` from what is committed."""
        write_text(self.path / "scores.csv", to_csv(self.scores()))
        write_manifest(self.path, self.generations())

    def check(self) -> int:
        """Compares everything committed with the manifest; returns the number of files.

        Raises CorruptError where a file differs or the table is not that of the generations.
        """
        self.check_readable()
        num_files = check_manifest(self.path, self.generations())
        if num_files and (self.path / "scores.csv").read_text(encoding="utf-8") != to_csv(
            self.scores()
        ):
            raise CorruptError(f"scores.csv is not the table of the generations ({self.path})")
        return num_files

    def check_begun(self) -> int:
        """CorruptError where what the run goes on from is broken or differs from the manifest.

        Returns how many of its generations the manifest has; the last may have come after it.
        """
        self.check_readable()
        broken = [path.name for path in self._folders() if not (path / COMMITTED).is_file()]
        if broken:
            raise CorruptError(f"{broken[0]}/{COMMITTED} is missing ({self.path})", RESTORE)
        return check_begun(self.path, self.generations())

    def trim(self) -> list[str]:
        """Removes the generations beyond one that was taken away, which they no longer follow.

        Tables and manifest are made anew without them. Returns their names.
        """
        kept = self.generations()
        stale = [path for path in self._folders() if path not in kept]
        for path in stale:
            aside = self.path / "state" / path.name
            shutil.rmtree(aside, ignore_errors=True)
            path.rename(aside)
            shutil.rmtree(aside)
        self.write_tables()
        return [path.name for path in stale]

    def _folders(self) -> list[Path]:
        return sorted(self.path.glob("gen_*"))

    def samples(self, number: int, classes: Sequence[str], num: int | None = None) -> ImageSet:
        """What a committed generation sampled, or the first ``num`` images of it, in the file.

        CorruptError where the file is not whole; that no value changed is what ``check`` is for.
        """
        return self._images(number, "samples.npz", classes, num)

    def released(self, number: int, classes: Sequence[str], num: int) -> ImageSet:
        """What later pools get of a committed generation: ``num`` images, in their file.

        They are the first of its samples, unless the policy changed what is released.
        """
        apart = (self._generation(number) / "released.npz").is_file()
        return self._images(number, "released.npz" if apart else "samples.npz", classes, num)

    def _images(self, number: int, name: str, classes: Sequence[str], num: int | None) -> ImageSet:
        path = self._generation(number) / name
        with _opened_npz(path) as stored:
            images = mapped_array(path, "arr_0")[:num].transpose(0, 3, 1, 2)
            labels = stored["arr_1"][:num] if "arr_1" in stored else None
        return ImageSet.of(images, labels, classes, origin=number + 1)

    def log_volatile(self, event: dict[str, object]) -> None:
        """Adds a line to ``volatile/log.jsonl``: what may differ between identical runs."""
        with open(self.path / "volatile" / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")


def write_samples(path: Path, samples: ImageSet) -> None:
    """``arr_0`` uint8 N×H×W×C, ``classes`` their names, ``arr_1`` int64 labels if any is intended.

    A label is a position in ``classes``, or -1 where none is intended.
    """
    arrays: dict[str, NDArray[Any]] = {"arr_0": samples.images.transpose(0, 2, 3, 1)}
    if (samples.labels != UNLABELLED).any():
        arrays["arr_1"] = samples.labels
    write_npz(path, **arrays, classes=np.array(samples.classes, np.str_))


def write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    """An npz of arrays in C order, whose bytes depend on nothing but them; makes no large copy."""
    ordered: dict[str, Any] = {
        name: np.ascontiguousarray(value) if value.flags.fnc else value
        for name, value in arrays.items()
    }
    with written_whole(path) as file:
        np.savez(file, **ordered)


def read_npz(path: Path, *names: str) -> list[NDArray[Any]]:
    """Arrays of an npz by name; CorruptError where it is not whole."""
    with _opened_npz(path) as stored:
        return [stored[name] for name in names]


@contextmanager
def _opened_npz(path: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            yield stored
    except Exception as error:
        raise CorruptError(f"not readable: {error} ({path})", "imgcollapse verify RUN") from error


def write_scores(path: Path, scores: Sequence[Score]) -> None:
    """``scores.json``: one object for each score."""
    write_json(path, [score.as_row() for score in scores])


def read_scores(path: Path) -> list[Score]:
    """The scores of a ``scores.json``, one at least; CorruptError where it holds others."""
    rows = read_json(path)
    try:
        scores = [Score.from_row(row) for row in rows]
    except (AttributeError, KeyError, TypeError, NumericalError) as error:
        raise CorruptError(f"scores are not readable: {error} ({path})", RESTORE) from error
    if not scores:
        raise CorruptError(f"scores are missing ({path})", RESTORE)
    return scores


def counts_by_origin(
    origins: NDArray[np.integer],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    classless: str = "unlabelled",
) -> dict[str, dict[str, int]]:
    """How many of N images, by their origins and labels: origin -> class -> images."""
    names = (*classes, classless)
    counts: dict[str, dict[str, int]] = {}
    for origin in np.unique(origins):
        here = labels[origins == origin]
        places = np.where(here == UNLABELLED, len(classes), here)
        held = np.bincount(places, minlength=len(names))
        counts[str(origin)] = {
            name: int(count) for name, count in zip(names, held, strict=True) if count
        }
    return counts
