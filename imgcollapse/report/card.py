"""A card in Markdown: what was run, on what, with which limits, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imgcollapse.metrics.over_chains import RULE
from imgcollapse.report.card_facts import facts_of
from imgcollapse.report.checklist import UNANSWERED, checklist
from imgcollapse.report.summary_rows import summary_rows
from imgcollapse.scores import FLOOR, percent
from imgcollapse.store.run_directory import RunDirectory

LIMITS = (
    "Shares are those that a judge sees, and a judge confuses classes; below the lowest share that "
    "it can see, a rare class drowns in its mistakes.",
    "Corrected shares assume that images of a class still look like it, which is what collapse "
    "breaks.",
    "Distances grow as n falls; compare them at equal n only.",
    "Small images and small models: nothing here says what large models do.",
)
SHARES = ("tail_share", "reject")
MOST_SECONDS = 12
WITHIN = (
    "Limits within a chain are 95 % and measurement error: the images scored, and the judge's "
    "confusion. They do not hold what another seed would have done."
)
OVER = f"Limits over chains are 95 % ({RULE}): what other seeds would have done."


def card_of(directory: Path, paths: Sequence[Path]) -> dict[str, Any]:
    """The facts of a run, or of the runs of a study, as plain values.

    ``paths`` are the runs; all lie in or below ``directory``.
    """
    runs = [{"name": _name(directory, path), **facts_of(RunDirectory(path))} for path in paths]
    summary = summary_rows(directory)
    items = checklist(runs, over_chains=bool(summary))
    return {
        "name": directory.resolve().name,
        "runs": runs,
        "summary": summary,
        "checklist": [asdict(item) for item in items],
    }


def _name(directory: Path, path: Path) -> str:
    return path.resolve().name if path == directory else path.relative_to(directory).as_posix()


def in_markdown(card: dict[str, Any]) -> str:
    """The card as a page."""
    runs = card["runs"]
    parts = [
        [f"# {_text(card['name'])}", "", *_opening(runs)],
        _setting(runs),
        _data(runs),
        _results(runs, card["summary"]),
        _judge(runs),
        _limits(runs),
        _compute(runs),
        _provenance(runs),
        _checklist(card["checklist"]),
    ]
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _opening(runs: list[dict[str, Any]]) -> list[str]:
    seeds = sorted({run["seed"] for run in runs})
    complete = sum(run["done"] == run["generations"] for run in runs)
    chains = "One chain" if len(runs) == 1 else f"{len(runs)} chains"
    kept = f"{runs[0]['done']} of {runs[0]['generations']} generations made"
    if len(runs) > 1:
        kept = f"{complete} of them complete"
    return [
        f"{chains} of image generators that train on pools which may hold samples of the "
        f"generators before them: {kept}; "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))}.",
    ]


def _setting(runs: list[dict[str, Any]]) -> list[str]:
    """What all runs share, and what differs between them."""
    parts = list(dict.fromkeys(part for run in runs for part in run["setting"]))
    shared = [part for part in parts if len({run["setting"].get(part) for run in runs}) == 1]
    lines = ["## What was run", "", "| part | setting |", "|---|---|"]
    lines += [f"| {part} | {_text(runs[0]['setting'][part])} |" for part in shared]
    for part in parts:
        if part in shared:
            continue
        by_setting: dict[str, list[str]] = {}
        for run in runs:
            by_setting.setdefault(run["setting"].get(part, "none"), []).append(run["name"])
        lines += [
            f"| {part}, in {_where(names, runs)} | {_text(words)} |"
            for words, names in by_setting.items()
        ]
    return lines


def _where(names: Sequence[str], runs: list[dict[str, Any]]) -> str:
    """Runs by name; an arm by its folder where all its runs are meant."""
    arms: dict[str, list[str]] = {}
    for run in runs:
        arms.setdefault(run["name"].rpartition("/")[0], []).append(run["name"])
    whole = [arm for arm, inside in arms.items() if arm and set(inside) <= set(names)]
    single = [name for name in names if name.rpartition("/")[0] not in whole]
    return _text(", ".join([*whole, *single]))


def _lines_by_run(said: dict[str, list[str]], runs: list[dict[str, Any]]) -> list[str]:
    """What is said of runs, with their names where it is not said of all."""
    return [
        f"- {_text(words)}" + ("" if len(names) == len(runs) else f" ({_where(names, runs)})")
        for words, names in said.items()
    ]


def _data(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["## Data"]
    for source in sorted({run["data"]["source"] for run in runs}):
        here = [run for run in runs if run["data"]["source"] == source]
        lines += ["", f"`{source}`: {here[0]['data']['terms']}"]
        counted = [run for run in here if run["data"]["splits"]]
        if counted:
            lines += ["", *_splits(counted[0]["data"]["splits"])]
        if any(run["data"]["splits"] != counted[0]["data"]["splits"] for run in counted[1:]):
            lines += ["", f"These are the counts of {_text(counted[0]['name'])}; others differ."]
    return lines


def _splits(splits: dict[str, dict[str, int]]) -> list[str]:
    names = list(splits)
    lines = [f"| class | {' | '.join(names)} |", "|---" + "|---:" * len(names) + "|"]
    for class_ in splits[names[0]]:
        counts = " | ".join(f"{splits[name].get(class_, 0):,}" for name in names)
        lines.append(f"| {_text(class_)} | {counts} |")
    totals = " | ".join(f"{sum(splits[name].values()):,}" for name in names)
    return [
        *lines,
        f"| all | {totals} |",
        "",
        "No image is in two of the splits. `pool` is what generation 0 trains on, `judge` trains "
        "and calibrates the judge, `reference` is what scores compare with, `floor` stands in for "
        "samples.",
    ]


def _results(runs: list[dict[str, Any]], summary: list[dict[str, Any]]) -> list[str]:
    lines = ["## Results", ""]
    if summary:
        lines += ["| arm | generation | score | mean | chains |", "|---|---:|---|---|---:|"]
        lines += [
            f"| {_text(row['arm'])} | {row['generation']} | {row['name']} | "
            f"{_cell(row['metric'], row)} | {row['chains']} |"
            for row in summary
        ]
        return [*lines, "", OVER]
    for run in runs:
        scores = run["scores"]
        if scores is None:
            lines += [f"{_text(run['name'])}: nothing is measured yet.", ""]
            continue
        heads = [
            "real (floor)" if number == FLOOR else f"generation {number}"
            for number in scores["generations"]
        ]
        if len(runs) > 1:
            lines += [f"{_text(run['name'])}:", ""]
        lines += [f"| score | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
        for row in scores["rows"]:
            cells = ["" if one is None else _cell(row["metric"], one) for one in row["cells"]]
            lines.append(f"| {row['name']} | {' | '.join(cells)} |")
        lines.append("")
    return [*lines, WITHIN]


def _cell(metric: str, cell: dict[str, Any]) -> str:
    """A value with its limits, shares in per cent."""
    value, low, high = (
        None if one is None else percent(one) if metric in SHARES else f"{one:.4g}"
        for one in (cell["value"], cell["low"], cell["high"])
    )
    return f"{value}" if low is None or high is None else f"{value} ({low} to {high})"


def _judge(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["## Judge and sampler", ""]
    said: dict[str, list[str]] = {}
    for run in runs:
        judge, audit = run["judge"], run["sampler_audit"]
        if judge is None:
            said.setdefault("no judge yet", []).append(run["name"])
            continue
        words = (
            f"judge {judge['sha256'][:12]}: right on {100 * judge['accuracy']:.1f} % of "
            f"{judge['num_held_out']:,} held-out real images (trained on "
            f"{judge['num_fitting']:,}), rejects {100 * judge['false_reject']:.1f} % of them, "
            f"calibration error {judge['calibration_error']:.3f}, sees shares from "
            f"{percent(judge['lowest_visible_share'])} at equal shares"
        )
        said.setdefault(words, []).append(run["name"])
        said.setdefault(audit["sentence"], []).append(run["name"])
    return [*lines, *_lines_by_run(said, runs)]


def _limits(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["## Limits", "", *(f"- {limit}" for limit in LIMITS)]
    if len(runs) == 1:
        lines.append("- One chain is one observation.")
    said: dict[str, list[str]] = {}
    for run in runs:
        for limit in _limits_of(run):
            said.setdefault(limit, []).append(run["name"])
    return [*lines, *_lines_by_run(said, runs)]


def _limits_of(run: dict[str, Any]) -> Iterator[str]:
    scores, audit = run["scores"], run["sampler_audit"]
    if run["done"] < run["generations"]:
        yield f"Only {run['done']} of {run['generations']} generations are there."
    if scores and scores["misfits"]:
        numbers = ", ".join(map(str, scores["misfits"]))
        yield (
            f"In generation {numbers} the images do not look like real ones of their classes "
            "(share_fit above 1): corrected shares are not to be relied on there."
        )
    if scores and scores["num_scored"] > scores["num_floor"]:
        yield (
            f"The floor holds {scores['num_floor']:,} real images, and "
            f"{scores['num_scored']:,} are scored: its distances are too high."
        )
    if audit and not audit["passes"]:
        yield "The sampler moves class shares by itself: its audit fails."


def _compute(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["## Compute", "", "| | device | threads | seconds | trained on | sampled |"]
    lines.append("|---|---|---:|---|---:|---:|")
    for run in runs:
        compute, environment = run["compute"], run["environment"]
        seconds = compute["seconds"]
        known = [one for one in seconds if one is not None]
        each = ", ".join("?" if one is None else f"{one:.1f}" for one in seconds)
        if len(seconds) > MOST_SECONDS and known:
            each = f"{min(known):.1f} to {max(known):.1f} each"
        whole = f"{sum(known):.1f} ({each})" if known else "not recorded"
        lines.append(
            f"| {_text(run['name'])} | {_text(environment.get('device_name'))} "
            f"({environment.get('device')}) | {environment.get('threads')} | {whole} | "
            f"{compute['images_trained']:,} | {compute['images_sampled']:,} |"
        )
    return [
        *lines,
        "",
        "Seconds are wall-clock, in all and of each generation, scoring included and preparation "
        "not. Images trained on are counted with repetition.",
    ]


def _provenance(runs: list[dict[str, Any]]) -> list[str]:
    lines = ["## Versions and hashes", ""]
    said: dict[str, list[str]] = {}
    for run in runs:
        environment = run["environment"]
        versions = ", ".join(f"{name} {one}" for name, one in environment["versions"].items())
        for words in (
            f"Python {environment.get('python')}, {versions}",
            f"on {environment.get('platform')}"
            + (f", CUDA {environment['cuda']}" if environment.get("cuda") else ""),
            f"commit {environment['git']}" if environment.get("git") else "installed, no checkout",
        ):
            said.setdefault(words, []).append(run["name"])
    lines += _lines_by_run(said, runs)
    lines += ["", "| | config.yaml (SHA-256) | last link of the chain of hashes |", "|---|---|---|"]
    for run in runs:
        hashes = run["hashes"]
        chain = hashes["manifest"] or "none yet"
        lines.append(f"| {_text(run['name'])} | `{hashes['config']}` | `{chain}` |")
    return [*lines, "", "`imgcollapse verify` compares every committed file with its hash."]


def _checklist(items: list[dict[str, Any]]) -> list[str]:
    lines = ["## NeurIPS paper checklist", "", "| item | answer | because |", "|---|---|---|"]
    lines += [f"| {one['name']} | {one['answer']} | {one['because']} |" for one in items]
    return [*lines, "", UNANSWERED]


def _text(words: object) -> str:
    """Words that no table or markup of Markdown takes for its own."""
    return "".join(f"\\{sign}" if sign in "|<*`[]\\" else sign for sign in str(words))
