"""What people see under their bells. It is written in the transaction of what it tells, so that both or neither is."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from data.records import Notice, Preferences, When, new_id
from data.store import Store, Transaction

#: What `Store.hear` tells of: the subject is the person whose notices changed.
TOPIC = "notices"
#: Of a text; a failed job's reason can be long.
LONGEST = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class NewNotice:
    person: str
    #: As `records.Notice.kind`.
    kind: str
    #: One sentence.
    text: str
    #: What it is about, where that is a job or a batch.
    job: str | None = None
    batch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    person: str
    #: None: all.
    ids: list[str] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    person: str
    preferences: Preferences


# Reads ------------------------------------------------------------------------------------------------------


def unread(store: Store, person: str, team: str | None = None) -> int:
    """How many a person has not read; with a team only those about that team's jobs."""
    return int(store.read("unread_notices", person=person, team=team)[0]["number"])


def page(store: Store, person: str, limit: int, team: str | None = None) -> list[Notice]:
    """The newest; with a team only those about that team's jobs."""
    found = store.read("newest_notices", person=person, team=team, limit=limit)
    return [Notice(**row) for row in found]


def preferences(store: Store, person: str) -> Preferences:
    found = store.read("preferences", person=person)
    return _preferences(found[0]) if found else Preferences()


def _preferences(row: dict[str, Any]) -> Preferences:
    return Preferences(
        bell=When(row["bell"]),
        mail=When(row["mail"]),
        webhook=When(row["webhook"]),
        webhook_url=row["webhook_url"],
    )


# Verbs ------------------------------------------------------------------------------------------------------


def add(store: Store, notice: NewNotice) -> Future[None]:
    return store.write(insert, notice)


def read(store: Store, reading: Reading) -> Future[None]:
    return store.write(mark_read, reading)


def prefer(store: Store, choice: Choice) -> Future[None]:
    return store.write(choose, choice)


def tidy(store: Store, before: datetime) -> Future[None]:
    """Remove notices older than this."""
    return store.write(remove_old, before)


def insert(tx: Transaction, notices: list[NewNotice]) -> list[None]:
    """For the writer, also from within another verb."""
    if notices:
        tx.run(
            "insert_notices",
            ids=[new_id() for _ in notices],
            persons=[notice.person for notice in notices],
            kinds=[notice.kind for notice in notices],
            texts=[cut(notice.text) for notice in notices],
            jobs=[notice.job for notice in notices],
            batches=[notice.batch for notice in notices],
            now=tx.now,
        )
    _tell(tx, (notice.person for notice in notices))
    return [None] * len(notices)


def cut(text: str) -> str:
    """One line of at most LONGEST characters."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def mark_read(tx: Transaction, arguments: list[Reading]) -> list[None]:
    asked = [(reading.person, id) for reading in arguments for id in _ids(reading)]
    # The same notice asked for twice would be changed twice.
    once = list(dict.fromkeys(asked))
    changed = tx.run("read_notices", persons=[who for who, _ in once], ids=[id for _, id in once], now=tx.now)
    _tell(tx, (row["person"] for row in changed))
    return [None] * len(arguments)


def _ids(reading: Reading) -> list[str] | list[None]:
    return [None] if reading.ids is None else reading.ids


def choose(tx: Transaction, arguments: list[Choice]) -> list[None]:
    # Of two choices of one person in a group the later holds.
    last = {choice.person: choice.preferences for choice in arguments}
    tx.run("drop_preferences", persons=list(last))
    tx.run(
        "insert_preferences",
        persons=list(last),
        bells=[chosen.bell.value for chosen in last.values()],
        mails=[chosen.mail.value for chosen in last.values()],
        webhooks=[chosen.webhook.value for chosen in last.values()],
        webhook_urls=[chosen.webhook_url for chosen in last.values()],
    )
    return [None] * len(arguments)


def forget(tx: Transaction, *, jobs: list[str], batches: list[str]) -> None:
    """Remove what was told, and is still to be sent, about jobs and batches that are deleted."""
    _tell(tx, (row["person"] for row in tx.run("delete_notices", jobs=jobs, batches=batches)))
    tx.run("delete_deliveries_about", jobs=jobs, batches=batches)


def remove_old(tx: Transaction, arguments: list[datetime]) -> list[None]:
    _tell(tx, (row["person"] for row in tx.run("delete_old_notices", before=max(arguments))))
    return [None] * len(arguments)


def _tell(tx: Transaction, persons: Iterable[str]) -> None:
    for person in persons:
        tx.tell(TOPIC, person)
