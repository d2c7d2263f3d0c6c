"""FASTA in pieces: the same whatever its line ends, and wherever a chunk ends."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import pytest

from tools.contract import InputFailure
from tools.viruses import fasta

PLAIN = b">one first record\nACGT\nAC\n\n>two\n>three\t3\nNNacgt\n"
EXPECTED = [("one", "first record", "ACGTAC"), ("two", "", ""), ("three", "3", "NNACGT")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1 << 20])
def test_records_whatever_the_line_ends_and_the_chunks(
    monkeypatch: pytest.MonkeyPatch, end: bytes, size: int
) -> None:
    monkeypatch.setattr(fasta, "_CHUNK", size)
    content = PLAIN.replace(b"\n", end)
    assert list(fasta.records(io.BytesIO(content))) == EXPECTED
    assert list(fasta.records(io.BytesIO(content.removesuffix(end)))) == EXPECTED


def test_a_byte_order_mark_and_empty_lines_before_the_first_record() -> None:
    assert list(fasta.records(io.BytesIO(b"\xef\xbb\xbf\n\n>a\nAC"))) == [("a", "", "AC")]


def test_u_becomes_t() -> None:
    pieces = list(fasta.pieces(io.BytesIO(b">U\nACGU\nuu\n")))
    assert [(each.is_header, each.content) for each in pieces] == [(True, b"U"), (False, b"ACGT\ntt\n")]


def test_a_chromosome_on_one_line_comes_in_pieces() -> None:
    pieces = list(fasta.pieces(io.BytesIO(b">a\n" + b"ACGT" * (1 << 20))))
    assert max(len(each.content) for each in pieces) <= 1 << 20
    assert sum(len(each.content) for each in pieces if not each.is_header) == 4 << 20


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"ACGT\n>a\nACGT\n", "does not start with a header"),
        (
            b">a\nACGT\n>p x\nMEEPQSD\n",
            r"Record p holds letters that stand for no nucleotide \(E, P, Q\): it looks",
        ),
        (b">a\nAC-GT.\n", r"Record a holds what stands for no nucleotide \(-, \.\)\. Only"),
        (b">a\nAC\xff\n", "a character that is not ASCII"),
        (b">" + b"x" * 70_000, "longer than 64 kB"),
    ],
)
def test_what_is_no_nucleotide_fasta(content: bytes, message: str) -> None:
    with pytest.raises(InputFailure, match=message):
        list(fasta.pieces(io.BytesIO(content)))


@pytest.mark.parametrize("cpus", [1, 2])
def test_packing(tmp_path: Path, cpus: int) -> None:
    content = b">a\n" + b"ACGTTGCA" * 500_000
    (tmp_path / "a").write_bytes(content)
    told: list[float] = []
    fasta.pack(fasta.chunks(tmp_path / "a", told.append), tmp_path / "a.gz", cpus)
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == content
    assert told == sorted(told) and told[-1] == 1
