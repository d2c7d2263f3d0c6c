"""What a full disk, a store that refuses, and a crash leave of uploads and submits: a sentence and no debris."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute.workbench import Submission, Workbench
from data import folders
from data.errors import Unavailable
from data.records import Person, new_id
from tests.disks import fill, small_disk
from tests.laboratory import Laboratory

MB = 2**20


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Laboratory]:
    """Its files lie on 16 MB of disk, of which 4 are to stay free."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text("[limits]\nfree_disk_mb = 4\n")
    with small_disk(tmp_path / "files", "16m") as files:
        lab = Laboratory(home, WELLPLATE_FILES=str(files))
        yield lab
        lab.close()


def kept(lab: Laboratory) -> list[str]:
    names = ("uploads", "staging", "jobs", "live")
    return [path.name for name in names for path in (lab.settings.files / name).iterdir()]


class Dripping(io.RawIOBase):
    """An upload of this many bytes; `meanwhile` happens in its middle."""

    def __init__(self, size: int, meanwhile: Any = lambda: None) -> None:
        self._left, self._half, self._meanwhile = size, size // 2, meanwhile

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        if self._left <= self._half:
            self._meanwhile()
            self._meanwhile = lambda: None
        count = min(len(target), self._left)
        target[:count] = b"A" * count
        self._left -= count
        return count


def test_an_upload_leaves_the_others_their_room(small: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_LOOK", MB)
    ada = small.join("ada")
    assert small.workbench.upload(ada, "a.fasta", Dripping(6 * MB)).size == 6 * MB
    with pytest.raises(Unavailable, match="less than 4 MB"):
        small.workbench.upload(ada, "b.fasta", Dripping(9 * MB))
    assert len(kept(small)) == 1


def test_a_disk_that_fills_up_during_an_upload_is_told(small: Laboratory) -> None:
    ada = small.join("ada")
    with pytest.raises(Unavailable, match="disk is full"):
        small.workbench.upload(ada, "a.fasta", Dripping(4 * MB, lambda: fill(small.settings.files)))
    assert kept(small) == []


def test_a_disk_that_fills_up_during_a_submit_is_told_and_nothing_is_charged(
    small: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = small.join("ada")
    text = {"sequences": {"text": ">a\n" + "ACGT" * 50_000 + "\n", "name": "a.fasta"}}
    submission = Submission(tool="convert-sequences", inputs=text, settings={"to": "tab"})
    # Somebody else fills the disk between the look at what is free and the writing.
    monkeypatch.setattr(small.folders, "need_room", lambda floor_mb: fill(small.settings.files) and None)
    before = small.workbench.credits.balance(ada)
    with pytest.raises(Unavailable, match="disk is full"):
        small.workbench.submit(ada, submission)
    with pytest.raises(Unavailable, match="disk is full"):
        small.workbench.quote(ada, submission)
    assert (kept(small), small.workbench.credits.balance(ada)) == ([], before)
    assert small.workbench.jobs(ada).jobs == []


def test_a_file_that_cannot_be_registered_is_not_kept(lab: Laboratory, ada: Person) -> None:
    stream = Dripping(1000, lab.store.close)
    with pytest.raises(Unavailable):
        lab.workbench.upload(ada, "a.fasta", stream)
    assert kept(lab) == []


def test_bytes_of_an_upload_that_a_crash_cut_off_go_with_the_next_start(lab: Laboratory, ada: Person) -> None:
    whole = lab.workbench.upload(ada, "a.fasta", Dripping(1000))
    lost = new_id()
    for file_id in (lost, whole.id):  # the app died before it could take its marks away
        (lab.settings.files / "staging" / f"{file_id}.upload").touch()
    lab.folders.upload(lost).write_bytes(b"half registered")
    nothing: Any = None
    Workbench(lab.settings, lab.store, lab.folders, lab.accounts, nothing, nothing)
    assert [path.name for path in (lab.settings.files / "uploads").iterdir()] == [whole.id]
