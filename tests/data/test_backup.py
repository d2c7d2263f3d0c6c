from __future__ import annotations

import os
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from data import backup, jobs, ledger
from data.errors import BadInput
from data.folders import Folders
from data.records import Job, JobFilter, Status, new_id
from data.store import Store

from .conftest import make_job, make_person, make_team, outcome_of, started


@pytest.fixture
def files(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    for name in ("uploads", "jobs", "live", "staging"):
        (root / name).mkdir(parents=True)
    return root


def completed(store: Store, files: Path, team: str) -> str:
    job = started(store, make_job(team=team, submitter=make_person(store)))
    table = {"name": "poses", "title": "Poses", "file": "poses.parquet", "columns": []}
    assert jobs.finish(store, outcome_of(job, summary={"poses": 9}, tables=[table])).result()
    folder = files / "jobs" / job.id / "results"
    folder.mkdir(parents=True)
    (folder / "poses.parquet").write_bytes(b"PAR1")
    (files / "jobs" / job.id / "job.json").write_text("{}")
    return job.id


@pytest.mark.parametrize("name", ["kept", "kept.tar"])
def test_a_backup_restores_into_an_empty_home(
    store: Store, files: Path, tmp_path: Path, team: str, name: str
) -> None:
    job = completed(store, files, team)
    upload = new_id()
    (files / "uploads" / upload).write_bytes(b"ATOM")
    (files / "staging" / "half").write_bytes(b"?")
    work = files / "jobs" / new_id() / "attempts" / f"1-{new_id()}"
    (work / "work").mkdir(parents=True)
    (work / "work" / "huge").write_bytes(b"0")
    (work / "outcome.json").write_text("{}")
    (store.path.parent / "settings.toml").write_text("[jobs]\nretries = 1\n")

    assert backup.backup(store, files, tmp_path / name) == tmp_path / name
    restored = backup.restore(tmp_path / name, tmp_path / "home")

    assert restored.without_files == []
    home = tmp_path / "home"
    assert sorted(item.name for item in home.iterdir()) == ["files", "settings.toml", "wellplate.duckdb"]
    assert (home / "files/uploads" / upload).read_bytes() == b"ATOM"
    assert (home / "files/jobs" / job / "results/poses.parquet").read_bytes() == b"PAR1"
    kept = home / work.relative_to(files.parent)
    assert (kept / "outcome.json").exists() and not (kept / "work").exists()
    assert not (home / "files/staging").exists()
    again = Store(home / "wellplate.duckdb")
    assert again.read_only is None
    assert jobs.detail(again, job) == jobs.detail(store, job)
    assert ledger.balance(again, team) == ledger.balance(store, team)
    assert jobs.submit(again, make_job(team=team, submitter=new_id())).result().created
    again.close()


def settling(files: Path, store: Store, team: str) -> tuple[Folders, Job, str]:
    """A job that has completed and is not settled, and the file that it made."""
    job = replace(started(store, make_job(team=team, submitter=make_person(store))), status=Status.COMPLETED)
    item = {"id": new_id(), "name": "S", "format": "sample", "facts": {}, "bytes": 1}
    assert jobs.finish(store, outcome_of(job, library=[item])).result()
    folder = files / "jobs" / job.id / "attempts" / f"1-{job.run_id}" / "out" / "library" / item["id"]
    folder.mkdir(parents=True)
    (folder / "about.json").write_text("{}")
    (files / "live" / job.id).touch()
    return Folders(files), job, item["id"]


@pytest.mark.parametrize("before", ["jobs", "uploads", "never"])
def test_what_a_job_made_is_in_a_backup_whenever_the_job_is_settled(
    store: Store, files: Path, tmp_path: Path, team: str, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """It moves from the job's folder to the uploads while both are copied."""
    folders, job, item = settling(files, store, team)
    copy = backup._copy_entry

    def copied(source: Path, target: Path) -> None:
        if source.parent.name == before:
            folders.settle(job)
        copy(source, target)

    (files / "uploads" / new_id()).touch()
    (files / "jobs" / new_id()).mkdir()
    monkeypatch.setattr(backup, "_copy_entry", copied)
    backup.backup(store, files, tmp_path / "b")
    backup.restore(tmp_path / "b", tmp_path / "home")

    restored = Folders(tmp_path / "home" / "files")
    assert list(restored.live()) == [job.id]
    restored.settle(job)
    assert (restored.upload(item) / "about.json").exists()
    assert not (restored.job(job.id) / "attempts").exists()


@pytest.mark.parametrize("name", ["kept", "kept.tar"])
def test_signed_links_hold_after_a_restore(store: Store, files: Path, tmp_path: Path, name: str) -> None:
    """The key with which they are signed comes along, for its owner only."""
    key = store.path.parent / "secret.key"
    key.write_text("signs links")
    key.chmod(0o600)

    backup.backup(store, files, tmp_path / name)
    backup.restore(tmp_path / name, tmp_path / "home")

    restored = tmp_path / "home" / "secret.key"
    assert restored.read_text() == "signs links"
    assert restored.stat().st_mode & 0o777 == 0o600


def test_a_backup_is_one_moment_while_others_write(store: Store, files: Path, tmp_path: Path) -> None:
    """Every submit writes a job, a hold and the team's sum; a backup that mixed two moments would not add up."""
    team, stop = make_team(store, 1_000_000), threading.Event()
    written = threading.Semaphore(0)

    def work() -> None:
        while not stop.is_set():
            jobs.submit(store, make_job(team=team, submitter=new_id(), credits=1)).result()
            written.release()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            for _ in range(5):
                written.acquire()
            backup.backup(store, files, tmp_path / f"b{number}")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    for number in range(3):
        backup.restore(tmp_path / f"b{number}", tmp_path / f"home{number}")
        again = Store(tmp_path / f"home{number}" / "wellplate.duckdb")
        held = ledger.balance(again, team).held
        assert held == jobs.counts(again, team, JobFilter())[Status.PENDING] >= 5
        assert held == sum(entry.held for entry in ledger.entries(again, team, 100_000))
        again.close()


def test_a_job_whose_folder_is_missing_says_so(store: Store, files: Path, tmp_path: Path, team: str) -> None:
    """The database is copied first: a job that is deleted before the files are copied is still in it."""
    lost, whole = completed(store, files, team), completed(store, files, team)
    shutil.rmtree(files / "jobs" / lost)
    backup.backup(store, files, tmp_path / "b")
    restored = backup.restore(tmp_path / "b", tmp_path / "home")
    assert restored.without_files == [lost]
    again = Store(tmp_path / "home" / "wellplate.duckdb")
    detail, other = jobs.detail(again, lost), jobs.detail(again, whole)
    assert detail is not None and detail.warnings == [backup.LOST]
    assert other is not None and other.warnings == []
    again.close()


def test_files_may_be_restored_elsewhere(store: Store, files: Path, tmp_path: Path, team: str) -> None:
    job = completed(store, files, team)
    backup.backup(store, files, tmp_path / "b")
    backup.restore(tmp_path / "b", tmp_path / "home", tmp_path / "shared")
    assert (tmp_path / "shared/jobs" / job / "results").is_dir()
    assert not (tmp_path / "home/files").exists()


def test_restore_overwrites_nothing(store: Store, files: Path, tmp_path: Path) -> None:
    backup.backup(store, files, tmp_path / "b")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "note.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty"):
        backup.restore(tmp_path / "b", tmp_path / "home")
    assert os.listdir(tmp_path / "home") == ["note.txt"]


def test_backup_overwrites_nothing(store: Store, files: Path, tmp_path: Path) -> None:
    backup.backup(store, files, tmp_path / "b.tar")
    before = (tmp_path / "b.tar").read_bytes()
    with pytest.raises(BadInput, match="exists already"):
        backup.backup(store, files, tmp_path / "b.tar")
    assert (tmp_path / "b.tar").read_bytes() == before


@pytest.mark.parametrize("kind", ["missing", "noise", "other tar", "folder"])
def test_what_is_no_backup_is_refused_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    if kind == "noise":
        source.write_bytes(os.urandom(5000))
    if kind == "other tar":
        with tarfile.open(source, "w") as archive:
            archive.add(__file__, arcname="x.py")
    if kind == "folder":
        source.mkdir()
    with pytest.raises(BadInput):
        backup.restore(source, tmp_path / "home")
    assert not (tmp_path / "home").exists()
    assert [item.name for item in tmp_path.iterdir()] in ([], ["source"])


def test_a_tar_cannot_write_outside_of_the_home(tmp_path: Path) -> None:
    source = tmp_path / "evil.tar"
    with tarfile.open(source, "w") as archive:
        archive.add(__file__, arcname="../evil.py")
    with pytest.raises(BadInput):
        backup.restore(source, tmp_path / "home")
    assert not list(tmp_path.rglob("evil.py"))
