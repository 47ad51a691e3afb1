"""The card that lies beside an exported model."""

from __future__ import annotations

import hashlib

from imgcollapse.data.terms import TERMS
from imgcollapse.store.run_directory import RunDirectory

CARD = """\
---
library_name: diffusers
pipeline_tag: unconditional-image-generation
tags: [imgcollapse, model-collapse]
---

# Generation {number} of {name}

An image generator of a chain in which each generation trains on a pool that may hold samples of the
ones before it (policy: {policy}). It was made to study model collapse, not to make good images.

```python
from diffusers import DDPMPipeline

pipeline = DDPMPipeline.from_pretrained("PATH")
images = pipeline(batch_size=16, num_inference_steps={steps}).images
```

| | |
|---|---|
| run | {name}, seed {seed}; config {config} |
| generation | {number} of 0 to {last}; trained on {pool:,} images |
| images | {channels}×{side}×{side}; the pipeline scales [-1, 1] to [0, 1] |
| objective | {objective} |
| sampler of the run | {sampler}, {steps} steps |
| scheduler here | {scheduler} |
| weights | their exponential moving average (decay {decay:g}) |
| real images | {source}: {terms} |

{notes}

Licence: these weights carry none of their own; who hands them on must state one that the terms of
the real images allow.

Made by imgcollapse {version}.
"""


def model_card(run: RunDirectory, number: int, scheduler: str, is_own: bool) -> str:
    """The ``README.md`` of an exported pipeline: same run, same text.

    ``scheduler`` is the class that the pipeline has, ``is_own`` whether the run's sampler has it.
    """
    config = run.config()
    sampling = config.sampling
    shape = run.samples(number, tuple(run.initial_counts()), 1).image_shape
    notes = [
        "The run drew its samples from noise by image index; the pipeline draws other noise, so "
        "its images are others of the same model."
    ]
    if not is_own:
        notes.append(
            f"`DDPMPipeline` cannot call a scheduler of {sampling.sampler}; {scheduler} follows "
            "the same path, so shares can differ a little from those of the run."
        )
    if sampling.noise_scale != 1:
        notes.append(
            f"The run scaled its starting noise by {sampling.noise_scale:g} (sampling.lambda); the "
            "pipeline does not."
        )
    if sampling.truncation is not None:
        notes.append(
            f"The run cut its starting noise at {sampling.truncation:g} standard deviations; the "
            "pipeline does not."
        )
    recorded = (run.path / "config.yaml").read_bytes()
    return CARD.format(
        number=number,
        name=run.path.resolve().name,
        policy=config.policy.preset or "of its own",
        steps=sampling.steps,
        seed=config.seed,
        config=hashlib.sha256(recorded).hexdigest()[:12],
        last=config.generations - 1,
        pool=run.pool(number)["size"],
        channels=shape[0],
        side=shape[1],
        objective=config.generator.objective,
        sampler=sampling.sampler,
        scheduler=scheduler,
        decay=config.training.ema_decay,
        source=config.data.source,
        terms=TERMS[config.data.source].sentence(),
        notes="\n".join(f"- {note}" for note in notes),
        version=run.environment()["versions"].get("imgcollapse", "not known"),
    )
