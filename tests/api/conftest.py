from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from data.records import Person
from tests.compute.notices.servers import Mailbox, free_port, mail_server
from tests.laboratory import Laboratory


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def ada(lab: Laboratory) -> Person:
    return lab.join("ada")


@pytest.fixture
def browser(lab: Laboratory, ada: Person) -> TestClient:
    """Ada's browser."""
    return lab.browser(ada)


class Posting(Laboratory):
    """A site where anybody may register, and which sends its mails to a real server."""

    def __init__(self, home: Path) -> None:
        port = free_port()
        (home / "settings.toml").write_text(
            f'[mail]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nsender = "Lab <lab@lab.example>"\n'
        )
        super().__init__(home, WELLPLATE_REGISTRATION="open")
        self.mailbox = Mailbox()
        self.server = mail_server(port, self.mailbox)

    def mailed(self, to: str) -> str:
        """The next mail must be to this address: the path of ours that it leads to."""
        mail = self.mailbox.next()
        assert mail["To"] == to
        (link,) = re.findall(r"http://127\.0\.0\.1:8501(/\S+)", mail.get_content())
        return str(link)


@pytest.fixture
def posting(tmp_path: Path) -> Iterator[Posting]:
    lab = Posting(tmp_path)
    with lab.server:
        lab.outbox.start()
        yield lab
        lab.outbox.stop()
    lab.close()
