"""Folders that hold the tables of a study and nothing else, made without any chain."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from imgcollapse.metrics.drift import wright_fisher_extinction
from imgcollapse.metrics.estimates import Z
from imgcollapse.metrics.over_chains import OverChains, within_range
from imgcollapse.scores import cell

COUNTS = {
    "golden-retriever": 600,
    "labrador": 300,
    "poodle": 150,
    "husky": 50,
    "pug": 12,
    "shiba-inu": 4,
}
HEADERS = {
    "study.csv": "arm,seed,generation,metric,class,reference,value,low,high,n,extractor",
    "counts.csv": "arm,seed,class,count",
    "summary.csv": "arm,generation,metric,class,reference,mean,low,high,chains",
    "differences.csv": "arm,control,generation,metric,class,reference,mean,low,high,pairs,p",
    "survival.csv": "arm,count,generation,at_risk,lost,alive,expected",
    "selection.csv": "arm,class,share,value,low,high,chains",
}
NUM_SCORED = 1000
Key = tuple[int, str, str, str]


def write_table(folder: Path, name: str, rows: Iterable[Sequence[object]]) -> None:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADERS[name].split(","))
        writer.writerows([cell(value) for value in row] for row in rows)


def make_study(
    folder: Path,
    arms: Sequence[str] = ("replace", "accumulate-subsample", "mix"),
    *,
    seeds: int = 5,
    generations: int = 8,
    control: str | None = None,
    latin: bool = False,
    without: dict[str, Sequence[str]] | None = None,
    fid: bool = False,
) -> Path:
    """Chains of Wright and Fisher, the later an arm the stronger pulled to where it began.

    ``without`` leaves metrics out of arms. Everything else is as ``imgcollapse study`` writes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings: dict[str, Any] = {
        "control": control or arms[0],
        "seeds": list(range(seeds)),
        "arms": {arm: {"generations": generations} for arm in arms},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    cells, counts = _cells(arms, seeds, generations, latin, without or {}, fid)
    write_table(
        folder,
        "study.csv",
        [
            (arm, seed, *key, *values)
            for (arm, seed), one in cells.items()
            for key, values in one.items()
        ],
    )
    write_table(
        folder,
        "counts.csv",
        [(*place, name, num) for place, one in counts.items() for name, num in one.items()],
    )
    write_table(folder, "summary.csv", _summary(arms, cells))
    write_table(folder, "differences.csv", _differences(arms, control or arms[0], cells))
    write_table(folder, "survival.csv", _survival(arms, seeds, generations, cells, counts))
    write_table(folder, "selection.csv", _selection(arms, seeds, latin))
    return folder


Values = tuple[float, float | None, float | None, int, str]
Cells = dict[tuple[str, int], dict[Key, Values]]
Counts = dict[tuple[str, int], dict[str, int]]


def _cells(
    arms: Sequence[str],
    seeds: int,
    generations: int,
    latin: bool,
    without: dict[str, Sequence[str]],
    fid: bool,
) -> tuple[Cells, Counts]:
    cells: Cells = {}
    counts: Counts = {}
    for place, arm in enumerate(arms):
        pull = place / max(1, len(arms) - 1)
        for seed in range(seeds):
            held = np.roll(list(COUNTS.values()), seed % len(COUNTS) if latin else 0)
            counts[arm, seed] = dict(zip(COUNTS, map(int, held), strict=True))
            random = np.random.default_rng([place, seed])
            made = {
                key: (float(value), low, high, NUM_SCORED, "0123456789ab")
                for key, value, low, high in _scores(random, held, pull, generations)
                if key[1] not in without.get(arm, ()) and (fid or key[1] != "fid")
            }
            cells[arm, seed] = made
    return cells, counts


def _scores(
    random: np.random.Generator, held: NDArray[np.int64], pull: float, generations: int
) -> Iterator[tuple[Key, float, float | None, float | None]]:
    began = held / held.sum()
    tail = np.argsort(-held, kind="stable")[len(held) // 2 :]
    shares = began
    for g in range(-1, generations):
        step, far = g + 1, (g + 1) * (1.1 - pull)
        noise = random.random(5)
        if g >= 0:
            drawn = random.multinomial(held.sum(), shares) / held.sum()
            shares = (1 - 0.6 * pull) * drawn + 0.6 * pull * began
        drift = np.sqrt(began * (1 - began) * (1 - (1 - 1 / held.sum()) ** step))
        reject = min(0.9, 0.05 + 0.05 * step * (1 - pull) + 0.005 * noise[0])
        for label, name in enumerate(COUNTS):
            for metric, value in (
                ("share", shares[label]),
                ("share_raw", shares[label] * (1 - reject)),
            ):
                yield (g, metric, name, ""), value, max(0.0, value - 0.02), value + 0.02
            if g >= 0:
                low, high = began[label] - Z * drift[label], began[label] + Z * drift[label]
                yield (g, "share_null", name, "initial"), began[label], max(0.0, low), high
        seen = shares[shares > 0]
        whole = {
            ("reject", ""): reject,
            ("tail_share", "initial"): shares[tail].sum(),
            ("classes_alive", "initial"): len(seen),
            ("effective_classes", ""): np.exp(-(seen * np.log(seen)).sum()),
            ("fd_judge", "initial"): 0.4 + 2 * far + 0.3 * noise[1] if g >= 0 else 0.5,
            ("fid", "initial"): 4 + 20 * far + noise[2] if g >= 0 else 4,
            ("precision", "initial"): max(0.1, 0.9 - 0.03 * step * (1 - pull) + 0.02 * noise[3]),
            ("recall", "initial"): max(0.05, 0.85 - 0.6 * far / generations + 0.02 * noise[4]),
        }
        for (metric, reference), value in whole.items():
            yield (g, metric, "", reference), value, None, None
    slope = 0.1 * (1 - pull)
    for name, value in zip(COUNTS, slope * np.log(began / began.max()), strict=True):
        value += 0.05 * random.normal()
        yield (generations - 1, "selection", name, "initial"), value, value - 0.2, value + 0.2
    slope += 0.02 * random.normal()
    yield (generations - 1, "crowding", "", "initial"), slope, slope - 0.05, slope + 0.05


def _by_arm(cells: Cells, arm: str) -> dict[int, dict[Key, Values]]:
    return {seed: one for (other, seed), one in cells.items() if other == arm}


def _summary(arms: Sequence[str], cells: Cells) -> Iterable[Sequence[object]]:
    for arm in arms:
        found: dict[Key, OverChains] = {}
        for one in _by_arm(cells, arm).values():
            for key, (value, low, high, *_) in one.items():
                found.setdefault(key, OverChains()).add(value, low, high)
        for key, chains in sorted(found.items(), key=lambda both: both[0][0]):
            yield (
                arm,
                *key,
                chains.mean,
                *within_range(key[1], chains.limits(), len(COUNTS)),
                chains.num,
            )


def _differences(arms: Sequence[str], control: str, cells: Cells) -> Iterable[Sequence[object]]:
    base = _by_arm(cells, control)
    for arm in arms:
        found: dict[Key, OverChains] = {}
        for seed, one in _by_arm(cells, arm).items():
            for key, values in one.items():
                if arm != control and key in base.get(seed, {}):
                    found.setdefault(key, OverChains()).add(values[0] - base[seed][key][0])
        for key, pairs in sorted(found.items(), key=lambda both: both[0][0]):
            yield arm, control, *key, pairs.mean, *pairs.limits(), pairs.num, pairs.p_value()


def _survival(
    arms: Sequence[str], seeds: int, generations: int, cells: Cells, counts: Counts
) -> Iterable[Sequence[object]]:
    for arm in arms:
        initial = sorted(next(iter(counts.values())).values())
        total = sum(initial)
        extinct = wright_fisher_extinction(np.array(initial), total, generations)
        for place, count in enumerate(initial):
            ends: list[int | None] = []
            for seed, one in _by_arm(cells, arm).items():
                name = next(n for n, num in counts[arm, seed].items() if num == count)
                gone = [
                    g for (g, m, c, _), v in one.items() if (m, c) == ("share", name) and v[0] == 0
                ]
                ends.append(min(gone, default=None))
            alive = 1.0
            for generation in range(generations):
                at_risk = sum(end is None or end >= generation for end in ends)
                lost = sum(end == generation for end in ends)
                alive *= 1 - lost / at_risk if at_risk else 1
                yield (
                    arm,
                    count,
                    generation,
                    at_risk,
                    lost,
                    alive,
                    float(1 - extinct[place, generation]),
                )


def _selection(arms: Sequence[str], seeds: int, latin: bool) -> Iterable[Sequence[object]]:
    total = sum(COUNTS.values())
    for place, arm in enumerate(arms):
        random = np.random.default_rng([7, place])
        slope = 0.1 * (1 - place / max(1, len(arms) - 1))
        for name, count in () if latin else COUNTS.items():
            value = slope * float(np.log(count / 600)) + 0.05 * random.normal()
            yield (
                arm,
                name,
                count / total,
                value,
                value - 0.4 / count**0.5,
                value + 0.4 / count**0.5,
                seeds,
            )
        limits = (slope - 0.03, slope + 0.03) if seeds > 1 else (None, None)
        yield arm, "", None, slope, *limits, seeds
