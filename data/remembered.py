"""Answers that are worth keeping for a while."""

from __future__ import annotations

import threading
from typing import Any

from cachetools import LRUCache


class Remembered:
    """The last answers to some questions; for several threads."""

    def __init__(self, size: int) -> None:
        self._answers: LRUCache[str, Any] = LRUCache(size)
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        with self._lock:
            return self._answers.get(key)

    def put(self, key: str, answer: Any) -> None:
        with self._lock:
            self._answers[key] = answer
