"""What a job made for the library on its way to `uploads/`, whatever dies on the way."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.folders import Folders, link_tree
from data.records import Job, Status, new_id
from data.store import Store

from .conftest import make_job, started


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders(tmp_path / "files")


@pytest.fixture
def job(store: Store, team: str, person: str) -> Job:
    return replace(started(store, make_job(team=team, submitter=person)), status=Status.COMPLETED)


def leave(folders: Folders, job: Job, *ids: str) -> Path:
    """The `out` of the job's run with these items, a result and a log."""
    run = folders.job(job.id) / "attempts" / f"{job.attempt}-{job.run_id}"
    for file_id in ids:
        (run / "out" / "library" / file_id / "bowtie").mkdir(parents=True)
        (run / "out" / "library" / file_id / "bowtie" / "x.bt2").write_text(file_id)
    (run / "out").mkdir(parents=True, exist_ok=True)
    (run / "out" / "report.tsv").write_text("a\n")
    (run / "log.txt").write_text("a line\n")
    folders.mark_live(job.id)
    return run / "out"


def uploads(folders: Folders) -> dict[str, str]:
    """What each folder of the library holds."""
    return {
        folder.name: (folder / "bowtie" / "x.bt2").read_text()
        for folder in (folders.root / "uploads").iterdir()
    }


def test_items_go_to_the_library_and_the_rest_becomes_the_results(folders: Folders, job: Job) -> None:
    ids = [new_id(), new_id()]
    leave(folders, job, *ids)
    for _ in range(2):
        folders.settle(job)
        assert uploads(folders) == {file_id: file_id for file_id in ids}
        assert [entry.name for entry in folders.results(job.id).iterdir()] == ["report.tsv"]
    assert not (folders.job(job.id) / "attempts").exists() and not list(folders.live())


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.TIMEOUT, Status.PROCESSING])
def test_only_a_completed_job_brings_anything(folders: Folders, job: Job, status: Status) -> None:
    leave(folders, job, new_id())
    folders.settle(replace(job, status=status))
    assert not uploads(folders) and not folders.results(job.id).exists()
    assert not (folders.job(job.id) / "attempts").exists()


def test_a_run_that_lost_brings_nothing(folders: Folders, job: Job) -> None:
    leave(folders, replace(job, run_id=new_id()), new_id())
    folders.settle(job)
    assert not uploads(folders) and not (folders.job(job.id) / "attempts").exists()


class Died(BaseException):
    """The app, at this moment."""


def dying_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], None]:
    """Before the rename of this number; returns what brings renaming back."""
    rename, calls = Path.rename, iter(range(100))

    def renamed(self: Path, target: Any) -> Path:
        if next(calls) == number:
            raise Died
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    return lambda: monkeypatch.setattr(Path, "rename", rename)


@pytest.mark.parametrize("number", range(4))
def test_a_crash_before_any_of_the_renames_is_made_good_by_the_next_start(
    folders: Folders, job: Job, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Two items, the results, the log: each item is whole or not there, and the job is found again."""
    ids = [new_id(), new_id()]
    leave(folders, job, *ids)
    alive_again = dying_at(monkeypatch, number)
    with pytest.raises(Died):
        folders.settle(job)
    assert all(content == file_id for file_id, content in uploads(folders).items())
    assert len(uploads(folders)) == min(number, 2)
    assert list(folders.live()) == [job.id]
    alive_again()
    folders.settle(job)
    assert uploads(folders) == {file_id: file_id for file_id in ids}
    assert (folders.results(job.id) / "report.tsv").exists() and folders.log(job).read_text() == "a line\n"


def test_a_disk_that_fails_leaves_the_rest_for_the_next_time(
    folders: Folders, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave(folders, job, new_id())
    rename = Path.rename

    def fails(self: Path, target: Any) -> Path:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "rename", fails)
    with pytest.raises(OSError, match="Input/output"):
        folders.promote(job)
    assert not folders.results(job.id).exists()
    monkeypatch.setattr(Path, "rename", rename)
    folders.promote(job)
    assert len(uploads(folders)) == 1


def test_no_file_of_the_library_is_ever_overwritten(folders: Folders, job: Job) -> None:
    file_id = new_id()
    folders.upload(file_id).write_text("somebody's")
    leave(folders, job, file_id)
    folders.settle(job)
    assert folders.upload(file_id).read_text() == "somebody's"


def test_what_has_no_id_stays_out_of_the_library(folders: Folders, job: Job) -> None:
    out = leave(folders, job)
    (out / "library" / "poem").mkdir(parents=True)
    folders.settle(job)
    assert not uploads(folders)


# Removing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [False, True])
def test_a_removed_file_is_gone_with_all_that_is_in_it(folders: Folders, folder: bool) -> None:
    file_id = new_id()
    if folder:
        (folders.upload(file_id) / "deep").mkdir(parents=True)
        (folders.upload(file_id) / "deep" / "x").write_text("x")
    else:
        folders.upload(file_id).write_text("x")
    for _ in range(2):
        folders.remove_upload(file_id)
        assert not list((folders.root / "uploads").iterdir()) and not list(
            (folders.root / "staging").iterdir()
        )


def test_a_crash_while_a_file_is_removed_is_known_at_the_next_start(folders: Folders) -> None:
    file_id = new_id()
    folders.upload(file_id).write_text("x")
    with pytest.raises(Died), folders.removing_upload(file_id):
        raise Died
    assert folders.half_uploaded() == [file_id] and folders.upload(file_id).exists()
    with folders.removing_upload(file_id):
        assert folders.upload(file_id).exists(), "until the store has struck it"
    assert folders.half_uploaded() == [] and not folders.upload(file_id).exists()


# Linking -------------------------------------------------------------------------------------------------------


def test_a_folder_is_linked_file_by_file_and_leads_nowhere_else(folders: Folders, tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "a").write_text("12345")
    (source / "deep" / "b").write_text("678")
    (source / "out").symlink_to("/etc")
    (source / "deep" / "file").symlink_to("/etc/hostname")
    assert link_tree(source, target) == 8
    found = sorted(str(path.relative_to(target)) for path in target.rglob("*"))
    assert found == ["a", "deep", "deep/b", "deep/empty"]
    assert (target / "deep" / "b").stat().st_ino == (source / "deep" / "b").stat().st_ino
    (source / "a").unlink()
    assert (target / "a").read_text() == "12345"


def test_a_folder_that_goes_away_is_not_linked_by_half(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link_tree(tmp_path / "gone", tmp_path / "target")
