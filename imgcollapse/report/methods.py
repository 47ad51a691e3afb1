"""The methods paragraph of a paper, made from the configs of what is reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imgcollapse.config import Config
from imgcollapse.metrics.over_chains import RULE
from imgcollapse.report.citing_text import CitingText, listed, literal
from imgcollapse.report.contents import Chain, Contents, scored
from imgcollapse.report.setting_words import (
    PROFILES,
    data_words,
    generator_words,
    policy_words,
    precision_words,
    remedy_words,
    sampling_words,
    training_words,
)
from imgcollapse.scores import FLOOR
from imgcollapse.store.files import read_json

MEASURES = (
    ("fd_judge", "the Fréchet distance on judge features [@dowson1982;@heusel2017]"),
    ("kid_judge", "the kernel distance [@binkowski2018]"),
    ("precision", "precision and recall [@kynkaanniemi2019]"),
    ("density", "density and coverage [@naeem2020]"),
    ("effective_classes", "Hill numbers of the shares [@hill1973]"),
    ("vendi", "the Vendi score [@friedman2023]"),
    ("tstr_accuracy", "the accuracy on real images of training on samples [@esteban2017]"),
)  # fmt: skip
TOLD_BY_WORDS = ("seed", "lab", "policy.", "generations", "device")
MOST_DIFFERENCES = 12


def methods(contents: Contents) -> CitingText:
    """What was trained, on what, how it was measured and what intervals mean, with sources."""
    text = CitingText()
    configs = _configs(contents)
    text.begin()
    if configs:
        _add_chains(text, contents, configs)
    chain = contents.arms[0].chains[0]
    text.begin()
    _add_judge(text, chain)
    _add_scores(text, contents)
    text.begin()
    _add_controls(text, chain)
    _add_intervals(text, contents)
    _add_environment(text, chain, configs)
    return text


def _configs(contents: Contents) -> dict[str, Config]:
    """The config of the first chain of each arm, where runs are at hand."""
    first = {arm.name: arm.chains[0].config for arm in contents.arms}
    return {name: config for name, config in first.items() if config is not None}


def _add_chains(text: CitingText, contents: Contents, configs: Mapping[str, Config]) -> None:
    config = next(iter(configs.values()))
    chain = contents.arms[0].chains[0]
    counts = chain.initial_counts[chain.initial_counts > 0]
    text.add(
        "We studied what happens to the classes of an image data set when a generator is trained "
        "on the output of earlier generators [@shumailov2024].",
        f"Images were {data_words(config)}, in {len(chain.classes)} classes.",
        f"The first pool held {counts.sum():,} real images, {counts.max():,} of the most common "
        f"class and {counts.min():,} of the rarest; the number of a class "
        f"{PROFILES[config.profile.kind]}.",
        f"In each of {config.generations} generations we fitted {generator_words(config)} to the "
        "pool and sampled it.",
        training_words(config),
        sampling_words(config),
    )
    policies = {name: policy_words(one.policy) for name, one in configs.items()}
    if len(set(policies.values())) == 1:
        text.add(f"Each later pool {next(iter(policies.values()))}.")
    else:
        clauses = [f"in arm {literal(name)} it {words}" for name, words in policies.items()]
        text.add(f"The arms differ in what each later pool held: {'; '.join(clauses)}.")
    remedies = {name: remedy_words(one.policy) for name, one in configs.items()}
    if len(set(remedies.values())) == 1:
        text.add(next(iter(remedies.values())))
    else:
        text.add(*(f"In arm {literal(name)}: {words}" for name, words in remedies.items() if words))
    if other := _other_differences(configs):
        text.add(f"The arms also differ in {other}.")


def _other_differences(configs: Mapping[str, Config]) -> str:
    """Keys whose values differ between the arms, but for those that sentences tell."""
    flat = {
        literal(name): dict(_flattened(config.model_dump(mode="json", by_alias=True)))
        for name, config in configs.items()
    }
    told = []
    for key in dict.fromkeys(key for values in flat.values() for key in values):
        by_arm = {name: values.get(key) for name, values in flat.items()}
        if not key.startswith(TOLD_BY_WORDS) and len(set(map(repr, by_arm.values()))) > 1:
            told.append(f"{key} ({', '.join(f'{name}: {one}' for name, one in by_arm.items())})")
    more = len(told) - MOST_DIFFERENCES
    return listed([*told[:MOST_DIFFERENCES], *([f"{more} more settings"] if more > 0 else [])])


def _flattened(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            flat += _flattened(value, f"{prefix}{key}.")
        else:
            flat.append((prefix + key, value))
    return flat


def _add_judge(text: CitingText, chain: Chain) -> None:
    if chain.run is None:
        text.add("A frozen classifier, the judge, gave the classes and features of all images.")
    else:
        facts = read_judge(chain)
        text.add(
            "A frozen classifier, the judge, gave the classes and features of all images. It was "
            "trained before the first generation on balanced real images that no chain trains "
            f"on ({facts['num_fitting']:,} to fit it, {facts['num_held_out']:,} held out, of which "
            f"it was right on {100 * facts['accuracy']:.1f} %), calibrated by its temperature "
            "[@guo2017], and rejected images that looked like none of the classes [@lee2018].",
        )
    text.add("Shares of classes were corrected for its confusion [@saerens2002].")


def read_judge(chain: Chain) -> dict[str, Any]:
    """The facts of the judge of a chain whose run is at hand."""
    assert chain.run is not None
    facts: dict[str, Any] = read_json(
        chain.run.path / "judge" / "judge.json",
        accuracy=float,
        num_fitting=int,
        num_held_out=int,
        lowest_visible_share=list,
        sha256=str,
    )
    return facts


def _add_scores(text: CitingText, contents: Contents) -> None:
    metrics = {score.metric for one in contents.chains for score in one.scores}
    named = [words for metric, words in MEASURES if metric in metrics]
    by = listed(["class shares", *named])
    text.add(f"We scored {scored(contents.chains)} samples of each generation by {by}.")
    if "crowding" in metrics:
        text.add(
            "Selection of a class is its change per generation beyond chance, and crowding the "
            "slope of selection on the log of the initial share [@firth1993]."
        )


def _add_controls(text: CitingText, chain: Chain) -> None:
    controls = []
    if any(score.metric == "share_null" for score in chain.scores):
        controls.append(
            "chance alone is exact Wright-Fisher resampling of class counts through the same pools "
            "[@fisher1930;@wright1931]"
        )
    if FLOOR in chain.by_generation:
        controls.append("the floor is held-out real images, scored alike")
    if controls:
        text.add(f"Controls: {'; '.join(controls)}.")
    if chain.run is not None:
        sentence = chain.run.audit()["sentence"]
        source = " [@efron2011]" if "perfect denoiser" in sentence else ""
        text.add(f"{sentence[:1].upper()}{literal(sentence[1:])}{source}.")


def _add_intervals(text: CitingText, contents: Contents) -> None:
    seeds = contents.seeds
    chains = len(contents.chains)
    text.add(
        "Intervals are 95 %. Within a chain they are measurement error [@wilson1927;@politis1999]; "
        "the unit of replication is the chain."
    )
    if any(arm.means for arm in contents.arms):
        text.add(
            f"Means are over the {_chains_words(contents)} of each arm ({len(contents.arms)} "
            f"arm{'s' if len(contents.arms) > 1 else ''}, seeds {listed(map(str, seeds))}), with "
            f"intervals over chains ({RULE})."
        )
    elif chains == len(contents.arms):
        text.add(
            "What is shown is one chain"
            + (" of each arm" if chains > 1 else "")
            + ": one observation, not an estimate."
        )
    else:
        text.add(f"Seeds were {listed(map(str, seeds))}.")


def _chains_words(contents: Contents) -> str:
    each = [len(arm.chains) for arm in contents.arms if arm.means]
    low, high = min(each), max(each)
    if low == high:
        return f"{low} chain{'s' if low > 1 else ''}"
    return f"{low} to {high} chains"


def _add_environment(text: CitingText, chain: Chain, configs: Mapping[str, Config]) -> None:
    if chain.run is None:
        return
    environment = chain.run.environment()
    versions = environment["versions"]
    commit, _, changed = str(environment.get("git") or "").partition("-")
    commit = f" (commit {commit[:12]}{', changed' if changed else ''})" if commit else ""
    threads = environment.get("threads")
    found = {precision_words(one, environment) for one in configs.values()} - {""}
    products = f"; networks multiplied in {listed(sorted(found))}" if found else ""
    text.add(
        f"All was run with imgcollapse {versions.get('imgcollapse', '?')}{commit} and PyTorch "
        f"{versions.get('torch', '?')} on {environment.get('device', '?')} with {threads} "
        f"thread{'' if threads == 1 else 's'}{products}."
    )
