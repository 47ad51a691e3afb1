"""``imgcollapse null``: what chance alone does to classes, without images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from imgcollapse.cli.parameters import JsonOption, SetOption, WithOption, print_json, read_config
from imgcollapse.errors import ConfigError
from imgcollapse.scores import percent

if TYPE_CHECKING:
    from imgcollapse.metrics.drift import Array, Null
    from imgcollapse.policy_config import PolicyConfig
    from imgcollapse.study.chance import Resampling

COLUMNS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
GENERATIONS = 60
LARGEST_POOL = 10**12
MOST_CELLS = 2**25


@dataclass(frozen=True)
class _Question:
    """What is to be resampled; the classes of ``counts`` may leave a ``rest`` of the pool."""

    names: tuple[str, ...]
    counts: tuple[int, ...]
    rest: int
    policy: PolicyConfig
    resampling: Resampling
    num_scored: int | None
    generations: int
    seed: int

    @property
    def pool(self) -> int:
        return sum(self.counts) + self.rest

    @property
    def is_plain(self) -> bool:
        """Whether each pool is as many samples of the one before, as the closed forms have it."""
        lasts = self.policy.real == "none" and self.policy.window in ("last", 1)
        whole = self.policy.cap in ("none", "pool") and self.policy.pool == "fixed"
        return lasts and whole and self.resampling.num_synthetic == self.pool


def null(
    config: Annotated[
        str | None,
        typer.Argument(metavar="CONFIG", help="Takes classes, policy and sizes from a config."),
    ] = None,
    counts: Annotated[
        str | None, typer.Option(metavar="C,C,...", help="Images that each class starts with.")
    ] = None,
    pool: Annotated[
        int | None,
        typer.Option(help="Images of the pool; the rest is one more class [default: no rest]."),
    ] = None,
    generations: Annotated[
        int | None, typer.Option(min=1, help=f"[default: the config's, or {GENERATIONS}]")
    ] = None,
    chains: Annotated[int, typer.Option(min=1, help="Chains to simulate.")] = 2000,
    policy: Annotated[
        str | None, typer.Option(help="A policy preset, with --counts [default: replace].")
    ] = None,
    real_fraction: Annotated[
        float | None, typer.Option(help="The real part of the pool, with --policy mix.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0)] = None,
    set_: SetOption = None,
    with_: WithOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what chance alone would do: when classes die out, and how far shares stray."""
    given: dict[str, object] = {"--counts": counts, "--pool": pool, "--policy": policy}
    given["--real-fraction"] = real_fraction
    if config is not None:
        doubled = [option for option, value in given.items() if value is not None]
        if doubled:
            raise ConfigError(
                f"{doubled[0]} does not go with a CONFIG, which says it itself",
                "change the config with --set, such as --set policy.preset=mix",
            )
        question = _from_config(config, set_, with_, generations, seed)
    elif counts is None or set_ or with_:
        raise ConfigError(
            "null needs a CONFIG or --counts" if counts is None else "--set goes with a CONFIG",
            "such as imgcollapse null --counts 5,10,20 --pool 2000",
        )
    else:
        question = _from_options(
            counts, pool, policy or "replace", real_fraction, generations or GENERATIONS, seed or 0
        )
    if chains * (len(question.counts) + 1) > MOST_CELLS:
        raise ConfigError(
            f"{chains:,} chains of {len(question.counts):,} classes do not fit into memory",
            "fewer --chains; 2,000 give standard errors of at most 0.011",
        )
    _print(question, chains, as_json)


def _from_options(
    counts: str,
    pool: int | None,
    preset: str,
    real_fraction: float | None,
    generations: int,
    seed: int,
) -> _Question:
    import numpy as np

    from imgcollapse.config_file import parse_config
    from imgcollapse.policies import synthetic_needed
    from imgcollapse.study.chance import Resampling

    try:
        images = tuple(int(word) for word in counts.split(","))
    except ValueError:
        raise ConfigError(
            f"--counts {counts} is not a list of whole numbers", "such as --counts 5,10,20,50"
        ) from None
    if min(images) < 1:
        raise ConfigError(
            f"--counts {counts}: every class starts with at least one image",
            "such as --counts 5,10,20,50",
        )
    total = sum(images)
    size = total if pool is None else pool
    if size < total:
        raise ConfigError(
            f"--counts hold {total:,} images, --pool only {size:,}", "a larger --pool, or none"
        )
    if size > LARGEST_POOL:
        raise ConfigError(f"a pool of {size:,} images is more than {LARGEST_POOL:,}")
    values: dict[str, object] = {"preset": preset}
    if real_fraction is not None:
        values["real_fraction"] = real_fraction
    resolved = parse_config({"policy": values}).policy
    rest = [size - total] if size > total else []
    return _Question(
        names=tuple(f"{count:,}" for count in images),
        counts=images,
        rest=size - total,
        policy=resolved,
        resampling=Resampling(
            np.array([*images, *rest]), resolved, synthetic_needed(resolved, "pool", size)
        ),
        num_scored=None,
        generations=generations,
        seed=seed,
    )


