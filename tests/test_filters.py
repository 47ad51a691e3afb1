"""Filters keep and drop what their rates say, without the truth unless they are defined by it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from imgcollapse.arrays import in_file, is_mapped
from imgcollapse.chain import run_chain
from imgcollapse.config_file import parse_config
from imgcollapse.data.kennel import BREEDS, draw_many
from imgcollapse.errors import ConfigError, DataError, NumericalError
from imgcollapse.generators.bootstrap import Bootstrap
from imgcollapse.images import REAL, UNLABELLED, ImageSet
from imgcollapse.policies import PoolMaker, refuse_unfit
from imgcollapse.policies.evidence import Evidence
from imgcollapse.policies.filters import Filtered, filter_pool, filtering, report
from imgcollapse.policies.filters.finding import Finding
from imgcollapse.policies.filters.reweight import relative_density
from imgcollapse.policies.stamping import stamped
from imgcollapse.policies.watermark import generation_key, psnr_of
from imgcollapse.policies.watermark_detection import detect, threshold_by_random_keys
from imgcollapse.policy_config import FilterConfig, PolicyConfig, WatermarkConfig

RUN_SEED = 7
LEVEL = 1e-4
"""Of each binomial test below: about a hundred of them fail for one seed in a hundred."""
FILTERS: dict[str, dict[str, Any]] = {
    "oracle": {"kind": "oracle"},
    "simulated": {"kind": "simulated", "true_positive_rate": 0.8, "false_positive_rate": 0.1},
    "watermark": {"kind": "watermark", "false_positive_rate": 0.02},
    "reweight simulated": {
        "kind": "reweight", "true_positive_rate": 0.8, "false_positive_rate": 0.1,
    },
    "reweight watermark": {"kind": "reweight", "detector": "watermark"},
}  # fmt: skip
BLIND = ("watermark", "reweight watermark")
WATERMARK = WatermarkConfig(psnr=38.0)


def config(name: str, **more: Any) -> FilterConfig:
    return FilterConfig.model_validate({**FILTERS[name], **more})


def evidence(real: ImageSet, generation: int = 2, seed: int = 1) -> Evidence:
    def refuse(*_: object) -> Any:
        raise AssertionError("a filter needs neither judge nor generator")

    return Evidence(generation, RUN_SEED, seed, real, refuse, refuse, WATERMARK)


@lru_cache
def dogs(number: int = 0, num: int = 100) -> ImageSet:
    images = [draw_many(breed, range(num), seed=number, size=16) for breed in (0, 1, 2)]
    labels = np.repeat(np.arange(3), num)
    return ImageSet.of(np.concatenate(images), labels, BREEDS)


@lru_cache
def marked_pool() -> ImageSet:
    """300 real dogs, and 300 unlabelled ones each that generations 0 and 1 marked."""
    drawn = [replace(dogs(number), labels=np.full(300, UNLABELLED)) for number in (1, 2)]
    released = [
        stamped(WATERMARK, one.born(number + 1), RUN_SEED, number, seed=number)[0]
        for number, one in enumerate(drawn)
    ]
    return dogs().concat(*released)


def blank_pool(real: int, generated: int) -> ImageSet:
    """Images without content of three classes, real ones first; generated ones unlabelled."""
    num = real + generated
    labels = np.where(np.arange(num) < real, np.arange(num) % 3, UNLABELLED)
    origin = (np.arange(num) >= real).astype(np.int32)
    return ImageSet(np.zeros((num, 1, 1, 1), np.uint8), labels, origin, ("a", "b", "c"))


def applied(name: str, pool: ImageSet | None = None, **more: Any) -> Filtered:
    pool = marked_pool() if pool is None else pool
    return filter_pool(config(name, **more), pool, evidence(dogs()))


def told(name: str, done: Filtered, **more: Any) -> dict[str, Any]:
    """The report, which is JSON without NaN."""
    found = report(config(name, **more), done)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def assert_rate(count: int, n: int, rate: float) -> None:
    assert binomtest(int(count), int(n), rate).pvalue > LEVEL, f"{count} of {n} at {rate}"


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_part_of_the_pool_in_its_order(name: str) -> None:
    done = applied(name)
    pool = marked_pool()
    np.testing.assert_array_equal(done.pool.images, pool.images[done.kept])
    np.testing.assert_array_equal(done.pool.origin, pool.origin[done.kept])
    np.testing.assert_array_equal(done.pool.labels, pool.labels[done.kept])
    assert done.seen.all()
    assert 0 < done.kept.sum() < len(pool)
    np.testing.assert_array_equal(applied(name).kept, done.kept)


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_drops_more_generated_images_than_real_ones(name: str) -> None:
    found = told(name, applied(name))
    assert found["true_positive_rate"]["low"] > found["false_positive_rate"]["high"]
    assert found["roc"]["auc"] > 0.8
    share = found["real_share"]
    assert share["incoming"] == pytest.approx(1 / 3)
    assert share["measured"] == pytest.approx(share["predicted"], abs=0.08)


@pytest.mark.parametrize("name", BLIND)
def test_a_detector_sees_neither_origin_nor_label(name: str) -> None:
    """Whatever the truth is said to be, it finds the same."""
    random = np.random.default_rng(0)
    pool = marked_pool()
    for labels in (np.full(len(pool), UNLABELLED), random.integers(0, 3, len(pool))):
        lies = ImageSet(
            pool.images, labels, random.permutation(pool.origin).astype(np.int32), BREEDS
        )
        found, honest = applied(name, lies), applied(name)
        np.testing.assert_array_equal(found.kept, honest.kept)
        np.testing.assert_array_equal(found.finding.suspicion, honest.finding.suspicion)
        assert found.finding.rates == honest.finding.rates


@pytest.mark.parametrize("name", FILTERS)
def test_only_filters_that_are_defined_by_the_truth_are_shown_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, shown = config(name), []
    honest = filtering.FILTERS[settings.kind]

    def spy(config: FilterConfig, pool: ImageSet, evidence: Evidence) -> Finding:
        shown.append(pool)
        return honest(config, pool, evidence)

    monkeypatch.setitem(filtering.FILTERS, settings.kind, spy)
    applied(name)
    (pool,) = shown
    assert bool(pool.origin.any()) == bool((pool.labels != UNLABELLED).any()) == (name not in BLIND)


@pytest.mark.parametrize("name", BLIND)
def test_a_detector_finds_the_same_however_images_lie_in_memory(name: str) -> None:
    pool = marked_pool()
    as_in_files = np.ascontiguousarray(pool.images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    found = applied(name, replace(pool, images=as_in_files)).finding
    np.testing.assert_array_equal(found.suspicion, applied(name).finding.suspicion)


@pytest.mark.parametrize("trusted", ["keep", "seen"])
def test_what_is_left_lies_where_it_is_asked_to(tmp_path: Path, trusted: str) -> None:
    settings = config("simulated", trusted_real=trusted)
    kept = filter_pool(settings, marked_pool(), evidence(dogs()), in_file(tmp_path))
    assert is_mapped(kept.pool.images)
    np.testing.assert_array_equal(kept.pool.images, marked_pool().images[kept.kept])


def test_the_oracle_leaves_the_real_images_and_nothing_else() -> None:
    done = applied("oracle")
    np.testing.assert_array_equal(done.kept, marked_pool().origin == REAL)
    found = told("oracle", done)
    assert found["real_share"] == {"incoming": 1 / 3, "predicted": 1.0, "measured": 1.0}
    assert (found["true_positive_rate"]["value"], found["roc"]["auc"]) == (1, 1)
    assert found["false_positive_rate"]["value"] == 0
    assert found["roc"]["tpr_at"] == {"0.001": 1, "0.01": 1, "0.1": 1}


@pytest.mark.parametrize(("real", "generated"), [(6000, 6000), (10_000, 2000), (600, 11_400)])
@pytest.mark.parametrize(("found", "false"), [(0.9, 0.01), (0.5, 0.2), (0.99, 0.0), (0.0, 0.1)])
def test_a_simulated_detector_leaves_the_real_share_of_the_formula(
    real: int, generated: int, found: float, false: float
) -> None:
    """s' = s (1 - t) / (s (1 - t) + (1 - s) (1 - f)); within 4 standard errors (delta method)."""
    rates = {"true_positive_rate": found, "false_positive_rate": false}
    pool = blank_pool(real, generated)
    done = applied("simulated", pool, **rates)
    found_in_it = told("simulated", done, **rates)
    dropped = ~done.kept
    assert_rate(dropped[real:].sum(), generated, found)
    assert_rate(dropped[:real].sum(), real, false)
    s = generated / (real + generated)
    left = s * (1 - found) / (s * (1 - found) + (1 - s) * (1 - false))
    assert found_in_it["real_share"]["predicted"] == pytest.approx(1 - left)
    relative = found / (1 - found) / generated + false / (1 - false) / real
    error = left * (1 - left) * np.sqrt(relative)
    assert abs(found_in_it["real_share"]["measured"] - (1 - left)) <= 4 * error
    assert found_in_it["roc"]["auc"] == pytest.approx((1 + found - false) / 2, abs=0.03)


