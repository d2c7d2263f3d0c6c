"""The team's library: files that live on their own, what is in them, and what was made from what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compute import access, cursors, family, results, submissions
from compute.access import Action, Scope
from compute.gate import NO_SUCH_FILE, Gate, refuse_unless, row_of_file
from compute.submitting import WRITE_TIMEOUT_S
from data import library, tables
from data.errors import BadInput, NotFound, WrongState
from data.folders import Folders
from data.library import EVERY_FILE
from data.records import (
    Family,
    FileFilter,
    FilePage,
    FileRelative,
    JobDetail,
    Person,
    ResultPage,
    Space,
    StoredFile,
    Visibility,
)
from data.remembered import Remembered
from data.store import Store
from tools import formats
from tools.contract import Column, InputFailure, LocalFile, Panel, RowsPanel, TextPanel
from tools.library import KINDS
from tools.preview import preview

MAY_NOT_READ = "This token may not read files."
#: Rows of a Parquet file that are shown.
ROWS = 100
#: Files whose panels are kept; some hold megabytes.
KEPT = 16

# Within the class `list` is the verb.
Files = list[StoredFile]
Panels = list[Panel]
Spaces = list[Space]
Relatives = list[FileRelative]
#: [{"path", "bytes"}]
Members = list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Uses:
    """What was made from a file."""

    #: That were given it.
    jobs: int
    files: int


class Library:
    def __init__(self, store: Store, folders: Folders, gate: Gate, *, name_length: int) -> None:
        self._store = store
        self._folders = folders
        self._gate = gate
        self._name_length = name_length
        self._panels = Remembered(KEPT)

    # Looking

    def list(
        self, person: Person, filter: FileFilter = EVERY_FILE, *, limit: int = 50, cursor: str | None = None
    ) -> FilePage:
        """The team's files and what others show to everybody, newest first; of a colleague's private file its row."""
        _check(person, limit)
        before = cursors.number(cursor)
        found = library.page(self._store, filter, limit + 1, before, viewer=person)
        # The site's admin too sees a row only: looking into a private file is noted, which a list does not do.
        seen = [file if access.sees(person, file) else row_of_file(file) for file in found[:limit]]
        shown = self._told(person, seen)
        return FilePage(files=shown, next_cursor=str(shown[-1].seq) if len(found) > limit else None)

    def results(
        self, person: Person, filter: FileFilter = EVERY_FILE, *, limit: int = 50, cursor: str | None = None
    ) -> ResultPage:
        """Result files of the jobs that this person sees, newest job first."""
        _check(person, limit)
        after = _place(cursor)
        found = library.results_page(self._store, filter, limit + 1, after, viewer=person)
        shown = found[:limit]
        more = len(found) > limit
        return ResultPage(files=shown, next_cursor=f"{shown[-1].seq}:{shown[-1].path}" if more else None)

    def file(self, person: Person | None, file_id: str) -> StoredFile:
        """Everything of a file; only its row for a colleague who may not see more."""
        return self._told(person, [self._gate.file_seen(person, file_id)])[0]

    def used_by(self, person: Person | None, file_id: str) -> Uses:
        """For who sees it, and for who may delete it."""
        file = self._gate.file(person, Action.SEE_ROW, file_id)
        if not access.may(person, Action.DELETE, file):
            self._gate.file(person, Action.SEE, file_id)
        jobs, files = library.used_by(self._store, file.id)
        return Uses(jobs=jobs, files=files)

    def family(self, person: Person | None, file_id: str) -> Family:
        """What it was made from, and what was made from it; of what one may not see only the number."""
        found = family.family(self._store, person, self._gate.file(person, Action.SEE, file_id))
        made_from, led_to = found.made_from, found.led_to
        return replace(
            found, made_from=self._told_near(person, made_from), led_to=self._told_near(person, led_to)
        )

    def space(self, person: Person) -> Spaces:
        """What the team's people take, most first; of every team for the site's admin."""
        refuse_unless(access.holds(person, Scope.FILES_READ), MAY_NOT_READ)
        return library.space(self._store, None if access.may_administer(person) else person.team)

    def listen(self, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Hear of which teams files came, changed or went, after each commit, in the writer's thread.

        Returns what ends it.
        """
        return self._store.hear(library.TOPIC, callback)

    # Changing

    def rename(self, person: Person, file_id: str, name: str) -> StoredFile:
        return self.change(person, file_id, name=name)

    def share(self, person: Person, file_id: str, visibility: Visibility) -> StoredFile:
        """Who sees it from now on: its owner, the team, everybody who is signed in, or anyone with the link."""
        return self.change(person, file_id, visibility=visibility)

    def change(
        self, person: Person, file_id: str, *, name: str | None = None, visibility: Visibility | None = None
    ) -> StoredFile:
        """None leaves one as it is. Nothing changes where one of them cannot."""
        rights = [Action.RENAME] * (name is not None) + [Action.SHARE] * (visibility is not None)
        if not rights:
            return self.file(person, file_id)
        for right in rights:
            self._gate.file(person, right, file_id)
        if visibility is Visibility.INVITED:
            raise BadInput(
                "A file is not shared by invitation: share it with the team or with everybody, or share a job that "
                "was given it.",
                field="visibility",
            )
        clean = None if name is None else submissions.clean_name(name, self._name_length, field="name")
        written = library.change(self._store, file_id, name=clean, visibility=visibility)
        changed = written.result(WRITE_TIMEOUT_S)
        if changed is None:
            raise NotFound(NO_SUCH_FILE)
        return self._told(person, [changed])[0]

    def delete(self, person: Person, file_id: str, *, even_if_used: bool = False) -> None:
        """Jobs that were given it keep their own copy. Raises WrongState when it was used, unless that is said."""
        file = self._gate.file(person, Action.DELETE, file_id)
        jobs, files = library.used_by(self._store, file.id)
        if (jobs or files) and not even_if_used:
            raise WrongState(_used(file, jobs, files))
        with self._folders.removing_upload(file.id):
            gone = library.delete(self._store, file.id).result(WRITE_TIMEOUT_S)
        if gone is None:
            raise NotFound(NO_SUCH_FILE)

    # Content

    def content(self, person: Person | None, file_id: str) -> Path:
        """Where its bytes lie: a file, or a folder."""
        return self.path(self._gate.file(person, Action.FILE, file_id))

    def members(self, person: Person | None, file_id: str) -> Members:
        """Of a folder; nothing of a single file."""
        return _members(self.content(person, file_id))

    def member(self, person: Person | None, file_id: str, path: str) -> Path:
        """One file of a folder. Raises NotFound; no path is made from what was asked for."""
        folder = self.content(person, file_id)
        if path not in {member["path"] for member in _members(folder)}:
            raise NotFound("There is no such file in it.")
        return folder / path

    def archive(self, person: Person | None, file_id: str) -> tuple[str, Iterator[bytes]]:
        """File name and a folder as a zip that is made while it is sent."""
        file = self._gate.file(person, Action.DOWNLOAD, file_id)
        return _zip(self.path(file), file.name)

    def made_by_job(self, person: Person | None, job_id: str, path: str) -> tuple[str, Iterator[bytes]]:
        """`archive` of a folder that a job made for the library or was given, for who may read the job."""
        detail = self._gate.allowed(person, Action.FILE, job_id)
        return _zip(*results.referred(detail, self._folders, path))

    def panels(self, person: Person | None, file_id: str) -> Panels:
        """What it holds."""
        file = self._gate.file(person, Action.SEE, file_id)
        known: Panels | None = self._panels.get(file.id)
        if known is None:
            known = _shown(LocalFile(self.path(file), file.name, file.format), file.facts)
            self._panels.put(file.id, known)
        return known

    def preview_result(self, person: Person | None, job_id: str, path: str) -> Panels:
        """What a result file of a job holds."""
        detail = self._gate.allowed(person, Action.FILE, job_id)
        found, name = results.referred(detail, self._folders, path)
        item = results.library_item(detail, path)
        if item is None:
            return _shown(LocalFile(found, name, _format(detail, path, found, name)), {})
        file = library.get(self._store, item["file"])
        return _shown(LocalFile(found, name, item["format"]), file.facts if file else {})

    def _told(self, person: Person | None, files: Files) -> Files:
        """Without the ids of jobs that made them and that this person may not see."""
        makers = self._gate.visible(person, [file.job for file in files if file.job])
        return [file if file.job is None or file.job in makers else replace(file, job=None) for file in files]

    def _told_near(self, person: Person | None, near: Relatives) -> Relatives:
        files = iter(self._told(person, [one.file for one in near if one.file is not None]))
        return [one if one.file is None else replace(one, file=next(files)) for one in near]

    def path(self, file: StoredFile) -> Path:
        """Where the content of a file lies that was looked up with the right to read it. Raises NotFound."""
        path = self._folders.upload(file.id)
        if not path.exists():
            raise NotFound("The content of this file is not on this server.")
        return path


