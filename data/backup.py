"""Backup of database and files together while the app runs, restore, and the way out of a damaged write-ahead log.

A backup is a folder or a .tar with backup.json, wellplate.duckdb, files/, the site's settings.toml and its secret.key,
without which no link that it has sent would open anything any more. The database comes first, as one snapshot; the
files follow while work goes on. So a job in it may lack its folder (deleted meanwhile: `restore` says so in the job's
warnings), and a folder may know more than the database (a run that ended meanwhile: the app folds its outcome in when
it starts, as after a crash). What runs still compute is not kept: they start again.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from data import rows
from data.database import connect, is_storage, mark_of, transaction, wal_of
from data.errors import BadInput, Unavailable
from data.folders import Folders
from data.records import new_id, utcnow
from data.store import Store

DATABASE = "wellplate.duckdb"
#: Of a files root, what a backup holds, in this order: a job that is settled meanwhile is in it with its mark, and what
#: it made for the library lies in its folder or, later, among the uploads. Staging is what is being made.
PARTS = ("live", "jobs", "uploads")
#: Of a home, beside database and files; compute/people/sessions.py makes the key.
SITE_FILES = ("settings.toml", "secret.key")
LOST = "The files of this result were not in the backup from which this site was restored."


@dataclass(frozen=True, slots=True)
class Restored:
    home: Path
    #: Ids of completed jobs whose results are not there.
    without_files: list[str]


def backup(store: Store, files_root: Path, target: Path) -> Path:
    """Write a backup to a new folder, or to a new file that ends in .tar; in the app's process, beside all work."""
    if target.exists() and (target.is_file() or any(target.iterdir())):
        raise BadInput(
            f"{target} exists already. Name a new folder or .tar file for the backup.", field="target"
        )
    partial = target.with_name(f".{target.name}.{new_id()[:8]}.partial")
    try:
        partial.mkdir(parents=True)
        _copy_database(store, partial / DATABASE)
        _copy_site_files(store.path.parent, partial)
        _copy_files(files_root, partial / "files")
        (partial / "backup.json").write_text(rows.dump({"made_at": utcnow()}))
        if target.suffix == ".tar":
            _pack(partial, target)
        else:
            _sync_tree(partial)
            partial.rename(target)
    except OSError as error:
        raise Unavailable(f"The backup to {target} failed: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def restore(source: Path, home: Path, files_root: Path | None = None) -> Restored:
    """Make a home from a backup. `files_root` where the site keeps its files elsewhere than in HOME/files."""
    files = files_root or home / "files"
    for folder in (home, files):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadInput(
                f"{folder} is not empty. Restore into a new home, so that nothing is overwritten.",
                field="home",
            )
    with _unpacked(source, home) as tree:
        if not (tree / "backup.json").is_file() or not (tree / DATABASE).is_file():
            raise BadInput(f"{source} is not a backup: backup.json or {DATABASE} is missing.", field="source")
        home.mkdir(parents=True, exist_ok=True)
        _move_into(tree / "files", files)
        (tree / "files").rmdir()
        without_files = _note_lost(tree / DATABASE, files)
        _move_into(tree, home)
    (home / "backup.json").unlink()
    return Restored(home, without_files)


def move_wal_aside(path: Path, files_root: Path) -> Path:
    """Go on without the changes that a damaged write-ahead log holds; returns where the log is kept.

    Lost is what was written since the last checkpoint: at most 64 MB of log, usually the last seconds before the crash,
    but money included: jobs submitted then are gone, jobs that ended then are waiting or running again, grants and
    charges of that time are undone. The log and its mark are kept under the time of this call, and the next start
    sets aside what it finds of jobs that are gone.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = wal_of(path).with_name(f"{wal_of(path).name}.damaged-{stamp}")
    if not path.exists() or not (wal_of(path).exists() or mark_of(path).exists()):
        raise BadInput(f"{path} has no write-ahead log to move aside.", field="path")
    _refuse_in_use(path)
    Folders(files_root).note_lost_records()
    if wal_of(path).exists():
        wal_of(path).rename(kept)
    if mark_of(path).exists():
        mark_of(path).rename(mark_of(path).with_name(f"{mark_of(path).name}.damaged-{stamp}"))
    return kept


def _copy_database(store: Store, target: Path) -> None:
    """One snapshot, while others write."""
    name = f"backup_{new_id()[:8]}"
    with store.database.cursor() as cursor:
        source = cursor.execute("select current_database()").fetchall()[0][0]
        try:
            cursor.execute(f"attach '{_quoted(target)}' as {name}")
            try:
                cursor.execute(f'copy from database "{source}" to {name}')
            finally:
                cursor.execute(f"detach {name}")
        except duckdb.Error as error:
            if not is_storage(error):
                raise
            raise Unavailable(f"The backup to {target.parent} failed: {error}") from error


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _copy_site_files(home: Path, target: Path) -> None:
    for name in SITE_FILES:
        if (home / name).exists():
            shutil.copy(home / name, target / name)  # with its mode: a key is for its owner only


def _copy_files(root: Path, target: Path) -> None:
    for part in PARTS:
        (target / part).mkdir(parents=True)
        if not (root / part).exists():
            continue
        for entry in sorted((root / part).iterdir()):
            _copy_entry(entry, target / part / entry.name)


def _copy_entry(source: Path, target: Path) -> None:
    """Again when it changed under our hands: a job that has just been settled or deleted."""
    for _ in range(3):
        try:
            if source.is_dir():
                shutil.copytree(source, target, symlinks=True, ignore=_working_folders)
            elif source.exists():
                shutil.copy2(source, target, follow_symlinks=False)
            return
        except (FileNotFoundError, shutil.Error):
            shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        raise Unavailable(
            f"The backup failed: {source} changed again and again while it was copied. Try again."
        )


def _working_folders(folder: str, names: list[str]) -> list[str]:
    """jobs/<id>/attempts/<run>/work is of no use without its process."""
    return ["work"] if Path(folder).parent.name == "attempts" and "work" in names else []


def _pack(folder: Path, target: Path) -> None:
    written = target.with_name(f".{target.name}.{new_id()[:8]}.partial")
    try:
        with written.open("wb") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(folder, arcname=".")
            file.flush()
            os.fsync(file.fileno())
        written.rename(target)
    finally:
        written.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.fsync(file.fileno())


@contextmanager
def _unpacked(source: Path, home: Path) -> Iterator[Path]:
    """A copy of the backup beside the home to be, which may be taken apart."""
    if not source.exists():
        raise BadInput(f"{source} does not exist.", field="source")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{home.name}-restore-", dir=home.parent) as made:
        tree = Path(made) / "tree"
        if source.is_dir():
            shutil.copytree(source, tree, symlinks=True)
        else:
            _extract(source, tree)
        yield tree


def _extract(source: Path, tree: Path) -> None:
    try:
        with tarfile.open(source) as archive:
            archive.extractall(tree, filter="data")
    except tarfile.TarError as error:
        raise BadInput(f"{source} is not a whole .tar file: {error}.", field="source") from error


def _move_into(source: Path, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir()):
        shutil.move(entry, target / entry.name)


def _note_lost(database: Path, files: Path) -> list[str]:
    """Say in the result of every completed job without its folder that its files are not there."""
    with connect(database) as connection:
        wanted = connection.execute(
            "select j.seq, j.id, r.warnings from jobs j join results r on r.seq = j.seq "
            "where r.files <> '[]' or r.tables <> '[]'"
        ).fetchall()
        lost = [
            (seq, str(job), json.loads(warnings))
            for seq, job, warnings in wanted
            if not _kept(files, str(job))
        ]
        with transaction(connection):
            connection.execute(
                "update results set warnings = l.warnings "
                "from (select unnest($seqs::bigint[]) as seq, unnest($warnings::varchar[]) as warnings) l "
                "where results.seq = l.seq",
                {
                    "seqs": [seq for seq, _, _ in lost],
                    "warnings": [rows.dump([*warnings, LOST]) for _, _, warnings in lost],
                },
            )
    return [job for _, job, _ in lost]


def _kept(files: Path, job: str) -> bool:
    folder = files / "jobs" / job
    return (folder / "results").is_dir() or any(folder.glob("attempts/*/out"))


def _refuse_in_use(path: Path) -> None:
    """Raises when an app has the database open: its log must not be taken away from it."""
    second = path.with_name(f".{path.name}.{new_id()[:8]}")
    os.link(path, second)
    try:
        connect(second, read_only=True).close()
    except duckdb.Error as error:
        raise Unavailable(f"{path} cannot be opened; stop the app first. ({error})") from error
    finally:
        second.unlink()
