"""What the letters of a genome say; known answers by hand."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from tools.contract import InputFailure
from tools.viruses import fasta, subtraction
from tools.viruses.subtraction import Tally


def tally(content: bytes) -> Tally:
    found = Tally()
    found.take(fasta.pieces(io.BytesIO(content)))
    return found


def test_shares_are_of_the_five_letters_not_of_the_length() -> None:
    found = tally(b">a\nAAaaTTGG\nGCNN\nRRYY\n>b\n")
    assert found.counts == {"a": 4, "t": 2, "g": 3, "c": 1, "n": 2}
    assert found.facts["shares"] == {"a": 0.333, "t": 0.167, "g": 0.25, "c": 0.083, "n": 0.167}
    assert (found.length, found.records, found.ambiguous, found.empty) == (16, 2, 4, 1)
    assert found.facts["gc"] == 33.333


@pytest.mark.parametrize(("a", "share"), [(1, 0.0), (3, 0.002), (5, 0.002), (7, 0.004)])
def test_halves_go_to_the_even_digit(a: int, share: float) -> None:
    """1 of 2,000 is 0.0005, 3 are 0.0015, ..."""
    found = tally(b">a\n" + b"A" * a + b"C" * (2000 - a))
    assert found.share("a") == share


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no sequences"),
        (b">a\n>b\n", "none of the letters A, C, G, T and N"),
        (b">a\nRYRY\n", "none of the letters"),
        (b">a\nNNNN\n", "nothing but N"),
    ],
)
def test_a_genome_to_which_nothing_maps_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        tally(content).judge()


def test_the_longest_sequences_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subtraction, "LISTED", 2)
    found = tally(b">a\nAC\n>b\nGGGG\n>c\nNN\n>d\nACG\n>e\nACT\n")
    assert found.longest == [("b", 4, 100.0), ("d", 3, 66.67)]
    assert tally(b">n\nNN\n").longest == [("n", 2, None)]


def test_twins_are_told() -> None:
    found = tally(b">a\nAC\n>b x\nAC\n>a\nAC\n>a y\nAC\n")
    assert found.warnings == ["Sequences with an id that an earlier one has: 2 (a); all count."]


def test_a_genome_is_never_in_memory() -> None:
    class Endless(io.RawIOBase):
        """Two chromosomes on lines of their own, made as they are read."""

        def __init__(self) -> None:
            self._parts: Iterator[bytes] = iter(
                [b">a\n", *[b"ACGT" * 50_000] * 160, b"\n>b\n", *[b"GN" * 50_000] * 320]
            )

        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:
            return next(self._parts, b"")

    found = Tally()
    tracemalloc.start()
    found.take(fasta.pieces(Endless()))  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.length == 64_000_000
    assert peak < 8_000_000
