"""Batches in the store: all or nothing, in turns, each child given back as the design says, one end and one notice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from data import batches, deliveries, jobs, ledger, marks, notices, sharing, teams
from data.batches import Marking, Retried, Retry
from data.database import rows
from data.errors import Conflict, NotEnoughCredits, NotFound, WellplateError
from data.notices import Choice
from data.records import (
    Batch,
    BatchFilter,
    ErrorKind,
    Job,
    JobError,
    JobFilter,
    LedgerKind,
    Loss,
    NewJob,
    Person,
    Preferences,
    Role,
    Status,
    Visibility,
    When,
    new_id,
    utcnow,
)
from data.sharing import Share
from data.store import Store
from data.teams import Removal, TeamChange

from .conftest import (
    claim_of,
    execute,
    failure,
    make_batch,
    make_job,
    make_person,
    make_team,
    outcome_of,
)

HOOK = "https://hooks.example.org/secret"
EVERYWHERE = Preferences(bell=When.ALWAYS, mail=When.ALWAYS, webhook=When.ALWAYS, webhook_url=HOOK)


@pytest.fixture(autouse=True)
def member(store: Store, team: str, person: str) -> None:
    join(store, team, person)


def join(store: Store, team: str, person: str) -> None:
    sql = "insert into memberships (team, person, role, since) values ($team, $person, 'member', $now)"
    execute(store, sql, team=team, person=person, now=utcnow())


def submitted(store: Store, team: str, person: str, *credits: int, **given: Any) -> Batch:
    return batches.submit(store, make_batch(team, person, *credits, **given)).result().batch


def now(store: Store, batch: Batch) -> Batch:
    found = batches.get(store, batch.id)
    assert found is not None
    return found


def children(store: Store, batch: Batch) -> list[Job]:
    """In the wells."""
    return [job for job in batches.children(store, batch) if job.well is not None]


def statuses(store: Store, batch: Batch) -> list[Status]:
    return [well.status for well in batches.wells(store, batch)]


def start(store: Store, job: Job) -> Job:
    assert jobs.claim(store, claim_of(job)).result()
    after = jobs.get(store, job.id)
    assert after is not None
    return after


def end(store: Store, job: Job, status: Status = Status.COMPLETED, **given: Any) -> None:
    error = failure() if status is Status.FAILED else None
    outcome = outcome_of(start(store, job), status, **({"error": error} | given))
    assert jobs.finish(store, outcome).result() is not None


def money(store: Store, team: str) -> tuple[int, int]:
    balance = ledger.balance(store, team)
    return balance.balance, balance.held


def kinds(store: Store, job: Job) -> list[str]:
    with store.database.cursor() as cursor:
        sql = "select kind from ledger where job_seq = $seq order by number"
        return [row["kind"] for row in rows(cursor, sql, {"seq": job.seq})]


def told(store: Store, person: str) -> list[str]:
    return [notice.text for notice in notices.page(store, person, 50)]


def again(store: Store, batch: Batch, chosen: Sequence[Job] | None = None) -> Retry:
    """As the verb above the store asks for it."""
    if chosen is None:
        chosen = [job for job in children(store, batch) if job.status in batches.RETRIED]
    new = [
        make_job(
            team=job.team,
            submitter=job.submitter,
            name=job.name,
            credits=job.credits,
            batch=batch.id,
            well=job.well,
            made_from=((job.id, "retry"),),
        )
        for job in chosen
    ]
    return Retry(batch.id, new, [job.seq for job in chosen])


def viewer(team: str, person: str, **given: Any) -> Person:
    usual = {
        "id": person,
        "email": "",
        "name": "",
        "site_admin": False,
        "team": team,
        "team_name": "",
        "role": Role.MEMBER,
    }
    return Person(**(usual | given))


def count_rows(store: Store, table: str, seqs: list[int]) -> int:
    with store.database.cursor() as cursor:
        sql = f"select count(*) as number from {table} where seq in (select unnest($seqs::bigint[]))"
        return int(rows(cursor, sql, {"seqs": seqs})[0]["number"])


# Submitting -----------------------------------------------------------------------------------------------


def test_a_batch_and_its_children_and_their_holds_come_together(store: Store, team: str, person: str) -> None:
    before = store.commits
    batch = submitted(store, team, person, 10, 20, 0, left_out=[{"where": "line 4", "message": "Empty."}])
    assert store.commits == before + 1
    found = now(store, batch)
    assert (found.wells, found.credits, found.refunded, found.live) == (3, 30, 0, True)
    assert found.counts == {Status.PENDING: 3}
    assert found.left_out == [{"where": "line 4", "message": "Empty."}]
    assert money(store, team) == (100, 30)
    assert [(well.number, well.name, well.credits) for well in batches.wells(store, batch)] == [
        (0, "child 0", 10),
        (1, "child 1", 20),
        (2, "child 2", 0),
    ]
    assert [kinds(store, job) for job in children(store, batch)] == [["hold"], ["hold"], []]
    assert batches.asked(store, batch) == {"lines": "a"}
    assert batches.inputs(store, children(store, batch)) == [{"number": 0}, {"number": 1}, {"number": 2}]


@pytest.mark.parametrize("cap", [None, 50])
def test_a_batch_that_cannot_be_paid_leaves_nothing(
    store: Store, team: str, person: str, cap: int | None
) -> None:
    execute(store, "update teams set person_credits = $cap where id = $team", cap=cap, team=team)
    prices = [60, 41] if cap is None else [30, 21]
    with pytest.raises(NotEnoughCredits, match=f"This batch costs {sum(prices)} credits"):
        submitted(store, team, person, *prices)
    assert money(store, team) == (100, 0)
    assert batches.page(store, BatchFilter(), 10, None, viewer=viewer(team, person)) == []
    assert jobs.waiting(store, per_person=10) == []
    assert submitted(store, team, person, *[price - 1 for price in prices]).wells == 2


def test_batches_of_one_group_are_judged_one_after_the_other(store: Store, team: str, person: str) -> None:
    new = [make_batch(team, person, 40, 20) for _ in range(2)]
    with store.together():
        first, second = [batches.submit(store, each) for each in new]
    assert first.result().created
    with pytest.raises(NotEnoughCredits, match="20 missing"):
        second.result()
    assert money(store, team) == (100, 60)


def test_a_site_that_only_counts_refuses_no_batch(store: Store, team: str, person: str) -> None:
    submitted(store, team, person, 200, 1, enforce=False)
    assert money(store, team) == (100, 201)


def test_a_month_s_allowance_that_is_due_pays_a_batch(store: Store, person: str) -> None:
    poor = make_team(store)
    execute(store, "update teams set monthly_credits = 30 where id = $team", team=poor)
    submitted(store, poor, person, 30)
    assert money(store, poor) == (30, 30)


def test_a_batch_of_no_team_is_refused(store: Store, person: str) -> None:
    with pytest.raises(NotFound, match="team"):
        submitted(store, new_id(), person, 1, visibility=Visibility.PRIVATE)


def test_the_same_idempotency_key_gives_the_same_batch(store: Store, team: str, person: str) -> None:
    keyed = {"idempotency_key": "k", "body_hash": "body"}
    first = batches.submit(store, make_batch(team, person, 10, **keyed)).result()
    second = batches.submit(store, make_batch(team, person, 10, **keyed)).result()
    assert (first.created, second.created) == (True, False)
    assert second.batch.id == first.batch.id
    assert money(store, team) == (100, 10)
    earlier = batches.earlier(store, "k", person, team, "body")
    assert earlier is not None
    assert earlier.id == first.batch.id


def test_the_same_key_in_one_group_gives_the_same_batch(store: Store, team: str, person: str) -> None:
    keyed = {"idempotency_key": "k", "body_hash": "body"}
    with store.together():
        both = [batches.submit(store, make_batch(team, person, 10, **keyed)) for _ in range(2)]
    assert [each.result().created for each in both] == [True, False]
    assert money(store, team) == (100, 10)


def test_a_key_that_was_used_with_another_body_or_for_a_job_is_a_conflict(
    store: Store, team: str, person: str
) -> None:
    submitted(store, team, person, 1, idempotency_key="k", body_hash="body")
    with pytest.raises(Conflict):
        submitted(store, team, person, 1, idempotency_key="k", body_hash="other")
    with pytest.raises(Conflict):
        batches.earlier(store, "k", person, team, "other")
    single = make_job(team=team, submitter=person, idempotency_key="k", body_hash="job")
    with pytest.raises(Conflict):
        jobs.submit(store, single).result()
    jobs.submit(store, replace(single, id=new_id(), idempotency_key="j")).result()
    with pytest.raises(Conflict):
        submitted(store, team, person, 1, idempotency_key="j", body_hash="job")


def test_the_key_of_a_deleted_batch_makes_no_second_one(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 0, idempotency_key="k", body_hash="body")
    end(store, children(store, batch)[0])
    assert batches.delete(store, batch.id).result() is not None
    with pytest.raises(Conflict, match="deleted"):
        submitted(store, team, person, 0, idempotency_key="k", body_hash="body")


def test_a_batch_without_a_visibility_has_its_teams(store: Store, team: str, person: str) -> None:
    execute(store, "update teams set default_visibility = 'team' where id = $team", team=team)
    batch = submitted(store, team, person, 1, 1, visibility=None)
    assert batch.visibility is Visibility.TEAM
    assert {job.visibility for job in children(store, batch)} == {Visibility.TEAM}


# Turns ----------------------------------------------------------------------------------------------------


def concurrency(store: Store, team: str, number: int | None) -> None:
    change = TeamChange(
        team=team,
        by=new_id(),
        name=None,
        default_visibility=None,
        person_credits=None,
        concurrency=number,
        words="",
    )
    store.write(teams.change, change).result()


def test_above_the_teams_concurrency_children_are_queued_and_go_on_one_by_one(
    store: Store, team: str, person: str
) -> None:
    batch = submitted(store, team, person, 1, 1, 1, 1, concurrency=2)
    assert statuses(store, batch) == [Status.PENDING] * 2 + [Status.QUEUED] * 2
    end(store, children(store, batch)[1])
    assert statuses(store, batch) == [Status.PENDING, Status.COMPLETED, Status.PENDING, Status.QUEUED]
    opened = children(store, batch)[2]
    detail = jobs.detail(store, opened.id)
    assert detail is not None
    assert [(entry.from_status, entry.to_status) for entry in detail.history] == [
        (None, Status.QUEUED),
        (Status.QUEUED, Status.PENDING),
    ]


@pytest.mark.parametrize("how", ["cancel", "refuse", "lose", "finish"])
def test_every_end_of_a_child_opens_the_next(store: Store, team: str, person: str, how: str) -> None:
    batch = submitted(store, team, person, 1, 1, concurrency=1)
    first, second = children(store, batch)
    if how == "cancel":
        jobs.cancel(store, first.id).result()
    elif how == "refuse":
        jobs.refuse(store, first.id, 1, failure(ErrorKind.PLATFORM)).result()
    elif how == "lose":
        run = start(store, first)
        loss = Loss(job=run.id, seq=run.seq, attempt=1, run_id=run.run_id, reason="gone")
        jobs.lose(store, loss, 0).result()
    else:
        end(store, first)
    after = jobs.get(store, second.id)
    assert after is not None
    assert after.status is Status.PENDING


def test_a_child_that_runs_again_after_a_loss_keeps_its_place(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1, concurrency=1)
    run = start(store, children(store, batch)[0])
    loss = Loss(job=run.id, seq=run.seq, attempt=1, run_id=run.run_id, reason="gone")
    jobs.lose(store, loss, 2).result()
    assert statuses(store, batch) == [Status.RETRY, Status.QUEUED]


def test_of_many_places_a_tenth_is_filled_at_once(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, *[1] * 30, concurrency=20)
    first, second = jobs.waiting(store, per_person=99)[:2]
    jobs.cancel(store, first.id).result()
    assert len(jobs.waiting(store, per_person=99)) == 19
    jobs.cancel(store, second.id).result()
    assert len(jobs.waiting(store, per_person=99)) == 20
    for job in children(store, batch)[2:29]:
        jobs.cancel(store, job.id).result()
    assert [job.id for job in jobs.waiting(store, per_person=99)] == [children(store, batch)[29].id]


def test_raising_a_teams_concurrency_opens_more_and_lowering_stops_none(
    store: Store, team: str, person: str
) -> None:
    batch = submitted(store, team, person, *[1] * 6, concurrency=1)
    concurrency(store, team, 3)
    assert now(store, batch).counts == {Status.PENDING: 3, Status.QUEUED: 3}
    concurrency(store, team, 1)
    end(store, children(store, batch)[0])
    end(store, children(store, batch)[1])
    assert now(store, batch).counts == {Status.COMPLETED: 2, Status.PENDING: 1, Status.QUEUED: 3}
    concurrency(store, team, None)
    end(store, children(store, batch)[2])
    assert now(store, batch).counts == {Status.COMPLETED: 3, Status.PENDING: 1, Status.QUEUED: 2}


def test_slots_open_in_turns_of_a_teams_people(store: Store, team: str, person: str) -> None:
    bob = make_person(store, "Bob")
    concurrency(store, team, 4)
    adas = submitted(store, team, person, *[1] * 8)
    bobs = submitted(store, team, bob, *[1] * 4)
    assert now(store, bobs).counts == {Status.QUEUED: 4}
    for job in children(store, adas)[:2]:
        end(store, job)
    assert now(store, bobs).counts == {Status.PENDING: 2, Status.QUEUED: 2}, "who has fewer comes first"
    end(store, children(store, bobs)[0])
    assert now(store, bobs).counts == {Status.COMPLETED: 1, Status.PENDING: 2, Status.QUEUED: 1}
    assert now(store, adas).counts == {Status.COMPLETED: 2, Status.PENDING: 2, Status.QUEUED: 4}


def test_the_oldest_of_one_person_comes_first(store: Store, team: str, person: str) -> None:
    concurrency(store, team, 1)
    first = submitted(store, team, person, 1, 1)
    second = submitted(store, team, person, 1)
    end(store, children(store, first)[0])
    assert statuses(store, first) == [Status.COMPLETED, Status.PENDING]
    assert statuses(store, second) == [Status.QUEUED]


def test_one_teams_batch_takes_no_room_of_another_team_and_of_no_single_job(
    store: Store, team: str, person: str
) -> None:
    submitted(store, team, person, 1, 1, concurrency=1)
    other = make_team(store, 10)
    assert statuses(store, submitted(store, other, person, 1, concurrency=1)) == [Status.PENDING]
    single = jobs.submit(store, make_job(team=team, submitter=person)).result().job
    assert single.status is Status.PENDING


# Ends and what they give back -----------------------------------------------------------------------------

#: The design's table, for a child that was charged 10: status, error, failed items, what comes back.
ENDS = [
    (Status.FAILED, ErrorKind.PLATFORM, [], 10),
    (Status.FAILED, ErrorKind.TOOL, [], 10),
    (Status.FAILED, ErrorKind.LIMIT, [], 10),
    (Status.FAILED, ErrorKind.INPUT, [], 10),
    (Status.TIMEOUT, None, [], 10),
    (Status.CANCELLED, None, [], 0),
    (Status.COMPLETED, None, ["Dock"], 10),
    (Status.COMPLETED, None, [], 0),
]


@pytest.mark.parametrize(("status", "kind", "failed_items", "refund"), ENDS)
def test_what_the_end_of_a_charged_child_gives_back(
    store: Store,
    team: str,
    person: str,
    status: Status,
    kind: ErrorKind | None,
    failed_items: list[str],
    refund: int,
) -> None:
    batch = submitted(store, team, person, 10, 7)
    first = start(store, children(store, batch)[0])
    error = JobError(kind=kind, message="No.") if kind else None
    outcome = outcome_of(first, status, error=error, failed_items=failed_items)
    assert jobs.finish(store, outcome).result() is not None
    assert jobs.finish(store, outcome).result() is None, "an outcome that comes twice gives nothing twice"
    assert money(store, team) == (100 - 10 + refund, 7)
    assert kinds(store, first) == ["hold", "charge", *(["refund"] if refund else [])]
    after = now(store, batch)
    assert (after.credits, after.refunded) == (17, refund)
    assert [well.refunded for well in batches.wells(store, batch)] == [refund, 0]


@pytest.mark.parametrize("how", ["cancel", "refuse"])
def test_a_child_that_never_ran_releases_what_it_held(store: Store, team: str, person: str, how: str) -> None:
    batch = submitted(store, team, person, 10)
    (child,) = children(store, batch)
    if how == "cancel":
        jobs.cancel(store, child.id).result()
    else:
        jobs.refuse(store, child.id, 1, failure(ErrorKind.PLATFORM)).result()
    assert money(store, team) == (100, 0)
    assert kinds(store, child) == ["hold", "release"]
    assert (now(store, batch).credits, now(store, batch).refunded) == (0, 0)


def test_one_failed_child_never_fails_the_batch(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1, 1)
    first, second, third = children(store, batch)
    end(store, first, Status.FAILED)
    assert now(store, batch).live
    end(store, second, Status.TIMEOUT)
    end(store, third)
    after = now(store, batch)
    assert after.ended_at is not None
    assert after.counts == {Status.FAILED: 1, Status.TIMEOUT: 1, Status.COMPLETED: 1}


def test_a_batch_ends_once_when_its_last_children_end_together(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1, 1)
    outcomes = [outcome_of(start(store, job)) for job in children(store, batch)]
    with store.together():
        done = [jobs.finish(store, outcome) for outcome in outcomes]
    assert all(each.result() for each in done)
    assert not now(store, batch).live
    assert told(store, person) == ["Batch “Docks” has ended: 3 completed."]


# Who hears ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "ends", "hears"),
    [
        (When.ALWAYS, [Status.COMPLETED, Status.COMPLETED], True),
        (When.ALWAYS, [Status.CANCELLED, Status.COMPLETED], True),
        (When.ALWAYS, [Status.CANCELLED, Status.CANCELLED], False),
        (When.FAILURES, [Status.COMPLETED, Status.COMPLETED], False),
        (When.FAILURES, [Status.COMPLETED, Status.FAILED], True),
        (When.FAILURES, [Status.TIMEOUT, Status.COMPLETED], True),
        (When.NEVER, [Status.FAILED, Status.FAILED], False),
    ],
)
def test_a_batch_tells_once_over_each_channel_and_its_children_nothing(
    store: Store, team: str, person: str, when: When, ends: list[Status], hears: bool
) -> None:
    wanted = Preferences(bell=when, mail=when, webhook=when, webhook_url=HOOK)
    notices.prefer(store, Choice(person=person, preferences=wanted)).result()
    batch = submitted(store, team, person, *[1 for _ in ends])
    for job, status in zip(children(store, batch), ends, strict=True):
        end(store, job, status)
    assert len(told(store, person)) == hears
    for channel, target in ((deliveries.MAIL, "ada@example.org"), (deliveries.WEBHOOK, HOOK)):
        due = deliveries.due(store, channel, utcnow(), 10)
        assert [(each.target, each.batch, each.job) for each in due] == [(target, batch.id, None)] * hears


def test_a_notice_says_how_many_ended_how(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1, 1)
    for job, status in zip(
        children(store, batch), (Status.COMPLETED, Status.FAILED, Status.COMPLETED), strict=True
    ):
        end(store, job, status)
    (notice,) = notices.page(store, person, 10)
    assert notice.text == "Batch “Docks” has ended: 2 completed, 1 failed."
    assert (notice.kind, notice.batch, notice.job) == ("batch_ended", batch.id, None)


def test_a_batch_that_is_cancelled_as_a_whole_tells_nobody(store: Store, team: str, person: str) -> None:
    notices.prefer(store, Choice(person=person, preferences=EVERYWHERE)).result()
    batch = submitted(store, team, person, 1, 1, 1, concurrency=1)
    running = start(store, children(store, batch)[0])
    batches.cancel(store, batch.id).result()
    assert jobs.finish(store, outcome_of(running, Status.CANCELLED)).result() is not None
    assert not now(store, batch).live
    assert told(store, person) == []
    assert deliveries.due(store, deliveries.MAIL, utcnow(), 10) == []


# Cancelling -----------------------------------------------------------------------------------------------


def test_cancel_all_ends_what_waits_at_once_and_asks_what_runs(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, *[10] * 4, concurrency=2)
    running = start(store, children(store, batch)[0])
    done = batches.cancel(store, batch.id).result()
    assert [job.id for job in done.asked] == [running.id]
    assert len(done.handed_out) == 3
    assert statuses(store, batch) == [Status.PROCESSING] + [Status.CANCELLED] * 3
    assert money(store, team) == (90, 0)
    expected = [["hold", "charge"], *[["hold", "release"]] * 3]
    assert [kinds(store, job) for job in children(store, batch)] == expected
    histories = []
    for job in children(store, batch):
        detail = jobs.detail(store, job.id)
        assert detail is not None
        assert detail.job.cancel_requested == (job.id == running.id)
        histories.append([entry.to_status for entry in detail.history])
    assert histories[0][-1] is Status.PROCESSING
    assert histories[1] == [Status.QUEUED, Status.PENDING, Status.CANCELLED]
    assert histories[3] == [Status.QUEUED, Status.CANCELLED]
    assert now(store, batch).live
    assert jobs.finish(store, outcome_of(running, Status.CANCELLED)).result() is not None
    assert money(store, team) == (90, 0), "cancelled while processing is not refunded"
    assert not now(store, batch).live


def test_cancel_all_opens_what_waits_in_another_batch(store: Store, team: str, person: str) -> None:
    concurrency(store, team, 2)
    first, second = submitted(store, team, person, 1, 1, 1), submitted(store, team, person, 1, 1, 1)
    batches.cancel(store, first.id).result()
    assert now(store, second).counts == {Status.PENDING: 2, Status.QUEUED: 1}


def test_cancel_all_twice_and_of_nothing_changes_nothing(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1)
    with store.together():
        both = [batches.cancel(store, batch.id) for _ in range(2)]
    assert [len(each.result().handed_out) for each in both] == [2, 0]
    assert money(store, team) == (100, 0)
    for nothing in (batch.id, new_id(), "nonsense"):
        done = batches.cancel(store, nothing).result()
        assert (done.handed_out, done.asked) == ([], [])


def test_a_claim_in_the_same_moment_as_cancel_all_runs_and_is_asked_to_stop(
    store: Store, team: str, person: str
) -> None:
    batch = submitted(store, team, person, 10, 10)
    first = children(store, batch)[0]
    with store.together():
        done, claimed = batches.cancel(store, batch.id), jobs.claim(store, claim_of(first))
    assert claimed.result()
    assert [job.id for job in done.result().asked] == [first.id]
    assert statuses(store, batch) == [Status.PROCESSING, Status.CANCELLED]
    assert money(store, team) == (90, 0)


def test_a_claim_after_cancel_all_is_refused(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 10)
    claim = claim_of(children(store, batch)[0])
    batches.cancel(store, batch.id).result()
    assert not jobs.claim(store, claim).result()
    assert money(store, team) == (100, 0)


# Retrying -------------------------------------------------------------------------------------------------


def ended_in_every_way(store: Store, team: str, person: str) -> Batch:
    """Wells: completed, failed, timed out, cancelled; 10 credits each."""
    batch = submitted(store, team, person, 10, 10, 10, 10)
    for job, status in zip(
        children(store, batch),
        (Status.COMPLETED, Status.FAILED, Status.TIMEOUT, Status.CANCELLED),
        strict=True,
    ):
        end(store, job, status)
    return batch


def test_a_retry_puts_new_children_into_the_same_wells(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    before = children(store, batch)
    assert money(store, team) == (80, 0)
    asked = again(store, batch)
    done = batches.retry(store, asked).result()
    assert done.taken == {child.id for child in asked.children}
    after = children(store, batch)
    assert sorted(job.well or 0 for job in after) == [0, 1, 2, 3]
    wells = batches.wells(store, batch)
    assert [well.job for well in wells] == [before[0].id, *(child.id for child in asked.children)]
    assert money(store, team) == (80, 30)
    found = now(store, batch)
    assert found.counts == {Status.COMPLETED: 1, Status.PENDING: 3}
    assert (found.live, found.wells) == (True, 4)
    assert (found.credits, found.refunded) == (70, 20)


def test_a_superseded_child_keeps_no_well_and_stays_what_it_was(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    failed = children(store, batch)[1]
    batches.retry(store, again(store, batch)).result()
    old = jobs.get(store, failed.id)
    assert old is not None
    assert (old.well, old.batch, old.status) == (None, batch.id, Status.FAILED)
    assert len(batches.children(store, batch)) == 7
    assert sum(now(store, batch).counts.values()) == 4


def test_two_retries_at_the_same_moment_fill_each_well_once(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    with store.together():
        first, second = [batches.retry(store, again(store, batch)) for _ in range(2)]
    assert (len(first.result().taken), len(second.result().taken)) == (3, 0)
    assert Counter(job.well for job in children(store, batch)) == Counter(range(4))
    assert money(store, team) == (80, 30)


def test_a_retry_of_some_that_were_retried_meanwhile_takes_the_others(
    store: Store, team: str, person: str
) -> None:
    batch = ended_in_every_way(store, team, person)
    everything = again(store, batch)
    batches.retry(store, again(store, batch, children(store, batch)[1:2])).result()
    done: Retried = batches.retry(store, everything).result()
    assert done.taken == {child.id for child in everything.children[1:]}
    assert money(store, team) == (80, 30)


def test_a_retry_that_cannot_be_paid_leaves_the_wells_as_they_are(
    store: Store, team: str, person: str
) -> None:
    batch = ended_in_every_way(store, team, person)
    ledger.grant(store, team, -60, "correction").result()
    before = batches.wells(store, batch)
    with pytest.raises(NotEnoughCredits, match="This batch costs 30 credits"):
        batches.retry(store, again(store, batch)).result()
    assert batches.wells(store, batch) == before
    assert not now(store, batch).live
    assert money(store, team) == (20, 0)


def test_a_retry_at_another_price_than_was_seen_is_a_conflict(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    with pytest.raises(Conflict, match="30 credits now, not 20"):
        batches.retry(store, replace(again(store, batch), expected_credits=20)).result()
    assert batches.retry(store, replace(again(store, batch), expected_credits=30)).result().taken


def test_what_completed_or_lives_is_not_retried(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 10, 10)
    end(store, children(store, batch)[0])
    asked = again(store, batch, children(store, batch))
    assert batches.retry(store, asked).result().taken == frozenset()
    assert len(batches.children(store, batch)) == 2


def test_a_retry_waits_for_its_turn_too(store: Store, team: str, person: str) -> None:
    concurrency(store, team, 1)
    batch = submitted(store, team, person, 1, 1)
    end(store, children(store, batch)[0], Status.FAILED)
    batches.retry(store, again(store, batch)).result()
    assert statuses(store, batch) == [Status.QUEUED, Status.PENDING]


def test_a_batch_that_ends_again_after_a_retry_tells_again(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1)
    first, second = children(store, batch)
    end(store, first)
    end(store, second, Status.FAILED)
    batches.retry(store, again(store, batch)).result()
    end(store, children(store, batch)[-1])
    assert not now(store, batch).live
    assert sorted(told(store, person)) == [
        "Batch “Docks” has ended: 1 completed, 1 failed.",
        "Batch “Docks” has ended: 2 completed.",
    ]


def test_a_retry_of_a_deleted_batch_is_refused(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    asked = again(store, batch)
    batches.delete(store, batch.id).result()
    with pytest.raises(NotFound):
        batches.retry(store, asked).result()
    assert money(store, team) == (80, 0)


# Deleting -------------------------------------------------------------------------------------------------


def test_deleting_a_batch_leaves_nothing_but_its_money(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    batches.retry(store, again(store, batch)).result()
    for job in children(store, batch)[1:]:
        end(store, job)
    batches.mark(store, Marking(batch.id, person, True, ("keep",))).result()
    marks.star(store, marks.Star(person, children(store, batch)[0].id, True)).result()
    invite(store, batch, person, "eve@lab.example")
    notices.prefer(store, Choice(person=person, preferences=EVERYWHERE)).result()
    every = batches.children(store, batch)
    before = money(store, team), ledger.entries(store, team, limit=100)
    gone = batches.delete(store, batch.id).result()
    assert gone is not None
    assert {job.id for job in gone} == {job.id for job in every}
    assert batches.get(store, batch.id) is None
    assert all(jobs.get(store, job.id) is None for job in every)
    seqs = [batch.seq, *(job.seq for job in every)]
    tables = ["jobs", "batches", "submissions", "attempts", "results", "history", "tags", "stars"]
    assert {table: count_rows(store, table, seqs) for table in tables} == dict.fromkeys(tables, 0)
    assert sharing.invitations(store, batch.id) == []
    assert told(store, person) == []
    assert deliveries.due(store, deliveries.MAIL, utcnow(), 10) == []
    after = ledger.entries(store, team, limit=100)
    assert money(store, team) == before[0]
    assert [(entry.kind, entry.balance, entry.held) for entry in after] == [
        (entry.kind, entry.balance, entry.held) for entry in before[1]
    ]
    assert {entry.job for entry in after if entry.kind is not LedgerKind.GRANT} == {None}


def test_a_batch_that_goes_on_is_not_deleted(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1)
    end(store, children(store, batch)[0])
    assert batches.delete(store, batch.id).result() is None
    assert now(store, batch).counts == {Status.COMPLETED: 1, Status.PENDING: 1}


def test_a_retry_in_the_same_moment_keeps_a_batch_from_being_deleted(
    store: Store, team: str, person: str
) -> None:
    batch = ended_in_every_way(store, team, person)
    with store.together():
        deleted, retried = batches.delete(store, batch.id), batches.retry(store, again(store, batch))
    assert deleted.result() is None
    assert len(retried.result().taken) == 3


def test_a_second_delete_and_one_of_nothing_find_nothing(store: Store, team: str, person: str) -> None:
    batch = ended_in_every_way(store, team, person)
    with store.together():
        first, second = [batches.delete(store, batch.id) for _ in range(2)]
    assert first.result() is not None
    assert second.result() is None
    assert batches.delete(store, "nonsense").result() is None


def test_a_child_is_not_deleted_alone(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1)
    (child,) = children(store, batch)
    end(store, child)
    assert jobs.delete(store, child.id).result() is None
    assert jobs.get(store, child.id) is not None


# Sharing and people ---------------------------------------------------------------------------------------


def invite(
    store: Store, batch: Batch, by: str, *emails: str, visibility: Visibility | None = Visibility.INVITED
) -> sharing.Shared | None:
    wanted = Share(subject=batch.id, by=by, by_name="Ada", visibility=visibility, emails=emails)
    return sharing.share(store, wanted).result()


def test_sharing_a_batch_moves_its_children_also_superseded_ones_and_later_ones(
    store: Store, team: str, person: str
) -> None:
    batch = ended_in_every_way(store, team, person)
    batches.retry(store, again(store, batch, children(store, batch)[1:2])).result()
    heard: list[Any] = []
    store.listen(heard.extend)
    invite(store, batch, person, visibility=Visibility.PUBLIC)
    every = batches.children(store, batch)
    assert {job.visibility for job in every} == {Visibility.PUBLIC}
    assert {(change.job, change.visibility) for change in heard} == {
        (job.id, Visibility.PUBLIC) for job in every
    }
    batches.retry(store, again(store, batch)).result()
    assert {job.visibility for job in batches.children(store, batch)} == {Visibility.PUBLIC}


def test_only_its_submitter_shares_a_batch(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1)
    assert invite(store, batch, new_id(), visibility=Visibility.PUBLIC) is None
    assert now(store, batch).visibility is Visibility.PRIVATE


def test_an_invitation_to_a_batch_names_it(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1)
    shared = invite(store, batch, person, "eve@lab.example")
    assert shared is not None
    (invitation,) = shared.new
    assert (invitation.batch, invitation.job, invitation.team) == (batch.id, None, None)
    assert sharing.invitations(store, batch.id) == [invitation]
    assert sharing.invitations(store, children(store, batch)[0].id) == []


def test_the_batches_of_who_leaves_go_to_the_heir(store: Store, team: str, person: str) -> None:
    heir = make_person(store, "Bob")
    sql = "insert into memberships (team, person, role, since) values ($team, $person, 'owner', $now)"
    execute(store, sql, team=team, person=heir, now=utcnow())
    batch = submitted(store, team, person, 1, 1, concurrency=1)
    start(store, children(store, batch)[0])
    store.write(teams.remove, Removal(team=team, by=heir, person=person, heir=heir)).result()
    after = now(store, batch)
    assert (after.submitter, after.submitter_name) == (heir, "Bob")
    assert {job.submitter for job in children(store, batch)} == {heir}
    for job in children(store, batch):
        fresh = jobs.get(store, job.id)
        assert fresh is not None
        if fresh.status is Status.PROCESSING:
            assert jobs.finish(store, outcome_of(fresh)).result() is not None
        else:
            end(store, fresh)
    assert "Batch “Docks” has ended: 2 completed." in told(store, heir)


# Looking --------------------------------------------------------------------------------------------------


def test_children_are_not_in_the_list_but_in_their_batch(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1)
    single = jobs.submit(store, make_job(team=team, submitter=person)).result().job
    me = viewer(team, person)
    found = jobs.page(store, team, JobFilter(), 10, viewer=me)
    assert [job.id for job in found] == [single.id]
    assert jobs.counts(store, team, JobFilter(), viewer=me) == {Status.PENDING: 1}
    of_batch = jobs.page(store, team, JobFilter(batch=batch.id), 10, viewer=me)
    assert {job.batch for job in of_batch} == {batch.id}
    assert len(of_batch) == 2


def test_batches_are_paged_newest_first_and_narrowed(store: Store, team: str, person: str) -> None:
    first = submitted(store, team, person, 1, name="Kinases")
    second = submitted(store, team, person, 1, name="Proteases", tool="boltz-2")
    submitted(store, make_team(store, 10), person, 1)
    end(store, children(store, first)[0])
    batches.mark(store, Marking(second.id, person, True, None)).result()
    me = viewer(team, person)

    def found(**given: Any) -> list[str]:
        return [batch.id for batch in batches.page(store, BatchFilter(**given), 10, None, viewer=me)]

    assert found() == [second.id, first.id]
    assert found(tool=("boltz-2",)) == [second.id]
    assert found(q="KINA") == [first.id]
    assert found(starred=True) == [second.id]
    assert found(live=True) == [second.id]
    assert found(shared=True) == []
    page = batches.page(store, BatchFilter(), 1, second.seq, viewer=me)
    assert [batch.id for batch in page] == [first.id]


@pytest.mark.parametrize(
    ("visibility", "member", "seen"),
    [
        (Visibility.PRIVATE, False, False),
        (Visibility.TEAM, False, False),
        (Visibility.TEAM, True, True),
        (Visibility.INVITED, False, True),
        (Visibility.USERS, False, True),
        (Visibility.PUBLIC, False, True),
    ],
)
def test_batches_that_were_shared_with_one(
    store: Store, team: str, person: str, visibility: Visibility, member: bool, seen: bool
) -> None:
    batch = submitted(store, team, person, 1, visibility=visibility)
    roles = {team: Role.MEMBER} if member else {}
    eve = viewer(new_id(), new_id(), invited=frozenset({batch.id}), roles=roles)
    found = batches.page(store, BatchFilter(shared=True), 10, None, viewer=eve)
    assert [each.id for each in found] == [batch.id] * seen


def test_renaming_and_marking_are_heard_by_who_shows_the_batch(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 1, 1)
    heard: list[Any] = []
    store.listen(heard.extend)
    batches.rename(store, batch.id, "Kinases").result()
    batches.mark(store, Marking(batch.id, person, True, ("a", "b"))).result()
    assert [change.batch for change in heard] == [batch.id] * 2
    found = batches.get(store, batch.id, person)
    assert found is not None
    assert (found.name, found.starred, found.tags) == ("Kinases", True, ("a", "b"))
    others = batches.get(store, batch.id, new_id())
    assert others is not None
    assert (others.starred, others.tags) == (False, ("a", "b"))
    assert batches.rename(store, new_id(), "x").result() is None
    assert batches.mark(store, Marking("nonsense", person, True, None)).result() is None


def test_what_is_no_id_is_no_batch(store: Store) -> None:
    assert batches.get(store, "nonsense") is None
    assert batches.row(store, "nonsense") is None


def test_a_group_with_a_batch_that_is_refused_takes_the_others(store: Store, team: str, person: str) -> None:
    with store.together():
        refused = batches.submit(store, make_batch(team, person, 500))
        taken = batches.submit(store, make_batch(team, person, 5))
        single = jobs.submit(store, make_job(team=team, submitter=person))
    with pytest.raises(WellplateError):
        refused.result()
    assert taken.result().created
    assert single.result().created
    assert money(store, team) == (100, 15)


def test_what_a_childs_job_json_holds_is_read_back(store: Store, team: str, person: str) -> None:
    batch = submitted(store, team, person, 3)
    (child,) = children(store, batch)
    assert batches.requests(store, [child]) == {
        child.id: {
            "tool": "autodock-vina",
            "steps": [],
            "id": child.id,
            "name": "child 0",
            "credits": 3,
            "inputs": {"number": 0},
            "files": {},
        }
    }


def test_made_from_of_a_retry_names_the_job_that_was_in_the_well(
    store: Store, team: str, person: str
) -> None:
    batch = ended_in_every_way(store, team, person)
    asked = again(store, batch)
    batches.retry(store, asked).result()
    made: list[NewJob] = asked.children
    assert [child.made_from[0][1] for child in made] == ["retry"] * 3
