"""Uploads that break off, in a real browser and across a server that was killed."""

from __future__ import annotations

import base64
import hashlib
import http.client
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Locator, Page, Request, Route, expect

from tests.e2e.conftest import Server, start_server

pytestmark = pytest.mark.e2e
MB = 2**20
TUS = {"Tus-Resumable": "1.0.0"}
LOST = "Connection lost; going on by itself."


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 MB of FASTA, no two chunks of it alike."""
    path = tmp_path_factory.mktemp("large") / "genome of a host.fasta"
    with path.open("w") as file:
        for number in range(60):
            line = (
                hashlib.sha256(str(number).encode())
                .hexdigest()
                .translate(str.maketrans("0123456789abcdef", "ACGT" * 4))
            )
            file.write(f">chromosome {number}\n" + (line + "\n") * (MB // 65))
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def uploads(server: Server, page: Page) -> list[dict[str, str]]:
    """The files that the person in this browser has."""
    return list(page.request.get(f"{server.url}/api/v1/files").json()["files"])


class Wire:
    """A network between browser and server, which is torn once so many bytes have gone to the server."""

    def __init__(self, server: Server, torn_after: int) -> None:
        self._to, self._left = ("127.0.0.1", server.port), torn_after
        self._open: set[socket.socket] = set()
        self.torn = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def mend(self) -> None:
        self._left = 1 << 60
        self.torn.clear()

    def close(self) -> None:
        self._listening.close()
        self._tear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                if self.torn.is_set():
                    near.close()
                    continue
                far = socket.create_connection(self._to)
                self._open |= {near, far}
                for source, target, counts in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._carry, args=(source, target, counts), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                if counts:
                    self._left -= len(piece)
                if self._left < 0:
                    self._tear()
                target.sendall(piece)
        for end in (source, target):
            self._end(end)

    def _tear(self) -> None:
        self.torn.set()
        for end in list(self._open):
            self._end(end)

    def _end(self, end: socket.socket) -> None:
        self._open.discard(end)
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()


@pytest.fixture
def wire(server: Server) -> Iterator[Wire]:
    wire = Wire(server, torn_after=45 * MB)
    yield wire
    wire.close()


def field(page: Page) -> Locator:
    return page.locator("input[type=file].files").first


def choose(page: Page, url: str, path: Path) -> None:
    page.goto(f"{url}/app/tool?tool=convert-sequences")
    field(page).set_input_files(path)


def arrived(page: Page, path: Path) -> None:
    """Drawn by the page: the field's own row tells of as many MB while the last of them is on its way."""
    drawn = page.get_by_test_id("stMarkdown").filter(
        has_text=re.compile(rf"{re.escape(path.name)} · 6\d\.\d MB")
    )
    expect(drawn).to_be_visible(timeout=60_000)


def newest(server: Server, page: Page, path: Path) -> dict[str, str]:
    return next(file for file in uploads(server, page) if file["name"] == path.name)


def sent_from(page: Page) -> list[int]:
    """Where each request with bytes begins, as they are made."""
    offsets: list[int] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            offsets.append(int(request.headers["upload-offset"]))

    page.on("request", note)
    return offsets


def test_an_upload_goes_on_by_itself_when_the_network_comes_back(
    server: Server, page: Page, wire: Wire, large: Path
) -> None:
    offsets = sent_from(page)
    choose(page, wire.url, large)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=60_000)
    assert wire.torn.is_set()
    wire.mend()
    arrived(page, large)
    assert offsets[:2] == [0, 32 * MB]
    assert min(offsets[2:]) >= 32 * MB, "what counted is not sent again"
    assert newest(server, page, large)["sha256"] == sha256(large)


def test_after_a_reload_the_same_file_goes_on(server: Server, page: Page, wire: Wire, large: Path) -> None:
    again = large.with_name("again.fasta")
    again.write_bytes(large.read_bytes())
    choose(page, wire.url, again)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=60_000)
    wire.mend()
    page.close()
    page = page.context.new_page()
    page.goto(f"{wire.url}/app/tool?tool=convert-sequences")
    expect(page.get_by_text(f"Not finished: {again.name}.")).to_be_visible()
    offsets = sent_from(page)
    field(page).set_input_files(again)
    arrived(page, again)
    assert min(offsets) >= 32 * MB, "what counted is not sent again"
    assert newest(server, page, again)["sha256"] == sha256(again)
    page.close()


