"""Uploads in parts, over the API: what a client of the tus protocol may rely on."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from data.records import Person
from tests.laboratory import Laboratory

TUS = {"Tus-Resumable": "1.0.0"}
SENT = TUS | {"Content-Type": "application/offset+octet-stream"}
CONTENT = b">a\nACGT\n" * 1000
WHOLE = hashlib.sha256(CONTENT).hexdigest()


def encoded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def announce(client: TestClient, length: int, name: str = "a.fasta", **metadata: str) -> Any:
    pairs = ",".join(f"{key} {encoded(value)}" for key, value in {"filename": name, **metadata}.items())
    return client.post(
        "/api/v1/uploads", headers=TUS | {"Upload-Length": str(length), "Upload-Metadata": pairs}
    )


def begin(client: TestClient, length: int = len(CONTENT), **metadata: str) -> str:
    answer = announce(client, length, **metadata)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


def send(client: TestClient, where: str, offset: int, content: bytes, **headers: str) -> Any:
    told = SENT | {"Upload-Offset": str(offset)} | headers
    return client.patch(where, headers=told, content=content)


def offset(client: TestClient, where: str) -> int:
    answer = client.head(where, headers=TUS)
    assert answer.status_code == 200
    return int(answer.headers["upload-offset"])


def kept(lab: Laboratory) -> list[str]:
    return [
        path.name
        for name in ("parts", "uploads", "staging")
        for path in (lab.settings.files / name).iterdir()
    ]


def test_a_file_comes_in_parts(lab: Laboratory, browser: TestClient) -> None:
    begun = announce(browser, len(CONTENT), sha256=WHOLE)
    where = begun.headers["location"]
    assert begun.headers["upload-expires"].endswith("GMT")
    first = send(browser, where, 0, CONTENT[:3000])
    assert (first.status_code, first.headers["upload-offset"]) == (204, "3000")
    assert "wellplate-file" not in first.headers
    assert browser.get("/api/v1/files").json()["files"] == []
    head = browser.head(where, headers=TUS)
    assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("3000", str(len(CONTENT)))
    assert head.headers["upload-metadata"] == f"filename {encoded('a.fasta')}"
    assert head.headers["cache-control"] == "no-store"
    last = send(browser, where, 3000, CONTENT[3000:])
    assert last.status_code == 204
    (file,) = browser.get("/api/v1/files").json()["files"]
    assert last.headers["wellplate-file"] == file["id"]
    assert (file["name"], file["size"], file["sha256"]) == ("a.fasta", len(CONTENT), WHOLE)
    assert file["format"] == "fasta"
    assert lab.folders.upload(file["id"]).read_bytes() == CONTENT
    assert kept(lab) == [file["id"]]
    # A client that did not hear the last answer asks again.
    again = browser.head(where, headers=TUS)
    assert again.headers["wellplate-file"] == file["id"]
    assert again.headers["upload-offset"] == again.headers["upload-length"]
    assert browser.get(where).json()["file"]["id"] == file["id"]
    assert browser.delete(where, headers=TUS).status_code == 409


def test_what_the_server_knows_is_told(browser: TestClient) -> None:
    for path in ("/api/v1/uploads", "/api/v1/uploads/any"):
        told = browser.options(path)
        assert told.status_code == 204
        assert told.headers["tus-version"] == told.headers["tus-resumable"] == "1.0.0"
        assert told.headers["tus-extension"] == "creation,checksum,expiration,termination"
        assert told.headers["tus-max-size"] == str(51200 * 2**20)
        assert told.headers["tus-checksum-algorithm"] == "sha256,sha1"


def test_another_version_is_refused(browser: TestClient) -> None:
    where = begin(browser)
    for call in (
        lambda headers: browser.post("/api/v1/uploads", headers=headers),
        lambda headers: browser.head(where, headers=headers),
        lambda headers: browser.patch(where, headers=headers),
        lambda headers: browser.delete(where, headers=headers),
    ):
        for headers in ({}, {"Tus-Resumable": "0.2.2"}):
            answer = call(headers)
            assert (answer.status_code, answer.headers["tus-version"]) == (412, "1.0.0")
    assert offset(browser, where) == 0


def test_a_wrong_offset_changes_nothing(browser: TestClient) -> None:
    where = begin(browser)
    send(browser, where, 0, CONTENT[:100])
    for wrong in (0, 99, 101, len(CONTENT)):
        answer = send(browser, where, wrong, CONTENT[wrong:])
        assert (answer.status_code, answer.headers["tus-resumable"]) == (409, "1.0.0")
        assert "at byte 100" in answer.json()["error"]["message"]
    assert offset(browser, where) == 100


def test_a_chunk_that_does_not_fit_its_checksum_is_not_kept(lab: Laboratory, browser: TestClient) -> None:
    where = begin(browser, sha256=WHOLE)
    good, rest = CONTENT[:1000], CONTENT[1000:]
    for algorithm in ("sha256", "sha1"):
        digest = hashlib.new(algorithm, b"something else").digest()
        answer = send(browser, where, 0, good, **{"Upload-Checksum": f"{algorithm} {encoded(digest)}"})
        assert (answer.status_code, answer.json()["error"]["kind"]) == (460, "checksum")
        assert offset(browser, where) == 0
    for at, chunk in ((0, good), (1000, rest)):
        fits = f"sha256 {encoded(hashlib.sha256(chunk).digest())}"
        assert send(browser, where, at, b"x" * len(chunk), **{"Upload-Checksum": fits}).status_code == 460
        assert send(browser, where, at, chunk, **{"Upload-Checksum": fits}).status_code == 204
    (file,) = browser.get("/api/v1/files").json()["files"]
    assert file["sha256"] == WHOLE


def test_a_file_that_arrived_changed_is_not_registered(lab: Laboratory, browser: TestClient) -> None:
    where = begin(browser, sha256=WHOLE)
    answer = send(browser, where, 0, CONTENT[:-1] + b"x")
    assert answer.status_code == 460
    assert "a.fasta arrived changed" in answer.json()["error"]["message"]
    assert browser.head(where, headers=TUS).status_code == 404
    assert (browser.get("/api/v1/files").json()["files"], kept(lab)) == ([], [])


def test_more_than_announced_is_refused(lab: Laboratory, browser: TestClient) -> None:
    where = begin(browser, length=10)
    assert send(browser, where, 0, b"x" * 11).status_code == 413
    assert offset(browser, where) == 0
    assert send(browser, where, 0, b"x" * 10).status_code == 204


def test_an_empty_file_is_whole_at_once(browser: TestClient) -> None:
    answer = announce(browser, 0)
    (file,) = browser.get("/api/v1/files").json()["files"]
    assert (answer.headers["wellplate-file"], file["format"]) == (file["id"], "empty")


@pytest.mark.parametrize(
    ("headers", "status", "field"),
    [
        ({}, 400, "Upload-Length"),
        ({"Upload-Length": "-1"}, 400, "Upload-Length"),
        ({"Upload-Length": "1e3"}, 400, "Upload-Length"),
        ({"Upload-Length": "²"}, 400, "Upload-Length"),
        ({"Upload-Defer-Length": "1"}, 400, "Upload-Length"),
        ({"Upload-Length": "10"}, 422, "name"),
        ({"Upload-Length": "10", "Upload-Metadata": "filename not*base64"}, 400, "Upload-Metadata"),
        ({"Upload-Length": "10", "Upload-Metadata": f"filename {encoded('../a')}"}, 422, "name"),
        (
            {"Upload-Length": "10", "Upload-Metadata": f"filename {encoded('a')},sha256 {encoded('beef')}"},
            422,
            "sha256",
        ),
    ],
)
def test_an_announcement_that_does_not_fit(
    lab: Laboratory, browser: TestClient, headers: dict[str, str], status: int, field: str
) -> None:
    raw = {name: value.encode() for name, value in (TUS | headers).items()}
    answer = browser.post("/api/v1/uploads", headers=raw)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
    assert kept(lab) == []


def test_bytes_without_offset_or_type_are_refused(browser: TestClient) -> None:
    where = begin(browser)
    assert browser.patch(where, headers=TUS | {"Upload-Offset": "0"}, content=b"x").status_code == 415
    assert browser.patch(where, headers=SENT, content=b"x").status_code == 400
    for checksum in ("crc32 AAAA", "sha256", "sha256 *"):
        answer = send(browser, where, 0, b"x", **{"Upload-Checksum": checksum})
        assert answer.status_code in (400, 460), checksum
    assert offset(browser, where) == 0


def test_an_upload_can_be_given_up(lab: Laboratory, browser: TestClient) -> None:
    where = begin(browser)
    send(browser, where, 0, CONTENT[:100])
    assert browser.delete(where, headers=TUS).status_code == 204
    assert browser.head(where, headers=TUS).status_code == 404
    assert send(browser, where, 100, CONTENT[100:]).status_code == 404
    assert kept(lab) == []


def test_methods_that_a_network_does_not_let_through(browser: TestClient) -> None:
    where = begin(browser)
    told = SENT | {"Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert browser.post(where, headers=told, content=CONTENT[:100]).headers["upload-offset"] == "100"
    head = browser.post(where, headers=TUS | {"X-HTTP-Method-Override": "HEAD"})
    assert head.headers["upload-offset"] == "100"
    assert browser.post(where, headers=TUS).status_code == 400
    assert browser.post(where, headers=TUS | {"X-HTTP-Method-Override": "DELETE"}).status_code == 204
    assert browser.head(where, headers=TUS).status_code == 404


def test_nobody_else_goes_on_with_it(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    where = begin(browser)
    send(browser, where, 0, CONTENT[:100])
    for other in (lab.browser(lab.join("bob")), lab.browser(lab.found("eve"))):
        answers = [
            other.head(where, headers=TUS),
            send(other, where, 100, CONTENT[100:]),
            other.delete(where, headers=TUS),
            other.get(where),
        ]
        assert [answer.status_code for answer in answers] == [404] * 4
        assert other.get("/api/v1/uploads").json() == {"uploads": []}
    anonymous = lab.browser()
    assert announce(anonymous, 10).status_code == 401
    assert send(anonymous, where, 100, CONTENT[100:]).status_code == 401
    assert offset(browser, where) == 100
    (own,) = browser.get("/api/v1/uploads").json()["uploads"]
    assert (own["name"], own["offset"], own["length"], own["file"]) == ("a.fasta", 100, len(CONTENT), None)


def test_a_token_needs_the_scope(lab: Laboratory, ada: Person) -> None:
    assert announce(lab.script(ada, "files:read"), 10).status_code == 403
    where = begin(lab.script(ada, "files:write"))
    assert send(lab.script(ada, "files:write"), where, 0, CONTENT).status_code == 204


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Laboratory]:
    (tmp_path / "settings.toml").write_text("[limits]\nupload_mb = 1\n")
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


def test_uploads_have_a_limit(narrow: Laboratory) -> None:
    browser = narrow.browser(narrow.join("ada"))
    answer = announce(browser, 2**20 + 1)
    assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too_large")
    where = begin(browser, length=2**20)
    assert send(browser, where, 0, b"x" * (2**20 + 1)).status_code == 413
    assert send(browser, where, 0, b"x" * 2**20).status_code == 204


def test_a_foreign_page_sends_nothing(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    where = begin(browser)
    foreign = lab.browser(ada)
    foreign.headers["origin"] = "https://evil.example"
    assert announce(foreign, 10).status_code == 403
    assert send(foreign, where, 0, CONTENT).status_code == 403
    assert offset(browser, where) == 0