def test_false_alarms_of_a_class_are_its_own() -> None:
    rates = {"false_positive_rate": 0.02, "false_positives": {"c": 0.5, "a": 0.0}}
    done = applied("simulated", blank_pool(9000, 9000), **rates)
    told_of = told("simulated", done, **rates)
    assert list(told_of["false_positive_rates"]) == ["a", "b", "c"]
    for name, rate in (("a", 0.0), ("b", 0.02), ("c", 0.5)):
        measured = told_of["false_positive_rates"][name]
        assert measured["n"] == 3000
        assert_rate(round(measured["value"] * 3000), 3000, rate)
        assert measured["low"] <= measured["value"] <= measured["high"]
    real, generated = 9000 * (1 - 0.52 / 3), 9000 * 0.2
    assert told_of["real_share"]["predicted"] == pytest.approx(real / (real + generated))


def test_the_errors_of_a_simulated_detector_are_drawn_by_seed() -> None:
    pool, settings = blank_pool(500, 500), config("simulated")
    one, again, other = (
        filter_pool(settings, pool, evidence(dogs(), seed=seed)).kept for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


@pytest.mark.parametrize("name", FILTERS)
def test_a_matched_random_drop_takes_as_many_of_any_origin(name: str) -> None:
    done, control = applied(name), applied(name, matched_random=True)
    num = int((~done.kept).sum())
    assert (~control.kept).sum() == num
    found = told(name, control, matched_random=True)
    for rate in (found["true_positive_rate"], found["false_positive_rate"]):
        assert_rate(round(rate["value"] * rate["n"]), rate["n"], num / len(done.kept))
    share = found["real_share"]
    assert share["predicted"] == pytest.approx(share["incoming"])
    assert found["roc"] == told(name, done)["roc"], "the detector is as good as it was"


@pytest.mark.parametrize("name", FILTERS)
def test_trusted_real_images_never_meet_the_filter(name: str) -> None:
    done = applied(name, trusted_real="keep")
    is_real = marked_pool().origin == REAL
    assert done.kept[is_real].all()
    np.testing.assert_array_equal(done.seen, ~is_real)
    found = told(name, done, trusted_real="keep")
    assert (found["seen"], found["false_positive_rate"], found["roc"]) == (600, None, None)
    assert found["false_positive_rates"] == {}
    assert found["real_share"]["measured"] == pytest.approx(
        found["real_share"]["predicted"], abs=0.08
    )


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_that_meets_nothing_drops_nothing(name: str) -> None:
    done = applied(name, dogs(), trusted_real="keep")
    assert done.kept.all()
    found = told(name, done, trusted_real="keep")
    assert found["true_positive_rate"] is None
    assert found["real_share"] == {"incoming": 1, "predicted": 1, "measured": 1}


@pytest.mark.parametrize("name", ["simulated", "reweight simulated"])
def test_a_pool_without_real_images_has_a_report_too(name: str) -> None:
    found = told(name, applied(name, marked_pool()[300:]))
    assert (found["false_positive_rate"], found["roc"]) == (None, None)
    assert found["real_share"] == {"incoming": 0, "predicted": 0, "measured": 0}


@pytest.mark.parametrize("name", ["oracle", *BLIND])
def test_a_filter_that_leaves_nothing_is_an_error(name: str) -> None:
    with pytest.raises(NumericalError, match="the filter left no image") as caught:
        applied(name, marked_pool()[300:])
    assert caught.value.hint == "use policy.real: fixed or fresh"


def test_real_images_that_a_filter_dropped_with_all_others_can_be_trusted() -> None:
    with pytest.raises(NumericalError, match="the filter left no image") as caught:
        applied("simulated", blank_pool(1, 1), true_positive_rate=1.0, false_positive_rate=1 - 1e-9)
    assert caught.value.hint == "use policy.filter.trusted_real: keep"


def test_no_real_share_is_predicted_from_rates_that_are_not_known() -> None:
    for matched in (False, True):
        done = applied("watermark", matched_random=matched)
        settings = config("watermark", matched_random=matched)
        share = report(settings, done, rates_are_known=False)["real_share"]
        assert (share["predicted"] is not None) == matched


def test_the_watermark_filter_finds_marks_at_the_rate_it_expects() -> None:
    """Of half marked images: the part it expects, from marked real images, within 5 points.

    False alarms on the images that calibrated it are at most the configured part, but for the
    fitted tail; on other real images they are few.
    """
    half = WatermarkConfig(psnr=WATERMARK.psnr, adoption=0.5)
    other = stamped(half, dogs(3, 200).born(2), RUN_SEED, 1, seed=1)[0]
    marked = detect(other.images, [generation_key(RUN_SEED, 1)], threshold_by_random_keys(
        other.images, fpr=0.01)).carries[:, 0]  # fmt: skip
    assert 0.45 < marked.mean() < 0.55
    known = replace(evidence(dogs()), watermark=half)
    done = filter_pool(config("watermark"), dogs(4, 200).concat(other), known)
    found = told("watermark", done)
    expected, false = done.finding.rates
    assert found["true_positive_rate"]["value"] == pytest.approx(expected, abs=0.05)
    assert false == 0.02
    assert found["false_positive_rate"]["value"] < 0.06
    assert found["threshold"] == done.finding.threshold
    assert found["roc"]["tpr_at"]["0.01"] == pytest.approx(0.5, abs=0.05)


def test_reweighting_by_verdict_keeps_flagged_images_with_their_posterior() -> None:
    """P(real | flagged) over P(real | not flagged), with the part estimated from the flags."""
    rates = {"true_positive_rate": 0.6, "false_positive_rate": 0.2}
    pool = blank_pool(9000, 3000)
    done = applied("reweight simulated", pool, **rates)
    flagged = done.finding.suspicion > 0
    assert done.kept[~flagged].all()
    flag_rate = flagged.mean()
    assert_rate(flagged.sum(), 12_000, 0.25 * 0.6 + 0.75 * 0.2)
    part = (flag_rate - 0.2) / 0.4
    acceptance = (0.2 / flag_rate) / (0.8 / (1 - flag_rate))
    np.testing.assert_allclose(done.finding.rates, (0.6 * (1 - acceptance), 0.2 * (1 - acceptance)))
    assert 0.2 < part < 0.3
    assert_rate(done.kept[flagged].sum(), flagged.sum(), acceptance)


def test_reweighting_takes_a_part_that_no_flags_show_for_a_small_one() -> None:
    """Fewer flags than false alarms alone would give: nothing speaks against any image."""
    rates = {"true_positive_rate": 0.9, "false_positive_rate": 0.5, "false_positives": {"a": 0.0}}
    done = applied("reweight simulated", blank_pool(3000, 30), **rates)
    assert done.kept.mean() > 0.99
    assert all(0 <= rate < 0.01 for rate in done.finding.rates)


def test_reweighting_takes_more_flags_than_there_can_be_for_all_but_one_generated() -> None:
    rates = {"true_positive_rate": 0.6, "false_positive_rate": 0.1, "false_positives": {"a": 0.99}}
    done = applied("reweight simulated", blank_pool(3000, 0)[::3], **rates)
    flagged = done.finding.suspicion > 0
    assert done.kept[~flagged].all()
    assert all(0 <= rate <= 1 for rate in done.finding.rates)


def test_a_relative_density_is_that_of_two_known_ones() -> None:
    """Normal with means 0 and 3, a part 0.3 of the pool marked: on average within 0.03."""
    random = np.random.default_rng(0)
    real = random.normal(0, 1, 5000)
    pool = np.concatenate([random.normal(0, 1, 3500), random.normal(3, 1, 1500)])
    ratio = relative_density(real, pool)(pool)
    true = 0.7 * norm.pdf(pool) / (0.7 * norm.pdf(pool) + 0.3 * norm.pdf(pool, 3))
    assert np.abs(ratio - true).mean() < 0.03
    assert (np.diff(ratio[np.argsort(pool)]) <= 1e-12).all()
    assert (ratio.min(), ratio.max()) == (pytest.approx(0, abs=0.01), 1)


@pytest.mark.parametrize("marked", [0, 400])
def test_a_relative_density_of_a_pool_of_one_kind(marked: int) -> None:
    random = np.random.default_rng(0)
    pool = random.normal(0, 1, 400) + (50 if marked else 0)
    ratio = relative_density(random.normal(0, 1, 400), pool)(pool)
    assert np.isfinite(ratio).all()
    assert ratio.mean() > 0.8 if not marked else (ratio == 0).all()


@pytest.mark.parametrize("matched", [False, True])
@pytest.mark.parametrize("name", FILTERS)
def test_a_filtered_chain_goes_on_from_any_generation_as_if_never_stopped(
    name: str, matched: bool
) -> None:
    settings = parse_config(
        {
            "seed": RUN_SEED,
            "generations": 4,
            "generator": {"kind": "bootstrap"},
            "policy": {
                "preset": "accumulate-subsample",
                "watermark": {"psnr": 38.0, "adoption": 0.7},
                "filter": {**FILTERS[name], "matched_random": matched},
            },
        }
    )
    whole = list(run_chain(settings, dogs(), Bootstrap()))
    assert [one.filtered is None for one in whole] == [True, False, False, False]
    past = [one.released for one in whole]
    for first in (1, 3):
        rest = run_chain(settings, dogs(), Bootstrap(), first=first, past=past[:first])
        for expected, found in zip(whole[first:], rest, strict=True):
            assert expected.pool.images.tobytes() == found.pool.images.tobytes()
            assert expected.pool.origin.tobytes() == found.pool.origin.tobytes()
            assert expected.released.images.tobytes() == found.released.images.tobytes()


def test_stamping_marks_the_adopted_part_under_the_key_of_the_generation() -> None:
    plain = dogs(5).born(3)
    some, psnr = stamped(WatermarkConfig(adoption=0.25, psnr=38), plain, RUN_SEED, 2, seed=1)
    changed = (some.images != plain.images).any((1, 2, 3))
    assert changed.sum() == len(psnr) == 75
    assert psnr.min() >= 38
    np.testing.assert_array_equal(psnr, psnr_of(plain.images[changed], some.images[changed]))
    np.testing.assert_array_equal(some.labels, plain.labels)
    np.testing.assert_array_equal(some.origin, plain.origin)
    keys = [generation_key(RUN_SEED, number) for number in range(3)]
    carried = detect(some.images, keys, threshold_by_random_keys(some.images, num_keys=3)).carries
    assert carried[changed, 2].mean() > 0.95
    assert carried[:, :2].mean() < 0.02
    later = stamped(WatermarkConfig(adoption=0.25), plain, RUN_SEED, 3, seed=2)[0]
    assert ((later.images != plain.images).any((1, 2, 3)) != changed).any()
    assert len(stamped(WatermarkConfig(adoption=0), plain, RUN_SEED, 2, seed=1)[1]) == 0


def test_a_policy_that_does_not_fit_the_data_is_refused() -> None:
    def policy(**parts: Any) -> PolicyConfig:
        return PolicyConfig.model_validate({"preset": "accumulate", **parts})

    rates = {**FILTERS["simulated"], "false_positives": {"golden-retrever": 0.5}}
    with pytest.raises(ConfigError, match="unknown class golden-retrever") as caught:
        refuse_unfit(policy(filter=rates), dogs())
    assert "did you mean golden-retriever?" in caught.value.hint
    marks = policy(watermark={}, filter={"kind": "watermark"})
    with pytest.raises(ConfigError, match="100 real images or more, and the first pool holds 99"):
        refuse_unfit(marks, dogs()[:99])
    with pytest.raises(DataError, match="too small for a watermark"):
        refuse_unfit(policy(watermark={}), blank_pool(200, 0))
    with pytest.raises(ConfigError, match="unknown class"):
        PoolMaker(parse_config({"policy": {"filter": rates}}), dogs())
    refuse_unfit(marks, dogs())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"kind": "oracle", "true_positive_rate": 0.5}, "true_positive_rate has no effect"),
        ({"kind": "watermark", "false_positives": {"a": 0.1}}, "false_positives has no effect"),
        ({"kind": "watermark", "false_positive_rate": 0}, "above 0"),
        ({"kind": "simulated", "detector": "watermark"}, "detector has no effect"),
        ({"kind": "simulated", "false_positives": {"a": 1.0}}, "rates from 0 to below 1"),
        ({"kind": "reweight", "true_positive_rate": 0.01}, "its verdicts tell nothing"),
        (
            {"kind": "reweight", "detector": "watermark", "false_positive_rate": 0.1},
            "false_positive_rate has no effect with policy.filter.detector: watermark",
        ),
        ({"kind": "reweight", "detector": "watermark"}, "there is no policy.watermark"),
    ],
)
def test_settings_without_effect_are_refused(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        parse_config({"policy": {"filter": settings}})