def test_an_upload_is_paused_resumed_and_cancelled(server: Server, page: Page, tmp_path: Path) -> None:
    path, held = tmp_path / "held.fasta", []
    path.write_bytes(b">a\n" + b"ACGT" * MB)

    def hold(route: Route) -> None:
        """Bytes are on their way for ever; all else goes through."""
        held.append(route) if route.request.method == "PATCH" else route.continue_()

    page.route(re.compile("/api/v1/uploads/"), hold)
    with page.expect_request(lambda request: request.method == "PATCH"):
        choose(page, server.url, path)
    page.get_by_role("button", name=f"Pause {path.name}").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    with page.expect_response(lambda answer: answer.request.method == "HEAD"):
        page.get_by_role("button", name=f"Resume {path.name}").click()
    expect(page.get_by_text("Paused.")).to_have_count(0)
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as ended:
        page.get_by_role("button", name=f"Cancel {path.name}").click()
    assert ended.value.status == 204
    expect(page.get_by_text(f"{path.name}: stopped.")).to_be_visible()
    assert page.request.get(f"{server.url}/api/v1/uploads").json() == {"uploads": []}


def test_a_paused_upload_is_cancelled(server: Server, page: Page, wire: Wire, large: Path) -> None:
    choose(page, wire.url, large)
    expect(page.get_by_text(LOST)).to_be_visible(timeout=60_000)
    page.get_by_role("button", name=f"Pause {large.name}").dispatch_event("click")
    expect(page.get_by_text("Paused.")).to_be_visible()
    (upload,) = page.request.get(f"{server.url}/api/v1/uploads").json()["uploads"]
    assert (upload["name"], upload["offset"] >= 32 * MB) == (large.name, True)
    wire.mend()
    # Not `click`: Streamlit may show that it has lost its connection above everything.
    page.get_by_role("button", name=f"Cancel {large.name}").dispatch_event("click")
    expect(page.get_by_text(f"{large.name}: stopped.")).to_be_visible()


def test_a_folder_comes_without_its_hidden_files(server: Server, page: Page, tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "lane 1").mkdir(parents=True)
    for name in ("in the folder.fasta", "lane 1/below it.fasta", ".DS_Store", "lane 1/.hidden.fasta"):
        (run / name).write_text(f">{name}\nACGT\n")
    page.goto(f"{server.url}/app/files")
    page.locator("input[type=file].folder").set_input_files(run)
    expect(page.get_by_text(re.compile("^Here now:"))).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    names = [file["name"] for file in uploads(server, page)]
    assert {"in the folder.fasta", "below it.fasta"} <= set(names)
    assert not [name for name in names if name.startswith(".")]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_an_upload_survives_a_server_that_goes(tmp_path: Path, large: Path, how: signal.Signals) -> None:
    """Killed, or told to stop: then it does not wait for a sender that hangs."""
    content = large.read_bytes()
    first = start_server(tmp_path / "home")
    try:
        where = begin(first, len(content), hashlib.sha256(content).hexdigest())
        connection = http.client.HTTPConnection("127.0.0.1", first.port, timeout=60)
        send(first, connection, where, 0, content[: 20 * MB])
        assert answered(connection).status == 204
        send(first, connection, where, 20 * MB, content[20 * MB : 40 * MB], announced=len(content) - 20 * MB)
    finally:
        first.process.send_signal(how)
        first.process.wait(30)
    connection.close()
    second = start_server(first.home)
    try:
        offset = int(told(second, "HEAD", where).headers["Upload-Offset"])
        assert 20 * MB <= offset <= 40 * MB
        assert told(second, "GET", "/api/v1/files").status == 200
        assert second.ask("GET", "/api/v1/files")["files"] == []
        connection = http.client.HTTPConnection("127.0.0.1", second.port, timeout=60)
        send(second, connection, where, offset, content[offset:])
        last = answered(connection)
        (file,) = second.ask("GET", "/api/v1/files")["files"]
        assert (last.status, last.headers["Wellplate-File"]) == (204, file["id"])
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert not list((second.home / "files" / "parts").iterdir())
    finally:
        second.stop()
        for left in second.processes():
            left.kill()
        psutil.wait_procs(second.processes(), 10)


def told(server: Server, method: str, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, headers=TUS | {"Authorization": f"Bearer {server.token}"} | headers)
    return answered(connection)


def answered(connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
    answer = connection.getresponse()
    answer.read()
    return answer


def begin(server: Server, length: int, sha256: str) -> str:
    pairs = {"filename": "a.fasta", "sha256": sha256}
    metadata = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    headers = {"Upload-Length": str(length), "Upload-Metadata": metadata}
    location = told(server, "POST", "/api/v1/uploads", **headers).headers["Location"]
    assert location is not None
    return location


def send(
    server: Server,
    connection: http.client.HTTPConnection,
    where: str,
    offset: int,
    content: bytes,
    announced: int | None = None,
) -> None:
    """These bytes of the body; `announced` when more are to come."""
    connection.putrequest("PATCH", where)
    headers = TUS | {
        "Authorization": f"Bearer {server.token}",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": str(offset),
        "Content-Length": str(announced or len(content)),
    }
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(content)
