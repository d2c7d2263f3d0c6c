from __future__ import annotations

import asyncio
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.testclient import TestClient

from tests.laboratory import BODY, Laboratory

FASTA = b">a\nACGT\n"
PAGE = b"<script>alert(document.cookie)</script>"


@pytest.fixture
def done(lab: Laboratory, browser: TestClient) -> str:
    """A completed job of Ada's; the address of it."""
    job_id = browser.post("/api/v1/jobs", json=BODY | {"visibility": "public"}).json()["id"]
    lab.start(job_id)
    results = lab.complete(
        job_id,
        {
            "a.txt": b"0123456789",
            "page.html": PAGE,
            "drawing.svg": b"<svg onload='alert(1)'/>",
            "plot.png": b"\x89PNG",
            "pose.pdb": b"ATOM",
            'odd "näme"\n.txt': b"odd",
        },
    )
    (lab.settings.home / "secret.txt").write_text("secret")
    (results / "link.txt").symlink_to(lab.settings.home / "secret.txt")
    (results / "up").symlink_to(lab.settings.home)
    (results / "folder").mkdir()
    return f"/api/v1/jobs/{job_id}"


# Uploads -------------------------------------------------------------------------------------------------------


def stored(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_form_and_raw_uploads_are_kept_whole(lab: Laboratory, browser: TestClient) -> None:
    content = FASTA * 100_000
    form = stored(browser.post("/api/v1/files", files={"file": ("a.fasta", content)}))
    raw = stored(browser.put("/api/v1/files", params={"name": "a.fasta"}, content=content))
    for file in (form, raw):
        assert (file["name"], file["size"]) == ("a.fasta", len(content))
        assert file["sha256"] == hashlib.sha256(content).hexdigest()
        assert lab.folders.upload(file["id"]).read_bytes() == content
    assert {file["id"] for file in browser.get("/api/v1/files").json()["files"]} == {form["id"], raw["id"]}


def test_uploaded_file_is_an_input(browser: TestClient) -> None:
    file = stored(browser.put("/api/v1/files?name=a.fasta", content=FASTA))
    body = BODY | {"inputs": {"sequences": {"file": file["id"]}}}
    assert browser.post("/api/v1/jobs", json=body).status_code == 201


def test_an_upload_is_its_owners_alone(lab: Laboratory, browser: TestClient) -> None:
    file = stored(browser.put("/api/v1/files?name=a.fasta", content=FASTA))
    body = BODY | {"inputs": {"sequences": {"file": file["id"]}}}
    bob = lab.browser(lab.join("bob"))
    (row,) = bob.get("/api/v1/files").json()["files"]
    assert (row["id"], "sha256" in row) == (file["id"], False)
    refused = bob.post("/api/v1/jobs", json=body)
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "You may not read this file; it is Ada's."
    # What is shared as part of a job can be run again by who sees the job.
    job = browser.post("/api/v1/jobs", json=body | {"visibility": "team"}).json()["id"]
    again = bob.get(f"/api/v1/jobs/{job}/submission").json()
    assert again["inputs"] == {"sequences": {"job": job, "path": "inputs/sequences/0"}}
    made = bob.post("/api/v1/jobs", json=again).json()["id"]
    assert bob.get(f"/api/v1/jobs/{made}/inputs/sequences/0").content == FASTA


def test_other_parts_of_a_form_are_passed_over(lab: Laboratory, browser: TestClient) -> None:
    answer = browser.post(
        "/api/v1/files",
        data={"note": "x" * 10_000},
        files=[("file", ("a.fasta", FASTA)), ("b", ("b.txt", b"no"))],
    )
    assert lab.folders.upload(stored(answer)["id"]).read_bytes() == FASTA


def test_a_path_is_no_file_name(lab: Laboratory, browser: TestClient) -> None:
    for name in ("../../etc/passwd", "/etc/passwd", "a\\..\\b.txt", "a\x00.txt", "a\nb", "x" * 201):
        answer = browser.put("/api/v1/files", params={"name": name}, content=FASTA)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, "name"), name
    assert list((lab.settings.files / "uploads").iterdir()) == []


def test_odd_names_are_kept_and_never_part_of_a_path(lab: Laboratory, browser: TestClient) -> None:
    for name in ("…näme 中.fasta", "a" * 190, "..", "con", "<b>.fasta"):
        file = stored(browser.put("/api/v1/files", params={"name": name}, content=FASTA))
        assert file["name"] == name
        assert lab.folders.upload(file["id"]).name == file["id"]


