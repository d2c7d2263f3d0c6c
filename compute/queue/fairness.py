"""Who is next: round robin over teams, and over people within a team; each person's oldest job first."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from data.records import Job


class Turns:
    """Remembers when each team and each person had their last turn."""

    def __init__(self) -> None:
        self._clock = 0
        self._teams: dict[str, int] = defaultdict(int)
        self._people: dict[tuple[str, str], int] = defaultdict(int)

    def order(self, waiting: Iterable[Job]) -> Iterator[Job]:
        """The waiting jobs in the order of turns. Taking the next one means that the one before had its turn."""
        queues: dict[str, dict[str, deque[Job]]] = defaultdict(lambda: defaultdict(deque))
        for job in sorted(waiting, key=lambda job: job.seq):
            queues[job.team][job.submitter].append(job)
        while queues:
            team = min(
                queues, key=lambda team: (self._teams[team], queues[team][_eldest(queues[team])][0].seq)
            )
            people = queues[team]
            person = min(people, key=lambda person: (self._people[team, person], people[person][0].seq))
            yield people[person].popleft()
            self._had_turn(team, person)
            if not people[person]:
                del people[person]
            if not people:
                del queues[team]

    def _had_turn(self, team: str, person: str) -> None:
        self._clock += 1
        self._teams[team] = self._clock
        self._people[team, person] = self._clock


def _eldest(people: dict[str, deque[Job]]) -> str:
    return min(people, key=lambda person: people[person][0].seq)
