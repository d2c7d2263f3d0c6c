"""Files that lie on the server already: people take them over from folders that the site's admin has opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compute import access, submissions
from compute.gate import refuse_unless
from compute.settings import BadSettings, Settings
from compute.uploading import MAY_NOT_UPLOAD, Uploading
from data import imports
from data.errors import BadInput, NotFound, TooLarge, WellplateError
from data.folders import Folders
from data.imports import Entry
from data.records import Person, StoredFile, new_id

#: Files of one call.
MOST = 1000

#: Bytes that are here, of how many.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Wanted:
    path: str
    #: What the file is called here.
    name: str
    bytes: int


class Imports:
    def __init__(self, settings: Settings, folders: Folders, uploading: Uploading) -> None:
        self._settings = settings
        self._folders = folders
        self._uploading = uploading

    def folders(self, person: Person) -> list[str]:
        """What the folders are called; where they lie is not told."""
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        return list(self._settings.uploads.import_folders)

    def look(self, person: Person, name: str, path: str = "") -> list[Entry]:
        """What lies there; `path` is of names joined with slashes. Links and hidden entries are left out."""
        return imports.entries(self._root(person, name), path)

    def take(
        self, person: Person, name: str, paths: list[str], on_progress: OnProgress | None = None
    ) -> list[StoredFile]:
        """Copy files into the library, one after the other. All are looked at before the first is copied."""
        root = self._root(person, name)
        chosen = list(dict.fromkeys(paths))
        if not 1 <= len(chosen) <= MOST:
            raise BadInput(f"Choose from 1 to {MOST} files.", field="paths")
        wanted = [self._wanted(root, path) for path in chosen]
        total = sum(file.bytes for file in wanted)
        self._uploading.need_room(total)
        taken: list[StoredFile] = []
        done = 0

        def copied(step: int) -> None:
            nonlocal done
            done += step
            if on_progress is not None:
                on_progress(min(done, total), total)

        for file in wanted:
            try:
                taken.append(self._take(person, root, file, copied))
            except WellplateError as error:
                if not taken:
                    raise
                told = f"{error.message} The files before it are imported ({len(taken)} of {len(wanted)})."
                raise type(error)(told, field=error.field) from error
        return taken

    def _take(self, person: Person, root: Path, file: _Wanted, on_bytes: Callable[[int], None]) -> StoredFile:
        file_id, floor_mb = new_id(), self._settings.limits.free_disk_mb
        with self._folders.making_upload(file_id):
            size, sha256 = imports.copy(root, file.path, self._folders, file_id, floor_mb, on_bytes)
            path = self._folders.upload(file_id)
            described = self._uploading.described(person, file_id, file.name, path, size, sha256)
            return self._uploading.register(person, described)

    def _wanted(self, root: Path, path: str) -> _Wanted:
        size, limits = imports.size(root, path), self._settings.limits
        if size > limits.upload_mb << 20:
            raise TooLarge(f"{path} is larger than the {limits.upload_mb} MB that this site takes.")
        name = submissions.clean_name(path.rpartition("/")[2], limits.name_length, field="paths")
        return _Wanted(path, name, size)

    def _root(self, person: Person, name: str) -> Path:
        refuse_unless(access.may_upload(person), MAY_NOT_UPLOAD)
        try:
            return self._settings.uploads.import_folders[name]
        except KeyError:
            raise NotFound(f"There is no folder {name[:60]!r} to import from.") from None


def check_folders(settings: Settings) -> None:
    """Raises BadSettings where a folder to import from is none, or would show what the site keeps to itself."""
    for name, path in settings.uploads.import_folders.items():
        place = f"setting uploads.import_folders.{name}"
        if not name.strip() or "/" in name or not name.isprintable():
            raise BadSettings(f"{place}: a folder's name here is a word or a few, without a slash")
        if not path.is_absolute():
            raise BadSettings(f"{place} = {str(path)!r}: an absolute path is needed")
        real = path.resolve()
        for own in (settings.home, settings.files):
            if real.is_relative_to(own) or own.is_relative_to(real):
                raise BadSettings(
                    f"{place} = {str(path)!r}: it shares files with {own}, where the site keeps its own"
                )
