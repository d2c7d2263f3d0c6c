"""What a kill, a damaged write-ahead log, a full disk and a fatal error leave behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from data import backup, jobs, ledger
from data.database import acknowledged, is_storage, mark_of, wal_of
from data.errors import BadInput, Unavailable
from data.records import JobFilter, NewJob, new_id
from data.store import Store
from tests import disks

from .conftest import make_job, make_team

#: Submits with four callers at a time, says which job is acknowledged, and goes on until it is killed.
WRITER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from data import jobs
from data.records import new_id
from data.store import Store
from tests.data.conftest import make_job, make_team

store = Store(Path(sys.argv[1]))
team, person = make_team(store, 1_000_000), new_id()

def work(_):
    while True:
        job = jobs.submit(store, make_job(team=team, submitter=person, credits=1)).result().job
        sys.stdout.write(f"{job.id}\\n")
        sys.stdout.flush()

with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(4)))
"""


def killed_writer(path: Path, after: int) -> list[str]:
    """The ids that a writer acknowledged before SIGKILL, at least `after`."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.wait()
    return [line.strip() for line in lines if line.endswith("\n") and line.strip()]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A database after SIGKILL with a log that nobody has replayed, and what was acknowledged."""
    path = tmp_path_factory.mktemp("crashed") / "wellplate.duckdb"
    told = killed_writer(path, after=40)
    assert wal_of(path).stat().st_size > 0
    return path, told


@pytest.fixture
def wreck(crashed: tuple[Path, list[str]], tmp_path: Path) -> tuple[Path, list[str]]:
    """A copy of it that a test may open and damage."""
    source, told = crashed
    path = tmp_path / source.name
    for name in (source, wal_of(source), mark_of(source)):
        shutil.copyfile(name, tmp_path / name.name)
    return path, told


@pytest.mark.parametrize("after", [1, 25])
def test_every_acknowledged_write_survives_kill_9(tmp_path: Path, after: int) -> None:
    path = tmp_path / "wellplate.duckdb"
    told = killed_writer(path, after)
    store = Store(path)
    assert store.read_only is None
    assert [job for job in told if jobs.get(store, job) is None] == []
    with store.database.cursor() as cursor:
        sums = cursor.execute(
            "select (select sum(held) from ledger), (select sum(held) from teams), (select count(*) from jobs)"
        ).fetchall()[0]
    assert sums[0] == sums[1] == sums[2] >= len(told)
    store.close()


def test_a_torn_end_that_nobody_was_told_of_is_no_damage(wreck: tuple[Path, list[str]]) -> None:
    """What a crash in the middle of a write leaves."""
    path, told = wreck
    with wal_of(path).open("ab") as wal:
        wal.write((500).to_bytes(8, "little") + os.urandom(100))
    store = Store(path)
    assert store.read_only is None
    assert all(jobs.get(store, job) for job in told)
    store.close()


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)


def entry(wal: bytes, share: float) -> int:
    """Where the entry begins that lies at this share of the log: [length u64][checksum u64][data]."""
    position = wal.index(b"\xff\xff", 0, 200) + 2  # the header has no frame
    while position < len(wal) * share:
        position += 16 + int.from_bytes(wal[position : position + 8], "little")
    return position


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(lambda wal: entry(wal, 0.5) + 20, id="data in the middle"),
        pytest.param(
            lambda wal: entry(wal, 0.5) + 2, id="length in the middle"
        ),  # DuckDB would drop the rest
        pytest.param(lambda wal: entry(wal, 0.5) + 9, id="checksum in the middle"),
        pytest.param(lambda wal: 4, id="header"),  # DuckDB would drop everything
        pytest.param(lambda wal: len(wal) - 3, id="end"),
    ],
)
def test_a_flipped_byte_in_the_log_loses_nothing_until_somebody_says_so(
    wreck: tuple[Path, list[str]], where: Callable[[bytes], int]
) -> None:
    path, _ = wreck
    flip(wal_of(path), where(wal_of(path).read_bytes()))
    before = {name: name.read_bytes() for name in (path, wal_of(path), mark_of(path))}

    store = Store(path)
    assert store.read_only is not None and "make move-wal-aside" in store.read_only
    assert jobs.live_counts(store) == {}  # reading works: what the last checkpoint had
    with pytest.raises(Unavailable, match="read-only"):
        jobs.submit(store, make_job(team=new_id(), submitter=new_id())).result()
    with pytest.raises(Unavailable, match="read-only"):
        store.checkpoint()
    store.close()
    assert {name: name.read_bytes() for name in before} == before
    assert sorted(item.name for item in path.parent.iterdir()) == sorted(name.name for name in before)

    again = Store(path)
    assert again.read_only is not None  # a restart changes nothing
    again.close()

    kept = backup.move_wal_aside(path, path.parent / "files")
    assert kept.read_bytes() == before[wal_of(path)]
    store = Store(path)
    assert store.read_only is None
    team = make_team(store, 10)
    assert jobs.submit(store, make_job(team=team, submitter=new_id())).result().created
    store.close()


