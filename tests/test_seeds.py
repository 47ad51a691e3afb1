"""Seeds by position: the same in every process, and no two positions alike."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np

from imgcollapse.seeds import random_for, seed_for

GOLDEN: dict[tuple[Any, ...], int] = {
    (0,): 6711488920161924273,
    (0, "judge"): 3606173107261560208,
    (1, "judge"): 3372164687071206811,
    (0, "generation", 3, "sample", 17): 1749121114629578290,
    (12345, "kennel", "pool"): 3525820050549633388,
}


def test_seeds_are_those_that_published_runs_were_made_with() -> None:
    for (run_seed, *position), seed in GOLDEN.items():
        assert seed_for(run_seed, *position) == seed


def test_the_path_is_typed_and_ordered() -> None:
    positions: list[tuple[str | int, ...]] = [
        (1,), ("1",), (1, 2), (2, 1), (12,), ("1", "2"), ("12",), ("1/2",), ("1", 2), (1, "2"),
        ("a", "b"), ("b", "a"), ("ab",), (-1,), (),
    ]  # fmt: skip
    assert len({seed_for(0, *position) for position in positions}) == len(positions)
    assert seed_for(0, 1) != seed_for(1, 0)


def test_whole_numbers_of_numpy_as_run_seed_count_as_the_same_number() -> None:
    assert seed_for(int(np.int64(5)), "x") == seed_for(np.int64(5), "x")  # type: ignore[arg-type]


def test_a_hundred_thousand_positions_do_not_collide() -> None:
    seeds = {
        seed_for(run, "generation", generation, "sample", image)
        for run in range(10)
        for generation in range(10)
        for image in range(1000)
    }
    assert len(seeds) == 100_000
    assert min(seeds) >= 0
    assert max(seeds) < 2**63
    assert max(seeds) > 2**62


def test_seeds_and_streams_are_the_same_in_every_process() -> None:
    program = (
        "from imgcollapse.seeds import random_for, seed_for;"
        "print(seed_for(7, 'a', 1, 'b'), random_for(7, 'a', 1).integers(1 << 60))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("0", "1", "4242")
    }
    assert said == {f"{seed_for(7, 'a', 1, 'b')} {random_for(7, 'a', 1).integers(1 << 60)}\n"}


def test_a_stream_starts_anew_at_its_position_and_no_two_share_it() -> None:
    first = random_for(0, "pool").random(100)
    assert np.array_equal(first, random_for(0, "pool").random(100))
    assert not np.isin(first, random_for(0, "labels").random(100)).any()
    assert not np.isin(first, random_for(1, "pool").random(100)).any()
