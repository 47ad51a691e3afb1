"""How far the runs of a folder are, as their directories tell it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgcollapse.config import Config
from imgcollapse.errors import CorruptError
from imgcollapse.figures.tables import RunTables
from imgcollapse.store.finding import runs_below
from imgcollapse.store.lock import is_locked
from imgcollapse.store.run_directory import RunDirectory
from imgcollapse.store.volatile import Progress, logged_seconds, read_progress

COMPLETE, RUNNING, STOPPED = "complete", "running", "stopped"


@dataclass(frozen=True)
class Watched:
    """One run now; ``tables`` is None before a judge has scored the real images."""

    name: str
    config: Config
    state: str
    done: int
    progress: Progress | None
    left: float | None
    tables: RunTables | None


class Watching:
    """Looks at the runs below a folder; their tables are read again when a generation came."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tables: dict[Path, tuple[int, RunTables]] = {}

    def look(self) -> list[Watched]:
        """The runs as they are now; ConfigError where there are none."""
        return [self._look(path) for path in runs_below(self.directory)]

    def _look(self, path: Path) -> Watched:
        run = RunDirectory(path)
        config, done = run.config(), len(run.generations())
        running = is_locked(path)
        state = RUNNING if running else COMPLETE if done == config.generations else STOPPED
        progress = read_progress(path) if running else None
        here = path == self.directory
        return Watched(
            path.resolve().name if here else path.relative_to(self.directory).as_posix(),
            config,
            state,
            done,
            progress,
            _left(path, config.generations - done, progress) if running else None,
            self._tables(run, done),
        )

    def _tables(self, run: RunDirectory, done: int) -> RunTables | None:
        if not (run.path / "reference").is_dir():
            return None
        held = self.tables.get(run.path)
        if held is None or held[0] != done:
            try:
                held = done, RunTables.read(run)
            except CorruptError:
                if held is None or not is_locked(run.path):
                    raise
                return held[1]  # a generation is being put in its place
            self.tables[run.path] = held
        return held[1]


def _left(path: Path, generations: int, progress: Progress | None) -> float | None:
    """Seconds that are left if generations take as long as those before; None before the first."""
    seconds = list(logged_seconds(path).values())
    if not seconds:
        return None
    in_training = progress is not None and progress.stage.startswith("generation")
    part = progress.part if progress is not None and in_training else 0.0
    return max(0.0, generations - part) * sum(seconds) / len(seconds)
