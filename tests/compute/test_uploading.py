"""Uploads in parts: whatever breaks, nothing is half-registered and nothing that counted is lost."""

from __future__ import annotations

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from compute import turns, uploading
from compute.turns import Busy
from compute.uploading import Upload, Uploading
from compute.workbench import Workbench
from data import library, parts
from data.errors import Conflict, Forbidden, NotFound, TooMany, Unavailable
from data.parts import ChecksumMismatch, Parts
from data.records import Person, Role, StoredFile, Visibility, utcnow
from tests.disks import fill, small_disk
from tests.laboratory import Laboratory

MB = 2**20
CONTENT = b">a\nACGT\n" * 1000
WHOLE = hashlib.sha256(CONTENT).hexdigest()


class Crash(BaseException):
    """The process dies here: nothing of what comes after is done."""


class Breaking(io.RawIOBase):
    """A connection that brings these bytes, in small pieces, and breaks."""

    def __init__(self, content: bytes, error: BaseException | None = None) -> None:
        self._content, self._error = io.BytesIO(content), error or ConnectionResetError("gone")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        piece = self._content.read(min(len(target), 1000))
        if not piece:
            raise self._error
        target[: len(piece)] = piece
        return len(piece)


def stream(content: bytes) -> io.RawIOBase:
    class Whole(Breaking):
        def readinto(self, target: Any) -> int:
            try:
                return super().readinto(target)
            except ConnectionResetError:
                return 0

    return Whole(content)


def restarted(lab: Laboratory) -> Uploading:
    """What the next process makes of what is on disk; the one before it does nothing more."""
    nothing: Any = None
    lab.folders.empty_staging()
    lab.workbench = Workbench(lab.settings, lab.store, lab.folders, lab.accounts, nothing, nothing)
    return lab.workbench.uploading


def kept(lab: Laboratory) -> dict[str, list[str]]:
    found = {
        name: sorted(path.name for path in (lab.settings.files / name).iterdir())
        for name in ("parts", "uploads", "staging")
    }
    return {name: names for name, names in found.items() if names}


def registered(lab: Laboratory, person: Person) -> list[StoredFile]:
    return lab.workbench.uploads(person)


def goes_on(bench: Uploading, person: Person, upload: Upload) -> StoredFile:
    """From where the server is to the end, as a client would."""
    now = bench.look(person, upload.id)
    if now.file is None:
        now = bench.append(person, upload.id, now.offset, stream(CONTENT[now.offset :]))
    assert now.file is not None
    return now.file


def is_whole(lab: Laboratory, person: Person, file: StoredFile) -> None:
    assert [each.id for each in registered(lab, person)] == [file.id]
    assert (file.sha256, file.size, file.format) == (WHOLE, len(CONTENT), "fasta")
    assert lab.folders.upload(file.id).read_bytes() == CONTENT
    assert kept(lab) == {"uploads": [file.id]}