def test_uploads_have_a_limit(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[limits]\nupload_mb = 1\n")
    lab = Laboratory(tmp_path)
    try:
        script = lab.script(lab.join("ada"))
        pieces = (b"x" * 100_000 for _ in range(100))  # its length is not told
        for answer in (
            script.put("/api/v1/files?name=a", content=b"x" * 1_100_000),
            script.put("/api/v1/files?name=a", content=pieces),
            script.post("/api/v1/files", files={"file": ("a", b"x" * 1_100_000)}),
        ):
            assert (answer.status_code, answer.json()["error"]["kind"]) == (413, "too_large")
        assert list((lab.settings.files / "uploads").iterdir()) == []
        assert list((lab.settings.files / "staging").iterdir()) == []
    finally:
        lab.close()


PART = b'--x\r\nContent-Disposition: form-data; name="file"'
BROKEN_FORMS = {
    "empty": (b"", "multipart/form-data; boundary=x"),
    "no part": (b"--x--\r\n", "multipart/form-data; boundary=x"),
    "nonsense": (b"nonsense", "multipart/form-data; boundary=x"),
    "urlencoded": (b"a=b", "application/x-www-form-urlencoded"),
    "json": (b"{}", "application/json"),
    "no boundary": (b"--x", "multipart/form-data"),
    "no file": (PART + b"\r\n\r\nno file name\r\n--x--\r\n", "multipart/form-data; boundary=x"),
    "cut off": (PART + b'; filename="a.fasta"\r\n\r\n>a\nACGT', "multipart/form-data; boundary=x"),
}


def test_form_without_a_whole_file_is_refused(lab: Laboratory, browser: TestClient) -> None:
    for what, (content, content_type) in BROKEN_FORMS.items():
        answer = browser.post("/api/v1/files", content=content, headers={"content-type": content_type})
        assert (answer.status_code, answer.json()["error"]["kind"]) == (422, "input"), what
    assert list((lab.settings.files / "uploads").iterdir()) == []


# Downloads -----------------------------------------------------------------------------------------------------


def test_file_comes_as_an_attachment_that_has_no_rights(browser: TestClient, done: str) -> None:
    answer = browser.get(f"{done}/files/a.txt")
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-disposition"] == 'attachment; filename="a.txt"'
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("sandbox;")


def test_what_can_carry_a_script_is_never_shown(browser: TestClient, done: str) -> None:
    for name in ("page.html", "drawing.svg"):
        for query in ("", "?inline=1", "?inline=true&x=.png"):
            answer = browser.get(f"{done}/files/{name}{query}")
            assert answer.headers["content-disposition"].startswith("attachment"), (name, query)
            assert answer.headers["content-type"] == "application/octet-stream", (name, query)


def test_pictures_and_structures_may_be_shown(browser: TestClient, done: str) -> None:
    for name, kind in (("plot.png", "image/png"), ("pose.pdb", "text/plain; charset=utf-8")):
        answer = browser.get(f"{done}/files/{name}?inline=1")
        assert answer.headers["content-disposition"].startswith("inline")
        assert answer.headers["content-type"] == kind
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_byte_ranges(browser: TestClient, done: str) -> None:
    for asked, content in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89")):
        answer = browser.get(f"{done}/files/a.txt", headers={"Range": asked})
        assert (answer.status_code, answer.content) == (206, content)
        assert answer.headers["content-range"].endswith("/10")
    for asked, status in (("bytes=20-30", 416), ("lines=1-2", 400)):
        assert browser.get(f"{done}/files/a.txt", headers={"Range": asked}).status_code == status


TRICKS = [
    "../../../secret.txt",
    "..%2f..%2f..%2fsecret.txt",
    "%2e%2e/%2e%2e/%2e%2e/secret.txt",
    "..%5c..%5csecret.txt",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "//etc/passwd",
    "./a.txt",
    "folder/../a.txt",
    "a.txt/",
    "a.txt%00",
    "a.txt%00.png",
    "link.txt",
    "up/secret.txt",
    "up/wellplate.duckdb",
    "folder",
    "up",
    "nothing.txt",
    "..",
    "",
    "a" * 5000,
    "%ff%fe",
]


def test_no_path_leads_out_of_the_results(lab: Laboratory, browser: TestClient, done: str) -> None:
    for path in TRICKS:
        answer = raw_get(lab, browser, f"{done}/files/{path}")
        assert b"secret" not in answer["body"], path
        assert answer["status"] == 404, path


def raw_get(lab: Laboratory, client: TestClient, path: str) -> dict[str, Any]:
    """A request whose path no client has tidied up."""
    answer: dict[str, Any] = {"body": b""}

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answer["status"] = message.get("status", answer.get("status"))
        answer["body"] += message.get("body", b"")

    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"cookie", cookie.encode())],
        "client": ("test", 1),
        "server": ("testserver", 80),
    }
    asyncio.run(lab.app(scope, receive, send))
    return answer


