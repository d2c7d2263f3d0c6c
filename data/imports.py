"""Files in a folder of this server that belongs to nobody here: found without leaving it, and copied as they are.

Every step to a file is opened below the one before it and no link is followed on the way, so what is read lies in the
folder, also when somebody changes it meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data.errors import BadInput, NotFound, Unavailable
from data.folders import Folders, full_disk_told, sync_folder

_STEP = 64 << 20
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    name: str
    #: Of a file.
    bytes: int
    is_folder: bool


def entries(root: Path, path: str) -> list[Entry]:
    """What lies in a folder below the root: folders first, by name. Links and hidden entries are left out."""
    with _opened(root, path) as folder:
        if not stat.S_ISDIR(os.fstat(folder).st_mode):
            raise BadInput(f"{path} is a file, not a folder.", field="path")
        with os.scandir(folder) as found:
            listed = [entry for each in found if (entry := _entry(each)) is not None]
    return sorted(listed, key=lambda entry: (not entry.is_folder, entry.name.casefold(), entry.name))


def _entry(found: os.DirEntry[str]) -> Entry | None:
    if not _is_name(found.name):
        return None
    try:
        about = found.stat(follow_symlinks=False)
    except OSError:
        return None  # gone meanwhile
    if stat.S_ISDIR(about.st_mode):
        return Entry(found.name, 0, True)
    return Entry(found.name, about.st_size, False) if stat.S_ISREG(about.st_mode) else None


def size(root: Path, path: str) -> int:
    """Bytes of a file below the root. Raises BadInput where it is none."""
    with _opened_file(root, path) as file:
        return os.fstat(file).st_size


def copy(
    root: Path, path: str, folders: Folders, file_id: str, floor_mb: int, on_bytes: Callable[[int], None]
) -> tuple[int, str]:
    """Bring a file among the uploads: (bytes, sha256). `on_bytes` hears of each step.

    Raises BadInput where the file changes meanwhile, Unavailable when less than `floor_mb` stay free.
    """
    with full_disk_told(), _opened_file(root, path) as source, _arriving(folders, file_id) as target:
        before = os.fstat(source)
        digest, done = hashlib.sha256(), 0
        while step := _copied(source, target, done):
            _hash(target, done, step, digest)
            done += step
            on_bytes(step)
            folders.need_room(floor_mb)
        after = os.fstat(source)
        if done != before.st_size or _version(before) != _version(after):
            raise BadInput(f"{path} changed while it was copied. Import it again once it is complete.")
    return done, digest.hexdigest()


@contextmanager
def _arriving(folders: Folders, file_id: str) -> Iterator[int]:
    """A new file, which is among the uploads, on disk, once all of it went well."""
    temporary, target = folders.staging(file_id).with_suffix(".part"), folders.upload(file_id)
    file = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield file
        os.fsync(file)
        temporary.rename(target)
        sync_folder(target.parent)
    finally:
        os.close(file)
        temporary.unlink(missing_ok=True)


def _copied(source: int, target: int, at: int) -> int:
    """Copy one step from here on, on the disk itself where it can: bytes, 0 at the end."""
    try:
        return os.copy_file_range(source, target, _STEP, at, at)
    except OSError:  # two file systems, or one that cannot
        os.lseek(target, at, os.SEEK_SET)
        return os.sendfile(target, source, at, _STEP)


def _hash(file: int, at: int, count: int, digest: hashlib._Hash) -> None:
    end = at + count
    while at < end:
        piece = os.pread(file, min(_BUFFER, end - at), at)
        if not piece:
            raise OSError("a copy is shorter than what was copied")
        digest.update(piece)
        at += len(piece)


def _version(about: os.stat_result) -> tuple[int, int, int]:
    return about.st_size, about.st_mtime_ns, about.st_ctime_ns


@contextmanager
def _opened_file(root: Path, path: str) -> Iterator[int]:
    with _opened(root, path) as file:
        mode = os.fstat(file).st_mode
        if stat.S_ISDIR(mode):
            raise BadInput(f"{path} is a folder. Choose the files in it.", field="paths")
        if not stat.S_ISREG(mode):
            raise NotFound(f"There is no file {path[:200]!r} in this folder.")
        yield file


@contextmanager
def _opened(root: Path, path: str) -> Iterator[int]:
    """A file or folder below the root, by names joined with slashes."""
    names = [name for name in path.split("/") if name]
    try:
        found = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Unavailable("This folder cannot be read at the moment. Ask the site's admin.") from error
    try:
        for name in names:
            found = _step(found, name, path)
        yield found
    finally:
        os.close(found)


def _step(folder: int, name: str, path: str) -> int:
    """Open one entry of an open folder, which is closed."""
    # A pipe that nobody writes to must not hold us up.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        if not _is_name(name):
            raise FileNotFoundError(name)
        found = os.open(name, flags, dir_fd=folder)
    except PermissionError as error:
        raise Unavailable(f"{path[:200]} cannot be read by this site. Ask its admin.") from error
    except (OSError, ValueError) as error:  # a link is one too, and a name with a NUL
        raise NotFound(f"There is no {path[:200]!r} in this folder.") from error
    os.close(folder)
    return found


def _is_name(name: str) -> bool:
    """Neither hidden, nor a way up, nor what could not be told to anybody."""
    return not name.startswith(".") and name.isprintable()
