"""/api/v1/files, /results and /space. Who may do what is in tests/test_files_everywhere.py."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from data.records import Person, Visibility
from tests.laboratory import ORIGIN, Laboratory
from tests.shelf import FASTA, given, made, uploaded

PAGE = b"<script>alert(document.cookie)</script>"


def error(answer: Any) -> tuple[int, str, str]:
    told = answer.json()["error"]
    return answer.status_code, told["kind"], told["message"]


def test_a_file_says_what_it_is(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    job = given(lab, ada)
    item = made(lab, job, "Potato", gc=35.1, nickname="potato")
    told = browser.get(f"/api/v1/files/{item.id}").json()
    assert told.pop("created").endswith("Z")
    assert told == {
        "id": item.id,
        "name": "Potato",
        "size": item.size,
        "sha256": "",
        "format": "subtraction",
        "visibility": "team",
        "owner": ada.id,
        "owner_name": "Ada",
        "folder": True,
        "facts": {"gc": 35.1, "nickname": "potato"},
        "job": job.id,
        "tool": "made-up",
    }


def test_lists_have_filters_and_pages(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    for number in range(5):
        uploaded(lab, ada, f"f{number}.fasta")
    uploaded(lab, lab.join("bob"), "reads.fq", b"@r\nA\n+\nI\n")
    item = made(lab, given(lab, ada))

    def names(query: str) -> list[str]:
        answer = browser.get(f"/api/v1/files?{query}")
        assert answer.status_code == 200, answer.text
        return [file["name"] for file in answer.json()["files"]]

    assert names("format=fastq&format=subtraction") == [item.name, "reads.fq"]
    assert names("owner=me&q=f1") == ["f1.fasta"]
    assert names("origin=made") == [item.name]
    assert names("format=&owner=&q=&origin=uploaded&limit=2") == ["reads.fq", "f4.fasta"]
    cursor = browser.get("/api/v1/files?limit=3").json()["next_cursor"]
    assert names(f"limit=2&cursor={cursor}") == ["f3.fasta", "f2.fasta"]
    results = browser.get("/api/v1/results?format=tsv&q=report&owner=me").json()
    assert [(row["path"], row["bytes"], row["submitter"]["name"]) for row in results["files"]] == [
        ("report.tsv", 8, "Ada")
    ]
    assert browser.get("/api/v1/results?q=nothing").json() == {"files": [], "next_cursor": None}
    space = browser.get("/api/v1/space").json()["space"]
    assert {row["person"]["name"]: (row["files"], row["results"]) for row in space} == {
        "Ada": (6, 8),
        "Bob": (1, 0),
    }


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("cursor=x", "cursor"),
        ("limit=0", "limit"),
        ("limit=9999", "limit"),
        ("owner=bob", "owner"),
        ("origin=x", "origin"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(browser: TestClient, query: str, field: str) -> None:
    answer = browser.get(f"/api/v1/files?{query}")
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_a_file_is_renamed_and_shared(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    path = f"/api/v1/files/{uploaded(lab, ada).id}"
    changed = browser.patch(path, json={"name": "b.fasta", "visibility": "public"}).json()
    assert (changed["name"], changed["visibility"]) == ("b.fasta", "public")
    assert browser.patch(path, json={}).json() == changed
    assert lab.browser().get(f"{path}/content").content == FASTA
    for body, field in (
        ({"name": "a/b"}, "name"),
        ({"name": "b", "visibility": "invited"}, "visibility"),
        ({"visibility": "everybody"}, "visibility"),
        ({"size": 3}, "size"),
    ):
        answer = browser.patch(path, json=body)
        assert (answer.status_code, answer.json()["error"]["field"]) == (422, field), body
    assert browser.get(path).json() == changed


def test_deleting_what_was_used_takes_a_word_more(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    file = uploaded(lab, ada)
    path = f"/api/v1/files/{file.id}"
    made(lab, given(lab, ada, file))
    status, kind, message = error(browser.delete(path))
    assert (status, kind) == (409, "wrong_state")
    assert message.startswith("1 job and 1 file were made from a.fasta.")
    assert browser.delete(f"{path}?even_if_used=true").status_code == 204
    assert error(browser.get(path))[:2] == (404, "not_found")
    assert error(browser.delete(path))[:2] == (404, "not_found")


def test_content_is_an_attachment_that_has_no_rights_and_has_ranges(
    lab: Laboratory, ada: Person, browser: TestClient
) -> None:
    path = f"/api/v1/files/{uploaded(lab, ada, 'page.html', PAGE).id}/content"
    for query in ("", "?inline=true"):
        answer = browser.get(path + query)
        assert answer.content == PAGE
        assert answer.headers["content-disposition"] == 'attachment; filename="page.html"'
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("sandbox;")
    part = browser.get(path, headers={"Range": "bytes=1-6"})
    assert (part.status_code, part.content) == (206, b"script")
    shown = browser.get(f"/api/v1/files/{uploaded(lab, ada, 'a.txt', b'hello').id}/content?inline=true")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["content-security-policy"].startswith("sandbox;")


def test_a_folder_comes_as_a_zip_and_file_by_file(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    item = made(lab, given(lab, ada), "Köln 1")
    path = f"/api/v1/files/{item.id}"
    answer = browser.get(f"{path}/content")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == "attachment; filename*=utf-8''K%C3%B6ln-1.zip"
    assert answer.headers["content-security-policy"].startswith("sandbox;")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        assert bundle.testzip() is None
        inside = {name.partition("/")[2]: len(bundle.read(name)) for name in bundle.namelist()}
    members = browser.get(f"{path}/members").json()["members"]
    assert {member["path"]: member["bytes"] for member in members} == inside
    for member in inside:
        one = browser.get(f"{path}/content/{member}", headers={"Range": "bytes=0-3"})
        assert (one.status_code, len(one.content)) == (206, 4)
        assert one.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize(
    "path",
    [
        "out",
        "out/x",
        "bowtie",
        "..%2f..%2fwellplate.duckdb",
        "%2e%2e/x",
        "%2fetc%2fpasswd",
        "about.json%00",
        "./about.json",
    ],
)
def test_no_path_leads_out_of_a_folder(lab: Laboratory, ada: Person, browser: TestClient, path: str) -> None:
    item = made(lab, given(lab, ada))
    answer = browser.get(f"/api/v1/files/{item.id}/content/{path}")
    assert answer.status_code == 404 or (path == "./about.json" and answer.status_code == 200)


def test_what_a_job_made_is_downloaded_through_the_job(
    lab: Laboratory, ada: Person, browser: TestClient
) -> None:
    job = given(lab, ada, visibility=Visibility.PUBLIC)
    item = made(lab, job)
    (entry, report) = browser.get(f"/api/v1/jobs/{job.id}/files").json()["files"]
    assert (entry["path"], entry["file"], "file" in report) == ("subtraction", item.id, False)
    answer = lab.browser().get(f"/api/v1/jobs/{job.id}/files/subtraction")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert zipfile.ZipFile(io.BytesIO(answer.content)).testzip() is None
    assert browser.delete(f"/api/v1/files/{item.id}").status_code == 204
    gone = browser.get(f"/api/v1/jobs/{job.id}/files/subtraction")
    assert error(gone) == (404, "not_found", "Potato was deleted from the library.")
    assert browser.get(f"/api/v1/jobs/{job.id}").json()["files"], "the job still says what it made"


def test_a_family_is_told_by_name_to_who_may_see_it(
    lab: Laboratory, ada: Person, browser: TestClient
) -> None:
    origin = uploaded(lab, ada)
    job = given(lab, ada, origin, name="secret job")
    item = made(lab, job)
    path = f"/api/v1/files/{item.id}/family"
    own = browser.get(path).json()
    assert [one["kind"] for one in own["made_from"]] == ["input", "input"]
    assert own["made_from"][0]["job"]["name"] == "secret job"
    assert own["made_from"][1]["file"]["name"] == "a.fasta"
    others = lab.browser(lab.join("bob")).get(path)
    assert others.json() == {"made_from": [], "led_to": [], "private": 2}


def test_tokens_need_their_scopes(lab: Laboratory, ada: Person) -> None:
    path = f"/api/v1/files/{uploaded(lab, ada).id}"
    reader, writer = lab.script(ada, "files:read"), lab.script(ada, "files:write")
    assert reader.get(path).status_code == 200
    assert reader.get("/api/v1/files").status_code == 200
    for answer in (reader.patch(path, json={"name": "b"}), reader.delete(path), writer.get("/api/v1/files")):
        assert error(answer)[:2] == (403, "forbidden")
    assert error(writer.get(path))[:2] == (404, "not_found")
    assert set(writer.patch(path, json={"name": "b"}).json()) & {"sha256", "facts"} == set()
    assert writer.delete(path).status_code == 204


# Live ---------------------------------------------------------------------------------------------------------------


@contextmanager
def shelf(client: TestClient, *, files: bool = True) -> Iterator[WebSocketTestSession]:
    """A page's socket that is subscribed already: it has heard that a job that nobody knows is gone."""
    with client, client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as opened:
        opened.send_json({"subscribe": {"jobs": ["x"], "files": files}})
        assert opened.receive_json() == {"job": "x", "gone": True}
        yield opened


def nothing_more(page: WebSocketTestSession) -> None:
    page.send_json({"subscribe": {"jobs": ["y"]}})
    assert page.receive_json() == {"job": "y", "gone": True}


def test_an_open_page_hears_of_files_that_come_change_and_go(lab: Laboratory, ada: Person) -> None:
    bob = lab.join("bob")
    with shelf(lab.browser(ada)) as page:
        file = uploaded(lab, bob)
        assert page.receive_json() == {"files": True}
        lab.workbench.library.share(bob, file.id, Visibility.TEAM)
        assert page.receive_json() == {"files": True}
        job = given(lab, bob, file)
        made(lab, job)
        assert page.receive_json() == {"files": True}
        lab.workbench.library.delete(bob, file.id, even_if_used=True)
        assert page.receive_json() == {"files": True}
        nothing_more(page)


def test_of_other_teams_files_and_without_the_scope_nothing_is_heard(lab: Laboratory, ada: Person) -> None:
    eve = lab.found("eve")
    for client, files in (
        (lab.browser(eve), True),
        (lab.browser(ada), False),
        (lab.browser(), True),
        (lab.script(ada, "jobs:read"), True),
    ):
        with shelf(client, files=files) as page:
            uploaded(lab, ada)
            nothing_more(page)
