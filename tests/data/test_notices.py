"""Who hears that a job ended, and that it is written with the end or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from data import deliveries, jobs, notices, runs
from data.deliveries import GivenUp
from data.notices import Choice, NewNotice, Reading
from data.records import (
    ErrorKind,
    Job,
    JobError,
    Loss,
    NewJob,
    Outcome,
    Preferences,
    Role,
    Status,
    When,
    utcnow,
)
from data.store import Store, Transaction
from tests.data.conftest import execute, failure, make_person, make_team, outcome_of, started

HOOK = "https://hooks.example.org/secret"
EVERYWHERE = Preferences(bell=When.ALWAYS, mail=When.ALWAYS, webhook=When.ALWAYS, webhook_url=HOOK)
Factory = Callable[..., NewJob]


@pytest.fixture(autouse=True)
def member(store: Store, team: str, person: str) -> None:
    join(store, team, person)


def join(store: Store, team: str, person: str) -> None:
    execute(
        store,
        "insert into memberships (team, person, role, since) values ($team, $person, $role, $now)",
        team=team,
        person=person,
        role=Role.MEMBER.value,
        now=utcnow(),
    )


def prefer(store: Store, person: str, preferences: Preferences) -> None:
    notices.prefer(store, Choice(person=person, preferences=preferences)).result()


def finish(store: Store, job: Job, status: Status) -> None:
    error = None if status in (Status.COMPLETED, Status.CANCELLED) else failure()
    assert jobs.finish(store, outcome_of(job, status, error=error)).result() is not None


def heard(store: Store, person: str) -> list[str]:
    return [notice.text for notice in notices.page(store, person, 50)]


def to_send(store: Store) -> list[tuple[str, str]]:
    return [
        (each.channel, each.target)
        for channel in (deliveries.MAIL, deliveries.WEBHOOK)
        for each in deliveries.due(store, channel, utcnow(), 100)
    ]


@pytest.mark.parametrize(
    ("when", "status", "hears"),
    [
        (When.ALWAYS, Status.COMPLETED, True),
        (When.ALWAYS, Status.FAILED, True),
        (When.ALWAYS, Status.TIMEOUT, True),
        (When.ALWAYS, Status.CANCELLED, False),  # by the person, who knows
        (When.FAILURES, Status.COMPLETED, False),
        (When.FAILURES, Status.FAILED, True),
        (When.FAILURES, Status.TIMEOUT, True),
        (When.FAILURES, Status.CANCELLED, False),
        (When.NEVER, Status.FAILED, False),
    ],
)
def test_each_channel_tells_what_was_asked_for(
    store: Store, job_factory: Factory, person: str, when: When, status: Status, hears: bool
) -> None:
    prefer(store, person, Preferences(bell=when, mail=when, webhook=when, webhook_url=HOOK))
    finish(store, started(store, job_factory()), status)
    assert bool(heard(store, person)) is hears
    both = [(deliveries.MAIL, "ada@example.org"), (deliveries.WEBHOOK, HOOK)]
    assert to_send(store) == (both if hears else [])


def test_who_never_chose_hears_the_bell_only(store: Store, job_factory: Factory, person: str) -> None:
    finish(store, started(store, job_factory()), Status.FAILED)
    assert heard(store, person) == ["“Dock” failed. It failed."]
    assert to_send(store) == []


def test_a_quick_job_tells_nothing(store: Store, job_factory: Factory, person: str) -> None:
    prefer(store, person, EVERYWHERE)
    finish(store, started(store, job_factory(cpus_min=0)), Status.COMPLETED)
    assert (heard(store, person), to_send(store)) == ([], [])


def test_a_child_of_a_batch_tells_nothing(store: Store, job_factory: Factory, person: str) -> None:
    prefer(store, person, EVERYWHERE)
    job = started(store, job_factory())
    execute(store, "update jobs set batch = id where seq = $seq", seq=job.seq)
    finish(store, job, Status.COMPLETED)
    assert (heard(store, person), to_send(store)) == ([], [])


@pytest.mark.parametrize(
    "sql",
    [
        "delete from memberships where person = $person",
        "update persons set active = false where id = $person",
    ],
)
def test_who_left_the_team_or_was_switched_off_hears_nothing(
    store: Store, job_factory: Factory, person: str, sql: str
) -> None:
    prefer(store, person, EVERYWHERE)
    job = started(store, job_factory())
    execute(store, sql, person=person)
    finish(store, job, Status.COMPLETED)
    assert (heard(store, person), to_send(store)) == ([], [])


def test_an_address_that_was_never_proven_gets_no_mail(
    store: Store, job_factory: Factory, person: str
) -> None:
    prefer(store, person, EVERYWHERE)
    execute(store, "update persons set verified = false where id = $person", person=person)
    finish(store, started(store, job_factory()), Status.COMPLETED)
    assert to_send(store) == [(deliveries.WEBHOOK, HOOK)]


def test_a_job_that_cannot_start_and_one_whose_runs_were_lost_tell(
    store: Store, job_factory: Factory, person: str
) -> None:
    waiting = jobs.submit(store, job_factory(name="Waiting")).result().job
    error = JobError(kind=ErrorKind.INPUT, message="No atoms.", log_tail="")
    assert jobs.refuse(store, waiting.id, waiting.attempt, error).result()
    running = started(store, job_factory(name="Running"))
    loss = Loss(job=running.id, seq=running.seq, attempt=1, run_id=running.run_id, reason="The worker died.")
    assert jobs.lose(store, loss, max_retries=1).result().status is Status.RETRY
    assert heard(store, person) == ["“Waiting” failed. No atoms."]  # it runs again: nothing has ended
    again = Loss(job=running.id, seq=running.seq, attempt=2, run_id=None, reason="The worker died.")
    assert jobs.lose(store, again, max_retries=1).result().status is Status.FAILED
    assert heard(store, person)[0] == "“Running” failed. The worker died."


def test_an_outcome_that_comes_twice_tells_once(store: Store, job_factory: Factory, person: str) -> None:
    job = started(store, job_factory())
    first, second = (jobs.finish(store, outcome_of(job)) for _ in range(2))
    assert first.result() is not None and second.result() is None
    assert heard(store, person) == ["“Dock” completed."]


def test_a_group_of_jobs_tells_each_submitter_of_their_own(
    store: Store, team: str, job_factory: Factory, person: str
) -> None:
    eve, other = make_person(store, "Eve"), make_team(store, 100)
    join(store, other, eve)
    mine = [started(store, job_factory(name=f"mine {n}", credits=0)) for n in range(20)]
    hers = started(store, job_factory(name="hers", team=other, submitter=eve))
    with store.together():
        ends = [jobs.finish(store, outcome_of(job)) for job in [*mine, hers]]
    assert all(end.result() for end in ends)
    assert sorted(heard(store, person)) == sorted(f"“mine {n}” completed." for n in range(20))
    assert heard(store, eve) == ["“hers” completed."]


def test_nothing_is_told_of_an_end_that_was_rolled_back(
    store: Store, job_factory: Factory, person: str
) -> None:
    job, rang = started(store, job_factory()), []
    store.hear(notices.TOPIC, rang.append)

    def broken(tx: Transaction, outcomes: list[Outcome]) -> list[Any]:
        runs.finishes(tx, outcomes)
        raise RuntimeError("after the notice, before the commit")

    with pytest.raises(RuntimeError):
        store.write(broken, outcome_of(job)).result()
    assert (heard(store, person), rang) == ([], [])
    finish(store, job, Status.COMPLETED)
    assert (len(heard(store, person)), rang) == (1, [frozenset({person})])


def test_deleting_a_job_takes_its_notices_along(store: Store, job_factory: Factory, person: str) -> None:
    prefer(store, person, EVERYWHERE)
    job, other = started(store, job_factory()), started(store, job_factory(name="Other"))
    finish(store, job, Status.COMPLETED)
    finish(store, other, Status.COMPLETED)
    assert len(to_send(store)) == 4
    assert jobs.delete(store, job.id).result()
    assert heard(store, person) == ["“Other” completed."]
    assert len(to_send(store)) == 2


def test_nothing_is_told_of_a_job_that_was_deleted_while_it_was_sent(
    store: Store, job_factory: Factory, person: str
) -> None:
    """What was on its way then comes back as undeliverable afterwards."""
    prefer(store, person, EVERYWHERE)
    job, other = started(store, job_factory(name="Secret")), started(store, job_factory(name="Other"))
    finish(store, job, Status.COMPLETED)
    finish(store, other, Status.COMPLETED)
    sent = deliveries.due(store, deliveries.WEBHOOK, utcnow(), 10)
    assert jobs.delete(store, job.id).result()
    for each in sent:
        told = NewNotice(person=person, kind="undelivered", text=f"{each.subject} came back.", job=each.job)
        deliveries.give_up(store, GivenUp(deliveries=[each.id], told=[told])).result()
    assert heard(store, person) == ["Other: completed came back.", "“Other” completed."]


def test_reading_marks_own_notices_only(store: Store, person: str) -> None:
    eve = make_person(store, "Eve")
    for who, text in ((person, "one"), (person, "two"), (eve, "hers")):
        notices.add(store, NewNotice(person=who, kind="shared", text=text)).result()
    hers = notices.page(store, eve, 1)[0]
    newest = notices.page(store, person, 1)[0]
    notices.read(store, Reading(person=person, ids=[hers.id, newest.id, newest.id])).result()
    assert (notices.unread(store, person), notices.unread(store, eve)) == (1, 1)
    assert [(each.text, each.read_at is None) for each in notices.page(store, person, 9)] == [
        ("two", False),
        ("one", True),
    ]
    notices.read(store, Reading(person=person, ids=None)).result()
    assert (notices.unread(store, person), notices.unread(store, eve)) == (0, 1)


def test_of_two_choices_at_once_the_later_holds(store: Store, person: str) -> None:
    with store.together():
        chosen = [
            notices.prefer(store, Choice(person=person, preferences=Preferences(bell=when)))
            for when in (When.NEVER, When.FAILURES)
        ]
    assert [each.result() for each in chosen] == [None, None]
    assert notices.preferences(store, person) == Preferences(bell=When.FAILURES)


def test_a_long_or_broken_reason_becomes_one_short_line(store: Store, person: str) -> None:
    notices.add(store, NewNotice(person=person, kind="job_ended", text="a\r\nb " + "x" * 1000)).result()
    (text,) = heard(store, person)
    assert text.startswith("a b x") and len(text) == notices.LONGEST


def test_old_notices_go(store: Store, person: str) -> None:
    notices.add(store, NewNotice(person=person, kind="shared", text="old")).result()
    between = utcnow()
    notices.add(store, NewNotice(person=person, kind="shared", text="new")).result()
    notices.tidy(store, between).result()
    assert heard(store, person) == ["new"]
