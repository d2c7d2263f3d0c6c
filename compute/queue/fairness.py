"""Who is next: round robin over teams, over people within a team, and over the batches of a person, whose single jobs
count as one batch more; in each the oldest job first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from data.records import Job

#: Team, person, batch: who takes turns with whom is what has the same beginning.
Path = tuple[str, str, str]


class Turns:
    """Remembers when each team, person and batch had its last turn."""

    def __init__(self) -> None:
        self._clock = 0
        self._last: dict[tuple[str, ...], int] = defaultdict(int)

    def order(self, waiting: Iterable[Job]) -> Iterator[Job]:
        """The waiting jobs in the order of turns. Taking the next one means that the one before had its turn."""
        queues: dict[Path, deque[Job]] = defaultdict(deque)
        for job in sorted(waiting, key=lambda job: job.seq):
            queues[job.team, job.submitter, job.batch or ""].append(job)
        while queues:
            path = min(queues, key=lambda path: self._rank(path, queues[path][0]))
            yield queues[path].popleft()
            self._had_turn(path)
            if not queues[path]:
                del queues[path]

    def _rank(self, path: Path, eldest: Job) -> tuple[int, ...]:
        """The last turns of team, person and batch, and who is older where these are the same."""
        return (*(self._last[path[:depth]] for depth in (1, 2, 3)), eldest.seq)

    def _had_turn(self, path: Path) -> None:
        self._clock += 1
        for depth in (1, 2, 3):
            self._last[path[:depth]] = self._clock
