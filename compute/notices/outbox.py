"""Sends mails and webhooks: from the disk, and again later when the other side does not answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from compute.notices.carrier import WAITS, Carrier
from compute.notices.postman import Postman
from compute.notices.webhooks import Webhooks
from compute.settings import Settings
from data import deliveries, notices
from data.deliveries import NewDelivery
from data.records import utcnow
from data.store import Store

#: Older notices are removed when the outbox starts.
KEPT = timedelta(days=180)


class Outbox:
    """Nothing is sent before `start`. A mail server that hangs does not hold up the webhooks, nor they it."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utcnow,
        waits: tuple[timedelta, ...] = WAITS,
        webhooks: Webhooks | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._clock = clock
        postman, hooks = Postman(settings), webhooks or Webhooks(settings)
        self._carriers = [
            Carrier(store, deliveries.MAIL, postman.send, clock=clock, waits=waits),
            Carrier(store, deliveries.WEBHOOK, hooks.send, clock=clock, waits=waits),
        ]

    @property
    def sends_mail(self) -> bool:
        """Whether this site has a mail server; without one, links are shown to copy."""
        return bool(self._settings.mail.host)

    def mail(self, to: str, subject: str, text: str, *, person: str | None = None) -> None:
        """On disk when this returns; sent soon. `person` hears of it when it cannot be delivered."""
        new = NewDelivery(channel=deliveries.MAIL, target=to, subject=subject, body=text, person=person)
        deliveries.add(self._store, new).result()

    def start(self) -> None:
        """Send what is due from now on, also what an earlier process left."""
        notices.tidy(self._store, self._clock() - KEPT).result()
        for carrier in self._carriers:
            carrier.start()

    def stop(self) -> None:
        """Let the deliveries under way come to their end, at most some ten seconds; the rest stays on disk."""
        for carrier in self._carriers:
            carrier.stop()