def test_odd_names_reach_the_browser_whole(browser: TestClient, done: str) -> None:
    # A line break in a name is no plain path; the archive still has the file.
    assert browser.get(f"{done}/files/odd%20%22n%C3%A4me%22%0A.txt").status_code == 404


def test_archive_is_a_zip_of_everything(browser: TestClient, done: str) -> None:
    answer = browser.get(f"{done}/archive")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith("attachment")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        contents = {Path(name).name: archive.read(name) for name in archive.namelist()}
    assert contents["a.txt"] == b"0123456789"
    assert not any(b"secret" in content for content in contents.values())


def test_archive_of_a_running_job_is_refused_before_it_begins(lab: Laboratory, browser: TestClient) -> None:
    job_id = browser.post("/api/v1/jobs", json=BODY).json()["id"]
    for call in ("archive", "export"):
        answer = browser.get(f"/api/v1/jobs/{job_id}/{call}")
        assert (answer.status_code, answer.json()["error"]["kind"]) == (409, "wrong_state")


def test_a_job_whose_folder_is_missing_says_so(lab: Laboratory, browser: TestClient, done: str) -> None:
    """As after a backup of the database alone was restored."""
    lab.folders.remove_job(done.rsplit("/", 1)[1])
    assert browser.get(done).json()["status"] == "completed"
    for path in ("inputs/sequences/0", "archive"):
        answer = browser.get(f"{done}/{path}")
        assert answer.status_code == 404, path
        assert answer.json()["error"]["message"] == "The files of this job are not on this server."


def test_log_is_plain_text(lab: Laboratory, browser: TestClient, done: str) -> None:
    job_id = done.rsplit("/", 1)[1]
    (lab.folders.job(job_id) / "log.txt").write_bytes(b"one\n" + PAGE + b"\nthree\n")
    answer = browser.get(f"{done}/log")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.splitlines()[0] == "one"
    assert browser.get(f"{done}/log?tail=1").text.strip() == "three"
    assert browser.get(f"{done}/log?tail=0").status_code == 422


def test_export_is_an_attachment(browser: TestClient, done: str) -> None:
    answer = browser.get(f"{done}/export?format=json")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.json()["tool"]
    assert browser.get(f"{done}/export?format=exe").json()["error"]["field"] == "format"


def test_public_files_need_no_sign_in_and_private_ones_do(
    lab: Laboratory, browser: TestClient, done: str
) -> None:
    assert lab.browser().get(f"{done}/files/a.txt").status_code == 200
    private = browser.post("/api/v1/jobs", json=BODY).json()["id"]
    lab.start(private)
    lab.complete(private, {"a.txt": b"private"})
    for client, status in ((browser, 200), (lab.browser(), 404), (lab.browser(lab.join("bob")), 403)):
        for call in ("files", "files/a.txt", "archive"):
            assert client.get(f"/api/v1/jobs/{private}/{call}").status_code == status, call


def test_an_input_is_downloaded_under_the_name_that_it_was_given(browser: TestClient, done: str) -> None:
    answer = browser.get(f"{done}/inputs/sequences/0")
    assert answer.text == BODY["inputs"]["sequences"]["text"]
    assert BODY["inputs"]["sequences"]["name"] in answer.headers["content-disposition"]
    assert answer.headers["content-security-policy"].startswith("sandbox")
    for wrong in ("sequences/1", "sequences/-1", "nothing/0", "..%2F..%2Fsecret.txt/0"):
        assert browser.get(f"{done}/inputs/{wrong}").status_code in (404, 422), wrong


def test_a_submit_with_files_is_on_disk_when_it_returns(
    lab: Laboratory, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else tells but a power failure: so what was synced is written down, by the file that it was."""
    synced: list[tuple[int, int]] = []

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        synced.append((status.st_dev, status.st_ino))

    file = stored(browser.put("/api/v1/files?name=a.fasta", content=FASTA))
    monkeypatch.setattr("data.folders.os.fsync", fsync)
    body = BODY | {"inputs": {"sequences": {"file": file["id"]}}}
    folder = lab.folders.job(browser.post("/api/v1/jobs", json=body).json()["id"])
    for path in (folder / "job.json", folder / "inputs", folder, folder.parent):
        assert (path.stat().st_dev, path.stat().st_ino) in synced, path
