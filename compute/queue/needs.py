"""What a run takes of a worker, and what a worker has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Need:
    cpus: int = 0
    memory_mb: int = 0
    gpus: int = 0

    def __add__(self, other: Need) -> Need:
        return Need(self.cpus + other.cpus, self.memory_mb + other.memory_mb, self.gpus + other.gpus)

    def __sub__(self, other: Need) -> Need:
        return Need(self.cpus - other.cpus, self.memory_mb - other.memory_mb, self.gpus - other.gpus)

    def within(self, offer: Any) -> bool:
        """Whether it fits into a need, a worker, or whatever else has these three numbers."""
        return self.cpus <= offer.cpus and self.memory_mb <= offer.memory_mb and self.gpus <= offer.gpus
