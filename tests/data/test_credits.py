"""What months give, what one member may use, and where credits went: on a real store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from data import allowances, jobs, ledger, purses, spending
from data.allowances import Allowance
from data.errors import NotEnoughCredits, NotFound
from data.records import Balance, ErrorKind, Job, LedgerKind, NewJob, Spent, Status, new_id
from data.store import Store
from tests.data.conftest import (
    execute,
    failure,
    make_job,
    make_person,
    make_team,
    outcome_of,
    started,
)

JobFactory = Callable[..., NewJob]
NOVEMBER = datetime(2126, 11, 30, 23, 59)
DECEMBER = datetime(2126, 12, 1, 0, 0)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """`at(time)`: from now on it is this time, or a little later."""

    def turn(now: datetime) -> None:
        for module in ("data.store", "data.allowances"):
            monkeypatch.setattr(f"{module}.utcnow", lambda: now)

    return turn


def allow(store: Store, team: str, credits: int | None) -> int:
    """The balance afterwards."""
    change = Allowance(team=team, credits=credits, person=make_person(store))
    return allowances.set_allowance(store, change).result().balance


def cap(store: Store, team: str, credits: int | None) -> None:
    execute(store, "update teams set person_credits = $credits where id = $team", credits=credits, team=team)


def ended(store: Store, job: Job, status: Status, kind: ErrorKind | None = None) -> None:
    outcome = outcome_of(job, status, error=failure(kind) if kind else None)
    assert jobs.finish(store, outcome).result() is not None


def keys(store: Store, team: str) -> list[str]:
    return [entry.note for entry in ledger.entries(store, team, kinds=[LedgerKind.GRANT])]


# Allowance -----------------------------------------------------------------------------------------------------


def test_an_allowance_is_given_once_a_month(store: Store, team: str, at: Callable[[datetime], None]) -> None:
    at(NOVEMBER)
    assert allow(store, team, 40) == 140
    assert not allowances.due(store)
    allowances.give_due(store).result()
    assert ledger.balance(store, team).balance == 140
    at(DECEMBER)
    assert allowances.due(store)
    with store.together():
        twice = [allowances.give_due(store) for _ in range(2)]
    assert [each.result() for each in twice] == [None, None]
    assert ledger.balance(store, team).balance == 180
    assert keys(store, team) == ["Allowance of 2126-12", "Allowance of 2126-11", "first"]


def test_an_allowance_changes_with_the_next_month(
    store: Store, team: str, at: Callable[[datetime], None]
) -> None:
    at(NOVEMBER)
    allow(store, team, 40)
    assert allow(store, team, 70) == 140
    at(DECEMBER)
    allowances.give_due(store).result()
    assert ledger.balance(store, team).balance == 210
    allow(store, team, None)
    at(DECEMBER + timedelta(days=31))
    assert not allowances.due(store)


def test_the_first_who_looks_brings_the_allowances_of_all_teams(
    store: Store, team: str, at: Callable[[datetime], None]
) -> None:
    at(NOVEMBER)
    other = make_team(store)
    allow(store, team, 40), allow(store, other, 5)
    at(DECEMBER)
    jobs.submit(store, make_job(team=other, submitter=make_person(store), credits=10)).result()
    assert ledger.balance(store, other) == Balance(balance=10, held=10)
    assert ledger.balance(store, team).balance == 180


def test_a_job_is_judged_after_the_allowance(
    store: Store, job_factory: JobFactory, team: str, at: Callable[[datetime], None]
) -> None:
    at(NOVEMBER)
    allow(store, team, 20)
    jobs.submit(store, job_factory(credits=120)).result()
    with pytest.raises(NotEnoughCredits):
        jobs.submit(store, job_factory(credits=1)).result()
    at(DECEMBER)
    assert jobs.submit(store, job_factory(credits=20)).result().created
    with pytest.raises(NotEnoughCredits, match="1 missing"):
        jobs.submit(store, job_factory(credits=1)).result()


def test_an_allowance_of_no_team(store: Store) -> None:
    for unknown in (new_id(), "nobody"):
        with pytest.raises(NotFound):
            allow(store, unknown, 5)
    with pytest.raises(NotFound):
        allowances.team(store, "nobody")


# Cap per person --------------------------------------------------------------------------------------------------


def test_a_cap_is_judged_one_job_after_the_other(store: Store, job_factory: JobFactory, team: str) -> None:
    cap(store, team, 25)
    with store.together():
        futures = [jobs.submit(store, job_factory(credits=10)) for _ in range(4)]
    problems = [future.exception() for future in futures]
    assert [type(problem) for problem in problems] == [
        type(None),
        type(None),
        NotEnoughCredits,
        NotEnoughCredits,
    ]
    assert str(problems[2]) == (
        "This job costs 10 credits, and you may use 5 more this month (20 of 25 are used): 5 missing. "
        "Ask an owner or admin of the team to raise the cap per person, or wait for next month."
    )
    assert ledger.balance(store, team).held == 20
    assert jobs.submit(store, job_factory(credits=5)).result().created


def test_a_cap_is_each_members_own(store: Store, job_factory: JobFactory, team: str) -> None:
    cap(store, team, 10)
    other = make_person(store, "Ben")
    jobs.submit(store, job_factory(credits=10)).result()
    jobs.submit(store, job_factory(credits=10, submitter=other)).result()
    for submitter in ({}, {"submitter": other}):
        with pytest.raises(NotEnoughCredits):
            jobs.submit(store, job_factory(credits=1, **submitter)).result()
    elsewhere = make_team(store, 50)
    assert jobs.submit(store, job_factory(credits=50, team=elsewhere)).result().created


def test_what_comes_back_can_be_used_again(
    store: Store, job_factory: JobFactory, team: str, person: str, at: Callable[[datetime], None]
) -> None:
    at(NOVEMBER)
    since = allowances.month_of(NOVEMBER)
    cap(store, team, 30)
    running = started(store, job_factory(credits=20))
    waiting = jobs.submit(store, job_factory(credits=10)).result().job
    assert purses.used(store, team, person, since) == 30
    jobs.cancel(store, waiting.id).result()
    assert purses.used(store, team, person, since) == 20
    ended(store, running, Status.FAILED, ErrorKind.PLATFORM)
    assert purses.used(store, team, person, since) == 0
    assert jobs.submit(store, job_factory(credits=30)).result().created


def test_a_cap_begins_anew_with_the_month(
    store: Store, job_factory: JobFactory, team: str, person: str, at: Callable[[datetime], None]
) -> None:
    """A job counts in the month in which it was submitted, whenever it runs and whatever comes back."""
    at(NOVEMBER)
    cap(store, team, 20)
    old = jobs.submit(store, job_factory(credits=20)).result().job
    at(DECEMBER)
    assert jobs.submit(store, job_factory(credits=20)).result().created
    jobs.cancel(store, old.id).result()
    assert purses.used(store, team, person, allowances.month_of(DECEMBER)) == 20
    with pytest.raises(NotEnoughCredits):
        jobs.submit(store, job_factory(credits=1)).result()


def test_a_cap_refuses_nothing_that_is_free_or_only_counted(
    store: Store, job_factory: JobFactory, team: str
) -> None:
    cap(store, team, 0)
    assert jobs.submit(store, job_factory(credits=0)).result().created
    assert jobs.submit(store, job_factory(credits=7, enforce=False)).result().created
    with pytest.raises(NotEnoughCredits):
        jobs.submit(store, job_factory(credits=1)).result()


def test_too_few_credits_come_before_the_cap(store: Store, job_factory: JobFactory, team: str) -> None:
    cap(store, team, 10)
    with pytest.raises(NotEnoughCredits, match="101 credits, 100 are available: 1 missing"):
        jobs.submit(store, job_factory(credits=101)).result()


# Where it went ---------------------------------------------------------------------------------------------------


def test_the_ledger_is_narrowed(store: Store, job_factory: JobFactory, team: str, person: str) -> None:
    other = make_person(store, "Ben")
    ran = started(store, job_factory(credits=10, tool="fold"))
    jobs.submit(store, job_factory(credits=5, submitter=other)).result()
    jobs.cancel(store, jobs.submit(store, job_factory(credits=3)).result().job.id).result()

    def kinds(**filters: object) -> list[str]:
        return [entry.kind.value for entry in ledger.entries(store, team, **filters)]  # type: ignore[arg-type]

    assert kinds() == ["release", "hold", "hold", "charge", "hold", "grant"]
    assert kinds(kinds=[LedgerKind.CHARGE, LedgerKind.GRANT]) == ["charge", "grant"]
    assert kinds(tools=["fold"]) == ["charge", "hold"]
    assert kinds(tools=["first"]) == []  # a grant's note is no tool
    assert kinds(persons=[other]) == ["hold"]
    assert kinds(persons=[person], kinds=[LedgerKind.HOLD]) == ["hold", "hold"]
    entries = ledger.entries(store, team)
    assert [entry.person_name for entry in entries] == ["Ada", "Ada", "Ben", "Ada", "Ada", ""]
    charge = entries[3]
    assert (charge.job, charge.balance, charge.note) == (ran.id, -10, "fold")
    assert kinds(since=charge.at, until=charge.at + timedelta(microseconds=1)) == ["charge"]
    assert kinds(limit=2, before=charge.number) == ["hold", "grant"]


def test_spending_is_net_of_refunds_and_by_the_day_of_the_charge(
    store: Store, job_factory: JobFactory, team: str, person: str, at: Callable[[datetime], None]
) -> None:
    other = make_person(store, "Ben")
    at(NOVEMBER)
    started(store, job_factory(credits=10))
    lost = started(store, job_factory(credits=7))
    at(DECEMBER)
    ended(store, lost, Status.FAILED, ErrorKind.TOOL)
    started(store, job_factory(credits=4, tool="fold", submitter=other))
    jobs.submit(store, job_factory(credits=9)).result()  # held, not spent
    assert spending.spent(store, team, NOVEMBER - timedelta(days=1), DECEMBER + timedelta(days=1)) == [
        Spent(
            day=NOVEMBER.date(),
            tool="autodock-vina",
            person=person,
            person_name="Ada",
            credits=10,
            jobs=2,
        ),
        Spent(day=DECEMBER.date(), tool="fold", person=other, person_name="Ben", credits=4, jobs=1),
    ]
    assert [row.credits for row in spending.spent(store, team, DECEMBER, DECEMBER + timedelta(days=1))] == [4]
    assert spending.spent(store, "nobody", NOVEMBER, DECEMBER) == []
