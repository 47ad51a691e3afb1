"""Gives each sample the class that the judge sees, as a collector who labels what is found."""

from __future__ import annotations

from imgcollapse.images import ImageSet
from imgcollapse.policies.evidence import Evidence
from imgcollapse.repair_config import RelabelConfig


def relabel(config: RelabelConfig, samples: ImageSet, num: int, evidence: Evidence) -> ImageSet:
    """All samples; one that the judge rejects gets the class that is nearest."""
    labels = evidence.look(samples.images).nearest
    return ImageSet(samples.images, labels, samples.origin, samples.classes)
