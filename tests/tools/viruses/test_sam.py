"""Alignments from SAM, and what a host takes away."""

from __future__ import annotations

import io

import numpy as np
import pytest

from tools.contract import ToolFailure
from tools.viruses import sam


def line(read: str, reference: str, score: int, *, position: int = 1, length: int = 10, flag: int = 0) -> str:
    bases = "A" * length
    return f"{read}\t{flag}\t{reference}\t{position}\t255\t{length}M\t*\t0\t0\t{bases}\t{bases}\tAS:i:{score}\tYT:Z:UU"


def stream(*lines: str) -> io.BytesIO:
    return io.BytesIO("".join(f"{each}\n" for each in lines).encode())


def test_score_is_the_aligners_plus_the_length() -> None:
    found = sam.read(stream(line("r", "tmv", 200, position=7, length=150)), 0.01)
    assert found.score.tolist() == [350]
    assert (found.position.tolist(), found.length.tolist()) == ([7], [150])


def test_reads_and_references_are_numbered_as_first_seen() -> None:
    found = sam.read(stream(line("b", "pvx", 9), line("a", "tmv", 9), line("b", "tmv", 9)), 0.01)
    assert found.read.tolist() == [0, 1, 0] and found.reads == {b"b": 0, b"a": 1}
    assert found.reference.tolist() == [0, 1, 1] and found.references == ["pvx", "tmv"]


def test_headers_unmapped_reads_and_low_scores_are_dropped() -> None:
    lines = [
        "@HD\tVN:1.0",
        line("a", "tmv", 9, flag=4),
        line("b", "*", 9),
        line("c", "tmv", -10),
        line("d", "pvx", 9),
    ]
    assert sam.references(stream(*lines), 0.01) == {"pvx"}
    assert sam.read(stream(*lines), 0.01).references == ["pvx"]


def test_the_score_stands_anywhere_among_the_tags() -> None:
    moved = line("a", "tmv", 0).replace("AS:i:0\tYT:Z:UU", "YT:Z:UU\tAS:i:44\tXN:i:0")
    assert sam.read(stream(moved), 0.01).score.tolist() == [54]


@pytest.mark.parametrize("broken", ["r1\t0\ttmv", "", line("a", "tmv", 1).replace("AS:i:1", "NM:i:1")])
def test_what_is_no_alignment_is_told(broken: str) -> None:
    with pytest.raises(ToolFailure, match="a line that is no alignment"):
        sam.read(stream(broken), 0.01)


def test_nothing_aligned_is_nothing() -> None:
    found = sam.read(stream(), 0.01)
    assert len(found.read) == 0 and found.references == []
    assert sam.eliminate(found, [])[1] == 0


def test_a_read_that_a_host_has_as_well_goes() -> None:
    found = sam.read(stream(line("a", "tmv", 20), line("b", "tmv", 20), line("c", "pvx", 20)), 0.01)
    host = sam.best_scores(stream(line("a", "chr1", 20), line("c", "chr1", 19)), found.reads)
    left, subtracted = sam.eliminate(found, [host])
    assert (left.read.tolist(), left.references, subtracted) == ([1, 2], ["tmv", "pvx"], 1)


def test_a_read_keeps_alignments_that_are_better_than_the_hosts_and_counts_as_subtracted() -> None:
    found = sam.read(stream(line("a", "tmv", 20), line("a", "pvx", 10)), 0.01)
    left, subtracted = sam.eliminate(found, [np.array([25.0])])
    assert (left.references, left.reference.tolist(), subtracted) == (["tmv"], [0], 1)


def test_a_read_that_lost_alignments_is_not_compared_with_the_next_host() -> None:
    found = sam.read(stream(line("a", "tmv", 20), line("a", "pvx", 10), line("b", "tmv", 20)), 0.01)
    first, second = np.array([25.0, -np.inf]), np.array([99.0, 99.0])
    left, subtracted = sam.eliminate(found, [first, second])
    assert (left.read.tolist(), left.references, subtracted) == ([0], ["tmv"], 2)


def test_the_best_of_a_hosts_alignments_counts_whatever_their_order() -> None:
    reads = {b"a": 0, b"b": 1}
    lines = [line("a", "chr1", 30), line("a", "chr2", 10), line("other", "chr1", 99)]
    for order in (lines, lines[::-1]):
        assert sam.best_scores(stream(*order), reads).tolist() == [40.0, -np.inf]
