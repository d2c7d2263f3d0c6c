"""Which sequences the reads came from: the expectation maximisation of PathoScope, as Virtool computes it.

Francis et al. 2013, doi:10.1101/gr.150151.112; Hong et al. 2014, doi:10.1186/2049-2618-2-33.

A read that aligns to one sequence is *unique*, one that aligns to several is *multi*. An alignment weighs exp(score),
scores scaled to 0-100, so that pi is a share of the reads weighted by their scores, not a share of the reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Scores are scaled to this before exp.
SCALE = 100.0
#: A posterior that makes a hit of high, and of low confidence.
HIGH, LOW = 0.5, 0.01


@dataclass(frozen=True)
class BestHits:
    """Per reference."""

    #: Reads whose best reference it is; a tie shares the read.
    reads: np.ndarray
    #: The same as a share of all reads.
    best: np.ndarray
    #: Shares of all reads: best hits with a posterior of 0.5 or more, and those below it of 0.01 or more.
    high: np.ndarray
    low: np.ndarray


@dataclass(frozen=True)
class Reassigned:
    #: Per reference: after the last, and after the first iteration.
    pi: np.ndarray
    initial_pi: np.ndarray
    theta: np.ndarray
    final: BestHits
    initial: BestHits
    #: Per alignment: whether it stays.
    kept: np.ndarray
    #: Distinct, and those of them with several references.
    reads: int
    multi_reads: int
    iterations: int
    #: Sum of the changes of pi in the last iteration.
    change: float


@dataclass(frozen=True)
class _Pairs:
    """Reads with references, each pair once with its first score, sorted by read."""

    read: np.ndarray
    reference: np.ndarray
    weight: np.ndarray
    #: Of each read: its first pair, and how many it has.
    start: np.ndarray
    count: np.ndarray
    #: Of each alignment: its pair.
    of_alignment: np.ndarray


def reassign(
    read: np.ndarray,
    reference: np.ndarray,
    score: np.ndarray,
    references: int,
    *,
    max_iterations: int = 50,
    epsilon: float = 1e-7,
    pi_prior: float = 0.0,
    theta_prior: float = 0.0,
    cutoff: float = 0.01,
) -> Reassigned:
    """Alignments are rows of three arrays; each of the `references` (numbered from 0) has one at least.

    `epsilon` ends it when the changes of pi sum to this or less. The priors are in units of the largest weight of a
    read. An alignment of a multi read stays when its posterior reaches `cutoff`.
    """
    import numpy as np

    pairs = _pairs(read, reference, score, references)
    reads = len(pairs.start)
    unique = pairs.count[pairs.read] == 1
    multi = _multi(pairs, ~unique)
    read_weight = np.maximum.reduceat(multi.weight, multi.start) if len(multi.start) else np.zeros(0)
    settled = np.bincount(pairs.reference[unique], pairs.weight[unique], minlength=references)
    multi_weight = float(read_weight.sum())
    total_weight = float(pairs.weight[unique].sum()) + multi_weight
    largest = float(pairs.weight.max())
    pi_extra, theta_extra = pi_prior * largest, theta_prior * largest

    pi = theta = np.full(references, 1 / references)
    initial_pi, posterior, change, iterations = pi, _shares(multi.weight, multi), np.inf, 0
    initial = _best_hits(pairs, unique, multi, posterior, references)
    for iterations in range(1, max_iterations + 1):
        before = pi
        posterior = _shares((pi * theta)[multi.reference] * multi.weight, multi)
        weighted = np.bincount(multi.reference, posterior * read_weight[multi.read], minlength=references)
        pi = (weighted + settled + pi_extra) / (total_weight + pi_extra * references)
        theta = (weighted + theta_extra) / ((multi_weight or 1.0) + theta_extra * references)
        if iterations == 1:
            initial_pi = pi
        change = float(np.abs(before - pi).sum())
        if change <= epsilon or len(multi.start) <= 1:
            break

    stays = unique.copy()
    stays[~unique] = posterior >= cutoff
    return Reassigned(
        pi=pi,
        initial_pi=initial_pi,
        theta=theta,
        final=_best_hits(pairs, unique, multi, posterior, references),
        initial=initial,
        kept=stays[pairs.of_alignment],
        reads=reads,
        multi_reads=len(multi.start),
        iterations=iterations,
        change=change,
    )


def _pairs(read: np.ndarray, reference: np.ndarray, score: np.ndarray, references: int) -> _Pairs:
    import numpy as np

    key = read.astype(np.int64) * references + reference
    _, first, of_alignment = np.unique(key, return_index=True, return_inverse=True)
    _, start, number, count = np.unique(
        read[first], return_index=True, return_inverse=True, return_counts=True
    )
    return _Pairs(number, reference[first], _weights(score)[first], start, count, of_alignment)


def _weights(score: np.ndarray) -> np.ndarray:
    """exp of the scores scaled to 0-100. Both ends of the scale start at 0, so that it is that of the largest score."""
    import numpy as np

    low, high = min(0.0, float(score.min())), max(0.0, float(score.max()))
    return np.exp((score - low) * (SCALE / (high - low) if high > low else 0.0))


def _multi(pairs: _Pairs, multi: np.ndarray) -> _Pairs:
    """The pairs of multi reads only, reads numbered anew."""
    import numpy as np

    _, start, number, count = np.unique(
        pairs.read[multi], return_index=True, return_inverse=True, return_counts=True
    )
    return _Pairs(number, pairs.reference[multi], pairs.weight[multi], start, count, np.zeros(0))


def _shares(values: np.ndarray, multi: _Pairs) -> np.ndarray:
    """The values of each read over their sum; all zero stays zero."""
    import numpy as np

    if not len(multi.start):
        return values
    sums = np.add.reduceat(values, multi.start)[multi.read]
    return np.divide(values, sums, out=np.zeros_like(values), where=sums > 0)


def _best_hits(
    pairs: _Pairs, unique: np.ndarray, multi: _Pairs, posterior: np.ndarray, references: int
) -> BestHits:
    import numpy as np

    alone = np.bincount(pairs.reference[unique], minlength=references).astype(float)
    reads = len(pairs.start)
    if not len(multi.start):
        return BestHits(alone, alone / reads, alone / reads, np.zeros(references))
    top = posterior == np.maximum.reduceat(posterior, multi.start)[multi.read]
    ties = np.add.reduceat(top.astype(float), multi.start)[multi.read]
    best = alone + np.bincount(multi.reference[top], 1 / ties[top], minlength=references)
    high = alone + np.bincount(multi.reference[top & (posterior >= HIGH)], minlength=references)
    low = np.bincount(multi.reference[top & (posterior < HIGH) & (posterior >= LOW)], minlength=references)
    return BestHits(best, best / reads, high / reads, low / reads)
