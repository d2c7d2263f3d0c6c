"""What people put on jobs to find them again: stars, each person's own, and tags, which belong to the job."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from data.records import Job, Person, valid_id
from data.store import Rank, Store, Transaction, ranked, rounds
from data.transitions import by_id, tell

#: Descendants that are told.
MAX_RELATIVES = 100
#: Tags of a team that are told: pages offer all of them.
MAX_TAGS = 500


@dataclass(frozen=True, slots=True)
class Star:
    person: str
    job: str
    on: bool


@dataclass(frozen=True, slots=True)
class Tagging:
    job: str
    #: All that it is to have afterwards.
    tags: tuple[str, ...]


def star(store: Store, star: Star) -> Future[bool]:
    """Whether there is such a job."""
    return store.write(stars, star)


def tag(store: Store, tagging: Tagging) -> Future[Job | None]:
    """The job after; None when it does not exist."""
    return store.write(taggings, tagging)


def marked(store: Store, jobs: Sequence[Job], person: str | None) -> list[Job]:
    """The same jobs with their tags, and whether this person has starred them."""
    found = of(store, [job.seq for job in jobs], person)
    return [replace(job, tags=mark.tags, starred=mark.starred) for job, mark in zip(jobs, found, strict=True)]


@dataclass(frozen=True, slots=True)
class Mark:
    tags: tuple[str, ...]
    starred: bool


def of(store: Store, seqs: list[int], person: str | None) -> list[Mark]:
    """What jobs or batches with these numbers have: their tags, and the star of this person."""
    if not seqs:
        return []
    asked = {"seqs": seqs, "first": min(seqs), "last": max(seqs)}
    tags: dict[int, tuple[str, ...]] = {}
    for row in store.read("tags_of_jobs", **asked):
        tags[row["seq"]] = (*tags.get(row["seq"], ()), row["tag"])
    starred: set[int] = set()
    if person is not None:
        starred = {row["seq"] for row in store.read("stars_on_jobs", person=person, **asked)}
    return [Mark(tags.get(seq, ()), seq in starred) for seq in seqs]


def tags_of_team(store: Store, team: str, viewer: Person) -> list[str]:
    """The tags on the jobs that this person may see, the most used first; at most MAX_TAGS."""
    known = valid_id(team)
    if known is None:
        return []
    found = store.read(
        "tags_of_team", team=known, person=viewer.id, invited=sorted(viewer.invited), limit=MAX_TAGS
    )
    return [row["tag"] for row in found]


def ancestors(store: Store, job: Job) -> list[tuple[str, str]]:
    """How and from which jobs a job was made: `records.Relative.kind` and id. Deleted ones are left out."""
    return [(row["kind"], row["id"]) for row in store.read("ancestors", seq=job.seq)]


def descendants(store: Store, job: Job) -> list[tuple[str, str]]:
    """How and which jobs were made from a job, the newest first."""
    found = store.read("descendants", job=job.id, limit=MAX_RELATIVES)
    return [(row["kind"], row["id"]) for row in found]


@ranked(Rank.RENAME)
def stars(transaction: Transaction, arguments: list[Star]) -> list[bool]:
    known = by_id(transaction, [argument.job for argument in arguments])
    real = [argument for argument in arguments if argument.job in known]
    for turn in rounds(real, lambda star: (star.person, star.job)):
        for on, query in ((True, "add_stars"), (False, "remove_stars")):
            chosen = [real[position] for position in turn if real[position].on is on]
            if chosen:
                transaction.run(
                    query,
                    persons=[one.person for one in chosen],
                    seqs=[known[one.job].seq for one in chosen],
                )
    return [argument.job in known for argument in arguments]


@ranked(Rank.RENAME)
def taggings(transaction: Transaction, arguments: list[Tagging]) -> list[Job | None]:
    results: list[Job | None] = [None] * len(arguments)
    for turn in rounds(arguments, lambda tagging: tagging.job):
        wanted = {arguments[position].job: arguments[position].tags for position in turn}
        known = by_id(transaction, list(wanted))
        if not known:
            continue
        transaction.run("remove_tags", seqs=[job.seq for job in known.values()])
        pairs = [(job.seq, word) for job in known.values() for word in wanted[job.id]]
        if pairs:
            transaction.run("add_tags", seqs=[seq for seq, _ in pairs], tags=[word for _, word in pairs])
        for job in known.values():
            tell(transaction, job)
        for position in turn:
            after = known.get(arguments[position].job)
            if after is not None:
                results[position] = replace(after, tags=arguments[position].tags)
    return results