def test_a_log_that_vanished_is_noticed(wreck: tuple[Path, list[str]]) -> None:
    path, _ = wreck
    wal_of(path).unlink()
    store = Store(path)
    assert store.read_only is not None
    store.close()


def test_a_log_that_lost_its_end_is_noticed(wreck: tuple[Path, list[str]]) -> None:
    path, _ = wreck
    with wal_of(path).open("r+b") as wal:
        wal.truncate(wal_of(path).stat().st_size * 2 // 3)
    store = Store(path)
    assert store.read_only is not None
    store.close()


def test_moving_aside_needs_a_log_and_a_stopped_app(tmp_path: Path, store: Store) -> None:
    with pytest.raises(BadInput, match="no write-ahead log"):
        backup.move_wal_aside(tmp_path / "other.duckdb", tmp_path / "files")
    make_team(store, 10)
    program = (
        "from data import backup; from pathlib import Path; "
        f"backup.move_wal_aside(Path({str(store.path)!r}), Path({str(tmp_path)!r}))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "stop the app first" in run.stderr
    assert wal_of(store.path).exists()


# A full disk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disks.small_disk(tmp_path / "small", "16m") as folder:
        yield folder


def big_job(team: str, person: str) -> NewJob:
    return make_job(team=team, submitter=person, credits=1, inputs={"text": os.urandom(40_000).hex()})


def test_a_full_disk_loses_nothing_and_the_store_goes_on_when_there_is_space(small_disk: Path) -> None:
    path = small_disk / "wellplate.duckdb"
    store = Store(path)
    team, person = make_team(store, 100_000), new_id()
    told: list[str] = []
    refused = 0
    while refused < 3:
        with store.together():
            futures = [jobs.submit(store, big_job(team, person)) for _ in range(4)]
        for future in futures:
            error = future.exception()
            if error is None:
                told.append(future.result().job.id)
            else:
                assert isinstance(error, Unavailable)
                assert "disk is full" in error.message
        refused += any(future.exception() is not None for future in futures)
    assert told
    assert len(jobs.page(store, team, JobFilter(), limit=10_000)) == len(told)  # and reading goes on
    with pytest.raises(duckdb.FatalException):
        store.checkpoint()  # is fatal to DuckDB when the disk is full
    assert jobs.get(store, told[0]) is not None

    disks.grow(small_disk, "64m")
    told.append(jobs.submit(store, big_job(team, person)).result().job.id)
    assert ledger.balance(store, team).held == len(told)
    store.close()
    again = Store(path)
    assert {job.id for job in jobs.page(again, team, JobFilter(), limit=10_000)} == set(told)
    again.close()


# DuckDB gave up --------------------------------------------------------------------------------------------------


def test_after_a_fatal_error_the_database_is_opened_again(store: Store, team: str, person: str) -> None:
    job = jobs.submit(store, make_job(team=team, submitter=person)).result().job

    def give_up(transaction, arguments):
        raise duckdb.FatalException(
            "FATAL Error: database has been invalidated because of a previous fatal error"
        )

    old = store.database.writer()
    with store.together():
        poisoned = store.write(give_up, None)
        neighbour = jobs.submit(store, make_job(team=team, submitter=person))
    for future in (poisoned, neighbour):
        with pytest.raises(Unavailable):
            future.result()
    assert store.database.writer() is not old
    assert jobs.get(store, job.id) == job
    assert jobs.submit(store, make_job(team=team, submitter=person)).result().created


def test_what_counts_as_the_disks_fault() -> None:
    assert is_storage(duckdb.IOException("IO Error: No space left on device"))
    assert is_storage(duckdb.TransactionException("Failed to commit: Could not write file: No space left"))
    assert not is_storage(duckdb.TransactionException("Conflict on update!"))
    assert not is_storage(duckdb.ConversionException("no such value"))


def test_the_mark_follows_every_acknowledged_transaction(store: Store, team: str, person: str) -> None:
    for _ in range(3):
        jobs.submit(store, make_job(team=team, submitter=person, credits=0)).result()
        with store.database.cursor() as cursor:
            assert cursor.execute("select number from commits").fetchall()[0][0] == acknowledged(store.path)
