"""Credits: an append-only ledger per team, and the sums that are kept beside it in the same transaction."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from data.errors import BadInput, NotFound, WrongState
from data.records import Balance, LedgerEntry, LedgerKind, valid_id
from data.store import Rank, Store, Transaction, ranked


@dataclass(frozen=True, kw_only=True, slots=True)
class Posting:
    """One row of the ledger to be."""

    team: str
    kind: LedgerKind
    balance: int
    held: int
    job_seq: int | None = None
    person: str | None = None
    note: str = ""
    key: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    team: str
    credits: int
    note: str
    person: str | None
    #: Given once: a second grant with this key changes nothing.
    key: str | None


def grant(
    store: Store, team: str, credits: int, note: str, *, person: str | None = None, key: str | None = None
) -> Future[Balance]:
    """Give credits, or take some back (negative, never below what is held). A `key` is used once, ever."""
    return store.write(grants, Grant(team=team, credits=credits, note=note, person=person, key=key))


def balance(store: Store, team: str) -> Balance:
    found = store.read("accounts", teams=_ids([team]))
    if not found:
        raise NotFound("There is no such team.")
    return Balance(balance=found[0]["balance"], held=found[0]["held"])


def entries(
    store: Store,
    team: str,
    limit: int = 100,
    *,
    kinds: Collection[LedgerKind] = (),
    tools: Collection[str] = (),
    persons: Collection[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    before: int | None = None,
) -> list[LedgerEntry]:
    """Newest first; those with a number below `before`. What is empty narrows nothing."""
    if valid_id(team) is None:
        return []
    found = store.read(
        "ledger_entries",
        team=team,
        limit=limit,
        kinds=[kind.value for kind in kinds],
        tools=list(tools),
        persons=list(persons),
        since=since,
        until=until,
        before=before,
    )
    return [
        LedgerEntry(
            number=row["number"],
            at=row["happened_at"],
            kind=LedgerKind(row["kind"]),
            balance=row["balance"],
            held=row["held"],
            job=row["job"],
            note=row["note"],
            person=row["person"],
            person_name=row["person_name"] or "",
        )
        for row in found
    ]


@ranked(Rank.GRANT)
def grants(transaction: Transaction, arguments: list[Grant]) -> list[Balance | Exception]:
    """One after the other, each against what the earlier ones left."""
    given = set(_given(transaction, arguments))
    held = accounts(transaction, [argument.team for argument in arguments])
    results: list[Balance | Exception] = []
    postings: list[Posting] = []
    for argument in arguments:
        account = held.get(argument.team)
        if account is None:
            results.append(NotFound("There is no such team."))
            continue
        if argument.key is not None and argument.key in given:
            results.append(account)
            continue
        if argument.credits == 0:
            results.append(BadInput("A grant of 0 credits changes nothing; give a number.", field="credits"))
            continue
        if argument.credits < 0 and account.available + argument.credits < 0:
            results.append(
                WrongState(
                    f"Only {account.available} credits can be taken back: the balance is {account.balance}; "
                    f"{account.held} of it are held for jobs that wait."
                )
            )
            continue
        if argument.key is not None:
            given.add(argument.key)
        held[argument.team] = Balance(balance=account.balance + argument.credits, held=account.held)
        results.append(held[argument.team])
        postings.append(
            Posting(
                team=argument.team,
                kind=LedgerKind.GRANT,
                balance=argument.credits,
                held=0,
                person=argument.person,
                note=argument.note,
                key=argument.key,
            )
        )
    post(transaction, postings)
    return results


def accounts(transaction: Transaction, teams: list[str]) -> dict[str, Balance]:
    """Balance and holds of those teams that exist, by canonical id."""
    found = transaction.run("accounts", teams=_ids(teams))
    return {row["id"]: Balance(balance=row["balance"], held=row["held"]) for row in found}


def post(transaction: Transaction, postings: list[Posting]) -> None:
    """Append rows and move the sums of their teams."""
    if not postings:
        return
    first = transaction.next_seq(len(postings))
    transaction.run(
        "insert_ledger",
        numbers=list(range(first, first + len(postings))),
        teams=[posting.team for posting in postings],
        job_seqs=[posting.job_seq for posting in postings],
        kinds=[posting.kind.value for posting in postings],
        balances=[posting.balance for posting in postings],
        helds=[posting.held for posting in postings],
        persons=[posting.person for posting in postings],
        notes=[posting.note for posting in postings],
        keys=[posting.key for posting in postings],
        now=transaction.now,
    )
    sums: dict[str, tuple[int, int]] = {}
    for posting in postings:
        balance, held = sums.get(posting.team, (0, 0))
        sums[posting.team] = balance + posting.balance, held + posting.held
    move_accounts(transaction, sums)


def move_accounts(transaction: Transaction, sums: dict[str, tuple[int, int]]) -> None:
    """Beside the rows that are appended: what they add to each team's balance and to what it holds."""
    transaction.run(
        "move_accounts",
        teams=list(sums),
        balances=[balance for balance, _ in sums.values()],
        helds=[held for _, held in sums.values()],
    )


def _given(transaction: Transaction, arguments: list[Grant]) -> list[str]:
    keys = [argument.key for argument in arguments if argument.key is not None]
    return [row["key"] for row in transaction.run("grant_keys", keys=keys)] if keys else []


def _ids(texts: list[str]) -> list[str]:
    """Those that are ids at all, each once."""
    return sorted({text for text in texts if valid_id(text)})
