"""Uploads in parts over real connections that break in the middle, or hang."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import socket
import struct
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from api import uploads
from data.records import Person
from tests.laboratory import Laboratory

CONTENT = os.urandom(3_000_000)
TUS = {"Tus-Resumable": "1.0.0"}


class Site:
    """The laboratory behind a real socket, and somebody's token."""

    def __init__(self, lab: Laboratory, person: Person) -> None:
        self.lab = lab
        _, secret = lab.accounts.create_token(person, "script", ("files:read", "files:write"))
        self._token = {"Authorization": f"Bearer {secret}"}
        self._server = uvicorn.Server(
            uvicorn.Config(lab.app, host="127.0.0.1", port=0, log_level="warning", lifespan="off")
        )
        listening = socket.create_server(("127.0.0.1", 0))
        self.address = listening.getsockname()
        self._thread = threading.Thread(target=self._server.run, args=([listening],))
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request(method, path, body, self._token | TUS | headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer

    def begin(self) -> str:
        name = base64.b64encode(b"a.bin").decode()
        headers = {"Upload-Length": str(len(CONTENT)), "Upload-Metadata": f"filename {name}"}
        location = self.ask("POST", "/api/v1/uploads", headers).headers["Location"]
        assert location is not None
        return location

    def offset(self, where: str) -> int:
        return int(self.ask("HEAD", where, {}).headers["Upload-Offset"])

    def patch(self, where: str, at: int) -> http.client.HTTPResponse:
        headers = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(at)}
        return self.ask("PATCH", where, headers, CONTENT[at:])

    def half(self, where: str, sent: int, at: int = 0, **headers: str) -> socket.socket:
        """A connection that has sent so many of the bytes that it announced."""
        told = self._token | TUS | headers
        lines = [f"PATCH {where} HTTP/1.1", f"Host: {self.address[0]}:{self.address[1]}"]
        lines += [f"{name}: {value}" for name, value in told.items()]
        lines += [f"Content-Length: {len(CONTENT) - at}", f"Upload-Offset: {at}"]
        lines += ["Content-Type: application/offset+octet-stream", "", ""]
        connection = socket.create_connection(self.address)
        connection.sendall("\r\n".join(lines).encode() + CONTENT[at : at + sent])
        return connection

    def until_nobody_sends(self) -> None:
        """The server notices a broken connection when it has read what came over it."""
        turns = self.lab.workbench.uploading._turns
        with turns._changed:
            assert turns._changed.wait_for(lambda: not turns._working, 30)

    def until_it_grows(self, where: str, past: int) -> None:
        """Until so many bytes have been written by a request that goes on."""
        path = self.lab.settings.files / "parts" / where.rpartition("/")[2]
        done = threading.Event()
        for _ in range(3000):
            if path.stat().st_size >= past:
                return
            done.wait(0.01)
        raise AssertionError(f"{path.stat().st_size} bytes of {past}")


@pytest.fixture
def site(lab: Laboratory, ada: Person) -> Iterator[Site]:
    site = Site(lab, ada)
    yield site
    site.close()


def broken(connection: socket.socket) -> None:
    """Reset, as by a network that is gone, rather than closed."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def is_whole(site: Site, where: str, at: int) -> None:
    last = site.patch(where, at)
    assert last.status == 204
    file_id = last.headers["Wellplate-File"]
    assert file_id is not None
    stored = site.lab.folders.upload(file_id).read_bytes()
    assert hashlib.sha256(stored).digest() == hashlib.sha256(CONTENT).digest()


def test_bytes_of_a_connection_that_broke_count(site: Site) -> None:
    where = site.begin()
    connection = site.half(where, 1_000_000)
    site.until_it_grows(where, 1_000_000)
    broken(connection)
    site.until_nobody_sends()
    assert site.offset(where) == 1_000_000
    is_whole(site, where, 1_000_000)


def test_bytes_that_could_not_be_checked_do_not(site: Site) -> None:
    where = site.begin()
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    connection = site.half(where, 1_000_000, **{"Upload-Checksum": f"sha256 {digest}"})
    site.until_it_grows(where, 1_000_000)
    broken(connection)
    site.until_nobody_sends()
    assert site.offset(where) == 0
    is_whole(site, where, 0)


def test_who_comes_back_does_not_wait_for_a_connection_that_hangs(site: Site) -> None:
    """The network is gone and nobody told the server: it still waits for bytes on the old connection."""
    where = site.begin()
    connection = site.half(where, 1_000_000)
    site.until_it_grows(where, 1_000_000)
    assert site.offset(where) == 1_000_000
    is_whole(site, where, 1_000_000)
    answer = connection.recv(4096)
    assert not answer or b" 409 " in answer.splitlines()[0]
    connection.close()


def test_a_sender_that_never_says_a_word_again_holds_no_thread_for_ever(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SILENT_S", 0.5)
    where = site.begin()
    connection = site.half(where, 1_000_000)
    connection.settimeout(30)
    assert b" 408 " in connection.recv(4096).splitlines()[0]
    connection.close()
    site.until_nobody_sends()
    assert site.offset(where) == 1_000_000
    is_whole(site, where, 1_000_000)


def test_cancelling_ends_what_is_still_sent(site: Site) -> None:
    where = site.begin()
    connection = site.half(where, 1_000_000)
    site.until_it_grows(where, 1_000_000)
    assert site.ask("DELETE", where, {}).status == 204
    assert site.ask("HEAD", where, {}).status == 404
    assert list((site.lab.settings.files / "parts").iterdir()) == []
    connection.close()
