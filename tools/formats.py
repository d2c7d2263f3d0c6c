"""Which format a file has, by its content first and its name second; and reading it without being flooded.

A format names what is inside: a gzipped FASTA file is `fasta`. What is not recognised is `text`, `binary` or
`empty`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO, cast

from tools import library
from tools.contract import InputFailure, LocalFile

#: Bytes that decide about the format.
HEAD = 64 * 1024

MB = 1024 * 1024

#: First bytes, after unpacking.
_MAGIC = {
    b"BAM\1": "bam",
    b"CRAM": "cram",
    b"BAI\1": "bai",
    b"CSI\1": "csi",
    b"PK\3\4": "zip",
    b"%PDF": "pdf",
    b"PAR1": "parquet",
    b"\x89HDF": "hdf5",
    b"\x89PNG": "png",
    b"SQLite format 3": "sqlite",
}

#: What only the name can tell, once the content is known to be plain text.
_TEXT_NAMES = {
    "smi": "smiles",
    "smiles": "smiles",
    "csv": "csv",
    "tsv": "tsv",
    "tab": "tab",
    "bed": "bed",
    "gff": "gff",
    "gff3": "gff",
    "gtf": "gtf",
    "json": "json",
    "yaml": "yaml",
    "yml": "yaml",
}

_COMPRESSED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_COMPRESSED_NAMES = (".gz", ".bgz", ".bz2", ".xz")

_SAM_HEADER = re.compile(r"@(HD|SQ|RG|PG|CO)\t")
_SAM_LINE = re.compile(r"[^\t]+\t\d+\t[^\t]+\t\d+\t\d+\t(\*|(\d+[MIDNSHPX=])+)\t[^\t]+\t\d+\t-?\d+\t")
#: The head may end inside of the first sequence, where that is a long nanopore read.
_FASTQ = re.compile(r"\s*@[^\n]*\n[A-Za-z*.\-\n]*(\n\+|(?<=[A-Za-z]{1000})\Z)")
_PDB_ATOM = re.compile(r"^(?:ATOM  |HETATM).{24}(?:\s*-?\d+\.\d+){3}", re.MULTILINE)
_PDB_START = re.compile(
    r"(HEADER|TITLE|REMARK|CRYST1|COMPND|SEQRES|MODEL|SOURCE|KEYWDS|EXPDTA|AUTHOR|ATOM|HETATM)\b"
)
_PDBQT = re.compile(r"^(ROOT|BRANCH +\d+ +\d+|TORSDOF +\d+)\s*$", re.MULTILINE)
_MOLFILE = re.compile(r"\A[^\n]*\n[^\n]*\n[^\n]*\n.{30,}(V2000|V3000)|^M  END", re.MULTILINE)
#: Virtool's export: OTUs with isolates, all before the first long sequence ends.
_REFERENCE = re.compile(r'"otus"\s*:\s*\[\s*\{.*?"isolates"\s*:\s*\[', re.DOTALL)
#: As tools/pathoscope.py writes it: the sample, the index and the counts come before anything long.
_PATHOSCOPE = re.compile(r'\s*\{\s*"sample"\s*:.{1,20000}"read_count".{1,400}"subtracted_count"', re.DOTALL)
_PHYLIP = re.compile(r"\s*\d+\s+\d+\s*$")
#: Bytes that no text file holds.
_CONTROL = bytes(set(range(32)) - {7, 8, 9, 10, 11, 12, 13, 27})


def detect(path: Path, name: str) -> str:
    """The format of a file, or of a folder that a job made. `name` is the person's and only breaks ties."""
    if path.is_dir():
        return _folder_format(path)
    with path.open("rb") as raw:
        head = raw.read(HEAD)
    if not head:
        return "empty"
    if head.startswith(tuple(_COMPRESSED)):
        head = _unpacked_head(path)
        name = _without_compression(name)
    for magic, format in _MAGIC.items():
        if head.startswith(magic):
            return format
    if not head:
        return "empty"
    if head.translate(None, _CONTROL) != head:
        return "binary"
    return _detect_text(head.decode("utf-8-sig", "replace"), Path(name).suffix.lower().lstrip("."))


def _folder_format(folder: Path) -> str:
    """As its `about.json` says; `folder` where it has none, or one that tells no kind of ours."""
    try:
        format = library.about(folder)["format"]
    except (OSError, ValueError, KeyError):
        return "folder"
    return format if format in library.KINDS else "folder"


def _unpacked_head(path: Path) -> bytes:
    try:
        with open_binary(path, HEAD * 64) as unpacked:
            return unpacked.read(HEAD)
    except InputFailure:
        return _head_of_damaged(path)


def _head_of_damaged(path: Path) -> bytes:
    """What a gzipped file holds before the place where it is damaged; reading all of it will tell."""
    with path.open("rb") as raw:
        try:
            return zlib.decompressobj(wbits=31).decompress(raw.read(HEAD), HEAD) or b"\0"
        except zlib.error:
            return b"\0"  # nothing that we could name


