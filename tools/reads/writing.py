"""Writing reads as gzipped FASTQ: as they are where nothing needs a change, otherwise in the one form that all take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from tools.contract import LocalFile
from tools.reads.fastq import CHUNK, PLUS, QUALITY, SEQUENCE, Batch, batches, is_gzip, opened
from tools.reads.quality import SHIFT

if TYPE_CHECKING:
    from tools.reads.fastq import Bytes

#: Of igzip, whose levels go to 3: a tenth larger than gzip -6, in a twentieth of the time.
LEVEL = 2
_LETTERS = bytes.maketrans(b"RYSWKMBDHVryswkmbdhvn.acgtUu", b"N" * 22 + b"ACGTTT")

#: Gets the bytes read of the files, as they are stored, since the last call.
Told = Callable[[int], None]


def write(
    files: Sequence[LocalFile], target: Path, *, change: bool, shift: int, cpus: int, told: Told
) -> None:
    """The files' reads, one file behind the other, into one gzipped file.

    Gzipped files are taken over byte by byte (a single one as a hard link), unless there is something to `change`: line
    ends to LF, letters to A, C, G, T and N, and qualities lower by `shift`.
    """
    if not change and len(files) == 1 and is_gzip(files[0].path):
        _link(files[0].path, target)
        told(target.stat().st_size)
        return
    with target.open("wb") as content:
        for file in files:
            if change:
                _rewrite(file, content, shift, cpus, told)
            elif is_gzip(file.path):
                with file.path.open("rb") as source:
                    while chunk := source.read(CHUNK):
                        content.write(chunk)
                        told(len(chunk))
            else:
                _compress(file, content, cpus, told)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)


def _compressing(content: BinaryIO, cpus: int) -> BinaryIO:
    from isal import igzip_threaded

    return cast(
        BinaryIO,
        igzip_threaded.open(content, "wb", compresslevel=LEVEL, threads=cpus if cpus > 1 else 0),
    )


def _compress(file: LocalFile, content: BinaryIO, cpus: int, told: Told) -> None:
    with opened(file.path, file.name, cpus=cpus) as source, _compressing(content, cpus) as packed:
        position = 0
        while chunk := source.read(CHUNK):
            packed.write(chunk)
            told(source.position - position)
            position = source.position


def _rewrite(file: LocalFile, content: BinaryIO, shift: int, cpus: int, told: Told) -> None:
    with opened(file.path, file.name, cpus=cpus) as source, _compressing(content, cpus) as packed:
        position = 0
        for batch in batches(source):
            packed.write(changed(batch, shift).tobytes())
            told(source.position - position)
            position = source.position


def changed(batch: Batch, shift: int) -> Bytes:
    """The batch with LF line ends, in letters A, C, G, T and N, and with qualities lower by `shift` (0 or 31)."""
    import numpy as np

    assert shift in (0, SHIFT)
    last = int(batch.ends[-1, QUALITY])
    used = last + 1 + int(batch.data[last] == 13)
    data = batch.data[:used].copy()
    widths = np.diff(np.append(batch.starts.reshape(-1), used))
    parts = np.repeat(np.tile(np.arange(PLUS + 2, dtype=np.uint8), len(batch)), widths)
    letters = parts == SEQUENCE
    data[letters] = np.frombuffer(data[letters].tobytes().translate(_LETTERS), np.uint8)
    if shift:
        data[(parts == QUALITY) & (data > 32)] -= np.uint8(shift)
    if batch.crlf:
        returns = batch.ends.reshape(-1)
        data = np.delete(data, returns[data[returns] == 13])
    return data
