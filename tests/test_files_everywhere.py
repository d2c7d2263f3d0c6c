"""Every cell of docs/access.md that there is for files, tried for real over the API.

The people of tests/everyone.py with real sessions, and for each of them files of every visibility. What one may not
know exists answers exactly as an id that nobody ever gave out.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from compute.access import Action
from data.records import Visibility, new_id
from tests.everyone import PEOPLE, Batches, Everyone, Jobs
from tests.rights import rights
from tests.shelf import given, made, uploaded

VISIBILITIES = [visibility for visibility in Visibility if visibility is not Visibility.INVITED]
CELLS = [
    pytest.param(who, visibility, allowed, id=f"{who}-{visibility}")
    for who, visibility, allowed in rights()
    if visibility in VISIBILITIES
]
ALLOWED = {(who, visibility): allowed for who, visibility, allowed in rights()}
SECRET = b">the-secret-of-the-file\nACGT\n"
#: Who may not submit jobs at all.
LOOK_ONLY = ("anonymous", "viewer", "submitter, now a viewer")


@dataclass(frozen=True)
class Files:
    """An upload, and a folder that a job made."""

    upload: str
    folder: str


class EveryonesFiles(Everyone):
    """With files in the place of jobs."""

    def __init__(self, home: Path) -> None:
        self.files: dict[tuple[str, Visibility], Files] = {}
        super().__init__(home)

    def _batches_for(self, who: str, visibility: Visibility) -> Batches:
        return Batches("", "", "")

    def _jobs_for(self, who: str, visibility: Visibility) -> Jobs:
        if visibility in VISIBILITIES:
            own = self.person(who if who.startswith("submitter") else "submitter")
            assert own is not None
            folder = made(self.lab, given(self.lab, own), f"folder for {who}", fact="a secret")
            upload = uploaded(self.lab, own, f"upload for {who}", SECRET)
            share = self.lab.workbench.library.share
            self.files[who, visibility] = Files(
                *(share(own, file.id, visibility).id for file in (upload, folder))
            )
        return Jobs("", "", "", "")


@dataclass(frozen=True)
class Call:
    """A route under /api/v1/files/{id}, with the right that it needs."""

    right: Action
    method: str
    path: str
    body: dict[str, Any] | None = None
    folder: bool = False
    #: Whether somebody must be signed in, whatever the file.
    session: bool = False

    def send(self, client: TestClient, file_id: str) -> tuple[int, str]:
        answer = client.request(self.method, f"/api/v1/files/{file_id}{self.path}", json=self.body)
        return answer.status_code, answer.text


#: In this order: a file that is deleted can be asked no more.
CALLS = [
    Call(Action.SEE_ROW, "GET", ""),
    Call(Action.SEE, "GET", "/family"),
    Call(Action.FILE, "GET", "/content"),
    Call(Action.FILE, "GET", "/members"),
    Call(Action.DOWNLOAD, "GET", "/content", folder=True),
    Call(Action.FILE, "GET", "/content/about.json", folder=True),
    Call(Action.RENAME, "PATCH", "", {"name": "Renamed"}, session=True),
    Call(Action.SHARE, "PATCH", "", {"visibility": "own"}, session=True),
    Call(Action.DELETE, "DELETE", "", session=True),
    Call(Action.DELETE, "DELETE", "", folder=True, session=True),
]


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EveryonesFiles]:
    everyone = EveryonesFiles(tmp_path_factory.mktemp("site"))
    yield everyone
    everyone.close()


@pytest.mark.parametrize(("who", "visibility", "allowed"), CELLS)
def test_api(everyone: EveryonesFiles, who: str, visibility: Visibility, allowed: set[Action]) -> None:
    files, client = everyone.files[who, visibility], everyone.browser(who)
    lists_it(client, who, files, visibility)
    as_an_input(client, who, files.upload, allowed)
    for call in CALLS:
        if call.right is Action.SHARE:
            call = Call(call.right, call.method, call.path, {"visibility": visibility}, session=True)
        file_id = files.folder if call.folder else files.upload
        status, text = call.send(client, file_id)
        unknown = call.send(client, new_id())
        if who == "anonymous" and call.session:
            assert (status, text) == unknown and status == 401, call
        elif Action.SEE_ROW not in allowed:
            assert (status, text) == unknown and status == 404, call
        elif call.right in allowed:
            assert 200 <= status < 300, (call, text)
        else:
            assert status == 403, (call, text)
            assert "secret" not in text
    if Action.SEE_ROW in allowed and Action.DELETE not in allowed:
        told = client.get(f"/api/v1/files/{files.folder}")
        assert ("facts" in told.json()) == (Action.SEE in allowed)
        assert ("secret" in told.text) == (Action.SEE in allowed)


def lists_it(client: TestClient, who: str, files: Files, visibility: Visibility) -> None:
    """The list has the rows of the team in which one acts, and what others show to everybody."""
    if who == "anonymous":
        for path in ("/files", "/results", "/space"):
            assert client.get(f"/api/v1{path}").status_code == 401
        return
    here = who in ("viewer", "member", "submitter", "submitter, now a viewer", "admin", "owner")
    rows = {row["id"]: row for row in every_page(client)}
    for file_id in (files.upload, files.folder):
        assert (file_id in rows) == (here or visibility is Visibility.USERS), (who, visibility)
    if here:
        assert ("facts" in rows[files.folder]) == (Action.SEE in ALLOWED[who, visibility])


def every_page(client: TestClient) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = client.get("/api/v1/files", params={"limit": 40} | ({"cursor": cursor} if cursor else {}))
        assert page.status_code == 200, page.text
        found += page.json()["files"]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


def as_an_input(client: TestClient, who: str, file_id: str, allowed: set[Action]) -> None:
    if who in LOOK_ONLY:
        return
    told, unknown = (
        client.post(
            "/api/v1/quote",
            json={
                "tool": "convert-sequences",
                "inputs": {"sequences": {"file": one}},
                "settings": {"to": "tab"},
            },
        )
        for one in (file_id, new_id())
    )
    problems, of_nothing = told.json()["problems"], unknown.json()["problems"]
    assert of_nothing
    assert (problems == []) == (Action.FILE in allowed)
    assert (problems == of_nothing) == (Action.SEE_ROW not in allowed)


def test_no_route_of_a_file_is_forgotten(everyone: EveryonesFiles) -> None:
    paths = everyone.browser("member").get("/api/openapi.json").json()["paths"]
    routes = {
        (method.upper(), path.partition("/files/{file_id}")[2])
        for path, methods in paths.items()
        for method in methods
        if "/files/{file_id}" in path
    }
    assert routes == {(call.method, call.path.replace("about.json", "{path}")) for call in CALLS}


@pytest.mark.parametrize("who", [who for who in PEOPLE if who != "anonymous"])
def test_space_is_that_of_the_own_team(everyone: EveryonesFiles, who: str) -> None:
    """And of every team for the site's admin."""
    person = everyone.person(who)
    assert person is not None
    answer = everyone.browser(who).get("/api/v1/space").json()["space"]
    others = {row["team"]["id"] for row in answer} - {person.team}
    assert others == ({everyone.team} if who == "site admin" else set())


def test_what_the_sites_admin_looks_into_is_in_the_audit_log(everyone: EveryonesFiles) -> None:
    ada, client = everyone.person("submitter"), everyone.browser("site admin")
    assert ada is not None
    private, public = (
        uploaded(everyone.lab, ada, visibility=visibility)
        for visibility in (Visibility.PRIVATE, Visibility.PUBLIC)
    )
    for file in (private, public):
        assert client.get(f"/api/v1/files/{file.id}/content").status_code == 200
    noted = client.get("/api/v1/audit").json()["entries"]
    told = [row for row in noted if row["subject"] in (private.id, public.id)]
    assert {(row["action"], row["subject"]) for row in told} == {
        ("admin file", private.id),
        ("admin see", private.id),
    }


def test_a_folder_that_may_be_downloaded_comes_whole(everyone: EveryonesFiles) -> None:
    ada = everyone.person("submitter")
    assert ada is not None
    folder = made(everyone.lab, given(everyone.lab, ada))
    answer = everyone.browser("member").get(f"/api/v1/files/{folder.id}/content")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["Potato/about.json", "Potato/bowtie/subtraction.1.bt2"]