def _detect_text(text: str, extension: str) -> str:
    text = text.replace("\r\n", "\n")
    first = next((line for line in text.splitlines() if line.strip()), "")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    uncommented = next(lines, "")
    if _SAM_HEADER.match(first) or _SAM_LINE.match(first):
        return "sam"
    if first.startswith("@<TRIPOS>") or "\n@<TRIPOS>" in text[:2000]:
        return "mol2"
    if first.startswith("@") and _FASTQ.match(text):
        return "fastq"
    if first.startswith(">"):
        return "a3m" if extension == "a3m" else "fasta"
    if first.startswith("LOCUS "):
        return "genbank"
    if first.startswith("ID   "):
        return "swiss" if re.search(r"\b(Unr|R)eviewed;", first) else "embl"
    if _PATHOSCOPE.match(text):
        return "pathoscope"
    if first.lstrip().startswith("{") and _REFERENCE.search(text):
        return "reference"
    if first.startswith("CLUSTAL"):
        return "clustal"
    if first.startswith("# STOCKHOLM"):
        return "stockholm"
    if first.upper().startswith("#NEXUS"):
        return "nexus"
    if first.startswith("HMMER3/"):
        return "hmm"
    if first.startswith("##fileformat=VCF"):
        return "vcf"
    if first.startswith("##gff-version"):
        return "gff"
    if uncommented.startswith("data_") and re.search(r"^(loop_|_\w+[.\w]*)", text, re.MULTILINE):
        return "mmcif"
    if _PDBQT.search(text):
        return "pdbqt"
    if _PDB_ATOM.search(text) or (_PDB_START.match(first) and extension in ("pdb", "ent")):
        return "pdbqt" if extension == "pdbqt" else "pdb"
    if _MOLFILE.search(text):
        return "sdf"
    if _PHYLIP.fullmatch(first):
        return "phylip"
    return _TEXT_NAMES.get(extension, "text")


def _without_compression(name: str) -> str:
    path = Path(name)
    return str(path.with_suffix("")) if path.suffix.lower() in _COMPRESSED_NAMES else name


def stem(file: LocalFile) -> str:
    """The file's name without its extensions, safe as a part of a file name of ours."""
    return safe_name(Path(_without_compression(file.name)).stem)


def safe_name(text: str, *, fallback: str = "unnamed") -> str:
    """ASCII letters, digits, `.`, `_` and `-`; at most 60 characters; never hidden, empty or a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._-")[:60].rstrip("._-") or fallback


class UnpacksTooLarge(InputFailure):
    """More content than the caller wants to read."""


class _Capped(io.RawIOBase):
    """Reads through, and stops with a sentence at a damaged archive or after `limit` unpacked bytes."""

    def __init__(self, source: IO[bytes], limit: int) -> None:
        self._source = source
        self._left = limit
        self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._source.read(min(len(buffer), 1 << 20))
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
            raise InputFailure(
                f"The compressed file is damaged or cut short ({error}). Upload it again."
            ) from error
        self._left -= len(chunk)
        if self._left < 0:
            raise UnpacksTooLarge(
                f"The file unpacks to more than {self._limit / MB:,.0f} MB; this tool reads no more."
            )
        buffer[: len(chunk)] = chunk
        return len(chunk)


@contextmanager
def open_binary(path: Path, limit: int) -> Iterator[BinaryIO]:
    """The unpacked content, plain, gzip, bzip2 or xz. Raises InputFailure when damaged or beyond the limit.

    `limit` counts unpacked bytes.
    """
    with open_followed(path, limit) as (content, _):
        yield content


@contextmanager
def open_followed(path: Path, limit: int) -> Iterator[tuple[BinaryIO, Callable[[], float]]]:
    """The same, and what tells how far it was read: 0-1 of the stored bytes."""
    size = max(1, path.stat().st_size)
    with path.open("rb") as raw:
        magic = raw.read(8)
        raw.seek(0)
        unpack = next((opener for start, opener in _COMPRESSED.items() if magic.startswith(start)), None)
        source = unpack(raw) if unpack else raw
        content = cast(BinaryIO, io.BufferedReader(_Capped(source, limit), 1 << 16))
        yield content, lambda: min(1.0, raw.tell() / size)


@contextmanager
def open_text(path: Path, limit: int) -> Iterator[TextIO]:
    """The unpacked content as UTF-8 text with universal newlines. Raises InputFailure where it is not."""
    with open_binary(path, limit) as binary:
        text = io.TextIOWrapper(binary, encoding="utf-8-sig")
        try:
            yield text
        except UnicodeDecodeError as error:
            raise InputFailure(
                f"The file is not UTF-8 text (byte 0x{error.object[error.start]:02x}). Save it as UTF-8."
            ) from error


def read_text(path: Path, limit: int) -> str:
    """The whole unpacked content. Raises InputFailure where it is too large, damaged or not text."""
    with open_text(path, limit) as text:
        return text.read()


def describe(format: str) -> str:
    """A format in words, for sentences."""
    return _WORDS.get(format, format)


_WORDS = {
    "empty": "an empty file",
    "folder": "a folder of unknown kind",
    "reference": "a reference of viruses",
    "index": "an index",
    "sample": "a sample",
    "subtraction": "a subtraction",
    "hmm": "a set of HMM profiles",
    "pathoscope": "a result of Pathoscope",
    "binary": "a binary file of unknown kind",
    "text": "plain text of unknown kind",
    "fasta": "a FASTA file",
    "fastq": "a FASTQ file",
    "genbank": "a GenBank file",
    "embl": "an EMBL file",
    "swiss": "a UniProt text file",
    "pdb": "a PDB file",
    "mmcif": "an mmCIF file",
    "sdf": "an SDF file",
    "smiles": "SMILES text",
    "pdbqt": "a PDBQT file",
    "sam": "a SAM file",
    "bam": "a BAM file",
    "cram": "a CRAM file",
    "zip": "a ZIP archive",
    "pdf": "a PDF document",
    "csv": "a CSV table",
    "json": "a JSON file",
}


def refuse(file: LocalFile, accepted: tuple[str, ...], wanted: str) -> str | None:
    """A sentence when the file's content is not one of the accepted formats."""
    format = detect(file.path, file.name)
    if format in accepted:
        return None
    if format == "empty":
        return f"{file.name} is empty. Give {wanted}."
    return f"{file.name} is {describe(format)}. Give {wanted}."