def _check(person: Person, limit: int) -> None:
    refuse_unless(access.holds(person, Scope.FILES_READ), MAY_NOT_READ)
    cursors.refuse_size(limit)


def _place(cursor: str | None) -> tuple[int, str] | None:
    before, colon, path = (cursor or "").partition(":")
    number = cursors.number(before if cursor is not None else None)
    if number is None:
        return None
    if not colon:
        raise cursors.no_cursor()
    return number, path


def _used(file: StoredFile, jobs: int, files: int) -> str:
    said = [
        f"{number} {word}{'s' * (number > 1)}" for number, word in ((jobs, "job"), (files, "file")) if number
    ]
    were = "was" if jobs + files == 1 else "were"
    return (
        f"{' and '.join(said)} {were} made from {file.name}. They stay when it is deleted; new jobs cannot use it "
        "then. Delete it all the same?"
    )


def _members(folder: Path) -> Members:
    if not folder.is_dir():
        return []
    return [
        {"path": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size}
        for path in results.plain_files(folder)
    ]


def _zip(folder: Path, name: str) -> tuple[str, Iterator[bytes]]:
    if not folder.is_dir():
        raise WrongState("This is a single file; download its content.")
    stem = results.file_stem(name) or "folder"
    members = (
        (path, f"{stem}/{path.relative_to(folder).as_posix()}") for path in results.plain_files(folder)
    )
    return f"{stem}.zip", results.zipped(members)


def _format(detail: JobDetail, path: str, found: Path, name: str) -> str:
    """As the tool calls it, where the content does not tell."""
    detected = formats.detect(found, name)
    declared = next((file["format"] for file in detail.files if file["path"] == path), detected)
    return str(declared) if detected in ("text", "binary") else detected


def _shown(file: LocalFile, facts: dict[str, Any]) -> Panels:
    if "problem" in facts:
        return [TextPanel("This file cannot be used", facts["problem"], language="text")]
    if file.format == "parquet":
        return _table(file.path)
    kind = KINDS.get(file.format)
    try:
        return list(kind.show(file, facts)) if kind else preview(file)
    except InputFailure as failure:
        return [TextPanel("Preview", str(failure), language="text")]


def _table(path: Path) -> Panels:
    try:
        columns, rows = tables.head(path, ROWS + 1)
    except tables.Unreadable as failure:
        return [TextPanel("Preview", str(failure), language="text")]
    shown = [Column(f"c{number}", name) for number, name in enumerate(columns)]
    return [RowsPanel("Table", shown, rows[:ROWS], f"The first {ROWS} rows." if len(rows) > ROWS else "")]
