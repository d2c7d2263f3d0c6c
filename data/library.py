"""The library: files that live on their own, uploads and what jobs made, with what was made from what.

Their bytes lie in `uploads/` of data/folders.py. A list for somebody has all rows of their team, also those of files
that are private to a colleague: who shows them decides what of such a row is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from data import rows
from data.database import Condition
from data.errors import BadInput
from data.filters import words
from data.records import FileFilter, Job, Outcome, Person, ResultFile, Space, StoredFile, Visibility, valid_id
from data.store import Rank, Store, Transaction, ranked, rounds

EVERY_FILE = FileFilter()
#: Tells the teams of which a file came, changed or went.
TOPIC = "files"
#: Neighbours of one kind that are told.
MAX_RELATIVES = 100
_ORIGINS = {"uploaded": "file_uploaded", "made": "file_made"}


@dataclass(frozen=True, slots=True)
class Change:
    """None leaves one as it is."""

    file: str
    name: str | None = None
    visibility: Visibility | None = None


@dataclass(slots=True)
class Neighbours:
    """Of a file: ids, the newest first. Deleted files and jobs are left out."""

    #: Files that it was made from.
    origins: list[str] = field(default_factory=list)
    #: Files that were made from it.
    offspring: list[str] = field(default_factory=list)
    #: Jobs that were given it.
    used_by: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FilesOfJob:
    """Ids; deleted files are left out."""

    given: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)


# Writes ---------------------------------------------------------------------------------------------------


def add(store: Store, file: StoredFile) -> Future[StoredFile]:
    """Register a file whose bytes are on disk under its id; with the number that it got."""
    return store.write(_adds, file)


def change(
    store: Store, file_id: str, *, name: str | None = None, visibility: Visibility | None = None
) -> Future[StoredFile | None]:
    """The file after; None when there is no such file."""
    return store.write(_changes, Change(valid_id(file_id) or "", name, visibility))


def delete(store: Store, file_id: str) -> Future[StoredFile | None]:
    """The file as it was; None when there is no such file. Its bytes are the caller's to remove."""
    return store.write(_deletes, valid_id(file_id) or "")


# Reads ----------------------------------------------------------------------------------------------------


def get(store: Store, file_id: str) -> StoredFile | None:
    return several(store, [file_id]).get(valid_id(file_id) or "")


def several(store: Store, ids: Sequence[str]) -> dict[str, StoredFile]:
    """Those that exist, by id."""
    known = _known(ids)
    return (
        {row["id"]: rows.stored_file(row) for row in store.read("files_by_id", files=known)} if known else {}
    )


def page(
    store: Store, filter: FileFilter, limit: int, before_seq: int | None = None, *, viewer: Person
) -> list[StoredFile]:
    """Files of the team in which this person acts, and what other teams share with everybody; newest first."""
    asked: list[Condition] = [("file_listed", {"team": viewer.team}), *_file_conditions(filter)]
    if before_seq is not None:
        asked.append(("before", {"seq": before_seq}))
    return [rows.stored_file(row) for row in store.read_where("page_files", asked, limit=limit)]


def usable(
    store: Store, viewer: Person, formats: Sequence[str] | None = None, limit: int = 200
) -> list[StoredFile]:
    """The newest files of these formats (None: of every format) that this person may give to a tool."""
    asked: list[Condition] = [("file_usable", {"team": viewer.team, "person": viewer.id})]
    if formats is not None:
        asked.append(("file_in_formats", {"formats": list(formats)}))
    return [rows.stored_file(row) for row in store.read_where("page_files", asked, limit=limit)]


def results_page(
    store: Store,
    filter: FileFilter,
    limit: int,
    after: tuple[int, str] | None = None,
    *,
    viewer: Person,
) -> list[ResultFile]:
    """Result files of jobs of the team that this person may see, newest job first; `after` is seq and path of the last.

    `origin` of the filter means nothing here.
    """
    seen = {"team": viewer.team, "person": viewer.id, "invited": sorted(viewer.invited)}
    asked: list[Condition] = [("result_seen", seen), *_result_conditions(filter)]
    if after is not None:
        asked.append(("result_after", {"seq": after[0], "path": after[1]}))
    return [rows.result_file(row) for row in store.read_where("page_results", asked, limit=limit)]


def neighbours(store: Store, ids: Sequence[str]) -> dict[str, Neighbours]:
    """Of each of these files."""
    known = _known(ids)
    found = {file_id: Neighbours() for file_id in known}
    if not known:
        return found
    for row in store.read("file_origins", files=known):
        found[row["file"]].origins.append(row["relative"])
    for row in store.read("file_offspring", files=known, limit=MAX_RELATIVES):
        found[row["file"]].offspring.append(row["relative"])
    for row in store.read("file_users", files=known, limit=MAX_RELATIVES):
        found[row["file"]].used_by.append(row["relative"])
    return found


def of_jobs(store: Store, ids: Sequence[str]) -> dict[str, FilesOfJob]:
    """Which files each of these jobs was given and made."""
    known = _known(ids)
    found = {job_id: FilesOfJob() for job_id in known}
    if not known:
        return found
    for row in store.read("files_given", jobs=known):
        found[row["job"]].given.append(row["file"])
    for row in store.read("files_made", jobs=known):
        found[row["job"]].made.append(row["file"])
    return found


def used_by(store: Store, file_id: str) -> tuple[int, int]:
    """How many jobs were given a file, and how many files were made from it; what is deleted does not count."""
    (row,) = store.read("count_file_users", file=file_id)
    return row["jobs"], row["files"]


