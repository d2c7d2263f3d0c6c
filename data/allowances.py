"""What every month (UTC) gives to teams: a grant with the key `allowance:TEAM:YYYY-MM`, so that it is given once.

Nothing waits for the first of a month. The first who looks at a balance or submits in it brings the allowances of all
teams, so that none goes without for having been away.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data import rows
from data.errors import NotFound
from data.ledger import Posting, post
from data.records import LedgerKind, Team, utcnow, valid_id
from data.store import Rank, Store, Transaction, ranked


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    team: str
    #: None for nothing.
    credits: int | None
    #: Who decided it.
    person: str


def month_of(moment: datetime) -> datetime:
    """The first moment of a time's month."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def due(store: Store) -> bool:
    """Whether some team's allowance of this month was not given yet."""
    return bool(store.read("due_allowances", **_this_month(utcnow())))


def give_due(store: Store) -> Future[None]:
    """Give all allowances that are due. Whoever comes second changes nothing."""
    return store.write(gives, None)


def set_allowance(store: Store, allowance: Allowance) -> Future[Team]:
    """What a team gets every month from now on; this month's at once, where it was not given."""
    return store.write(sets, allowance)


def teams(store: Store) -> list[Team]:
    """All teams with their money, by name."""
    return [rows.team(row) for row in store.read("money_of_teams", team=None)]


def team(store: Store, team_id: str) -> Team:
    if valid_id(team_id) is None or not (found := store.read("money_of_teams", team=team_id)):
        raise NotFound("There is no such team.")
    return rows.team(found[0])


@ranked(Rank.GRANT)
def gives(transaction: Transaction, arguments: list[None]) -> list[None]:
    give(transaction)
    return [None] * len(arguments)


@ranked(Rank.GRANT)
def sets(transaction: Transaction, arguments: list[Allowance]) -> list[Team | Exception]:
    """One after the other: of two for one team the later stays."""
    results: list[Team | Exception] = []
    for allowance in arguments:
        known = valid_id(allowance.team)
        if known is None or not transaction.run("set_allowance", team=known, credits=allowance.credits):
            results.append(NotFound("There is no such team.", field="team"))
            continue
        give(transaction)
        transaction.run(
            "add_audit",
            now=transaction.now,
            person=allowance.person,
            action=f"allowance {allowance.credits or 'ended'}",
            subject=known,
        )
        results.append(rows.team(transaction.run("money_of_teams", team=known)[0]))
    return results


def give(transaction: Transaction) -> None:
    """Give all allowances that are due, inside a verb's transaction."""
    month = f"{transaction.now:%Y-%m}"
    post(
        transaction,
        [
            Posting(
                team=row["id"],
                kind=LedgerKind.GRANT,
                balance=row["monthly_credits"],
                held=0,
                note=f"Allowance of {month}",
                key=f"allowance:{row['id']}:{month}",
            )
            for row in transaction.run("due_allowances", **_this_month(transaction.now))
        ],
    )


def _this_month(now: datetime) -> dict[str, Any]:
    return {"since": month_of(now), "month": f"{now:%Y-%m}"}
