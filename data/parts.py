"""Uploads of which not every byte is there yet, in a folder that a start leaves as it is.

parts/<id>        the bytes so far, perhaps more than count
parts/<id>.json   who sends what, how long it will be, and how many of the bytes count

The id is the one that the file will have. What counts is on disk before it is told to anybody.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from io import FileIO, RawIOBase
from pathlib import Path
from typing import Any

from data.errors import TooLarge, WellplateError
from data.folders import Folders, full_disk_told, sync_folder
from data.records import utcnow, valid_id

_BUFFER = 256 << 10
#: A long stream is put on disk each time that it has grown by so much, in bytes: a crash loses no more.
SYNCED = 64 << 20
ALGORITHMS = ("sha256", "sha1")


class ChecksumMismatch(WellplateError):
    """The number is that of the tus protocol."""

    kind, status = "checksum", 460


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """An upload that is under way."""

    id: str
    team: str
    owner: str
    name: str
    #: Bytes of the whole file.
    length: int
    #: Of the whole file, in hexadecimal, when its sender told it.
    sha256: str | None = None
    #: Bytes that count.
    offset: int = 0
    #: When it last grew.
    touched_at: datetime


@dataclass(frozen=True, slots=True)
class Checksum:
    """Of the bytes of one call. Nothing of them counts unless they are all there and it fits."""

    #: One of ALGORITHMS.
    algorithm: str
    digest: bytes


class Parts:
    """The uploads under way. One thread at a time may work on each (compute/uploading.py sees to it)."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._root = folders.root / "parts"
        self._root.mkdir(exist_ok=True)
        #: Of the first `offset` bytes of each upload, for those that this process has seen from the first byte on.
        self._digests: dict[str, tuple[int, Any]] = {}

    def create(self, part: Part) -> None:
        with full_disk_told():
            try:
                self.path(part).touch()
                self._write(part)
            except BaseException:
                self.remove(part.id)
                raise

    def get(self, part_id: str) -> Part | None:
        try:
            values = json.loads((self._root / f"{part_id}.json").read_text())
        except FileNotFoundError:
            return None
        return Part(**values | {"touched_at": datetime.fromisoformat(values["touched_at"])})

    def all(self) -> list[Part]:
        ids = [path.stem for path in self._root.glob("*.json") if valid_id(path.stem)]
        return [part for part in map(self.get, ids) if part is not None]

    def append(
        self,
        part: Part,
        stream: RawIOBase,
        checksum: Checksum | None = None,
        *,
        look: Callable[[], None] = lambda: None,
    ) -> Part:
        """Add what the stream brings, in constant memory. When it breaks off, what came until then counts.

        Raises what reading raises, ChecksumMismatch, or TooLarge where it brings more than was announced. `look` is
        called each SYNCED bytes and may raise.
        """
        with full_disk_told(), open(self.path(part), "r+b", buffering=0) as file:
            file.truncate(part.offset)
            file.seek(part.offset)
            growth = _Growth(self, part, file, checksum)
            try:
                growth.take(stream, look)
            except TooLarge:
                raise  # what came is not what was announced
            except BaseException:
                if checksum is None:
                    growth.count()
                raise
            return growth.count()

    def sha256(self, part: Part) -> str:
        """Of the whole file; read again where another process has received its beginning."""
        at, digest = self._digests.get(part.id, (0, None))
        if digest is not None and at == part.length:
            return str(digest.hexdigest())
        with open(self.path(part), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def path(self, part: Part) -> Path:
        return self._root / part.id

    def holds(self, part: Part) -> bool:
        """Whether its bytes are here, not among the uploads."""
        return self.path(part).exists()

    def promote(self, part: Part) -> None:
        """Put the bytes where those of uploads lie. The record stays until the file is registered (`remove`)."""
        self.path(part).rename(self._folders.upload(part.id))
        sync_folder(self._root.parent / "uploads")
        sync_folder(self._root)

    def demote(self, part: Part) -> None:
        """Take the bytes back from the uploads: the file could not be registered."""
        self._folders.upload(part.id).rename(self.path(part))
        sync_folder(self._root)

    def remove(self, part_id: str) -> None:
        """The record first: bytes without one are nobody's, and go with the next start."""
        (self._root / f"{part_id}.json").unlink(missing_ok=True)
        (self._root / part_id).unlink(missing_ok=True)
        self._digests.pop(part_id, None)

    def remove_strays(self) -> None:
        """At a start: bytes without a record, and records half written."""
        known = {part.id for part in self.all()}
        for path in self._root.iterdir():
            if path.name.removesuffix(".json") not in known:
                path.unlink(missing_ok=True)

    def _write(self, part: Part) -> None:
        """Durable when this returns."""
        path = self._root / f"{part.id}.json"
        half = path.with_suffix(".half")
        with open(half, "w") as file:
            json.dump(asdict(part) | {"touched_at": part.touched_at.isoformat()}, file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        half.rename(path)
        sync_folder(self._root)

    def _count(self, part: Part, offset: int, digest: Any) -> Part:
        grown = replace(part, offset=offset, touched_at=utcnow())
        self._write(grown)
        self._digests[part.id] = (offset, digest)
        return grown

    def _digest(self, part: Part) -> Any:
        """What goes on from the bytes that count; None where this process has not seen them all."""
        if part.offset == 0:
            return hashlib.sha256()
        at, digest = self._digests.get(part.id, (0, None))
        return digest.copy() if digest is not None and at == part.offset else None


class _Growth:
    """One call's bytes on their way into the file."""

    def __init__(self, parts: Parts, part: Part, file: FileIO, checksum: Checksum | None) -> None:
        self._parts, self._part, self._file, self._checksum = parts, part, file, checksum
        self._at = part.offset
        self._whole = parts._digest(part)
        self._own = hashlib.new(checksum.algorithm) if checksum else None

    def take(self, stream: RawIOBase, look: Callable[[], None]) -> None:
        buffer = memoryview(bytearray(_BUFFER))
        synced = self._at
        while count := stream.readinto(buffer):
            self._add(buffer[:count])
            if self._at - synced >= SYNCED:
                synced = self._at
                look()
                os.fsync(self._file.fileno())
                if self._checksum is None:
                    self.count()
        if self._checksum and self._own and self._own.digest() != self._checksum.digest:
            raise ChecksumMismatch("These bytes are not those that were sent. Send them again.")

    def _add(self, piece: memoryview) -> None:
        if self._at + len(piece) > self._part.length:
            raise TooLarge(f"This upload was announced with {self._part.length} bytes; more came.")
        written = 0
        while written < len(piece):
            written += self._file.write(piece[written:]) or 0
        if self._whole is not None:
            self._whole.update(piece)
        if self._own is not None:
            self._own.update(piece)
        self._at += len(piece)

    def count(self) -> Part:
        """What is written counts from now on."""
        os.fsync(self._file.fileno())
        digest = self._whole.copy() if self._whole is not None else None
        return self._parts._count(self._part, self._at, digest)
