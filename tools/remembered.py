"""Looking at a file once: a form asks again at each change, each time with new links to the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import TypeVar

from cachetools import LRUCache, cached

from tools.contract import LocalFile

Seen = TypeVar("Seen")


def remembered(most: int) -> Callable[[Callable[[LocalFile], Seen]], Callable[[LocalFile], Seen]]:
    """Decorates what looks at a file: the last `most` answers are kept, but nothing that it raised."""
    return cached(LRUCache(most), key=_identity, lock=Lock())


def _identity(file: LocalFile) -> Hashable:
    """Inputs are hard links: another path each time, and one inode. The name stands in sentences."""
    told = file.path.stat()
    return file.name, file.format, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
