from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from compute import commands
from data import backup, jobs
from data.records import Role
from data.store import Store
from tests.data.conftest import make_team
from tests.data.test_backup import completed
from tests.laboratory import PASSWORD, Laboratory


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The command line sets the process's own."""
    earlier = os.umask(0o022)
    yield
    os.umask(earlier)


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[tuple[Path, str, str]]:
    """A backup with a job whose files are in it, and one whose are not."""
    store, files = Store(tmp_path / "old" / "wellplate.duckdb"), tmp_path / "old" / "files"
    team = make_team(store, 100)
    kept, lost = completed(store, files, team), completed(store, files, team)
    shutil.rmtree(files / "jobs" / lost)
    yield backup.backup(store, files, tmp_path / "saved"), kept, lost
    store.close()


def test_restore_fills_the_sites_own_folders_and_counts_what_is_not_there(
    tmp_path: Path,
    saved: tuple[Path, str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, kept, lost = saved
    home, shared = tmp_path / "home", tmp_path / "shared"
    monkeypatch.setenv("WELLPLATE_HOME", str(home))
    monkeypatch.setenv("WELLPLATE_FILES", str(shared))
    assert commands.main(["restore", str(source)]) == 0
    assert "not in the backup: 1." in capsys.readouterr().out
    assert (shared / "jobs" / kept / "results" / "poses.parquet").exists()
    assert not (home / "files").exists()
    again = Store(home / "wellplate.duckdb")
    detail = jobs.detail(again, lost)
    assert detail is not None and detail.warnings == [backup.LOST]
    again.close()


def test_an_invitation_that_was_sent_before_the_backup_is_taken_up_after_the_restore(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path / "old")
    made = lab.workbench.invitations.to_team(lab.admin, "eve@other.example", Role.MEMBER)
    link = lab.workbench.invitations.link(made)
    saved = lab.workbench.backup(lab.admin)
    lab.close()
    backup.restore(saved, tmp_path / "new")

    again = Laboratory(tmp_path / "new")
    token = link.partition("?token=")[2]
    signed_in = again.workbench.invitations.register(token, "Eve", PASSWORD, client="test")
    assert (signed_in.person.team, signed_in.person.role) == (lab.admin.team, Role.MEMBER)
    again.close()


def test_what_cannot_be_done_is_said(
    tmp_path: Path,
    saved: tuple[Path, str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WELLPLATE_HOME", str(tmp_path / "old"))
    assert commands.main(["restore", str(saved[0])]) == 1
    assert "is not empty" in capsys.readouterr().err
    monkeypatch.setenv("WELLPLATE_HOME", str(tmp_path / "none"))
    assert commands.main(["move-wal-aside"]) == 1
    assert "no write-ahead log" in capsys.readouterr().err