def _from_config(
    name: str,
    overrides: list[str] | None,
    layers: list[str] | None,
    generations: int | None,
    seed: int | None,
) -> _Question:
    from imgcollapse.data.profile import counts_by_class
    from imgcollapse.data.sources import native_shape
    from imgcollapse.study.chance import resampling_of

    seeded = [] if seed is None else [f"seed={seed}"]
    config = read_config(name, [*(overrides or []), *seeded], layers)
    if config.labs or config.lab:
        raise ConfigError(
            f"a web of several labs is not one chain ({name})",
            "ask for the policy of one of them: imgcollapse null --counts",
        )
    if config.profile.kind == "as-is" or config.data.source == "files":
        raise ConfigError(
            f"only the images themselves say how many each class has ({name})",
            "imgcollapse data inspect PATH, then imgcollapse null --counts",
        )
    if config.generator.labels == "balanced":
        raise ConfigError(
            f"shares are asked for here, labels: balanced, and chance does not move them ({name})",
            "--set generator.labels=from-pool, or imgcollapse null --counts",
        )
    if config.policy.pool == "on-the-fly":
        raise ConfigError(
            f"there is no fixed pool for chance to act on, policy.pool: on-the-fly ({name})",
            "--set policy.pool=fixed; a run's rows share_null count its passes as one large pool",
        )
    classes = native_shape(config.data)[1]
    counts = counts_by_class(config.profile, classes, config.seed)
    return _Question(
        names=classes,
        counts=tuple(counts.tolist()),
        rest=0,
        policy=config.policy,
        resampling=resampling_of(config, counts),
        num_scored=config.scores.num_images,
        generations=generations or config.generations,
        seed=config.seed,
    )


def _print(question: _Question, chains: int, as_json: bool) -> None:
    import numpy as np

    from imgcollapse.metrics.drift import (
        asymptotic_extinction,
        branching_extinction,
        simulate_null,
    )

    found = simulate_null(
        question.resampling.initial,
        question.resampling.policy,
        question.resampling.num_synthetic,
        generations=question.generations,
        chains=chains,
        seed=question.seed,
        num_scored=question.num_scored,
    )
    counts = np.array(question.counts)
    closed = {
        "branching": branching_extinction(counts, question.generations),
        "exp(-2c/k)": asymptotic_extinction(counts, question.generations),
    }
    if as_json:
        print_json(_as_dict(question, chains, found, closed))
    else:
        _print_table(question, chains, found, closed)


def _median(curve: Array) -> int | None:
    """The first generation by which half of the chains have lost a class."""
    return int((curve >= 0.5).argmax()) + 1 if curve[-1] >= 0.5 else None


def _as_dict(
    question: _Question, chains: int, found: Null, closed: dict[str, Array]
) -> dict[str, Any]:
    listed = len(question.counts)
    return {
        "counts": list(question.counts),
        "classes": list(question.names),
        "pool": question.pool,
        "policy": question.policy.model_dump(mode="json"),
        "generations": question.generations,
        "chains": chains,
        "seed": question.seed,
        "extinct": found.extinct[:listed].tolist(),
        "absent": found.absent[:listed].tolist(),
        "branching": closed["branching"].tolist(),
        "asymptote": closed["exp(-2c/k)"].tolist(),
        "median_extinction": [_median(curve) for curve in found.extinct[:listed]],
        "shares": found.shares[:listed].tolist(),
        "scored": None if found.scored is None else found.scored[:listed].tolist(),
    }


def _print_table(question: _Question, chains: int, found: Null, closed: dict[str, Array]) -> None:
    columns = [k for k in COLUMNS if k < question.generations] + [question.generations]
    width = max(7, *(len(name) for name in question.names))
    policy = question.policy
    print(
        f"chance alone, policy {policy.preset or 'of its own'}, "
        f"{question.pool:,} images, {chains:,} chains"
    )
    if policy.filter is not None or policy.repairs:
        print("(of the pool's composition: the filter and the repairs have no part in it)")
    if question.is_plain:
        print("probability that a class is extinct by generation k, in large pools, and its limit:")
    else:
        print(
            "probability that a class is gone for good by generation k, and that pool k lacks it:"
        )
    print(f"  {'images':>{width}}{'median':>8}  {'k =':<11}" + "".join(f"{k:>7}" for k in columns))
    for label, name in enumerate(question.names):
        median = _median(found.extinct[label])
        when = f"{median}" if median else f">{question.generations}"
        rows = {"exact": found.extinct[label]}
        if question.is_plain:
            rows |= {word: curve[label] for word, curve in closed.items()}
        else:
            rows["lacking"] = found.absent[label]
        for row, (word, curve) in enumerate(rows.items()):
            start = f"{name:>{width}}{when:>8}" if row == 0 else " " * (width + 8)
            print(f"  {start}  {word:<11}" + "".join(f"{curve[k - 1]:>7.3f}" for k in columns))
    print(f"95 % of the chains have shares of pool {question.generations} in (began with; median):")
    for name, count, ribbon in zip(
        question.names, question.counts, found.shares[:, -1], strict=False
    ):
        low, middle, high = (percent(float(one)) for one in ribbon)
        began = percent(count / question.pool)
        print(f"  {name:>{width}}{began:>9}  {middle:>8}  ({low} to {high})")
