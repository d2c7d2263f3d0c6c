from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from compute.notices.outbox import Outbox
from compute.notices.webhooks import Webhooks
from data import deliveries
from data.deliveries import NewDelivery
from data.records import Person, utcnow
from tests.compute.notices.servers import PATIENCE_S, Hook, Mailbox, free_port, mail_server
from tests.laboratory import Laboratory

PASSWORD = "the site's own secret"


class Post(Laboratory):
    """A site with a mail server's address and a host for webhooks; outboxes are started by the test."""

    def __init__(self, home: Path, hook: Hook, **mail: Any) -> None:
        self.port = free_port()
        settings = {
            "host": "127.0.0.1",
            "port": self.port,
            "security": "none",
            "sender": "Lab <lab@example.org>",
        }
        lines = [f"{key} = {json.dumps(value)}" for key, value in (settings | mail).items()]
        home.mkdir(parents=True, exist_ok=True)
        (home / "settings.toml").write_text(
            "\n".join(["[mail]", *lines, "[notices]", f'webhook_hosts = ["{hook.origin}"]'])
        )
        super().__init__(
            home, WELLPLATE_SMTP_PASSWORD=PASSWORD, WELLPLATE_PUBLIC_URL="https://lab.example.org"
        )
        self.outboxes: list[Outbox] = []

    def open(
        self, *, later: timedelta = timedelta(0), patience_s: float = PATIENCE_S, **options: Any
    ) -> Outbox:
        """An outbox that sends from now on, with a clock that is ahead by `later`."""

        def clock() -> datetime:
            return utcnow() + later

        webhooks = Webhooks(self.settings, patience_s=patience_s)
        outbox = Outbox(self.store, self.settings, clock=clock, webhooks=webhooks, **options)
        self.outboxes.append(outbox)
        outbox.start()
        return outbox

    def post(self, url: str, subject: str = "Dock: completed", **told: Any) -> None:
        body = {"event": "job.ended", "text": "“Dock” completed."} | told
        new = NewDelivery(
            channel="webhook", target=url, subject=subject, body=json.dumps(body), person=self.admin.id
        )
        deliveries.add(self.store, new).result()

    def waiting(self) -> list[tuple[str, int]]:
        """Targets and failed tries of all that is on disk."""
        with self.store.database.cursor() as cursor:
            found = cursor.execute(
                "select target, tries from deliveries order by created_at, target"
            ).fetchall()
        return [(target, tries) for target, tries in found]

    def bell(self) -> list[str]:
        """What the admin was told."""
        return [notice.text for notice in self.workbench.notices.list(self.admin)]

    @contextmanager
    def rings(self, person: Person | None = None) -> Iterator[None]:
        """Ends when this person, or else the admin, was told something."""
        rang, who = threading.Event(), (person or self.admin).id
        stop = self.workbench.notices.listen(lambda persons: rang.set() if who in persons else None)
        try:
            yield
            assert rang.wait(PATIENCE_S)
        finally:
            stop()

    def close(self) -> None:
        for outbox in self.outboxes:
            outbox.stop()
        super().close()


@contextmanager
def a_failed_try() -> Iterator[None]:
    """Ends when an outbox has warned that something could not be sent."""
    warned = threading.Event()

    class Listen(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warned.set()

    log, listen = logging.getLogger("compute.notices.carrier"), Listen()
    log.addHandler(listen)
    try:
        yield
        assert warned.wait(PATIENCE_S)
    finally:
        log.removeHandler(listen)


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.close()


@pytest.fixture
def make_post(tmp_path: Path, hook: Hook) -> Iterator[Callable[..., Post]]:
    made: list[Post] = []

    def make(**mail: Any) -> Post:
        made.append(Post(tmp_path / "home", hook, **mail))
        return made[-1]

    yield make
    for post in made:
        post.close()


@pytest.fixture
def post(make_post: Callable[..., Post]) -> Post:
    return make_post()


@pytest.fixture
def mailbox(post: Post) -> Iterator[Mailbox]:
    """Of a mail server that runs."""
    mailbox = Mailbox()
    with mail_server(post.port, mailbox):
        yield mailbox
