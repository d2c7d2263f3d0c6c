"""Which sequences the reads came from: the expectation maximisation of PathoScope, as Virtool computes it.

Francis et al. 2013, doi:10.1101/gr.150151.112; Hong et al. 2014, doi:10.1186/2049-2618-2-33.

A read that aligns to one sequence is *unique*, one that aligns to several is *multi*. An alignment weighs exp(score),
scores scaled to 0-100, so that pi is a share of the reads weighted by their scores, not a share of the reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Scores are scaled to this before exp.
SCALE = 100.0
#: A posterior that makes a hit of high, and of low confidence.
HIGH, LOW = 0.5, 0.01
#: Posteriors closer than this are a tie: what is between them is rounding, which depends on the order of sums.
ROUNDING = 1e-12


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

    reference: np.ndarray
    weight: np.ndarray
    #: Of each read: how many pairs it has, one at least.
    count: np.ndarray

    @cached_property
    def start(self) -> np.ndarray:
        """Of each read: its first pair."""
        import numpy as np

        return np.cumsum(self.count) - self.count

    def of_reads(self, values: np.ndarray) -> np.ndarray:
        """A value of each read, for each of its pairs."""
        import numpy as np

        return np.repeat(values, self.count)

    def where(self, reads: np.ndarray, pairs: np.ndarray) -> _Pairs:
        """Some reads, told as a mask of the reads and of the pairs."""
        return _Pairs(self.reference[pairs], self.weight[pairs], self.count[reads])


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

    pairs, of_alignment = _pairs(read, reference, score, references)
    is_multi = pairs.count > 1
    of_multi = pairs.of_reads(is_multi)
    unique, multi = pairs.where(~is_multi, ~of_multi), pairs.where(is_multi, of_multi)
    reads = len(pairs.count)
    model = _Model(multi)
    settled = np.bincount(unique.reference, unique.weight, minlength=references)
    multi_weight = float(model.read_weight.sum())
    total_weight = float(unique.weight.sum()) + multi_weight
    largest = float(pairs.weight.max())
    pi_extra, theta_extra = pi_prior * largest, theta_prior * largest

    def best_hits(posterior: np.ndarray) -> BestHits:
        return _best_hits(unique, multi, posterior, references)

    pi = theta = np.full(references, 1 / references)
    initial_pi, prior, change, iterations = pi, pi * theta, np.inf, 0
    for iterations in range(1, max_iterations + 1):
        before, prior = pi, pi * theta
        assigned = model.assigned(prior)
        pi = (assigned + settled + pi_extra) / (total_weight + pi_extra * references)
        theta = (assigned + theta_extra) / ((multi_weight or 1.0) + theta_extra * references)
        if iterations == 1:
            initial_pi = pi
        change = float(np.abs(before - pi).sum())
        if change <= epsilon or len(multi.count) <= 1:
            break

    posterior = model.posterior(prior)
    stays = np.ones(len(pairs.reference), dtype=bool)
    stays[of_multi] = posterior >= cutoff
    return Reassigned(
        pi=pi,
        initial_pi=initial_pi,
        theta=theta,
        final=best_hits(posterior),
        initial=best_hits(model.posterior(np.ones(references))),
        kept=stays[of_alignment],
        reads=reads,
        multi_reads=len(multi.count),
        iterations=iterations,
        change=change,
    )


class _Model:
    """Multi reads x references, as a sparse matrix of weights."""

    def __init__(self, multi: _Pairs) -> None:
        import numpy as np
        from scipy.sparse import csr_array

        self._multi = multi
        #: The largest weight of each read.
        self.read_weight = np.maximum.reduceat(multi.weight, multi.start) if len(multi.count) else np.zeros(0)
        ends = np.append(multi.start, len(multi.weight))
        width = int(multi.reference.max(initial=-1)) + 1
        self._weights = csr_array((multi.weight, multi.reference, ends), shape=(len(multi.count), width))

    def assigned(self, prior: np.ndarray) -> np.ndarray:
        """Per reference the weights of the reads, shared out by their posteriors."""
        import numpy as np

        own = prior[: self._weights.shape[1]]
        sums = self._weights @ own
        shares = np.divide(self.read_weight, sums, out=np.zeros_like(sums), where=sums > 0)
        found = np.zeros(len(prior))
        found[: len(own)] = own * (self._weights.T @ shares)
        return found

    def posterior(self, prior: np.ndarray) -> np.ndarray:
        """Per pair, prior x weight over its sum in the read; all zero stays zero."""
        import numpy as np

        multi = self._multi
        if not len(multi.count):
            return np.zeros(0)
        values = prior[multi.reference]
        values *= multi.weight  # in place: a new array of this size costs more than the product
        sums = np.add.reduceat(values, multi.start)
        values /= multi.of_reads(np.where(sums > 0, sums, 1.0))
        return values


def _pairs(
    read: np.ndarray, reference: np.ndarray, score: np.ndarray, references: int
) -> tuple[_Pairs, np.ndarray]:
    """The pairs, and of each alignment the number of its pair."""
    import numpy as np

    small = (int(read.max()) + 1) * references < 2**31  # sorts in half of the time
    key = read.astype(np.int32 if small else np.int64) * references + reference
    _, first, of_alignment = np.unique(key, return_index=True, return_inverse=True)
    own = read[first]
    ends = np.append(np.flatnonzero(own[1:] != own[:-1]) + 1, len(own))
    return _Pairs(reference[first], _weights(score)[first], np.diff(ends, prepend=0)), of_alignment


def _weights(score: np.ndarray) -> np.ndarray:
    """exp of the scores scaled to 0-100. Both ends of the scale start at 0, so that it is that of the largest score."""
    import numpy as np

    low, high = min(0.0, float(score.min())), max(0.0, float(score.max()))
    return np.exp((score - low) * (SCALE / (high - low) if high > low else 0.0))


def _best_hits(unique: _Pairs, multi: _Pairs, posterior: np.ndarray, references: int) -> BestHits:
    import numpy as np

    def counted(of: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(of, weights, minlength=references)

    alone = counted(unique.reference).astype(float)
    reads = len(unique.count) + len(multi.count)
    if not len(multi.count):
        return BestHits(alone, alone / reads, alone / reads, np.zeros(references))
    tied = np.maximum.reduceat(posterior, multi.start) - ROUNDING
    is_best = posterior >= multi.of_reads(tied)
    best, ties = np.flatnonzero(is_best), np.add.reduceat(is_best, multi.start, dtype=np.int64)
    reference, level = multi.reference[best], posterior[best]
    hits = alone + counted(reference, np.repeat(1 / ties, ties))
    high = alone + counted(reference[level >= HIGH])
    low = counted(reference[(level < HIGH) & (level >= LOW)])
    return BestHits(hits, hits / reads, high / reads, low / reads)
