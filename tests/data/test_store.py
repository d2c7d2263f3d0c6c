from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from data import jobs
from data.errors import NotEnoughCredits, Unavailable
from data.records import Change, JobFilter, Progress, Status, new_id
from data.store import Rank, Store, Transaction, ranked, rounds

from .conftest import claim_of, make_job, make_team, started


class Poison(Exception):
    pass


def test_writes_that_wait_together_share_one_commit(store: Store, job_factory) -> None:
    before = store.commits
    with store.together():
        futures = [jobs.submit(store, job_factory(credits=0)) for _ in range(100)]
    seqs = [future.result().job.seq for future in futures]
    assert store.commits == before + 1
    assert seqs == sorted(set(seqs))


def test_what_is_asked_for_together_shares_one_commit(store: Store, job_factory) -> None:
    before = store.commits
    with store.together():
        futures = [jobs.submit(store, job_factory(credits=0)) for _ in range(10)]
        assert not any(future.done() for future in futures)
    assert all(future.result().created for future in futures)
    assert store.commits == before + 1


def test_an_answer_is_kept_until_the_next_commit(store: Store, job_factory) -> None:
    read: list[int] = []

    def count() -> int:
        read.append(len(store.read("children_alive", batches=[])))
        return len(read)

    assert store.once("how many", count) == store.once("how many", count) == 1
    assert store.once("another question", count) == 2
    jobs.submit(store, job_factory()).result()
    assert store.once("how many", count) == 3


def test_what_is_committed_while_something_is_read_makes_the_answer_old(store: Store, job_factory) -> None:
    def slow() -> str:
        jobs.submit(store, job_factory()).result()
        return "before"

    assert store.once("state", slow) == "before"
    assert store.once("state", lambda: "after") == "after"


def test_a_lone_caller_costs_one_commit(store: Store, job_factory) -> None:
    before = store.commits
    jobs.submit(store, job_factory()).result()
    assert store.commits == before + 1


def test_one_poisoned_caller_of_ten_fails_alone(store: Store, team: str, person: str) -> None:
    """The poison is a visibility that the enum does not have: DuckDB refuses the statement of all ten."""

    class Wrong:
        value = "everybody"

    new = [make_job(team=team, submitter=person, credits=1) for _ in range(10)]
    new[4] = make_job(team=team, submitter=person, credits=1, visibility=Wrong())
    with store.together():
        futures = [jobs.submit(store, job) for job in new]
    for number, future in enumerate(futures):
        if number == 4:
            with pytest.raises(Exception, match="everybody"):
                future.result()
        else:
            assert future.result().created
    found = {job.id for job in jobs.page(store, team, JobFilter(), limit=20)}
    assert found == {job.id for job in new} - {new[4].id}
    assert store.read("accounts", teams=[team])[0]["held"] == 9


def test_a_verb_that_raises_takes_no_other_verb_with_it(store: Store, job_factory) -> None:
    def poisoned(transaction: Transaction, arguments: list[Any]) -> list[Any]:
        raise Poison("mine alone")

    with store.together():
        good = jobs.submit(store, job_factory())
        bad = store.write(poisoned, None)
        late = jobs.submit(store, job_factory())
    with pytest.raises(Poison):
        bad.result()
    assert good.result().created
    assert late.result().created


def test_a_verb_with_too_few_answers_is_an_error_for_its_callers_only(store: Store, job_factory) -> None:
    def short(transaction: Transaction, arguments: list[Any]) -> list[Any]:
        return []

    with store.together():
        good = jobs.submit(store, job_factory())
        bad = store.write(short, None)
    with pytest.raises(ValueError):
        bad.result()
    assert good.result().created


def test_an_exception_as_a_result_goes_to_its_caller_only(store: Store, job_factory) -> None:
    before = store.commits
    with store.together():
        cheap = jobs.submit(store, job_factory(credits=60))
        dear = jobs.submit(store, job_factory(credits=60))
    assert cheap.result().created
    with pytest.raises(NotEnoughCredits, match="40 are available: 20 missing"):
        dear.result()
    assert store.commits == before + 1


def test_verbs_run_in_the_order_of_a_jobs_life(store: Store) -> None:
    order: list[str] = []

    def verb(name: str, rank: Rank | None) -> Any:
        def run(transaction: Transaction, arguments: list[Any]) -> list[Any]:
            order.append(name)
            return arguments

        return ranked(rank)(run) if rank is not None else run

    delete, other, submit, grant = (
        verb("delete", Rank.DELETE),
        verb("other", None),
        verb("submit", Rank.SUBMIT),
        verb("grant", Rank.GRANT),
    )
    with store.together():
        futures = [store.write(each, number) for number, each in enumerate([delete, other, submit, grant])]
    assert [future.result() for future in futures] == [0, 1, 2, 3]
    assert order == ["grant", "submit", "delete", "other"]


def test_rounds_take_each_key_once_in_order() -> None:
    assert list(rounds(["a", "b", "a", "a", "c"], str)) == [[0, 1, 4], [2], [3]]


def test_listeners_hear_of_what_was_committed_and_nothing_else(store: Store, team: str, job_factory) -> None:
    heard: list[Change] = []
    stop = store.listen(heard.extend)
    job = jobs.submit(store, job_factory()).result().job
    with pytest.raises(NotEnoughCredits):
        jobs.submit(store, job_factory(credits=1000)).result()
    jobs.cancel(store, job.id).result()
    store.checkpoint()  # listeners are called after the callers have their answers
    assert [(change.job, change.status) for change in heard] == [
        (job.id, Status.PENDING),
        (job.id, Status.CANCELLED),
    ]
    assert heard[0].number < heard[1].number
    stop()
    stop()
    jobs.delete(store, job.id).result()
    store.checkpoint()
    assert len(heard) == 2


