"""What teams and their members can still spend, while the jobs of one group are judged one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from data import allowances
from data.errors import NotEnoughCredits, NotFound, WellplateError
from data.records import Balance, NewJob
from data.store import Store, Transaction

Spender = tuple[str, str]


class Purses:
    def __init__(self, transaction: Transaction, new_jobs: Sequence[NewJob]) -> None:
        """Reads what the jobs will be judged by, after the allowances that are due were given."""
        teams = sorted({new.team for new in new_jobs})
        rows = {row["id"]: row for row in transaction.run("accounts", teams=teams)}
        if any(row["monthly_credits"] is not None for row in rows.values()):
            allowances.give(transaction)
            rows = {row["id"]: row for row in transaction.run("accounts", teams=teams)}
        self._balances = {
            team: Balance(balance=row["balance"], held=row["held"]) for team, row in rows.items()
        }
        self._caps = {
            team: row["person_credits"] for team, row in rows.items() if row["person_credits"] is not None
        }
        self._used = self._used_before(transaction, new_jobs)

    def refusal(self, new: NewJob, subject: str = "job") -> WellplateError | None:
        """Why this job, or what it stands for, cannot be paid now; None when it can."""
        balance = self._balances.get(new.team)
        if balance is None:
            return NotFound("There is no such team.")
        if not new.enforce or new.credits == 0:
            return None
        sentence = lack(new.credits, balance, subject)
        if sentence is None and (cap := self._caps.get(new.team)) is not None:
            sentence = over_cap(new.credits, cap, self._used[_spender(new)], subject)
        return NotEnoughCredits(sentence) if sentence else None

    def hold(self, new: NewJob) -> None:
        """The job is accepted: its price is held, and counts against its submitter's cap."""
        balance = self._balances[new.team]
        self._balances[new.team] = replace(balance, held=balance.held + new.credits)
        if _spender(new) in self._used:
            self._used[_spender(new)] += new.credits

    def _used_before(self, transaction: Transaction, new_jobs: Sequence[NewJob]) -> dict[Spender, int]:
        capped = sorted({_spender(new) for new in new_jobs if new.credits and new.team in self._caps})
        if not capped:
            return {}
        found = transaction.run("used", **_asked(capped, allowances.month_of(transaction.now)))
        return dict.fromkeys(capped, 0) | {(row["team"], row["person"]): row["used"] for row in found}


def used(store: Store, team: str, person: str, since: datetime) -> int:
    """What the jobs that a person submitted in a team since then hold or cost, less what was given back."""
    found = store.read("used", **_asked([(team, person)], since))
    return found[0]["used"] if found else 0


def lack(credits: int, balance: Balance, subject: str = "job") -> str | None:
    """The sentence for a price that the team cannot pay."""
    missing = credits - balance.available
    if missing <= 0:
        return None
    return (
        f"This {subject} costs {credits} credits, {max(balance.available, 0)} are available: {missing} missing. "
        "Ask the site's admin for a grant, or wait until jobs that hold credits have ended."
    )


def over_cap(credits: int, cap: int, used: int, subject: str = "job") -> str | None:
    """The sentence for a price that goes over what one member may use in a month."""
    missing = used + credits - cap
    if missing <= 0:
        return None
    return (
        f"This {subject} costs {credits} credits, and you may use {max(cap - used, 0)} more this month "
        f"({used} of {cap} are used): {missing} missing. "
        "Ask an owner or admin of the team to raise the cap per person, or wait for next month."
    )


def _spender(new: NewJob) -> Spender:
    return new.team, new.submitter


def _asked(spenders: Sequence[Spender], since: datetime) -> dict[str, object]:
    return {
        "teams": [team for team, _ in spenders],
        "persons": [person for _, person in spenders],
        "since": since,
    }
