"""Depth along a reference, from aligned blocks, without an array as long as the reference."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

BINS = 300


@dataclass(frozen=True, slots=True)
class Profile:
    #: Positions with a depth of one or more.
    covered: int
    #: Sum of the depths of all positions.
    bases: int
    deepest: int
    #: (first position, last position, mean depth, maximum depth); positions from 1.
    bins: list[tuple[int, int, float, int]]

    @staticmethod
    def empty() -> Profile:
        return Profile(0, 0, 0, [])


def profile(starts: array[int], ends: array[int], length: int, bins: int = BINS) -> Profile:
    """Depth of half-open blocks [start, end), counted from 0. Every bin tells its mean and its maximum."""
    import numpy as np

    first = np.sort(np.frombuffer(starts, dtype=np.intc))
    last = np.sort(np.minimum(np.frombuffer(ends, dtype=np.intc), length))
    width = max(1, -(-length // bins))
    edges = np.append(np.arange(0, length, width), length)
    # Between two of these points the depth does not change, and no segment crosses a bin's edge.
    points = np.unique(np.concatenate([first, last, edges]))
    points = points[(points >= 0) & (points <= length)]
    places, widths = points[:-1], np.diff(points)
    depths = np.searchsorted(first, places, "right") - np.searchsorted(last, places, "right")
    segment_starts = np.searchsorted(places, edges[:-1])
    sums = np.add.reduceat(depths * widths, segment_starts)
    deepest = np.maximum.reduceat(depths, segment_starts)
    return Profile(
        covered=int(widths[depths > 0].sum()),
        bases=int(sums.sum()),
        deepest=int(depths.max()),
        bins=[
            (int(low) + 1, int(high), float(total) / int(high - low), int(peak))
            for low, high, total, peak in zip(edges[:-1], edges[1:], sums, deepest, strict=True)
        ],
    )
