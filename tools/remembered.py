"""Looking at a file once: a form asks again at each change, each time with new links to the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

from cachetools import LRUCache, cached

from tools.contract import LocalFile

Seen = TypeVar("Seen")
More = ParamSpec("More")
Look = Callable[Concatenate[LocalFile, More], Seen]


def remembered(most: int) -> Callable[[Look[More, Seen]], Look[More, Seen]]:
    """Decorates what looks at a file: the last `most` answers are kept, but nothing that it raised. An answer is given
    to several, so none may change it. What it takes besides the file, in order, must be hashable."""
    return cached(LRUCache(most), key=lambda file, *more: (_identity(file), more), lock=Lock())


def _identity(file: LocalFile) -> Hashable:
    """Inputs are hard links: another path each time, and one inode. The name stands in sentences."""
    told = file.path.stat()
    return file.name, file.format, told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
