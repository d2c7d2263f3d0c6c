"""Mails and webhooks that are still to be sent: on disk until they were, so that a restart loses none."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from data import notices
from data.records import new_id
from data.store import Store, Transaction
from data.transitions import by_id

MAIL, WEBHOOK = "mail", "webhook"
#: What `Store.hear` tells of: the subject is the channel.
TOPIC = "deliveries"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewDelivery:
    #: mail or webhook
    channel: str
    #: An address, or a URL.
    target: str
    subject: str
    body: str
    #: Who hears of it when it cannot be delivered.
    person: str | None = None
    #: Whose end it tells: the link to that job or batch is added when it is sent.
    job: str | None = None
    batch: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    id: str
    person: str | None
    channel: str
    target: str
    subject: str
    body: str
    job: str | None
    batch: str | None
    created_at: datetime
    #: Tries that failed.
    tries: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Postponed:
    delivery: str
    due_at: datetime
    #: Why it could not be sent; without addresses of links, since it may be read by the server's admin.
    problem: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenUp:
    deliveries: list[str]
    told: list[notices.NewNotice]


# Reads ------------------------------------------------------------------------------------------------------


def due(store: Store, channel: str, now: datetime, limit: int) -> list[Delivery]:
    return [Delivery(**row) for row in store.read("due_deliveries", channel=channel, now=now, limit=limit)]


def next_due(store: Store, channel: str) -> datetime | None:
    """When there is something to send next; None when nothing waits."""
    found: datetime | None = store.read("next_delivery", channel=channel)[0]["due_at"]
    return found


# Verbs ------------------------------------------------------------------------------------------------------


def add(store: Store, delivery: NewDelivery) -> Future[None]:
    return store.write(insert, delivery)


def sent(store: Store, ids: list[str]) -> Future[None]:
    """Forget them: bodies can hold links that sign somebody in."""
    return store.write(remove, ids)


def postpone(store: Store, postponed: Postponed) -> Future[None]:
    return store.write(later, postponed)


def give_up(store: Store, given_up: GivenUp) -> Future[None]:
    return store.write(drop, given_up)


def insert(tx: Transaction, deliveries: list[NewDelivery]) -> list[None]:
    """For the writer, also from within another verb."""
    if deliveries:
        tx.run(
            "insert_deliveries",
            ids=[new_id() for _ in deliveries],
            persons=[delivery.person for delivery in deliveries],
            channels=[delivery.channel for delivery in deliveries],
            targets=[delivery.target for delivery in deliveries],
            subjects=[delivery.subject for delivery in deliveries],
            bodies=[delivery.body for delivery in deliveries],
            jobs=[delivery.job for delivery in deliveries],
            batches=[delivery.batch for delivery in deliveries],
            now=tx.now,
        )
    for delivery in deliveries:
        tx.tell(TOPIC, delivery.channel)
    return [None] * len(deliveries)


def remove(tx: Transaction, groups: list[list[str]]) -> list[None]:
    tx.run("delete_deliveries", ids=[delivery for group in groups for delivery in group])
    return [None] * len(groups)


def later(tx: Transaction, arguments: list[Postponed]) -> list[None]:
    tx.run(
        "postpone_deliveries",
        ids=[postponed.delivery for postponed in arguments],
        due_ats=[postponed.due_at for postponed in arguments],
        problems=[postponed.problem for postponed in arguments],
    )
    return [None] * len(arguments)


def drop(tx: Transaction, arguments: list[GivenUp]) -> list[None]:
    """They are not tried again, and those whom it concerns are told; of a job that was deleted meanwhile nothing."""
    remove(tx, [given_up.deliveries for given_up in arguments])
    told = _flat(given_up.told for given_up in arguments)
    there = by_id(tx, [notice.job for notice in told if notice.job])
    notices.insert(tx, [notice for notice in told if notice.job is None or notice.job in there])
    return [None] * len(arguments)


def _flat(lists: Iterable[list[notices.NewNotice]]) -> list[notices.NewNotice]:
    return [notice for each in lists for notice in each]
