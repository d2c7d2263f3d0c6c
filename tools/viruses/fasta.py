"""Nucleotide FASTA of any size, read in pieces: a chromosome need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tools.contract import InputFailure
from tools.words import some

#: IUPAC's letters for nucleotides, with those for "one of several".
NUCLEOTIDES = b"ACGTURYSWKMBDHVN"

_CHUNK = 1 << 20
#: Of igzip, whose levels go to 3: a little larger than gzip -6, in a small part of the time.
_LEVEL = 2
_LONGEST_HEADER = 1 << 16
_BLANK = b" \t\n\v\f\r"
_ALLOWED = NUCLEOTIDES + NUCLEOTIDES.lower() + _BLANK
_RNA_TO_DNA = bytes.maketrans(b"Uu", b"Tt")
_AMINO_ACIDS = set("EFILPQZJOX*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A record's header, or some letters of it with their line ends."""

    is_header: bool
    content: bytes
    #: Id of its record: the header's first word.
    record: str


def pieces(content: BinaryIO) -> Iterator[Piece]:
    """Headers without `>` and line end, and letters in pieces of a megabyte at most. Line ends become LF.

    U becomes T: bowtie2-build leaves U out without a word. Raises InputFailure where a letter stands for no
    nucleotide, or where the first line is no header.
    """
    scan = _Scan()
    for chunk in _unix_lines(content):
        yield from scan.feed(chunk)
    yield from scan.end()


class _Scan:
    """Where the reading stands between two chunks."""

    def __init__(self) -> None:
        self._record = ""
        self._started = False
        self._header: bytearray | None = None
        self._at_line_start = True

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        at = 0
        while at < len(chunk):
            if self._header is not None:
                end = chunk.find(b"\n", at)
                self._header += chunk[at : end if end >= 0 else len(chunk)]
                if len(self._header) > _LONGEST_HEADER:
                    raise InputFailure("A header is longer than 64 kB: this is not a FASTA file.")
                at = end + 1 if end >= 0 else len(chunk)
                if end >= 0:
                    yield from self.end()
            elif self._at_line_start and chunk[at : at + 1] == b">":
                self._header = bytearray()
                at += 1
            else:
                # A > within a line stays among the letters, which are refused for it.
                end = chunk.find(b">", at)
                letters = chunk[at : end if end > at and chunk[end - 1] == 10 else len(chunk)]
                at += len(letters)
                self._at_line_start = letters.endswith(b"\n")
                yield from self._letters(letters)

    def end(self) -> Iterator[Piece]:
        """Of the header, or of the file."""
        if self._header is None:
            return
        header = bytes(self._header).strip()
        self._header, self._at_line_start, self._started = None, True, True
        words = header.split(maxsplit=1)
        self._record = words[0].decode(errors="replace") if words else ""
        yield Piece(True, header, self._record)

    def _letters(self, letters: bytes) -> Iterator[Piece]:
        if not self._started:
            if not letters.strip():
                return
            raise InputFailure("The file does not start with a header: the first line must start with >.")
        wrong = letters.translate(None, _ALLOWED)
        if wrong:
            raise InputFailure(_wrong_letters(self._record, wrong))
        if b"U" in letters or b"u" in letters:
            letters = letters.translate(_RNA_TO_DNA)
        yield Piece(False, letters, self._record)


def _unix_lines(content: BinaryIO) -> Iterator[bytes]:
    """Chunks with LF only; a CR LF that is cut in two stays one line end."""
    after_return = False
    first = True
    while chunk := content.read(_CHUNK):
        if first:
            chunk, first = chunk.removeprefix(b"\xef\xbb\xbf"), False
        if after_return and chunk.startswith(b"\n"):
            chunk = chunk[1:]
        after_return = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield chunk


def _wrong_letters(record: str, wrong: bytes) -> str:
    found = sorted(set(wrong.decode("ascii", "replace").upper()))
    told = some(["a character that is not ASCII" if each == "\ufffd" else each for each in found])
    if _AMINO_ACIDS.issuperset(found):
        return (
            f"Record {record} holds letters that stand for no nucleotide ({told}): it looks like a protein. "
            "Give nucleotide sequences."
        )
    return (
        f"Record {record} holds what stands for no nucleotide ({told}). Only the IUPAC letters are allowed."
    )


def records(content: BinaryIO) -> Iterator[tuple[str, str, str]]:
    """(id, description, letters) of whole records, for small files; letters are upper case, in DNA."""
    header: Piece | None = None
    letters: list[bytes] = []
    for piece in pieces(content):
        if not piece.is_header:
            letters.append(piece.content)
            continue
        if header:
            yield _record(header, letters)
        header, letters = piece, []
    if header:
        yield _record(header, letters)


def _record(header: Piece, letters: list[bytes]) -> tuple[str, str, str]:
    description = header.content.decode(errors="replace")[len(header.record) :].strip()
    return header.record, description, b"".join(letters).translate(None, _BLANK).decode("ascii").upper()


def chunks(path: Path, told: Callable[[float], None] = lambda share: None) -> Iterator[bytes]:
    """A file in pieces of a megabyte; `told` hears how far it was read, 0-1."""
    size = max(1, path.stat().st_size)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK):
            yield chunk
            told(min(1.0, content.tell() / size))


def pack(content: Iterable[bytes], target: Path, cpus: int) -> None:
    """Gzips, with a thread for each cpu."""
    from isal import igzip_threaded

    with igzip_threaded.open(target, "wb", compresslevel=_LEVEL, threads=cpus if cpus > 1 else 0) as packed:
        for chunk in content:
            packed.write(chunk)
