"""Thins class counts: to any so many images, or to as many of each class as its share says.

Counts are class by chain (C×R, int64). No class that is gone comes back by rounding, and up to
10^15 images are thinned exactly.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


def thin(
    random: np.random.Generator, counts: Counts, size: int, *, stratified: bool = False
) -> Counts:
    """A draw of ``size`` images without replacement, for each chain (C×R).

    The whole where there are no more. Uniform: multivariate hypergeometric, which NumPy draws
    below 10^9 images only. Stratified: each class to less than one image of its share of
    ``size``, and to that share itself in the mean.
    """
    totals = counts.sum(0)
    if size >= totals.max():
        return counts
    num = np.minimum(size, totals)
    if not stratified:
        return _choose(random, counts, num)
    start = random.random(len(totals))
    left_out = totals - num
    few = num <= left_out
    apportioned = _apportion(counts, np.where(few, num, left_out), start)
    return np.where(few, apportioned, counts - apportioned)


def _apportion(counts: Counts, num: Counts, start: NDArray[np.float64]) -> Counts:
    """``num`` (R) images, at most half of all, by classes: a systematic sample (Madow 1949).

    The classes lie on a line, each as long as its quota; images are where ``start`` (R, in
    [0, 1)) and steps of 1 from it fall, so that a class gets its quota in the mean.
    """
    ends = np.cumsum(counts, 0)
    quotas = ends * (num / np.maximum(ends[-1], 1))
    marks = np.floor(quotas + start).astype(np.int64)
    marks = np.where(ends == ends[-1], num, np.minimum(marks, num))
    apportioned: Counts = np.diff(marks, axis=0, prepend=0)
    return apportioned


def _choose(random: np.random.Generator, counts: Counts, num: Counts) -> Counts:
    """``num`` (R) images of each chain, uniformly without replacement.

    Each image is taken with the same probability, and then, of those taken, as many as are too
    many are put back, or of those left as many as lack are taken, in the same way: given how many
    were taken, which ones is uniform at every step. What is amiss shrinks as its square root.
    """
    totals = counts.sum(0)
    few = (num <= len(counts)) & (num**2 <= 4 * totals)
    if few.all():
        return _pick(random, counts, num)
    if few.any():
        chosen = np.empty_like(counts)
        chosen[:, few] = _pick(random, counts[:, few], num[few])
        chosen[:, ~few] = _choose(random, counts[:, ~few], num[~few])
        return chosen
    taken = random.binomial(counts, num / totals)
    excess = taken.sum(0) - num
    amiss = excess != 0
    if amiss.any():
        excess, some = excess[amiss], taken[:, amiss]
        among = np.where(excess > 0, some, counts[:, amiss] - some)
        taken[:, amiss] = some - np.sign(excess) * _choose(random, among, np.abs(excess))
    return taken


def _pick(random: np.random.Generator, counts: Counts, num: Counts) -> Counts:
    """``_choose`` for fewer images than classes: places in a row of all, until none is twice."""
    num_classes, chains = counts.shape
    order = np.arange(num.max())[:, None]
    places = np.empty((len(order), chains), np.int64)
    again = np.arange(chains)
    while len(again):
        found = random.integers(counts[:, again].sum(0), size=(len(order), len(again)))
        places[:, again] = np.where(order < num[again], found, -1 - order)
        ordered = np.sort(places[:, again], 0)
        again = again[(ordered[1:] == ordered[:-1]).any(0)]
    ends = np.cumsum(counts, 0)
    start = np.cumsum(ends[-1]) - ends[-1]
    wanted = order < num
    cell = np.searchsorted((ends + start).T.ravel(), (places + start)[wanted], side="right")
    picked = np.bincount(cell, minlength=counts.size).reshape(chains, num_classes)
    return picked.T.astype(np.int64)
