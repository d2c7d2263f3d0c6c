"""What files and jobs were made from, and what was made from them, as far as somebody may know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from compute import access
from data import jobs, library, marks
from data.records import Family, FileRelative, Job, Person, StoredFile
from data.store import Store

#: Files and jobs take turns, so this is three makings away.
LEVELS = 6
#: Neighbours in one direction.
MOST = 100
#: Of one level, jobs that are asked for other jobs whose results they took.
ASKED = 30

_Node = Job | StoredFile


def family(store: Store, person: Person | None, file: StoredFile) -> Family:
    """Nearest first. What this person may not see is counted, and not looked behind."""
    up, down = _Walk(store, person, file, _above), _Walk(store, person, file, _below)
    made_from, led_to = up.go(), down.go()
    return Family(
        made_from=[_relative("input", node) for node in made_from],
        led_to=[_relative("output", node) for node in led_to],
        private=len(up.hidden | down.hidden),
    )


def _relative(kind: str, node: _Node) -> FileRelative:
    if isinstance(node, StoredFile):
        return FileRelative(kind=kind, file=node)
    return FileRelative(kind=kind, job=node)


@dataclass
class _Walk:
    """From a file in one direction, level by level."""

    store: Store
    person: Person | None
    start: StoredFile
    #: The ids of the jobs and of the files next to those of a level; it may ask for what the person sees.
    next: Callable[[_Walk, list[StoredFile], list[Job]], tuple[list[str], list[str]]]
    seen: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)

    def go(self) -> list[_Node]:
        self.seen.add(self.start.id)
        found: list[_Node] = []
        files, made = [self.start], list[Job]()
        for _ in range(LEVELS):
            job_ids, file_ids = self.next(self, files, made)
            made, files = self.jobs(job_ids), self.files(file_ids)
            level: list[_Node] = [*made, *files]
            self.seen |= {node.id for node in level}
            found += level
            if len(found) >= MOST or not level:
                break
        return found[:MOST]

    def jobs(self, ids: list[str]) -> list[Job]:
        """Those not seen yet that this person may see; the others that exist are noted as hidden."""
        known = jobs.several(self.store, self._new(ids))
        return [known[one] for one in self._shown(ids, known)]

    def files(self, ids: list[str]) -> list[StoredFile]:
        known = library.several(self.store, self._new(ids))
        return [known[one] for one in self._shown(ids, known)]

    def _new(self, ids: list[str]) -> list[str]:
        return [one for one in dict.fromkeys(ids) if one not in self.seen]

    def _shown(self, ids: list[str], known: Mapping[str, _Node]) -> list[str]:
        there = [one for one in self._new(ids) if one in known]
        shown = [one for one in there if access.sees(self.person, known[one])]
        self.hidden |= set(there) - set(shown)
        return shown


def _above(walk: _Walk, files: list[StoredFile], made: list[Job]) -> tuple[list[str], list[str]]:
    """Of a file the job that made it, or, where that is gone or hidden, what it was made from; of a job its inputs."""
    makers = [file.job for file in files if file.job]
    shown = {job.id for job in walk.jobs(makers)} | walk.seen
    orphans = [file.id for file in files if file.job is None or file.job not in shown]
    origins = library.neighbours(walk.store, orphans)
    given = library.of_jobs(walk.store, [job.id for job in made])
    job_ids = makers + [
        other for job in made[:ASKED] for kind, other in marks.ancestors(walk.store, job) if kind == "input"
    ]
    file_ids = [one for job in made for one in given[job.id].given]
    file_ids += [one for orphan in orphans for one in origins[orphan].origins]
    return job_ids, file_ids


def _below(walk: _Walk, files: list[StoredFile], made: list[Job]) -> tuple[list[str], list[str]]:
    """Of a file the jobs that were given it, and what jobs made from it that are gone or hidden; of a job what it made,
    and the jobs that took its results."""
    near = library.neighbours(walk.store, [file.id for file in files])
    users = [one for file in files for one in near[file.id].used_by]
    shown = {job.id for job in walk.jobs(users)} | walk.seen
    offspring = library.several(walk.store, [one for file in files for one in near[file.id].offspring])
    of_jobs = library.of_jobs(walk.store, [job.id for job in made])
    job_ids = users + [
        other for job in made[:ASKED] for kind, other in marks.descendants(walk.store, job) if kind == "input"
    ]
    file_ids = [one for job in made for one in of_jobs[job.id].made]
    file_ids += [one.id for one in offspring.values() if one.job not in shown]
    return job_ids, file_ids
