"""Where files lie: job folders, uploads, staging. No name that a person gave is ever part of a path.

uploads/<id>                       an upload's bytes, or the folder of what a job made for the library
parts/                             uploads that are under way (data/parts.py)
staging/<id>                       mark: a submit that is being made; staging is emptied at start
staging/<id>.children              mark of a batch's: the ids of its jobs, one a line
staging/<id>.upload, .part         mark of an upload that is being made or removed, and its bytes so far
live/<id>                          mark: this job was handed out and its folder is not settled
jobs/<id>/job.json                 what was asked for; of a batch's child without input files made when it is handed out
jobs/<id>/inputs/<field>-<n>       its input files (hard links where they exist elsewhere)
jobs/<id>/attempts/<n>-<run id>/   work/, out/, log.txt, outcome.json of a run; out/library/<id> goes to uploads/<id>
jobs/<id>/results/, log.txt        what the owner of the last attempt left
records-lost                       mark: the database was put back to before what the folders know
jobs-without-record/<id>/          folders that a start with this mark found without a job
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from data.errors import DISK_FULL, NotFound, TooLarge, Unavailable
from data.records import Job, Status, valid_id

_CHUNK = 1 << 20
#: While an upload streams, free space is looked at each time that it has grown by so much, in bytes.
_LOOK = 64 << 20


@dataclass(frozen=True)
class RunFolder:
    attempt: int
    run_id: str
    path: Path

    def outcome(self) -> bytes | None:
        """What the supervisor wrote as the outcome, or None while there is none."""
        try:
            return (self.path / "outcome.json").read_bytes()
        except FileNotFoundError:
            return None


class Folders:
    """The files of a site, under one root that all nodes share."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("uploads", "staging", "live", "jobs"):
            (root / name).mkdir(parents=True, exist_ok=True)

    # Paths

    def job(self, job_id: str) -> Path:
        return self.root / f"jobs/{_checked(job_id)}"

    def upload(self, file_id: str) -> Path:
        return self.root / "uploads" / _checked(file_id)

    def staging(self, staging_id: str) -> Path:
        return self.root / "staging" / _checked(staging_id)

    def results(self, job_id: str) -> Path:
        return self.job(job_id) / "results"

    def log(self, job: Job) -> Path:
        """The log of a settled job, or of the run that goes on."""
        settled = self.job(job.id) / "log.txt"
        if settled.exists() or job.run_id is None:
            return settled
        return self._run(job) / "log.txt"

    def file_of(self, job_id: str, path: str) -> Path:
        """A result file that the job's outcome names. Raises NotFound where the tool left no plain file there."""
        root = self.results(job_id).resolve()
        found = (root / path).resolve()
        if not found.is_relative_to(root) or not found.is_file():
            raise NotFound("This job has no such file.")
        return found

    # Life of a job's folder

    @contextmanager
    def making_job(self, job_id: str) -> Iterator[Path]:
        """The folder of a job that is being submitted; gone again when that fails, now or by a crash."""
        folder = self.job(job_id)
        with self._half_made(self.root / "staging" / _checked(job_id), lambda: _remove(folder)):
            folder.mkdir()
            yield folder

    @contextmanager
    def making_children(self, batch_id: str, ids: list[str]) -> Iterator[None]:
        """While the jobs of a batch are submitted; their folders are gone again when that fails, now or by a crash."""
        with self._half_made(self._children_mark(batch_id), lambda: self._remove_jobs(ids), "\n".join(ids)):
            yield

    def mark_children(self, batch_id: str, ids: list[str]) -> Path:
        """Before a batch goes from the store. Until the mark is gone, the next start removes these jobs' folders."""
        mark = self._children_mark(batch_id)
        with suppress(Unavailable), full_disk_told():  # deleting is what makes room
            mark.write_text("\n".join(ids))
        return mark

    def _children_mark(self, batch_id: str) -> Path:
        return self.root / "staging" / f"{_checked(batch_id)}.children"

    def _remove_jobs(self, ids: list[str]) -> None:
        for job_id in ids:
            self.remove_job(job_id)

    @contextmanager
    def making_upload(self, file_id: str) -> Iterator[None]:
        """While a file is received and registered; its bytes are gone again when that fails, now or by a crash."""
        with self._half_made(self._upload_mark(file_id), lambda: _remove(self.upload(file_id))):
            yield

    @contextmanager
    def _half_made(self, mark: Path, remove: Callable[[], None], text: str = "") -> Iterator[None]:
        try:
            with full_disk_told():
                mark.write_text(text)
                yield
        except TimeoutError:
            raise  # the store may still take it: the next start finds the mark and looks
        except BaseException:
            remove()
            mark.unlink(missing_ok=True)
            raise
        mark.unlink(missing_ok=True)

    def half_made(self) -> list[str]:
        """Jobs whose submit an app that died had begun."""
        single = [entry.name for entry in os.scandir(self.root / "staging") if valid_id(entry.name)]
        children = [
            line for mark in (self.root / "staging").glob("*.children") for line in mark.read_text().split()
        ]
        return single + children

    def half_uploaded(self) -> list[str]:
        """Files whose upload an app that died had begun."""
        marks = (self.root / "staging").glob("*.upload")
        return [mark.stem for mark in marks if valid_id(mark.stem)]

    def remove_upload(self, file_id: str) -> None:
        """A folder goes as a whole for everybody who looks, and piece by piece only then."""
        gone = self.root / "staging" / f"{_checked(file_id)}.removed"
        with suppress(FileNotFoundError):
            self.upload(file_id).rename(gone)
            _remove(gone)

    @contextmanager
    def removing_upload(self, file_id: str) -> Iterator[None]:
        """While a file goes from the store; its bytes follow, after a crash in between at the next start."""
        mark = self._upload_mark(file_id)
        with suppress(Unavailable), full_disk_told():  # deleting is what makes room
            mark.touch()
        yield
        self.remove_upload(file_id)
        mark.unlink(missing_ok=True)

    def receive(self, file_id: str, stream: BinaryIO, limit_mb: int, floor_mb: int) -> tuple[int, str]:
        """Bring an upload to disk under its id: (bytes, sha256).

        Raises TooLarge, or Unavailable when less than `floor_mb` stay free, and leaves nothing then.
        """
        target = self.upload(file_id)
        temporary = self.root / "staging" / f"{target.name}.part"
        digest, size = hashlib.sha256(), 0
        try:
            with temporary.open("wb") as file:
                while chunk := stream.read(_CHUNK):
                    size += len(chunk)
                    if size > limit_mb * 2**20:
                        raise TooLarge(f"The file is larger than the {limit_mb} MB that this site takes.")
                    digest.update(chunk)
                    file.write(chunk)
                    if size // _LOOK > (size - len(chunk)) // _LOOK:
                        self.need_room(floor_mb)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)
        return size, digest.hexdigest()

    def write_request(self, folder: Path, request: dict[str, Any], *, durable: bool = False) -> None:
        """`job.json`: written once, before the job exists in the store.

        With `durable` it survives a power failure, and so do the inputs.
        """
        _write_request(folder / "job.json", request)
        if not durable:
            return
        sync_file(folder / "job.json")
        for below, _, names in os.walk(folder / "inputs"):
            for name in names:
                sync_file(Path(below, name))
            sync_folder(Path(below))
        for changed in (folder, folder.parent):
            sync_folder(changed)

    def make_request(self, job_id: str, request: dict[str, Any]) -> None:
        """The folder of a job that has no input files: whole, or not there."""
        folder, made = self.job(job_id), self.root / "staging" / f"{_checked(job_id)}.request"
        _write_request(made, request)
        folder.mkdir(exist_ok=True)
        made.replace(folder / "job.json")

    def has_request(self, job_id: str) -> bool:
        """Whether its `job.json` is there; one without bytes is what a power failure left."""
        with suppress(FileNotFoundError):
            return (self.job(job_id) / "job.json").stat().st_size > 0
        return False

    def request(self, job_id: str) -> dict[str, Any]:
        try:
            return json.loads((self.job(job_id) / "job.json").read_text())
        except FileNotFoundError:
            raise NotFound("The files of this job are not on this server.") from None

    def given(self, job: Job) -> dict[str, list[list[str]]]:
        """[path below the root, the person's name, format] of each input file, by input. A child of a batch without
        input files has no folder before it runs."""
        if job.batch is not None and job.run_id is None and not self.job(job.id).exists():
            return {}
        files: dict[str, list[list[str]]] = self.request(job.id)["files"]
        return files

    def mark_live(self, job_id: str) -> None:
        (self.root / "live" / _checked(job_id)).touch()

    def live(self) -> Iterator[str]:
        for entry in os.scandir(self.root / "live"):
            yield entry.name

    def runs(self, job_id: str) -> list[RunFolder]:
        """Every run's folder, in order of attempts."""
        attempts = self.job(job_id) / "attempts"
        if not attempts.is_dir():
            return []
        found = []
        for entry in attempts.iterdir():
            number, _, run_id = entry.name.partition("-")
            if number.isdigit() and valid_id(run_id):
                found.append(RunFolder(int(number), run_id, entry))
        return sorted(found, key=lambda run: run.attempt)

    def settle(self, job: Job) -> None:
        """Promote what the owner left, remove the rest. Idempotent: a crash in it is repaired by the next."""
        self.promote(job)
        _remove(self.job(job.id) / "attempts")
        (self.root / "live" / job.id).unlink(missing_ok=True)

    def promote(self, job: Job) -> None:
        """Put library items, results and log of an ended job in their place."""
        folder = self.job(job.id)
        if job.run_id is not None and (owner := self._run(job)).is_dir():
            if job.status is Status.COMPLETED and (owner / "out").is_dir():
                self._promote_library(owner / "out" / "library")
                _move(owner / "out", folder / "results")
            if (owner / "log.txt").exists():
                _move(owner / "log.txt", folder / "log.txt")

    def _promote_library(self, made: Path) -> None:
        """Each item by one rename, before `out` has another name: a crash leaves the rest where it is found again."""
        if not made.is_dir():
            return
        for item in made.iterdir():
            if valid_id(item.name) == item.name and not self.upload(item.name).exists():
                item.rename(self.upload(item.name))
        sync_folder(self.root / "uploads")
        _remove(made)

    def remove_run(self, job_id: str, attempt: int, run_id: str) -> None:
        _remove(self.job(job_id) / "attempts" / f"{attempt}-{_checked(run_id)}")

    def remove_job(self, job_id: str) -> None:
        _remove(self.job(job_id))
        (self.root / "live" / _checked(job_id)).unlink(missing_ok=True)

    def remove_unknown(self, job_id: str) -> None:
        """Clean up after a job that the store does not know, since it was deleted or its submit broke off.

        Where the store may have forgotten it (`note_lost_records`), its folder is set aside instead.
        """
        folder = self.job(job_id)
        if self._records_lost.exists() and folder.exists():
            aside = self.root / "jobs-without-record"
            aside.mkdir(exist_ok=True)
            _move(folder, aside / job_id)
        self.remove_job(job_id)

    def note_lost_records(self) -> None:
        """Until the next start is through, no folder is removed because its job is unknown."""
        self._records_lost.touch()

    def empty_staging(self) -> None:
        """The last thing that a start does with folders: whatever was half-made is settled."""
        for entry in (self.root / "staging").iterdir():
            _remove(entry)
        self._records_lost.unlink(missing_ok=True)

    @property
    def _records_lost(self) -> Path:
        return self.root / "records-lost"

    def need_room(self, floor_mb: int) -> None:
        """Raises Unavailable when less than this is free, in MB."""
        if shutil.disk_usage(self.root).free < floor_mb << 20:
            raise Unavailable(
                f"The server has less than {floor_mb} MB of free disk; nothing new is taken until there is."
            )

    def _upload_mark(self, file_id: str) -> Path:
        return self.root / "staging" / f"{_checked(file_id)}.upload"

    def _run(self, job: Job) -> Path:
        return self.job(job.id) / "attempts" / f"{job.attempt}-{job.run_id}"


