"""What of a config is left to chance: the sizes that the null resamples, and what it cannot see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import Call

from imgcollapse.config import Config
from imgcollapse.config_file import parse_config
from imgcollapse.metrics.drift import simulate_null
from imgcollapse.study.chance import Resampling, resampling_of, why_no_selection

COUNTS = np.array([150, 40, 10])


def config(policy: dict[str, Any], **sections: Any) -> Config:
    return parse_config({"policy": {"preset": "replace", **policy}, **sections})


def test_a_fixed_pool_is_resampled_as_it_is() -> None:
    one = config({}, sampling={"num_images": 77})
    found = resampling_of(one, COUNTS)
    assert found == Resampling(COUNTS, one.policy, 77)
    assert resampling_of(config({}), COUNTS).num_synthetic == 200


def test_samples_drawn_anew_for_every_pass_are_all_of_these_images() -> None:
    """30 steps of 100 are 15 passes over 200 images, and the drift is that of a pool so large."""
    one = config({"pool": "on-the-fly"}, training={"steps": 30, "batch_size": 100})
    found = resampling_of(one, COUNTS)
    assert found.initial.tolist() == [2250, 600, 150]
    assert found.num_synthetic == 3000
    assert resampling_of(config({}), COUNTS).initial.tolist() == COUNTS.tolist()
    capped = config(
        {"pool": "on-the-fly", "preset": "mix", "cap": 50},
        training={"steps": 30, "batch_size": 100},
    )
    assert resampling_of(capped, COUNTS).policy.cap == 50 * 30
    assert capped.policy.cap == 50


def test_passes_over_a_pool_of_real_images_too_are_passes_over_both() -> None:
    """Half real, half generated: shares stray as much less as the root of 50 passes."""
    ribbons = []
    for pool in ("fixed", "on-the-fly"):
        one = config({"pool": pool, "preset": "mix"}, training={"steps": 50, "batch_size": 200})
        found = resampling_of(one, COUNTS)
        null = simulate_null(
            found.initial, found.policy, found.num_synthetic, generations=5, chains=2000, seed=0
        )
        ribbons.append(np.diff(null.shares[0, -1, ::2])[0])
    assert ribbons[1] == pytest.approx(ribbons[0] / np.sqrt(50), rel=0.1)


@pytest.mark.parametrize(
    ("sections", "says"),
    [
        ({"policy": {}}, None),
        ({"policy": {"real": "fresh"}}, None),
        ({"policy": {"watermark": {}}}, None),
        ({"policy": {}, "generator": {"kind": "vae", "labels": "balanced"}}, "labels: balanced"),
        ({"policy": {"repairs": [{"kind": "relabel"}]}}, "filter and repairs"),
        ({"policy": {"real": "fixed", "filter": {"kind": "oracle"}}}, "filter and repairs"),
    ],
)
def test_where_selection_would_be_wrong_it_says_why(
    sections: dict[str, Any], says: str | None
) -> None:
    reason = why_no_selection(config(**sections))
    assert (reason is None) == (says is None)
    assert (says or "") in (reason or "")


def test_selection_over_filtered_chains_is_refused_in_words(
    call: Call, copy_of_finished: Path
) -> None:
    path = copy_of_finished / "config.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["policy"]["repairs"] = [{"kind": "select"}]
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    (copy_of_finished / "manifest.json").unlink()
    said = call("selection", copy_of_finished)
    assert said.code == 2
    assert "selection cannot be estimated: policy.filter and repairs" in said.err
