"""Sends mails and webhooks: from the disk, one after the other, again later when the other side does not answer."""

from __future__ import annotations

from compute.settings import Settings
from data import deliveries
from data.deliveries import NewDelivery
from data.store import Store


class Outbox:
    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    @property
    def sends_mail(self) -> bool:
        """Whether this site has a mail server; without one, links are shown to copy."""
        return bool(self._settings.mail.host)

    def mail(self, to: str, subject: str, text: str, *, person: str | None = None) -> None:
        """On disk when this returns; sent soon. `person` hears of it when it cannot be delivered."""
        new = NewDelivery(channel="mail", target=to, subject=subject, body=text, person=person)
        deliveries.add(self._store, new).result()
