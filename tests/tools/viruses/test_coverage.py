"""Depth from alignments, the figures made of it, and curves that are thinned without hiding anything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.viruses import coverage
from tools.viruses.coverage import Piece


def depths(alignments: list[tuple[int, int, int]], lengths: list[int]) -> list[list[int]]:
    columns = [np.array(column, dtype=np.int32) for column in zip(*alignments, strict=True)]
    return [depth.tolist() for depth in coverage.depths(*columns, lengths)]


def test_an_alignment_adds_one_from_its_position_for_the_reads_length() -> None:
    assert depths([(0, 2, 3)], [6]) == [[0, 1, 1, 1, 0, 0]]


def test_what_reaches_over_the_end_is_clipped_and_leaks_into_no_other() -> None:
    assert depths([(0, 5, 10), (1, 1, 2)], [6, 4]) == [[0, 0, 0, 0, 1, 1], [1, 1, 0, 0]]


@settings(deadline=None)
@given(st.data())
def test_depths_are_what_a_loop_counts(data: st.DataObject) -> None:
    lengths = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=4))
    alignment = st.integers(0, len(lengths) - 1).flatmap(
        lambda reference: st.tuples(
            st.just(reference), st.integers(1, lengths[reference]), st.integers(1, 40)
        )
    )
    alignments = data.draw(st.lists(alignment, min_size=1, max_size=40))
    wanted = [[0] * length for length in lengths]
    for reference, position, length in alignments:
        for place in range(position - 1, min(position - 1 + length, lengths[reference])):
            wanted[reference][place] += 1
    assert depths(alignments, lengths) == wanted


def test_figures_of_a_depth() -> None:
    depth = np.array([0, 0, 3, 4], dtype=np.int32)
    assert coverage.covered(depth) == 0.5
    assert coverage.median(depth) == 2, "1.5 rounds up"
    assert coverage.covered(depth[:0]) == 0 and coverage.median(depth[:0]) == 0


def test_the_highest_of_curves_of_different_length() -> None:
    found = coverage.highest([np.array([1, 5]), np.array([2, 1, 7])])
    assert found.tolist() == [2, 5, 7]
    assert coverage.highest([]).tolist() == []


def piece(isolate: str, segment: str, length: int) -> Piece:
    return Piece(isolate, segment, np.zeros(length, dtype=np.int32))


def test_segments_match_by_name_in_the_schemas_order() -> None:
    pieces = [piece("a", "S", 900), piece("a", "L", 3000), piece("b", "L", 2990)]
    found = coverage.segments(pieces, ["L", "M", "S"])
    assert [(name, [own.isolate for own in each]) for name, each in found] == [
        ("L", ["a", "b"]),
        ("S", ["a"]),
    ]


def test_segments_without_a_name_match_by_length() -> None:
    pieces = [
        piece("a", "", 3000),
        piece("a", "", 1000),
        piece("b", "", 1050),
        piece("b", "unheard of", 2900),
    ]
    found = coverage.segments(pieces, [])
    assert [{(own.isolate, len(own.depth)) for own in each} for _, each in found] == [
        {("a", 3000), ("b", 2900)},
        {("a", 1000), ("b", 1050)},
    ]


def test_a_piece_without_a_name_goes_to_a_named_segment_of_its_length() -> None:
    found = coverage.segments([piece("a", "L", 3000), piece("b", "", 2950), piece("b", "", 800)], ["L"])
    assert [(name, [own.isolate for own in each]) for name, each in found] == [
        ("L", ["a", "b"]),
        ("Segment 2", ["b"]),
    ]


def test_a_name_of_the_schema_is_never_taken_for_another_segment() -> None:
    pieces = [piece("a", "Segment 2", 1000), piece("b", "", 3000)]
    found = coverage.segments(pieces, ["Segment 1", "Segment 2"])
    assert [(name, [own.isolate for own in each]) for name, each in found] == [
        ("Segment 2", ["a"]),
        ("Segment 3", ["b"]),
    ]


def test_two_pieces_of_one_isolate_are_never_one_segment() -> None:
    found = coverage.segments([piece("a", "", 1000), piece("a", "", 1000)], [])
    assert [len(own) for _, own in found] == [1, 1]


def test_a_curve_with_few_changes_is_kept_exactly() -> None:
    depth = np.repeat([0, 5, 0, 9], [50_000, 3, 50_000, 10]).astype(np.int32)
    x, y = coverage.thinned(depth)
    assert len(x) == 8
    np.testing.assert_array_equal(np.interp(np.arange(1, len(depth) + 1), x, y), depth)


@pytest.mark.parametrize("points", [100, 2000])
def test_a_wild_curve_keeps_peaks_gaps_and_ends(points: int) -> None:
    rng = np.random.default_rng(1)
    depth = rng.poisson(50, 30_000).astype(np.int32)
    depth[7_000:7_050] = 0
    depth[12_345] = 900
    x, y = coverage.thinned(depth, points)
    assert len(x) <= points and (np.diff(x) > 0).all()
    assert (x[0], x[-1]) == (1, len(depth))
    np.testing.assert_array_equal(depth[x - 1], y)
    assert y[x == 12_346].tolist() == [900]
    assert {7_000, 7_001, 7_050, 7_051} <= set(x.tolist()), "the gap's edges"


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5000), st.integers(0, 2**32 - 1), st.sampled_from([0.1, 1.0, 30.0]))
def test_a_thinned_curve_has_the_extremes_of_the_whole(length: int, seed: int, mean: float) -> None:
    depth = np.random.default_rng(seed).poisson(mean, length).astype(np.int32)
    x, y = coverage.thinned(depth, 200)
    assert len(x) <= 200
    assert (y.max(), y.min()) == (depth.max(), depth.min())
    np.testing.assert_array_equal(depth[x - 1], y)


def test_no_position_has_no_curve() -> None:
    x, y = coverage.thinned(np.zeros(0, dtype=np.int32))
    assert len(x) == len(y) == 0
