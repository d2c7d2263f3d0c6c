"""Files that people send: whole in one call, or in parts that survive a broken connection and a restart.

Whichever way it came, a file is registered when all its bytes are on disk, and by `_registered` only.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from compute import access, submissions
from compute.gate import refuse_unless
from compute.looking import facts_of
from compute.settings import Settings
from compute.submitting import WRITE_TIMEOUT_S
from compute.turns import Busy, Turns
from data import library
from data.errors import (
    BadInput,
    Conflict,
    NotFound,
    TooLarge,
    TooMany,
    Unavailable,
    WrongState,
)
from data.folders import Folders
from data.parts import Checksum, ChecksumMismatch, Part, Parts
from data.records import Person, StoredFile, Visibility, new_id, utcnow, valid_id
from data.store import Store
from tools import formats
from tools.contract import LocalFile
from tools.library import KINDS

MAY_NOT_UPLOAD = "Your role in this team lets you look, but not upload."
NO_SUCH_UPLOAD = "There is no such upload. It may have been given up, or been too long without progress."
#: Uploads that one person may have under way.
MOST_OPEN = 50
TIDIED_S = 24 * 3600.0

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """How far an upload is."""

    id: str
    name: str
    length: int
    #: Bytes that are on disk and count.
    offset: int
    #: When it is given up without further progress; None once it is a file.
    expires: datetime | None
    #: What it became.
    file: StoredFile | None


class Uploading:
    def __init__(
        self,
        settings: Settings,
        store: Store,
        folders: Folders,
        *,
        as_now: Callable[[Person], AbstractContextManager[Person]],
        in_team: Callable[[str, str], bool],
    ) -> None:
        """`as_now`: the person with the role that they have while it is held. `in_team`: by the two ids."""
        self._settings = settings
        self._store = store
        self._folders = folders
        self._parts = Parts(folders)
        self._as_now = as_now
        self._in_team = in_team
        self._kept = timedelta(days=settings.uploads.keep_days)
        self._turns = Turns()
        self._beginning = threading.Lock()
        self._stopped = threading.Event()
        if store.read_only is None:
            self._recover()

    # Whole

    def receive(self, person: Person, name: str, stream: BinaryIO) -> StoredFile:
        """Keep a file: streamed to disk, checked, and registered only when it is whole."""
        clean = self._admit(person, name)
        file_id, limits = new_id(), self._settings.limits
        with self._folders.making_upload(file_id):
            size, sha256 = self._folders.receive(file_id, stream, limits.upload_mb, limits.free_disk_mb)
            path = self._folders.upload(file_id)
            return self.register(person, self.described(person, file_id, clean, path, size, sha256))

    # In parts

    def begin(self, person: Person, name: str, length: int, sha256: str | None = None) -> Upload:
        """Announce a file of so many bytes, perhaps with the checksum of the whole, in hexadecimal."""
        clean = self._admit(person, name)
        if length > self._settings.limits.upload_mb << 20:
            raise TooLarge(
                f"The file is larger than the {self._settings.limits.upload_mb} MB that this site takes."
            )
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise BadInput("A SHA-256 is 64 hexadecimal digits.", field="sha256")
        part = Part(
            id=new_id(),
            team=person.team,
            owner=person.id,
            name=clean,
            length=length,
            sha256=sha256,
            touched_at=utcnow(),
        )
        with self._beginning:
            self._need_room_for(person, length)
            self._parts.create(part)
        with self._turns.turn(part.id):
            return self._as_far_as(person, part)

    def look(self, person: Person, upload_id: str) -> Upload:
        """How far it is. Ends a call that still receives for it: who asks wants to go on from there."""
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        self._own(person, upload_id)
        with self._turns.turn(upload_id):
            return self._as_far_as(person, self._own(person, upload_id))

    def progress(self, person: Person, upload_id: str) -> Upload:
        """How far it is known to be, while it goes on."""
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        found = self._own(person, upload_id)
        return _became(found) if isinstance(found, StoredFile) else self._progress(found)

    def append(
        self,
        person: Person,
        upload_id: str,
        offset: int,
        stream: RawIOBase,
        checksum: Checksum | None = None,
        *,
        stop: Callable[[], None] = lambda: None,
    ) -> Upload:
        """Add bytes from `offset` on; with the last one the upload becomes a file.

        When the stream breaks off, what came until then counts, unless it was to fit a checksum. `stop` is called from
        another thread and makes the stream end: a later call about this upload takes over.
        """
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        self._own(person, upload_id)
        with self._turns.turn(upload_id, stop):
            part = self._own(person, upload_id)
            if isinstance(part, StoredFile) or offset != part.offset:
                have = part.size if isinstance(part, StoredFile) else part.offset
                raise Conflict(f"This upload goes on at byte {have}, not at {offset}.", field="Upload-Offset")
            self.need_room()
            grown = self._parts.append(part, stream, checksum, look=self.need_room)
            self._turns.waits_no_more(upload_id)
            return self._as_far_as(person, grown)

    def end(self, person: Person, upload_id: str) -> None:
        """Give an upload up."""
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        self._own(person, upload_id)
        with self._turns.turn(upload_id):
            part = self._own(person, upload_id)
            if isinstance(part, StoredFile):
                raise WrongState("This upload is whole and registered. Delete the file instead.")
            self._parts.remove(part.id)

    def under_way(self, person: Person) -> list[Upload]:
        """The person's own in this team, the one that grew last first."""
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        own = [part for part in self._parts.all() if (part.owner, part.team) == (person.id, person.team)]
        own.sort(key=lambda part: part.touched_at, reverse=True)
        return [self._progress(part) for part in own]

    # Registering

    def described(
        self, person: Person, file_id: str, name: str, path: Path, size: int, sha256: str
    ) -> StoredFile:
        """What is registered of bytes that lie at `path`."""
        format = formats.detect(path, name)
        return StoredFile(
            id=file_id,
            team=person.team,
            owner=person.id,
            name=name,
            size=size,
            sha256=sha256,
            format=format,
            created_at=utcnow(),
            # What jobs start from is for the team, so that nobody brings it twice.
            visibility=Visibility.TEAM if format in KINDS else Visibility.PRIVATE,
            facts=facts_of(LocalFile(path, name, format)),
        )

    def register(self, person: Person, stored: StoredFile) -> StoredFile:
        """Put a file whose bytes are on disk under its id into the library, with the right of this moment."""
        with self._as_now(person) as now:
            refuse_unless(access.may_upload(now), MAY_NOT_UPLOAD)
            written = library.add(self._store, stored)
        return written.result(WRITE_TIMEOUT_S)

    # Keeping order

    def start(self) -> None:
        """Tidy up now and once a day."""
        threading.Thread(target=self._tidy_daily, name="uploads", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def tidy(self) -> None:
        """Give up what has made no progress for too long, or whose person has left."""
        for part in filter(self._given_up, self._parts.all()):
            try:
                with self._turns.turn(part.id):
                    now = self._parts.get(part.id)
                    if now is not None and self._given_up(now):
                        self._parts.remove(part.id)
            except Busy:
                continue  # it is being registered

    def _given_up(self, part: Part) -> bool:
        return utcnow() - part.touched_at > self._kept or not self._in_team(part.owner, part.team)

    def _tidy_daily(self) -> None:
        self.tidy()
        while not self._stopped.wait(TIDIED_S):
            self.tidy()

    def _recover(self) -> None:
        """An app that died between the last byte and the registered file."""
        for part in self._parts.all():
            if library.get(self._store, part.id) is not None:
                self._parts.remove(part.id)
            elif not self._parts.holds(part):
                if self._folders.upload(part.id).exists():
                    self._parts.demote(part)
                else:
                    self._parts.remove(part.id)
        self._parts.remove_strays()

    # How it is done

    def _own(self, person: Person, upload_id: str) -> Part | StoredFile:
        """Under way, or a file already. Another person's, or of another team, does not exist."""
        known = valid_id(upload_id)
        if known == upload_id:
            for found in (library.get(self._store, known), self._parts.get(known)):
                if found is not None and (found.owner, found.team) == (person.id, person.team):
                    return found
        raise NotFound(NO_SUCH_UPLOAD)

    def _as_far_as(self, person: Person, part: Part | StoredFile) -> Upload:
        if isinstance(part, StoredFile):
            return _became(part)
        if part.offset < part.length:
            return self._progress(part)
        return _became(self._completed(person, part))

    def _completed(self, person: Person, part: Part) -> StoredFile:
        """All bytes are here: check, put in place, register. A crash at any point of it is mended by `_recover`."""
        if not self._parts.holds(part):
            raise Busy("This upload is being registered. Ask again in a minute.")
        try:
            stored = self._checked(person, part)
            self._parts.promote(part)
            try:
                registered = self.register(person, stored)
            except TimeoutError:
                raise  # the store may still take it: the next start looks
            except BaseException:
                self._parts.demote(part)
                raise
        except ChecksumMismatch:
            self._parts.remove(part.id)
            raise
        self._parts.remove(part.id)
        return registered

    def _checked(self, person: Person, part: Part) -> StoredFile:
        sha256 = self._parts.sha256(part)
        if part.sha256 not in (None, sha256):
            raise ChecksumMismatch(
                f"{part.name} arrived changed: its SHA-256 is another than the one announced. Send it again."
            )
        return self.described(person, part.id, part.name, self._parts.path(part), part.length, sha256)

    def _progress(self, part: Part) -> Upload:
        return Upload(
            id=part.id,
            name=part.name,
            length=part.length,
            offset=part.offset,
            expires=part.touched_at + self._kept,
            file=None,
        )

    def _admit(self, person: Person, name: str) -> str:
        """The name as it is kept."""
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        self.need_room()
        return submissions.clean_name(name, self._settings.limits.name_length, field="name")

    def need_room(self, size: int = 0) -> None:
        """Raises Unavailable where so many bytes more cannot be kept."""
        if self._store.read_only:
            raise Unavailable(self._store.read_only)
        floor_mb = self._settings.limits.free_disk_mb
        self._folders.need_room(floor_mb)
        try:
            self._folders.need_room(floor_mb + (size >> 20))
        except Unavailable as error:
            raise Unavailable(
                f"The server's disk has no room: {size >> 20} MB are to come, and {floor_mb} MB must stay free."
            ) from error

    def _need_room_for(self, person: Person, length: int) -> None:
        """Also for what the person has announced and not sent yet."""
        own = [part for part in self._parts.all() if part.owner == person.id]
        if len(own) >= MOST_OPEN:
            raise TooMany(f"You have {MOST_OPEN} uploads under way. Finish one, or give one up.")
        self.need_room(length + sum(part.length - part.offset for part in own))


def _became(file: StoredFile) -> Upload:
    return Upload(id=file.id, name=file.name, length=file.size, offset=file.size, expires=None, file=file)
