"""Records and their faults, wherever the chunks that are read happen to end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.reads import made
from tools import formats
from tools.contract import InputFailure
from tools.reads import fastq

FOUR = "A record has four lines: @name, sequence, \\+ and qualities"


def records(path: Path) -> list[tuple[str, str, str]]:
    found = []
    with fastq.opened(path, path.name) as source:
        for batch in fastq.batches(source):
            assert batch.first == len(found) + 1
            found += [
                (
                    batch.line(record, fastq.NAME).decode()[1:],
                    batch.line(record, fastq.SEQUENCE).decode(),
                    batch.line(record, fastq.QUALITY).decode(),
                )
                for record in range(len(batch))
            ]
    return found


@pytest.mark.parametrize("chunk", [7, 64, 1000, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "", "\n\n\n", "\n\r\n"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_chunks_end_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk: int, end: str, ends: str
) -> None:
    monkeypatch.setattr(fastq, "CHUNK", chunk)
    expected = made.reads(40, (0, 70))
    content = made.text(expected).removesuffix("\n").replace("\n", ends)
    assert records(made.write(tmp_path / "x.fq", content + end)) == expected


def test_a_last_read_of_length_zero_needs_no_line_end(tmp_path: Path) -> None:
    assert records(made.write(tmp_path / "x.fq", "@a\nAC\n+\nII\n@b\n\n+\n")) == [
        ("a", "AC", "II"),
        ("b", "", ""),
    ]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (">b\nAC\n>c\nAC\n", "record 2 begins with “>”, as in FASTA"),
        ("b\nAC\n+\nII\n", f"record 2 does not begin with “@” .it begins with “b”.. {FOUR}"),
        ("@b\nAC\nAC\n+\nII\nII\n", r"record 2 \(b\) has its sequence on several lines"),
        ("@b\nAC\n-\nII\n", r"record 2 \(b\) has no line “\+” after its sequence, but “-”"),
        ("@b x\nAC\n+\nIII\n", r"record 2 \(b\) has 2 letters but 3 quality characters"),
        ("@b\nAC\n+\nI", r"record 2 \(b\) has 2 letters but 1 quality characters"),
        ("@b\nAC\n", "ends in the middle of record 2"),
        ("\n@b\nAC\n+\nII\n", "record 2 begins with a blank line"),
        ("\n\n\n\n\n@b\nAC\n+\nII\n", "record 2 begins with a blank line"),
    ],
)
@pytest.mark.parametrize("chunk", [5, 1 << 20])
def test_faults_are_named_with_their_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, told: str, chunk: int
) -> None:
    monkeypatch.setattr(fastq, "CHUNK", chunk)
    path = made.write(tmp_path / "x.fq", "@a\nAC\n+\nII\n" + content)
    with pytest.raises(InputFailure, match=told):
        records(path)


def test_a_first_read_that_is_longer_than_the_head_is_fastq(tmp_path: Path) -> None:
    path = made.write(tmp_path / "x.fq.gz", made.record("a", "ACGT" * 30_000))
    assert formats.detect(path, path.name) == "fastq"


def test_a_file_without_line_ends_is_not_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastq, "RECORD_MB", 1)
    path = made.write(tmp_path / "x.fq", "@a\rACGT\r+\rIIII\r" * 300_000)
    with pytest.raises(InputFailure, match="record 1 has more than 1 MB"):
        records(path)


def test_blank_lines_only_are_no_reads(tmp_path: Path) -> None:
    with pytest.raises(InputFailure, match="has no reads"):
        records(made.write(tmp_path / "x.fq", "\n\n"))


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastq, "UNPACKED_MB", 2)
    path = made.write(tmp_path / "x.fq.gz", made.record("a", "ACGT" * 20) * 20_000)
    with pytest.raises(InputFailure, match="unpacks to more than 2 MB"):
        records(path)