def space(store: Store, team: str | None) -> list[Space]:
    """By person, most first; of every team (None) too. Result tables do not count."""
    return [Space(**row) for row in store.read("space", team=team)]


# How it is done -------------------------------------------------------------------------------------------


@ranked(Rank.OTHER)
def _adds(tx: Transaction, files: list[StoredFile]) -> list[StoredFile | Exception]:
    _insert(tx, files)
    _tell(tx, files)
    found = _by_id(tx, [file.id for file in files])
    return [found[file.id] for file in files]


@ranked(Rank.RENAME)
def _changes(tx: Transaction, changes: list[Change]) -> list[StoredFile | None]:
    after: list[StoredFile | None] = [None] * len(changes)
    for turn in rounds(changes, lambda change: change.file):
        batch = [changes[position] for position in turn if changes[position].file]
        if not batch:
            continue
        tx.run(
            "change_files",
            files=[change.file for change in batch],
            names=[change.name for change in batch],
            visibilities=[change.visibility and change.visibility.value for change in batch],
        )
        found = _by_id(tx, [change.file for change in batch])
        _tell(tx, found.values())
        for position in turn:
            after[position] = found.get(changes[position].file)
    return after


@ranked(Rank.DELETE)
def _deletes(tx: Transaction, ids: list[str]) -> list[StoredFile | None]:
    before = _by_id(tx, ids)
    if before:
        tx.run("delete_files", files=list(before), now=tx.now)
        _tell(tx, before.values())
    # A second caller for the same file comes too late.
    return [before.pop(file_id, None) for file_id in ids]


def keep(tx: Transaction, completed: list[tuple[Job, Outcome]]) -> None:
    """What completed jobs left: rows of their result files, and their library items as files of the team."""
    _list_results(tx, completed)
    made = [(job.seq, _item(tx, job, item)) for job, outcome in completed for item in outcome.library]
    if made:
        _insert(tx, [file for _, file in made])
        _tell(tx, [file for _, file in made])
        tx.run("add_file_origins", seqs=[seq for seq, _ in made], files=[file.id for _, file in made])


def _item(tx: Transaction, job: Job, item: dict[str, Any]) -> StoredFile:
    return StoredFile(
        id=item["id"],
        team=job.team,
        owner=job.submitter,
        name=item["name"],
        size=item["bytes"],
        sha256="",
        format=item["format"],
        created_at=tx.now,
        visibility=Visibility.TEAM,
        folder=True,
        facts=item["facts"],
        job=job.id,
        tool=job.tool,
    )


def _list_results(tx: Transaction, completed: list[tuple[Job, Outcome]]) -> None:
    left = [(job.seq, file) for job, outcome in completed for file in outcome.files if not file.get("file")]
    if not left:
        return
    tx.run(
        "add_result_files",
        seqs=[seq for seq, _ in left],
        paths=[file["path"] for _, file in left],
        titles=[file["title"] for _, file in left],
        formats=[file["format"] for _, file in left],
        bytes=[file["bytes"] for _, file in left],
    )


def _insert(tx: Transaction, files: list[StoredFile]) -> None:
    first = tx.next_seq(len(files))
    tx.run(
        "add_files",
        ids=[file.id for file in files],
        seqs=list(range(first, first + len(files))),
        teams=[file.team for file in files],
        owners=[file.owner for file in files],
        names=[file.name for file in files],
        sizes=[file.size for file in files],
        sha256s=[file.sha256 for file in files],
        formats=[file.format for file in files],
        visibilities=[file.visibility.value for file in files],
        times=[file.created_at for file in files],
        folders=[file.folder for file in files],
        facts=[rows.dump(file.facts) for file in files],
        jobs=[file.job for file in files],
        tools=[file.tool for file in files],
    )


def _tell(tx: Transaction, files: Iterable[StoredFile]) -> None:
    for file in files:
        tx.tell(TOPIC, file.team)


def _by_id(tx: Transaction, ids: list[str]) -> dict[str, StoredFile]:
    known = _known(ids)
    return {row["id"]: rows.stored_file(row) for row in tx.run("files_by_id", files=known)} if known else {}


def _file_conditions(filter: FileFilter) -> list[Condition]:
    wanted, unwanted = words(filter.q)
    found: list[Condition] = [("file_says", {"word": word}) for word in wanted]
    found += [("file_says_not", {"word": word}) for word in unwanted]
    if filter.format:
        found.append(("file_in_formats", {"formats": list(filter.format)}))
    if filter.owner:
        found.append(("file_by_owners", {"persons": _known(filter.owner)}))
    if filter.origin is not None:
        if filter.origin not in _ORIGINS:
            raise BadInput(f"origin is {' or '.join(_ORIGINS)}.", field="origin")
        found.append((_ORIGINS[filter.origin], {}))
    return found


def _result_conditions(filter: FileFilter) -> list[Condition]:
    wanted, unwanted = words(filter.q)
    found: list[Condition] = [("result_says", {"word": word}) for word in wanted]
    found += [("result_says_not", {"word": word}) for word in unwanted]
    if filter.format:
        found.append(("result_in_formats", {"formats": list(filter.format)}))
    if filter.owner:
        found.append(("result_by_submitters", {"persons": _known(filter.owner)}))
    return found


def _known(ids: Sequence[str]) -> list[str]:
    return sorted({known for one in ids if (known := valid_id(one))})
