"""A bounded shelf of computed folders on a worker, safe for jobs that run at the same time.

A folder appears by one rename, so it is whole or not there. Whoever takes one gets hard links of his own: it may be
removed from the shelf meanwhile.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

#: Unfinished folders of jobs that died are removed after this time.
STALE_S = 24 * 3600


class Shelf:
    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self._limit = limit_bytes
        folder.mkdir(parents=True, exist_ok=True)

    def fetch(self, key: str, into: Path, make: Callable[[Path], None]) -> bool:
        """Put the files of `key` into the folder `into`; `make(folder)` makes them unless they are there.

        True when they were there.
        """
        if _link_all(self.folder / key, into):
            return True
        fresh = self.folder / f".{uuid4().hex}"
        fresh.mkdir()
        try:
            make(fresh)
            _link_all(fresh, into)
            self._put(fresh, key)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
        self._trim(keep=key)
        return False

    def _put(self, fresh: Path, key: str) -> None:
        try:
            fresh.rename(self.folder / key)
        except OSError:  # another job was first: its files are the same
            if not (self.folder / key).is_dir():
                raise

    def _trim(self, keep: str) -> None:
        """Remove what was not used for longest until the shelf is small enough."""
        sizes: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            used, size = _age_and_size(path)
            if path.name.startswith("."):
                if time.time() - used > STALE_S:
                    shutil.rmtree(path, ignore_errors=True)
                continue
            sizes.append((used, size, path))
        total = sum(size for _, size, _ in sizes)
        for _, size, path in sorted(sizes):
            if total <= self._limit:
                return
            if path.name == keep:
                continue
            self._remove(path)
            total -= size

    def _remove(self, path: Path) -> None:
        """First out of sight by one rename: nobody may find half of it."""
        hidden = self.folder / f".{uuid4().hex}"
        with suppress(FileNotFoundError):  # another job was first
            path.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def _link_all(folder: Path, into: Path) -> bool:
    """Whether every file of the folder could be linked (or copied, on another disk)."""
    into.mkdir(parents=True, exist_ok=True)
    try:
        for file in folder.iterdir():
            target = into / file.name
            target.unlink(missing_ok=True)
            try:
                os.link(file, target)
            except FileNotFoundError:
                raise
            except OSError:
                shutil.copyfile(file, target)
        os.utime(folder)
    except FileNotFoundError:  # not there, or removed this very moment
        return False
    return True


def _age_and_size(folder: Path) -> tuple[float, int]:
    try:
        return folder.stat().st_mtime, sum(file.stat().st_size for file in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return time.time(), 0