def test_a_listener_that_fails_stops_nobody(
    store: Store, job_factory, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[Change] = []

    def broken(changes: list[Change]) -> None:
        raise Poison("listener")

    store.listen(broken)
    store.listen(heard.extend)
    jobs.submit(store, job_factory()).result()
    jobs.submit(store, job_factory()).result()
    store.checkpoint()
    assert len(heard) == 2
    assert "a listener failed" in caplog.text


def test_a_caller_finds_its_own_write(store: Store, job_factory) -> None:
    for _ in range(20):
        job = jobs.submit(store, job_factory(credits=0)).result().job
        assert jobs.get(store, job.id) == job


def test_many_threads_read_and_write(store: Store, team: str, person: str) -> None:
    barrier = threading.Barrier(8)

    def work(number: int) -> int:
        barrier.wait()
        for _ in range(10):
            jobs.submit(store, make_job(team=team, submitter=person, credits=0)).result()
            jobs.page(store, team, JobFilter(), limit=5)
        return number

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == list(range(8))
    assert jobs.counts(store, team, JobFilter()) == {Status.PENDING: 80}


def test_of_many_progress_reports_the_newest_is_kept_in_few_commits(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    before = store.commits

    def report(percent: float, run_id: str) -> Future[bool]:
        return jobs.progress(
            store,
            Progress(
                job=job.id, seq=job.seq, run_id=run_id, progress=percent, step="dock", note=None, steps=[]
            ),
        )

    futures = [report(percent, job.run_id or "") for percent in range(50)]
    foreign = report(99, new_id())
    assert all(future.result() for future in futures)
    assert not foreign.result()
    after = jobs.get(store, job.id)
    assert after is not None and after.progress == 49
    assert store.commits - before <= 5


def test_progress_does_not_wait_when_somebody_else_writes(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    before = store.commits
    with store.together():
        first = jobs.progress(
            store,
            Progress(
                job=job.id, seq=job.seq, run_id=job.run_id or "", progress=1, step=None, note=None, steps=[]
            ),
        )
        second = jobs.submit(store, job_factory())
    assert second.result().created and first.result()
    assert store.commits == before + 1


def test_after_close_a_write_is_refused_with_a_sentence(tmp_path) -> None:
    store = Store(tmp_path / "w.duckdb")
    team = make_team(store)
    store.close()
    with pytest.raises(Unavailable, match="stopping"):
        jobs.submit(store, make_job(team=team, submitter=new_id())).result()


def test_close_writes_what_is_queued(tmp_path) -> None:
    store = Store(tmp_path / "w.duckdb")
    team = make_team(store, 100)
    with store.together():
        futures = [jobs.submit(store, make_job(team=team, submitter=new_id(), credits=1)) for _ in range(5)]
        closing = threading.Thread(target=store.close)
        closing.start()
    closing.join()
    assert all(future.result().created for future in futures)
    again = Store(tmp_path / "w.duckdb")
    assert again.database.wal_bytes() == 0
    assert jobs.live_counts(again) == {Status.PENDING: 5}
    again.close()


def test_numbers_go_on_after_a_restart_even_when_the_newest_job_was_deleted(tmp_path) -> None:
    store = Store(tmp_path / "w.duckdb")
    team, person = make_team(store, 100), new_id()
    job = jobs.submit(store, make_job(team=team, submitter=person)).result().job
    jobs.cancel(store, job.id).result()
    jobs.delete(store, job.id).result()
    store.close()
    again = Store(tmp_path / "w.duckdb")
    assert jobs.submit(again, make_job(team=team, submitter=person)).result().job.seq > job.seq
    again.close()


def test_a_second_store_in_another_process_says_who_is_there(tmp_path, store: Store) -> None:
    program = f"from pathlib import Path; from data.store import Store; Store(Path({str(store.path)!r}))"
    second = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert second.returncode != 0
    assert "in use by another process" in second.stderr


def test_the_writer_checkpoints_when_told(store: Store, job_factory) -> None:
    jobs.submit(store, job_factory()).result()
    assert store.database.wal_bytes() > 0
    store.checkpoint()
    assert store.database.wal_bytes() == 0


def test_a_long_wal_is_folded_in_by_itself(
    store: Store, job_factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.store.WAL_LIMIT", 10_000)
    future = jobs.submit(store, job_factory(inputs={"text": "A" * 20_000}))
    assert future.result().created
    store.between(lambda database: None).result()  # the writer's next turn comes after the checkpoint
    assert store.database.wal_bytes() < 10_000


def test_an_idle_writer_checkpoints(store: Store, job_factory, monkeypatch: pytest.MonkeyPatch) -> None:
    folded = threading.Event()
    checkpoint = store.database.checkpoint

    def seen() -> bool:
        done = checkpoint()
        folded.set()
        return done

    monkeypatch.setattr(store.database, "checkpoint", seen)
    monkeypatch.setattr("data.store.IDLE_S", 0.05)
    jobs.submit(store, job_factory()).result()
    assert folded.wait(20)


def test_claims_of_one_group_have_one_winner(store: Store, job_factory) -> None:
    job = jobs.submit(store, job_factory()).result().job
    with store.together():
        answers = [jobs.claim(store, claim_of(job)) for _ in range(5)]
    assert [answer.result() for answer in answers].count(True) == 1
