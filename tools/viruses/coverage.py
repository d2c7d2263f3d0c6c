"""Depth along sequences from alignments, and the figures of segments, isolates and viruses (OTUs) that people see.

As in Virtool depth does not look at CIGARs: an alignment adds one from its position on, for as long as the read is;
soft clips and indels are ignored.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: Points of a thinned curve at most.
POINTS = 2000
#: Sequences without a segment's name are the same segment when their lengths differ by less than this share.
SAME_LENGTH = 0.2


def depths(
    reference: np.ndarray, position: np.ndarray, length: np.ndarray, lengths: Sequence[int]
) -> list[np.ndarray]:
    """Depth at each position of each reference, int32; `lengths` of the references. Positions count from 1."""
    import numpy as np

    sizes = np.asarray(lengths, dtype=np.int64)
    # All references lie end to end, each with a place more, where what reaches its end is taken off again.
    offsets = np.concatenate([[0], np.cumsum(sizes + 1)])
    first = np.clip(position.astype(np.int64) - 1, 0, sizes[reference])
    last = np.minimum(first + length, sizes[reference])
    starts = np.bincount(offsets[reference] + first, minlength=offsets[-1])
    ends = np.bincount(offsets[reference] + last, minlength=offsets[-1])
    depth = np.cumsum(starts - ends).astype(np.int32)
    return [depth[begin : begin + size] for begin, size in zip(offsets, lengths, strict=False)]


def covered(depth: np.ndarray) -> float:
    """The share of positions with a depth of one or more; 0 for no position."""
    return float((depth > 0).mean()) if len(depth) else 0.0


def median(depth: np.ndarray) -> int:
    """Rounded half up, as a number of reads; 0 for no position."""
    import numpy as np

    return int(np.median(depth) + 0.5) if len(depth) else 0


def highest(curves: Sequence[np.ndarray]) -> np.ndarray:
    """The maximum at each position; beyond the end of a shorter curve it adds nothing."""
    import numpy as np

    peak = np.zeros(max(map(len, curves), default=0), dtype=np.int32)
    for curve in curves:
        np.maximum(peak[: len(curve)], curve, out=peak[: len(curve)])
    return peak


@dataclass(frozen=True)
class Piece:
    """One sequence of an isolate with its depth."""

    isolate: str
    #: Name in the schema; empty for none.
    segment: str
    depth: np.ndarray


def segments(pieces: Sequence[Piece], schema: Sequence[str]) -> list[tuple[str, list[Piece]]]:
    """Pieces of one virus by segment, in the schema's order: by name, else by length.

    A piece without a name of the schema goes to the segment closest in length where its isolate has none yet; where
    none is close enough it makes a segment of its own, named by its number.
    """
    found: dict[str, list[Piece]] = {}
    named = [piece for piece in pieces if piece.segment in schema]
    for name in schema:
        if own := [piece for piece in named if piece.segment == name]:
            found[name] = own
    unnamed = [piece for piece in pieces if piece.segment not in schema]
    for piece in sorted(unnamed, key=lambda piece: -len(piece.depth)):
        closest = min(
            (name for name, own in found.items() if piece.isolate not in {other.isolate for other in own}),
            key=lambda name: _difference(piece, found[name]),
            default=None,
        )
        if closest is None or _difference(piece, found[closest]) > SAME_LENGTH:
            closest = _new_name(found, schema)
            found[closest] = []
        found[closest].append(piece)
    return list(found.items())


def _new_name(found: Collection[str], schema: Sequence[str]) -> str:
    return next(
        name
        for name in map("Segment {}".format, itertools.count(len(found) + 1))
        if name not in found and name not in schema
    )


def _difference(piece: Piece, segment: Sequence[Piece]) -> float:
    longest = max(len(other.depth) for other in segment)
    return abs(len(piece.depth) - longest) / max(longest, len(piece.depth), 1)


def thinned(depth: np.ndarray, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """(positions from 1, depths) of a line that keeps every peak, every gap and both ends, of at most `points` points.

    A curve with few changes is kept exactly: the two positions on either side of each change. Otherwise every bin of
    positions gives its first minimum and its first maximum, and each gap its edges, unless there are too many.
    """
    import numpy as np

    if not len(depth):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int32)
    chosen = np.union1d([0, len(depth) - 1], _beside(np.flatnonzero(np.diff(depth))))
    if len(chosen) > points:
        edges = np.union1d([0, len(depth) - 1], _beside(np.flatnonzero(np.diff(depth > 0))))
        if len(edges) > points // 2:
            edges = edges[[0, -1]]
        width = -(-len(depth) // ((points - len(edges)) // 2))
        bins = [slice(start, start + width) for start in range(0, len(depth), width)]
        low = [place.start + int(np.argmin(depth[place])) for place in bins]
        high = [place.start + int(np.argmax(depth[place])) for place in bins]
        chosen = np.unique(np.concatenate([edges, low, high]))
    return chosen + 1, depth[chosen]


def _beside(change: np.ndarray) -> np.ndarray:
    """The positions on either side of each change."""
    import numpy as np

    return np.concatenate([change, change + 1])