def test_what_came_before_the_connection_broke_counts(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    with pytest.raises(ConnectionResetError):
        bench.append(ada, upload.id, 0, Breaking(CONTENT[:2500]))
    assert bench.look(ada, upload.id).offset == 2500
    is_whole(lab, ada, goes_on(bench, ada, upload))


def test_a_restart_in_the_middle_costs_nothing(lab: Laboratory, ada: Person) -> None:
    upload = lab.workbench.uploading.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    with pytest.raises(ConnectionResetError):
        lab.workbench.uploading.append(ada, upload.id, 0, Breaking(CONTENT[:2500]))
    bench = restarted(lab)
    assert bench.look(ada, upload.id).offset == 2500
    is_whole(lab, ada, goes_on(bench, ada, upload))


def test_a_crash_while_bytes_come_leaves_those_that_counted(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written after the last look is written again; the file is cut to what counts."""
    monkeypatch.setattr(parts, "SYNCED", 2000)
    upload = lab.workbench.uploading.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    monkeypatch.setattr(parts._Growth, "count", dying_after(2, parts._Growth.count))
    with pytest.raises(Crash):
        lab.workbench.uploading.append(ada, upload.id, 0, stream(CONTENT))
    monkeypatch.undo()
    assert (lab.settings.files / "parts" / upload.id).stat().st_size == 6000
    bench = restarted(lab)
    assert bench.look(ada, upload.id).offset == 4000
    is_whole(lab, ada, goes_on(bench, ada, upload))


def dying_after(times: int, verb: Callable[..., Any], *, after: bool = False) -> Callable[..., Any]:
    """The verb, which the process does not survive when it is called once more; `after` it has done its work."""
    left = times

    def called(*arguments: Any, **named: Any) -> Any:
        nonlocal left
        if left == 0 and after:
            verb(*arguments, **named)
        if left <= 0:
            left -= 1
            raise Crash
        left -= 1
        return verb(*arguments, **named)

    return called


def dies_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, after: bool) -> None:
    """What would clean up behind an error is not done either: the process is gone."""
    monkeypatch.setattr(owner, name, dying_after(0, getattr(owner, name), after=after))
    for cleaning in ("demote", "remove"):
        if cleaning != name:
            monkeypatch.setattr(Parts, cleaning, lambda *arguments: None)


CRASHES = [
    (Parts, "sha256", False),
    (Uploading, "described", True),
    (Parts, "promote", False),
    (Parts, "promote", True),
    (library, "add", False),
    (library, "add", True),
    (Uploading, "register", True),
    (Parts, "remove", False),
    (Parts, "remove", True),
]


@pytest.mark.parametrize(("owner", "name", "after"), CRASHES, ids=str)
def test_a_crash_between_the_last_byte_and_the_registered_file(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, after: bool
) -> None:
    upload = lab.workbench.uploading.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    with monkeypatch.context() as dying:
        dies_at(dying, owner, name, after=after)
        with pytest.raises(Crash):
            lab.workbench.uploading.append(ada, upload.id, 0, stream(CONTENT))
    lab.store.write(lambda tx, calls: calls, None).result()  # what the store was given is there or not
    is_whole(lab, ada, goes_on(restarted(lab), ada, upload))


def test_a_crash_at_the_announcement_leaves_nothing(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dies_at(dying, Parts, "_write", after=False)
        with pytest.raises(Crash):
            lab.workbench.uploading.begin(ada, "a.fasta", 10)
    assert "parts" in kept(lab)
    restarted(lab)
    assert kept(lab) == {}


def test_a_store_that_refuses_leaves_the_upload_to_be_gone_on_with(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    with pytest.MonkeyPatch.context() as refusing:
        refusing.setattr(
            library, "add", lambda store, file: (_ for _ in ()).throw(Unavailable("The store is away."))
        )
        with pytest.raises(Unavailable):
            bench.append(ada, upload.id, 0, stream(CONTENT))
    assert "uploads" not in kept(lab)
    is_whole(lab, ada, goes_on(bench, ada, upload))


def test_a_store_that_answers_too_late_registers_it_once(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    held, there = threading.Event(), threading.Event()
    blocked = lab.store.between(lambda database: (there.set(), held.wait(60)))
    assert there.wait(60)
    monkeypatch.setattr(uploading, "WRITE_TIMEOUT_S", 0.01)
    with pytest.raises(TimeoutError):
        bench.append(ada, upload.id, 0, stream(CONTENT))
    with pytest.raises(Busy, match="being registered"):
        bench.look(ada, upload.id)
    held.set()
    blocked.result()
    lab.store.write(lambda tx, calls: calls, None).result()
    found = bench.look(ada, upload.id).file
    assert found is not None
    is_whole(lab, ada, goes_on(restarted(lab), ada, upload))


# Who --------------------------------------------------------------------------------------------------------


def test_only_the_same_person_in_the_same_team_goes_on(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT))
    elsewhere = lab.found("eve")
    for other in (lab.join("bob"), elsewhere):
        for verb in (
            lambda who: bench.look(who, upload.id),
            lambda who: bench.progress(who, upload.id),
            lambda who: bench.append(who, upload.id, 0, stream(CONTENT)),
            lambda who: bench.end(who, upload.id),
        ):
            with pytest.raises(NotFound):
                verb(other)
    with pytest.raises(NotFound):
        bench.look(ada, upload.id.replace("-", ""))
    assert [each.id for each in bench.under_way(ada)] == [upload.id]


def test_who_may_only_look_uploads_nothing(lab: Laboratory) -> None:
    with pytest.raises(Forbidden):
        lab.workbench.uploading.begin(lab.join("vera", Role.VIEWER), "a.fasta", 10)


def test_who_is_removed_meanwhile_registers_nothing(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT))
    boss = lab.admin
    lab.workbench.teams.remove(boss, ada.id, team_id=boss.team)
    with pytest.raises(Forbidden):
        bench.append(ada, upload.id, 0, stream(CONTENT))
    assert lab.workbench.uploads(boss) == []
    bench.tidy()
    assert kept(lab) == {}


def test_a_kind_of_the_library_is_for_the_team(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading.formats, "detect", lambda path, name: "hmm")
    monkeypatch.setattr(uploading, "facts_of", lambda file: {"profiles": 2})
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.hmm", len(CONTENT))
    file = bench.append(ada, upload.id, 0, stream(CONTENT)).file
    assert file is not None
    assert (file.visibility, file.facts) == (Visibility.TEAM, {"profiles": 2})


# How much ---------------------------------------------------------------------------------------------------


def test_a_person_has_so_many_uploads_under_way(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploading, "MOST_OPEN", 2)
    bench = lab.workbench.uploading
    first, _ = bench.begin(ada, "a", 10), bench.begin(ada, "b", 10)
    with pytest.raises(TooMany, match="2 uploads under way"):
        bench.begin(ada, "c", 10)
    bench.begin(lab.join("bob"), "c", 10)
    bench.end(ada, first.id)
    bench.begin(ada, "c", 10)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Laboratory]:
    """Its files lie on 32 MB of disk, of which 4 are to stay free."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text("[limits]\nfree_disk_mb = 4\n")
    with small_disk(tmp_path / "files", "32m") as files:
        lab = Laboratory(home, WELLPLATE_FILES=str(files))
        yield lab
        lab.close()


def test_what_a_person_has_announced_counts_against_the_free_disk(small: Laboratory) -> None:
    bench, ada = small.workbench.uploading, small.join("ada")
    with pytest.raises(Unavailable, match="40 MB are to come, and 4 MB must stay free"):
        bench.begin(ada, "a", 40 * MB)
    first = bench.begin(ada, "a", 16 * MB)
    with pytest.raises(Unavailable, match="36 MB are to come"):
        bench.begin(ada, "b", 20 * MB)
    bench.append(ada, first.id, 0, stream(b"x" * (4 * MB)))
    with pytest.raises(Unavailable, match="32 MB are to come"):
        bench.begin(ada, "b", 20 * MB)
    bench.begin(ada, "b", 8 * MB)


def test_a_disk_below_its_floor_stops_an_upload_which_goes_on_later(
    small: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "SYNCED", MB)
    bench, ada = small.workbench.uploading, small.join("ada")
    content = os.urandom(10 * MB)
    upload = bench.begin(ada, "a.bin", len(content))
    ballast = small.settings.files / "ballast"
    ballast.write_bytes(b"\0" * (23 * MB))
    with pytest.raises(Unavailable, match="less than 4 MB"):
        bench.append(ada, upload.id, 0, stream(content))
    got = bench.look(ada, upload.id).offset
    assert 4 * MB <= got <= 6 * MB
    with pytest.raises(Unavailable, match="less than 4 MB"):
        bench.append(ada, upload.id, got, stream(content[got:]))
    ballast.unlink()
    file = bench.append(ada, upload.id, got, stream(content[got:])).file
    assert file is not None and file.sha256 == hashlib.sha256(content).hexdigest()


def test_a_full_disk_is_told_and_what_counted_stays(small: Laboratory) -> None:
    bench, ada = small.workbench.uploading, small.join("ada")
    upload = bench.begin(ada, "a.bin", 20 * MB)
    bench.append(ada, upload.id, 0, stream(b"x" * MB))
    ballast: list[Path] = []

    class Filling(Breaking):
        def readinto(self, target: Any) -> int:
            if not ballast:
                ballast.append(fill(small.settings.files))
            target[:] = b"x" * len(target)
            return len(target)

    with pytest.raises(Unavailable, match="disk is full"):
        bench.append(ada, upload.id, MB, Filling(b""))
    ballast[0].unlink()
    got = bench.look(ada, upload.id).offset
    file = bench.append(ada, upload.id, got, stream(b"x" * (20 * MB - got))).file
    assert file is not None and file.sha256 == hashlib.sha256(b"x" * 20 * MB).hexdigest()


# How long ---------------------------------------------------------------------------------------------------


def test_what_makes_no_progress_is_given_up(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = lab.workbench.uploading
    old = bench.begin(ada, "old", 10)
    assert old.expires is not None and timedelta(days=6) < old.expires - utcnow() <= timedelta(days=7)
    now = utcnow() + timedelta(days=6)
    monkeypatch.setattr(uploading, "utcnow", lambda: now)
    monkeypatch.setattr(parts, "utcnow", lambda: now)
    grown = bench.begin(ada, "grown", 10)
    bench.append(ada, grown.id, 0, stream(b"x"))
    now += timedelta(days=2)
    bench.tidy()
    assert [each.id for each in bench.under_way(ada)] == [grown.id]
    with pytest.raises(NotFound, match="too long without progress"):
        bench.look(ada, old.id)


def test_uploads_of_somebody_who_has_left_are_removed_at_the_start(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    bench.begin(ada, "a", 10)
    stays = bench.begin(lab.admin, "b", 10)
    lab.workbench.teams.remove(lab.admin, ada.id, team_id=lab.admin.team)
    again = restarted(lab)
    again.tidy()
    assert kept(lab)["parts"] == sorted([stays.id, f"{stays.id}.json"])


# At the same time -------------------------------------------------------------------------------------------


class Hanging(io.RawIOBase):
    """A connection that brings some bytes and then nothing, without a word, until somebody ends it."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self.waits, self.ended = threading.Event(), threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        piece = self._content.read(len(target))
        if piece:
            target[: len(piece)] = piece
            return len(piece)
        self.waits.set()
        assert self.ended.wait(60)
        raise Conflict("Another request goes on.")


def test_a_later_call_takes_over_from_one_that_hangs(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    hanging, refusals = Hanging(CONTENT[:3000]), []

    def first() -> None:
        try:
            bench.append(ada, upload.id, 0, hanging, stop=hanging.ended.set)
        except Conflict as refusal:
            refusals.append(refusal)

    thread = threading.Thread(target=first)
    thread.start()
    assert hanging.waits.wait(60)
    assert bench.look(ada, upload.id).offset == 3000
    thread.join(60)
    assert len(refusals) == 1
    is_whole(lab, ada, goes_on(bench, ada, upload))


def test_while_an_upload_is_checked_others_wait_and_are_told(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TURN_S", 0.05)
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    checking, go_on = threading.Event(), threading.Event()
    described = bench.described

    def slowly(*arguments: Any) -> Any:
        checking.set()
        assert go_on.wait(60)
        return described(*arguments)

    monkeypatch.setattr(bench, "described", slowly)
    thread = threading.Thread(target=bench.append, args=(ada, upload.id, 0, stream(CONTENT)))
    thread.start()
    assert checking.wait(60)
    with pytest.raises(Busy):
        bench.look(ada, upload.id)
    assert bench.progress(ada, upload.id).offset == len(CONTENT)
    bench.tidy()
    go_on.set()
    thread.join(60)
    is_whole(lab, ada, goes_on(bench, ada, upload))


def test_a_wrong_whole_leaves_nothing(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.uploading
    upload = bench.begin(ada, "a.fasta", len(CONTENT), WHOLE)
    with pytest.raises(ConnectionResetError):
        bench.append(ada, upload.id, 0, Breaking(b"x" * 2500))
    again = restarted(lab)  # the sum is made of what lies on disk
    with pytest.raises(ChecksumMismatch):
        again.append(ada, upload.id, 2500, stream(CONTENT[2500:]))
    assert (kept(lab), registered(lab, ada)) == ({}, [])
