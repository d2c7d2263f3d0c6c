"""Reading FASTQ files in one pass, in batches, at the speed of numpy.

A record is four lines: `@` and the name, the sequence, `+`, as many quality characters as letters. CRLF line ends are
read, and so are blank lines at the end of the file. What else is not FASTQ raises InputFailure with the
record's number.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from tools import formats
from tools.contract import InputFailure

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Numbers = NDArray[np.int64]

#: Unpacked bytes read at a time: what numpy makes of them still fits into a processor's cache.
CHUNK = 1 << 20
#: Files that unpack to more are refused.
UNPACKED_MB = 1_000_000
#: What bowtie2 keeps of a read's name.
LONGEST_NAME = 255
#: No record is longer. (The longest nanopore reads known have 4 million bases.)
RECORD_MB = 64

GZIP = b"\x1f\x8b"
_READ_ERRORS = (EOFError, OSError, zlib.error, lzma.LZMAError)
_LINES = 4
NAME, SEQUENCE, PLUS, QUALITY = range(_LINES)


@dataclass
class Source:
    """An opened file of reads."""

    name: str
    content: BinaryIO
    _raw: BinaryIO
    #: Whether, as was seen at its end, its last line has no end or blank lines follow.
    untidy: bool = False
    _unpacked: int = 0

    @property
    def position(self) -> int:
        """Bytes of the file, as it is stored, that have been read."""
        return self._raw.tell()

    def read(self, size: int) -> bytes:
        """The next unpacked bytes. Raises InputFailure when the archive is damaged, cut short or too large."""
        try:
            chunk = self.content.read(size)
        except _READ_ERRORS as error:
            raise InputFailure(
                f"{self.name} is damaged or cut short: it cannot be unpacked to its end ({error}). "
                "Copy or upload it again."
            ) from error
        self._unpacked += len(chunk)
        if self._unpacked > UNPACKED_MB * formats.MB:
            raise InputFailure(f"{self.name} unpacks to more than {UNPACKED_MB:,} MB; no more is read.")
        return chunk


def is_gzip(path: Path) -> bool:
    with path.open("rb") as raw:
        return raw.read(2) == GZIP


@contextmanager
def opened(path: Path, name: str, *, cpus: int = 1) -> Iterator[Source]:
    """Plain, gzip (also of several members), bzip2 or xz, by its content. With more than one cpu a thread unpacks."""
    from isal import igzip_threaded

    with path.open("rb", buffering=0) as raw:
        magic = raw.read(6)
        raw.seek(0)
        source = cast(BinaryIO, raw)
        if magic.startswith(GZIP):
            with igzip_threaded.open(raw, "rb", threads=min(1, cpus - 1)) as unpacked:
                yield Source(name, unpacked, source)
        elif magic.startswith(b"BZh"):
            yield Source(name, cast(BinaryIO, bz2.BZ2File(raw)), source)
        elif magic == b"\xfd7zXZ\0":
            yield Source(name, cast(BinaryIO, lzma.LZMAFile(raw)), source)
        else:
            yield Source(name, source, source)


@dataclass(frozen=True)
class Batch:
    """Complete records, one after the other in `data`."""

    data: Bytes
    #: Where each line starts and ends (without its line end), a row per record.
    starts: Numbers
    ends: Numbers
    #: Number of the first record in its file, from 1.
    first: int
    #: Whether a line ends with CR LF.
    crlf: bool

    def __len__(self) -> int:
        return len(self.starts)

    def line(self, record: int, part: int) -> bytes:
        return self.data[self.starts[record, part] : self.ends[record, part]].tobytes()

    def lengths(self, part: int) -> Numbers:
        return self.ends[:, part] - self.starts[:, part]

    def lines(self, part: int) -> Bytes:
        """This line of all records, one behind the other, without line ends."""
        return gather(self.data, self.starts[:, part], self.lengths(part))

    def identifiers(self) -> tuple[Bytes, Numbers]:
        """Names up to the first blank, one behind the other, and their lengths."""
        import numpy as np

        starts, ends = self.starts[:, NAME] + 1, self.ends[:, NAME]
        blanks = np.append(np.flatnonzero((self.data == 32) | (self.data == 9)), len(self.data))
        ends = np.minimum(blanks[np.searchsorted(blanks, starts)], ends)
        return gather(self.data, starts, ends - starts), ends - starts

    def identifier(self, record: int) -> str:
        words = self.line(record, NAME)[1:].split()
        return words[0].decode(errors="replace")[:80] if words else "without a name"

    def head(self, records: int) -> Batch:
        return Batch(self.data, self.starts[:records], self.ends[:records], self.first, self.crlf)


def gather(data: Bytes, starts: Numbers, lengths: Numbers) -> Bytes:
    """The pieces of `data` that start there and are so long, one behind the other."""
    import numpy as np

    if not len(starts):
        return data[:0]
    same = int(lengths[0])
    if same and (lengths == same).all():
        return np.lib.stride_tricks.sliding_window_view(data, same)[starts].reshape(-1)
    before = np.cumsum(lengths) - lengths
    return data[np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)]


def batches(source: Source) -> Iterator[Batch]:
    """All records of the file. Raises InputFailure at the first that is none, or when there is none at all."""
    rest, first = b"", 1
    while True:
        read = source.read(CHUNK)
        source.untidy |= bool(rest and not read)
        text = rest + (read or b"\n") if rest else read
        if not text:
            break
        batch, used = _split(text, first, source.name)
        if len(batch):
            yield batch
            first += len(batch)
        rest = text[used:]
        if rest[:1] in (b"\n", b"\r"):
            _refuse_more(source, rest, first)
            break
        if not read:
            if rest.strip():
                raise InputFailure(
                    f"{source.name} ends in the middle of record {first:,}. Copy or upload it again."
                )
            break
        if len(rest) > RECORD_MB << 20:
            raise InputFailure(f"{source.name} is not FASTQ: record {first:,} has more than {RECORD_MB} MB.")
    if first == 1:
        raise InputFailure(f"{source.name} has no reads.")


def _split(text: bytes, first: int, name: str) -> tuple[Batch, int]:
    """The complete records at the start of `text`, and how many of its bytes they take."""
    import numpy as np

    data = np.frombuffer(text, np.uint8)
    feeds = np.flatnonzero(data == 10)
    feeds = feeds[: len(feeds) // _LINES * _LINES]
    starts = np.empty_like(feeds)
    starts[:1], starts[1:] = 0, feeds[:-1] + 1
    returns = (data[feeds - 1] == 13) & (feeds > starts)
    crlf = bool(returns.any())
    ends = feeds - returns if crlf else feeds
    batch = Batch(data, starts.reshape(-1, _LINES), ends.reshape(-1, _LINES), first, crlf)
    wrong = (
        (data[batch.starts[:, NAME]] != ord("@"))
        | (data[batch.starts[:, PLUS]] != ord("+"))
        | (batch.lengths(SEQUENCE) != batch.lengths(QUALITY))
    )
    if not wrong.any():
        return batch, int(feeds[-1]) + 1 if len(feeds) else 0
    record = int(wrong.argmax())
    if not batch.line(record, NAME):
        return batch.head(record), int(batch.starts[record, NAME])
    raise InputFailure(f"{name}: {_fault(batch, record)}")


def _fault(batch: Batch, record: int) -> str:
    number = batch.first + record
    header, sequence, plus, quality = (batch.line(record, part) for part in range(_LINES))
    if header.startswith(b">"):
        return f"record {number:,} begins with “>”, as in FASTA. Give FASTQ, which has qualities."
    if not header.startswith(b"@"):
        return (
            f"record {number:,} does not begin with “@” (it begins with “{_shown(header)}”). "
            "A record has four lines: @name, sequence, + and qualities."
        )
    who = f"record {number:,} ({batch.identifier(record)})"
    if not plus.startswith(b"+"):
        if plus and plus.replace(b"*", b"").replace(b".", b"").isalpha():
            return (
                f"{who} has its sequence on several lines. Write each sequence and its qualities on one line "
                "(for instance with: seqtk seq -l0)."
            )
        return f"{who} has no line “+” after its sequence, but “{_shown(plus)}”."
    return (
        f"{who} has {len(sequence):,} letters but {len(quality):,} quality characters. "
        "They must be as many; the file is damaged or cut short."
    )


def _shown(line: bytes) -> str:
    return line[:20].decode("ascii", "replace")


def _refuse_more(source: Source, rest: bytes, number: int) -> None:
    """Blank lines may only be the last ones."""
    while not rest.strip():
        rest = source.read(CHUNK)
        if not rest:
            source.untidy = True
            return
    raise InputFailure(
        f"{source.name}: record {number:,} begins with a blank line, which FASTQ does not have. "
        "Take the blank lines out."
    )


def judge_names(batch: Batch, name: str) -> None:
    """Raises InputFailure where a name is that of three reads or more, so that it tells none from another.

    Two are let through, as in a file where mates follow each other: they count as one read.
    """
    letters, lengths = batch.identifiers()
    whole, ends = letters.tobytes(), lengths.cumsum()
    names = (whole[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist(), strict=True))
    ((most, times),) = Counter(each[:LONGEST_NAME] for each in names).most_common(1)
    if times > 2:
        shown = most.decode(errors="replace")[:80] or "without a name"
        raise InputFailure(
            f"{name}: {times:,} of the first {len(batch):,} reads are {shown}. Each read needs a name of its own: "
            f"up to the first blank, and in its first {LONGEST_NAME} letters, which is all that bowtie2 keeps."
        )


def unpacks(path: Path, name: str, limit_mb: int) -> None:
    """Unpacks a compressed file, at most so much of it. Raises InputFailure when it is damaged or cut short."""
    left = limit_mb * formats.MB
    with opened(path, name) as source:
        while left > 0 and (chunk := source.read(CHUNK)):
            left -= len(chunk)
