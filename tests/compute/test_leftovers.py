"""Folders that a crash left without their job's row, and what the next start does with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute.queue.runs import Runs
from compute.workbench import Submission
from data import backup
from data.records import Person, new_id
from data.store import Store
from tests.laboratory import BODY, Laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


def ended(lab: Laboratory, person: Person) -> str:
    job_id = lab.workbench.submit(person, Submission(**BODY)).id
    lab.start(job_id)
    lab.complete(job_id, {"a.tab": b"a\tACGT\n"})
    return job_id


def start_again(lab: Laboratory) -> None:
    """What a start does with folders (the dispatcher's `open`)."""
    nothing: Any = None
    runs = Runs(lab.settings, lab.store, lab.folders, nothing, post=nothing, io=nothing, calls=nothing)
    for job_id in [*lab.folders.half_made(), *lab.folders.live()]:
        runs.recover(job_id)
    lab.folders.empty_staging()


class Crash(Exception):
    pass


def test_a_crash_after_a_delete_leaves_no_folder_for_ever(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = ended(lab, lab.admin)

    def die(job_id: str) -> None:
        raise Crash

    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr(lab.folders, "remove_job", die)
        lab.workbench.delete(lab.admin, job_id)
    assert lab.workbench.jobs(lab.admin).jobs == []
    assert lab.folders.job(job_id).exists()
    start_again(lab)
    assert not lab.folders.job(job_id).exists()
    assert list(lab.folders.live()) == []


def test_a_job_that_could_not_be_deleted_keeps_its_folder(
    lab: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ended(lab, lab.admin)

    def die(*_: Any) -> None:
        raise Crash

    with monkeypatch.context() as patched, pytest.raises(Crash):
        patched.setattr("data.jobs.delete", die)
        lab.workbench.delete(lab.admin, kept)
    start_again(lab)
    assert (lab.folders.results(kept) / "a.tab").exists()
    assert list(lab.folders.live()) == []


def test_jobs_of_which_the_record_was_lost_are_set_aside_by_one_start(lab: Laboratory) -> None:
    running, half_made = new_id(), new_id()
    for job_id in (running, half_made):
        lab.folders.job(job_id).mkdir()
        (lab.folders.job(job_id) / "job.json").write_text("{}")
    lab.folders.mark_live(running)
    (lab.settings.files / "staging" / half_made).touch()
    known = ended(lab, lab.admin)
    lab.store.close()
    backup.move_wal_aside(lab.settings.database, lab.settings.files)
    lab.store = Store(lab.settings.database)
    start_again(lab)
    aside = lab.settings.files / "jobs-without-record"
    assert {path.name for path in aside.iterdir()} == {running, half_made}
    assert (aside / running / "job.json").exists()
    assert list(lab.folders.live()) == []
    assert (lab.folders.results(known) / "a.tab").exists()

    later = new_id()
    lab.folders.job(later).mkdir()
    lab.folders.mark_live(later)
    start_again(lab)
    assert not lab.folders.job(later).exists()
    assert {path.name for path in aside.iterdir()} == {running, half_made}
