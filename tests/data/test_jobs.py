"""The life of a job and its credits, case by case; test_machine.py tries them in every order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from data import jobs, ledger, marks, notices, sharing
from data.errors import BadInput, Conflict, NotEnoughCredits, NotFound, WrongState
from data.records import (
    Balance,
    ErrorKind,
    Job,
    JobFilter,
    LedgerKind,
    Loss,
    Preferences,
    Progress,
    Status,
    Step,
    Usage,
    Visibility,
    When,
    new_id,
    utcnow,
)
from data.store import Store

from .conftest import (
    claim_of,
    execute,
    failure,
    make_job,
    make_person,
    make_team,
    outcome_of,
    started,
)


def kinds(store: Store, team: str) -> list[tuple[LedgerKind, int, int]]:
    """Oldest first, without the grant that the team starts with."""
    return [(entry.kind, entry.balance, entry.held) for entry in reversed(ledger.entries(store, team))][1:]


def loss_of(job: Job, *, counts: bool = True) -> Loss:
    return Loss(job=job.id, seq=job.seq, attempt=job.attempt, run_id=job.run_id, reason="gone", counts=counts)


HOLD = (LedgerKind.HOLD, 0, 10)
CHARGE = (LedgerKind.CHARGE, -10, -10)
RELEASE = (LedgerKind.RELEASE, 0, -10)
REFUND = (LedgerKind.REFUND, 10, 0)


# Credits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "given", "rows"),
    [
        (Status.COMPLETED, {}, []),
        (Status.FAILED, {"error": failure(ErrorKind.TOOL)}, [REFUND]),
        (Status.FAILED, {"error": failure(ErrorKind.LIMIT)}, [REFUND]),
        (Status.FAILED, {"error": failure(ErrorKind.PLATFORM)}, [REFUND]),
        (Status.FAILED, {"error": failure(ErrorKind.INPUT)}, []),
        (Status.TIMEOUT, {}, []),
        (Status.CANCELLED, {}, []),
        (Status.COMPLETED, {"failed_items": ["ligand 2"]}, [(LedgerKind.REFUND, 6, 0)]),
        (Status.COMPLETED, {"failed_items": ["ligand 1", "ligand 2"]}, [REFUND]),
        (Status.COMPLETED, {"failed_items": ["ligand 2", "ligand 2"]}, [(LedgerKind.REFUND, 6, 0)]),
        (Status.COMPLETED, {"failed_items": ["unknown"]}, []),
    ],
)
def test_what_the_end_of_a_run_gives_back(store: Store, team: str, job_factory, status, given, rows) -> None:
    job = started(store, job_factory())
    after = jobs.finish(store, outcome_of(job, status, **given)).result()
    assert after is not None and after.status == status
    assert kinds(store, team) == [HOLD, CHARGE, *rows]
    detail = jobs.detail(store, job.id)
    assert detail is not None and detail.refunded == sum(balance for _, balance, _ in rows)


def test_a_free_job_writes_no_ledger_rows(store: Store, team: str, job_factory) -> None:
    job = started(store, job_factory(credits=0))
    jobs.finish(store, outcome_of(job, Status.FAILED, error=failure())).result()
    assert kinds(store, team) == []


def test_a_job_that_is_too_dear_says_how_much_is_missing(store: Store, team: str, job_factory) -> None:
    with pytest.raises(NotEnoughCredits, match="costs 130 credits, 100 are available: 30 missing"):
        jobs.submit(store, job_factory(credits=130)).result()
    assert jobs.page(store, team, JobFilter(), limit=1) == []


def test_a_free_job_is_never_too_dear(store: Store, person: str) -> None:
    assert jobs.submit(store, make_job(team=make_team(store), submitter=person, credits=0)).result().created


def test_without_enforcement_credits_are_only_counted(store: Store, team: str, job_factory) -> None:
    started(store, job_factory(credits=130, enforce=False))
    assert ledger.balance(store, team) == Balance(balance=-30, held=0)


def test_submits_of_one_group_are_judged_one_after_the_other(store: Store, team: str, job_factory) -> None:
    with store.together():
        futures = [jobs.submit(store, job_factory(credits=credits)) for credits in (70, 40, 30)]
    assert [future.exception() is None for future in futures] == [True, False, True]
    assert ledger.balance(store, team) == Balance(balance=100, held=100)


def test_a_grant_of_the_same_group_counts(store: Store, team: str, job_factory) -> None:
    with store.together():
        job = jobs.submit(store, job_factory(credits=150))
        grant = ledger.grant(store, team, 50, "more")
    assert job.result().created
    assert grant.result().balance == 150


def test_an_unknown_team_is_refused(store: Store, person: str) -> None:
    with pytest.raises(NotFound):
        jobs.submit(store, make_job(team=new_id(), submitter=person)).result()
    with pytest.raises(NotFound):
        ledger.grant(store, "nobody", 5, "").result()
    with pytest.raises(NotFound):
        ledger.balance(store, "nobody")


def test_a_correction_never_takes_what_is_held(store: Store, team: str, job_factory) -> None:
    jobs.submit(store, job_factory(credits=60)).result()
    with pytest.raises(WrongState, match="Only 40 credits can be taken back"):
        ledger.grant(store, team, -41, "oops").result()
    assert ledger.grant(store, team, -40, "oops").result() == Balance(balance=60, held=60)


def test_a_grant_of_nothing_is_refused(store: Store, team: str) -> None:
    with pytest.raises(BadInput):
        ledger.grant(store, team, 0, "").result()


def test_a_grant_with_a_key_is_given_once(store: Store, team: str) -> None:
    key = f"allowance:{team}:2026-11"
    with store.together():
        futures = [ledger.grant(store, team, 50, "monthly", key=key) for _ in range(3)]
    assert [future.result().balance for future in futures] == [150, 150, 150]
    assert ledger.grant(store, team, 50, "monthly", key=key).result().balance == 150


def test_a_lost_run_is_charged_once_and_refunded_when_the_last_is_lost(
    store: Store, team: str, job_factory
) -> None:
    job = started(store, job_factory())
    for retries in (1, 2):
        again = jobs.lose(store, loss_of(job), max_retries=2).result()
        assert again is not None
        assert (again.status, again.attempt, again.retries, again.run_id) == (
            Status.RETRY,
            retries + 1,
            retries,
            None,
        )
        assert jobs.claim(store, claim_of(again)).result()
        job = jobs.get(store, job.id)  # type: ignore[assignment]
    last = jobs.lose(store, loss_of(job), max_retries=2).result()
    assert last is not None and last.error is not None
    assert (last.status, last.error.kind) == (Status.FAILED, ErrorKind.PLATFORM)
    assert kinds(store, team) == [HOLD, CHARGE, REFUND]


def test_a_clean_stop_uses_up_no_retry(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    again = jobs.lose(store, loss_of(job, counts=False), max_retries=0).result()
    assert again is not None
    assert (again.status, again.attempt, again.retries) == (Status.RETRY, 2, 0)


def test_an_attempt_that_was_never_claimed_is_counted_and_released_in_the_end(
    store: Store, team: str, job_factory
) -> None:
    job = jobs.submit(store, job_factory()).result().job
    again = jobs.lose(store, loss_of(job), max_retries=1).result()
    assert again is not None
    assert (again.status, again.attempt, again.retries) == (Status.PENDING, 2, 1)
    ended = jobs.lose(store, loss_of(again), max_retries=1).result()
    assert ended is not None and ended.status == Status.FAILED
    assert kinds(store, team) == [HOLD, RELEASE]


def test_cancelling_what_waits(store: Store, team: str, job_factory) -> None:
    pending = jobs.submit(store, job_factory()).result().job
    after = jobs.cancel(store, pending.id).result()
    assert after is not None and after.status == Status.CANCELLED and after.ended_at is not None
    assert kinds(store, team) == [HOLD, RELEASE]
    assert jobs.cancel(store, pending.id).result() is None


def test_cancelling_in_retry_refunds(store: Store, team: str, job_factory) -> None:
    job = started(store, job_factory())
    jobs.lose(store, loss_of(job), max_retries=2).result()
    after = jobs.cancel(store, job.id).result()
    assert after is not None and after.status == Status.CANCELLED
    assert kinds(store, team) == [HOLD, CHARGE, REFUND]


def test_cancelling_what_runs_marks_it_and_a_loss_then_ends_it_without_refund(
    store: Store, team: str, job_factory
) -> None:
    job = started(store, job_factory())
    for _ in range(2):
        marked = jobs.cancel(store, job.id).result()
        assert marked is not None
        assert (marked.status, marked.cancel_requested) == (Status.PROCESSING, True)
    after = jobs.lose(store, loss_of(job), max_retries=2).result()
    assert after is not None and after.status == Status.CANCELLED and after.error is None
    assert kinds(store, team) == [HOLD, CHARGE]


def test_a_tool_that_finishes_first_wins_over_the_cancel(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    with store.together():
        cancelled = jobs.cancel(store, job.id)
        finished = jobs.finish(store, outcome_of(job))
    assert cancelled.result() is None
    after = finished.result()
    assert after is not None and after.status == Status.COMPLETED


def test_a_job_that_cannot_be_started_is_refused_and_released(store: Store, team: str, job_factory) -> None:
    job = jobs.submit(store, job_factory()).result().job
    assert jobs.refuse(store, job.id, 2, failure(ErrorKind.INPUT)).result() is None
    after = jobs.refuse(store, job.id, 1, failure(ErrorKind.INPUT)).result()
    assert after is not None and after.status == Status.FAILED and after.error == failure(ErrorKind.INPUT)
    assert kinds(store, team) == [HOLD, RELEASE]
    assert jobs.refuse(store, job.id, 1, failure(ErrorKind.INPUT)).result() is None


# Fencing ---------------------------------------------------------------------------------------------------------


def test_only_the_present_attempt_can_be_claimed_and_only_by_one_run(store: Store, job_factory) -> None:
    job = jobs.submit(store, job_factory()).result().job
    mine = claim_of(job)
    assert not jobs.claim(store, replace(mine, attempt=2)).result()
    assert not jobs.claim(store, replace(mine, seq=job.seq + 1)).result()
    assert jobs.claim(store, mine).result()
    assert jobs.claim(store, mine).result()  # said twice
    assert not jobs.claim(store, claim_of(job)).result()


@pytest.mark.parametrize("change", [{"run_id": new_id()}, {"attempt": 2}, {"job": new_id()}])
def test_an_outcome_of_another_run_changes_nothing(store: Store, job_factory, change) -> None:
    job = started(store, job_factory())
    assert jobs.finish(store, replace(outcome_of(job), **change)).result() is None
    assert jobs.get(store, job.id) == job


def test_the_first_outcome_of_the_owner_counts(store: Store, team: str, job_factory) -> None:
    job = started(store, job_factory())
    with store.together():
        first = jobs.finish(store, outcome_of(job, Status.FAILED, error=failure()))
        second = jobs.finish(store, outcome_of(job))
    after = first.result()
    assert after is not None and after.status == Status.FAILED
    assert second.result() is None
    assert kinds(store, team) == [HOLD, CHARGE, REFUND]


def test_progress_of_a_lost_run_is_ignored(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    jobs.lose(store, loss_of(job), max_retries=2).result()
    report = Progress(
        job=job.id, seq=job.seq, run_id=job.run_id or "", progress=50, step=None, note=None, steps=[]
    )
    assert not jobs.progress(store, report).result()


def test_an_outcome_that_is_no_end_is_a_bug_of_its_caller_only(store: Store, job_factory) -> None:
    job, other = started(store, job_factory()), started(store, job_factory())
    with store.together():
        bad = jobs.finish(store, outcome_of(job, Status.RETRY))
        good = jobs.finish(store, outcome_of(other))
    with pytest.raises(ValueError, match="no outcome"):
        bad.result()
    assert good.result() is not None


# Idempotency -----------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_make_one_job(store: Store, team: str, job_factory) -> None:
    new = [job_factory(idempotency_key="k", body_hash="h") for _ in range(3)]
    with store.together():
        first, second = jobs.submit(store, new[0]), jobs.submit(store, new[1])
    assert first.result().created
    assert not second.result().created
    third = jobs.submit(store, new[2]).result()
    assert not third.created
    assert {first.result().job.id, second.result().job.id, third.job.id} == {new[0].id}
    assert ledger.balance(store, team).held == 10


def test_the_same_key_with_another_body_is_a_conflict(store: Store, job_factory) -> None:
    jobs.submit(store, job_factory(idempotency_key="k", body_hash="h")).result()
    with pytest.raises(Conflict):
        jobs.submit(store, job_factory(idempotency_key="k", body_hash="other")).result()


def test_a_key_belongs_to_a_person_in_a_team(store: Store, job_factory) -> None:
    jobs.submit(store, job_factory(idempotency_key="k")).result()
    other_person = job_factory(idempotency_key="k", submitter=make_person(store))
    other_team = job_factory(idempotency_key="k", team=make_team(store, 10))
    assert jobs.submit(store, other_person).result().created
    assert jobs.submit(store, other_team).result().created


def test_a_refused_submit_leaves_its_key_free(store: Store, job_factory) -> None:
    with pytest.raises(NotEnoughCredits):
        jobs.submit(store, job_factory(idempotency_key="k", credits=1000)).result()
    assert jobs.submit(store, job_factory(idempotency_key="k")).result().created


def test_a_key_is_kept_for_a_day(store: Store, job_factory) -> None:
    jobs.submit(store, job_factory(idempotency_key="k")).result()
    execute(store, "update idempotency set created_at = $then", then=utcnow() - timedelta(hours=24))
    assert jobs.submit(store, job_factory(idempotency_key="k")).result().created


def test_the_key_of_a_deleted_job_makes_no_second_one(store: Store, job_factory) -> None:
    job = jobs.submit(store, job_factory(idempotency_key="k")).result().job
    jobs.cancel(store, job.id).result()
    jobs.delete(store, job.id).result()
    with pytest.raises(Conflict, match="deleted"):
        jobs.submit(store, job_factory(idempotency_key="k")).result()


# Reading and what people do --------------------------------------------------------------------------------------


def test_the_detail_has_everything(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    began = utcnow()
    files = [{"path": "poses.sdf", "title": "Poses", "format": "sdf", "bytes": 7}]
    steps = [{"name": "dock", "state": "done", "started_at": began, "ended_at": f"{began.isoformat()}+02:00"}]
    jobs.finish(
        store,
        outcome_of(
            job,
            summary={"best": -9.1, "Å": "°"},
            warnings=["Hydrogens were added."],
            tables=[{"name": "poses"}],
            files=files,
            steps=steps,
            usage={"cpu_seconds": 1.5, "series": [[0.0, 1.0]], "of a later version": 1},
        ),
    ).result()
    detail = jobs.detail(store, job.id)
    assert detail is not None
    assert detail.inputs == {"receptor": {"text": "ATOM", "name": "r.pdb"}}
    assert detail.settings == {"seed": 1}
    assert [line["credits"] for line in detail.price] == [4, 6]
    assert detail.summary == {"best": -9.1, "Å": "°"}
    assert detail.warnings == ["Hydrogens were added."]
    assert detail.tables == [{"name": "poses"}] and detail.files == files
    assert detail.steps == [
        Step(name="dock", state="done", started_at=began, ended_at=began - timedelta(hours=2))
    ]
    assert detail.usage == Usage(cpu_seconds=1.5, series=[[0.0, 1.0]])
    assert [(entry.from_status, entry.to_status) for entry in detail.history] == [
        (None, Status.PENDING),
        (Status.PENDING, Status.PROCESSING),
        (Status.PROCESSING, Status.COMPLETED),
    ]
    assert detail.job.progress == 100 and detail.job.submitter_name == "Ada"


#: An id of nothing.
UNKNOWN = "5bd76805-fca0-48d0-8429-4eee4e860b21"


@pytest.mark.parametrize("text", ["", "x", "1' or 1=1", "é" * 36, UNKNOWN, UNKNOWN.upper()[:-1]])
def test_what_is_no_id_finds_nothing(store: Store, team: str, job_factory, text: str) -> None:
    jobs.submit(store, job_factory()).result()
    assert jobs.get(store, text) is None
    assert jobs.detail(store, text) is None
    assert jobs.page(store, text, JobFilter(), limit=5) == []
    assert jobs.counts(store, text, JobFilter()) == {}
    assert jobs.submitters(store, text) == []
    assert jobs.page(store, team, JobFilter(submitter=(text,)), limit=5) == []
    for change in (jobs.cancel, jobs.delete):
        assert change(store, text).result() is None
    assert jobs.rename(store, text, "x").result() is None
    assert jobs.refuse(store, text, 1, failure()).result() is None
    assert ledger.entries(store, text) == []


def test_an_id_is_found_in_any_spelling(store: Store, job_factory) -> None:
    job = jobs.submit(store, job_factory()).result().job
    assert jobs.get(store, job.id.upper()) == job
    assert jobs.get(store, job.id.replace("-", "")) == job


def test_paging_by_keyset_sees_every_job_once_while_others_come_and_go(
    store: Store, team: str, job_factory
) -> None:
    with store.together():
        futures = [jobs.submit(store, job_factory(credits=0, name=f"Dock {number}")) for number in range(25)]
    made = [future.result().job for future in futures]
    seen: list[Job] = []
    before = None
    while page := jobs.page(store, team, JobFilter(), limit=10, before_seq=before):
        seen += page
        before = page[-1].seq
        jobs.submit(store, job_factory(credits=0, name="late")).result()
        jobs.cancel(store, page[0].id).result()
        jobs.delete(store, page[0].id).result()
    assert [job.seq for job in seen] == sorted((job.seq for job in made), reverse=True)


def test_filters(store: Store, team: str, job_factory) -> None:
    bob = make_person(store, "Bob")
    vina = jobs.submit(store, job_factory(credits=0, name="1IEP against 50%_imatinib")).result().job
    bam = started(store, job_factory(credits=0, tool="bam-summary", name="Ärger", submitter=bob))
    jobs.submit(store, make_job(team=make_team(store), submitter=bob, credits=0, name="elsewhere")).result()

    def ids(**filter: object) -> set[str]:
        asked = JobFilter(**filter)  # type: ignore[arg-type]
        found = {job.id for job in jobs.page(store, team, asked, limit=10)}
        assert sum(jobs.counts(store, team, asked).values()) == len(found)
        return found

    assert ids() == {vina.id, bam.id}
    assert ids(tool=("bam-summary",)) == {bam.id}
    assert ids(status=(Status.PENDING, Status.FAILED)) == {vina.id}
    assert ids(submitter=(bob,)) == {bam.id}
    assert ids(q="IMATINIB") == ids(q="%_") == ids(q="iep") == {vina.id}
    assert ids(q="ä") == {bam.id}
    assert ids(q="i_p") == ids(q="%e%") == set()
    assert ids(q="iep", tool=("bam-summary",)) == set()
    assert jobs.submitters(store, team) == [(vina.submitter, "Ada"), (bob, "Bob")]


def test_waiting_takes_the_oldest_of_every_person_in_every_team(store: Store, person: str) -> None:
    first, second, bob = make_team(store), make_team(store), make_person(store, "Bob")
    order = [(first, person)] * 3 + [(first, bob), (second, person)]
    made = [
        jobs.submit(store, make_job(team=team, submitter=who, credits=0)).result().job for team, who in order
    ]
    assert [job.id for job in jobs.waiting(store, 2)] == [made[number].id for number in (0, 1, 3, 4)]
    quick = jobs.submit(store, make_job(team=first, submitter=person, credits=0, cpus_min=0)).result().job
    assert [job.id for job in jobs.waiting(store, 9, slots=False)] == [quick.id]
    assert [job.id for job in jobs.waiting(store, 9, quick=False)] == [job.id for job in made]
    assert jobs.waiting(store, 9)[-1].id == quick.id
    jobs.cancel(store, quick.id).result()
    running = started(store, make_job(team=second, submitter=bob, credits=0))
    assert jobs.processing(store) == [running]
    assert jobs.ahead(store, made[3]) == 3
    assert jobs.live_counts(store) == {Status.PENDING: 5, Status.PROCESSING: 1}
    again = jobs.lose(store, loss_of(running), max_retries=2).result()
    assert again in jobs.waiting(store, 1)


def test_rename(store: Store, job_factory) -> None:
    job = started(store, job_factory())
    with store.together():
        first, second = jobs.rename(store, job.id, "one"), jobs.rename(store, job.id, "two ')--")
    assert first.result() == replace(job, name="one")
    assert jobs.get(store, job.id) == second.result() == replace(job, name="two ')--")


def test_delete_leaves_nothing_that_names_the_job_but_money_and_its_children(
    store: Store, team: str, person: str, job_factory
) -> None:
    """Whatever table comes to hold something about jobs is looked at here."""
    job = started(store, job_factory(made_from=((new_id(), "input"),), idempotency_key="k", body_hash="b"))
    prefers = Preferences(mail=When.ALWAYS)
    notices.prefer(store, notices.Choice(person=person, preferences=prefers)).result()
    execute(
        store,
        "insert into memberships values ($team, $person, 'owner', $now)",
        team=team,
        person=person,
        now=utcnow(),
    )
    jobs.finish(store, outcome_of(job)).result()
    marks.star(store, marks.Star(person, job.id, True)).result()
    marks.tag(store, marks.Tagging(job.id, ("a",))).result()
    wanted = sharing.Share(
        subject=job.id, by=person, by_name="Ada", visibility=Visibility.INVITED, emails=("eve@lab.example",)
    )
    sharing.share(store, wanted).result()
    child = jobs.submit(store, job_factory(made_from=((job.id, "retry"),))).result().job
    full, before = set(about(store, job)), set(about(store, child))
    assert full >= {
        "jobs",
        "submissions",
        "attempts",
        "results",
        "history",
        "stars",
        "tags",
        "lineage",
        "ledger",
    }
    assert full >= {"invitations", "notices", "deliveries", "idempotency"}
    assert jobs.delete(store, job.id).result()
    # The key stands for the job for a day; a child's row goes with the child, and shows nothing meanwhile.
    assert set(about(store, job)) == {"ledger", "idempotency"}
    assert set(about(store, child)) == before and marks.ancestors(store, child) == []


def about(store: Store, job: Job) -> list[str]:
    """The tables with a row whose number or id of a job is this job's."""
    with store.database.cursor() as cursor:
        columns = cursor.execute(
            "select table_name, column_name from duckdb_columns() where not internal and ("
            "column_name in ('seq', 'job_seq') and table_name <> 'files' or column_name = 'job' "
            "or table_name = 'jobs' and column_name = 'id')"
        ).fetchall()
        return [
            table
            for table, column in columns
            if cursor.execute(
                f"select 1 from {table} where {column}::varchar = $key",
                {"key": str(job.seq) if column.endswith("seq") else job.id},
            ).fetchall()
        ]


def test_delete_takes_all_but_the_ledger(store: Store, team: str, job_factory) -> None:
    job = started(store, job_factory(name="Secret"))
    assert jobs.delete(store, job.id).result() is None
    jobs.finish(store, outcome_of(job)).result()
    with store.together():
        first, second = jobs.delete(store, job.id), jobs.delete(store, job.id)
    gone = first.result()
    assert gone is not None and gone.name == "Secret" and second.result() is None
    assert jobs.get(store, job.id) is None and jobs.detail(store, job.id) is None
    with store.database.cursor() as cursor:
        for table in ("jobs", "submissions", "attempts", "results", "history"):
            assert cursor.execute(f"select count(*) from {table}").fetchall() == [(0,)], table
    assert kinds(store, team) == [HOLD, CHARGE]
    assert {entry.job for entry in ledger.entries(store, team)} == {None}
    assert "Secret" not in str(ledger.entries(store, team))