@contextmanager
def full_disk_told() -> Iterator[None]:
    """A full disk as a sentence for the person who wanted to save something."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise Unavailable(DISK_FULL) from error


def sync_folder(path: Path) -> None:
    """Put a folder's entries on disk."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def sync_file(path: Path) -> None:
    """Put a file's bytes on disk."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link: the input stays readable through its job whatever happens to where it came from."""
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copyfile(source, target)
        sync_file(target)


def link_tree(source: Path, target: Path) -> int:
    """The same folder again, its files hard links; links in it are left out. Returns the bytes of its files.

    Raises FileNotFoundError when it is removed meanwhile.
    """
    size = 0
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                size += link_tree(source / entry.name, target / entry.name)
            elif entry.is_file(follow_symlinks=False):
                link_or_copy(source / entry.name, target / entry.name)
                size += (target / entry.name).stat().st_size
    return size


def _write_request(path: Path, request: dict[str, Any]) -> None:
    path.write_text(json.dumps(request, ensure_ascii=False))


def _checked(public_id: str) -> str:
    if valid_id(public_id) != public_id:
        raise NotFound("There is no such thing.")
    return public_id


def _move(source: Path, target: Path) -> None:
    if target.exists():
        _remove(target)
    source.rename(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=_make_writable)
    else:
        path.unlink(missing_ok=True)


def _make_writable(function: Any, path: str, error: Any) -> None:
    """A tool may have left a folder without write permission; a vanished entry is what we want."""
    if isinstance(error[1], FileNotFoundError):
        return
    parent = os.path.dirname(path)
    os.chmod(parent, stat.S_IRWXU)
    os.chmod(path, stat.S_IRWXU)
    function(path)
