"""Mails and webhooks that are still to be sent: on disk until they were, so that a restart loses none."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass

from data.records import new_id
from data.store import Store, Transaction


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


def add(store: Store, delivery: NewDelivery) -> Future[None]:
    return store.write(insert, delivery)


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
            now=tx.now,
        )
    return [None] * len(deliveries)
