"""Every cell of docs/access.md, tried for real: over the API, the live socket and the pages.

Thirteen people with real sessions, memberships and invitations, and for each of them jobs of every visibility. What one
may not know exists answers exactly as an id that nobody ever gave out.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.testclient import TestClient
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from api import hub
from api.guard import COOKIE
from compute.access import Action
from compute.menu import MENU
from data import batches as stored
from data.records import Visibility, new_id
from tests.everyone import PEOPLE, RESULT, SECRET, Everyone, Jobs
from tests.laboratory import BODY, ORIGIN
from tests.pages.site import MAIN, words
from tests.rights import rights

CELLS = [
    pytest.param(who, visibility, allowed, id=f"{who}-{visibility}") for who, visibility, allowed in rights()
]
ALLOWED = {(who, visibility): allowed for who, visibility, allowed in rights()}


@dataclass(frozen=True)
class Call:
    """A route under /api/v1/jobs/{id}, with the right that it needs."""

    right: Action
    method: str
    path: str
    body: dict[str, Any] | None = None
    query: dict[str, str] = field(default_factory=dict)
    #: Which of the person's jobs has the state for it.
    state: str = "done"
    #: Whether somebody must be signed in, whatever the job.
    session: bool = False

    def send(self, client: TestClient, subject: str, kind: str = "jobs") -> tuple[int, str]:
        answer = client.request(
            self.method, f"/api/v1/{kind}/{subject}{self.path}", params=self.query, json=self.body
        )
        return answer.status_code, answer.text


#: In this order: a job that is deleted can be asked no more.
CALLS = [
    Call(Action.SEE_ROW, "GET", ""),
    Call(Action.SEE, "GET", "/lineage"),
    Call(Action.SEE, "GET", "/submission", session=True),
    Call(Action.FILE, "GET", "/files"),
    Call(Action.FILE, "GET", f"/files/{RESULT}"),
    Call(Action.FILE, "GET", "/inputs/sequences/0"),
    Call(Action.DOWNLOAD, "GET", "/archive"),
    Call(Action.LOG, "GET", "/log"),
    Call(Action.EXPORT, "GET", "/export", query={"format": "json"}),
    Call(Action.EXPORT, "GET", "/export", query={"format": "csv"}),
    Call(Action.SHARE, "GET", "/sharing", session=True),
    Call(Action.SHARE, "PUT", "/sharing", {}, session=True),
    Call(Action.SEE_ROW, "PATCH", "", {"starred": True}, session=True),
    Call(Action.RENAME, "PATCH", "", {"name": "Renamed"}, session=True),
    Call(Action.RENAME, "PATCH", "", {"tags": ["tried"]}, session=True),
    Call(Action.CANCEL, "POST", "/cancel", state="waiting", session=True),
    Call(Action.RETRY, "POST", "/retry", state="failed", session=True),
    Call(Action.DELETE, "DELETE", "", session=True),
]

#: The same of a batch: routes under /api/v1/batches/{id}.
BATCH_CALLS = [
    Call(Action.SEE_ROW, "GET", ""),
    Call(Action.SEE, "GET", "/wells"),
    Call(Action.SEE_ROW, "GET", "/jobs", session=True),
    Call(Action.EXPORT, "GET", "/export"),
    Call(Action.DOWNLOAD, "GET", "/archive"),
    Call(Action.SHARE, "GET", "/sharing", session=True),
    Call(Action.SHARE, "PUT", "/sharing", {}, session=True),
    Call(Action.SEE_ROW, "PATCH", "", {"starred": True}, session=True),
    Call(Action.RENAME, "PATCH", "", {"name": "Renamed"}, session=True),
    Call(Action.RENAME, "PATCH", "", {"tags": ["tried"]}, session=True),
    Call(Action.CANCEL, "POST", "/cancel", state="waiting", session=True),
    Call(Action.RETRY, "POST", "/retry-failed", state="failed", session=True),
    Call(Action.DELETE, "DELETE", "", session=True),
]


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everyone]:
    everyone = Everyone(tmp_path_factory.mktemp("site"))
    yield everyone
    everyone.close()


def job_of(jobs: Jobs, state: str) -> str:
    return str(getattr(jobs, state))


# Pages come first: the API's calls rename and delete what they show. ------------------------------------------------


@pytest.mark.parametrize(("who", "visibility", "allowed"), CELLS)
def test_page_of_a_job(
    everyone: Everyone,
    monkeypatch: pytest.MonkeyPatch,
    who: str,
    visibility: Visibility,
    allowed: set[Action],
) -> None:
    page = opened(everyone, monkeypatch, who, everyone.jobs[who, visibility].failed)
    told = words(page)
    assert (f"failed for {who}" in told) == (Action.SEE_ROW in allowed)
    if Action.SEE_ROW not in allowed:
        unknown = opened(everyone, monkeypatch, who, new_id())
        assert told == words(unknown)
        assert [button.label for button in page.button] == [button.label for button in unknown.button]
        return
    assert ("This job is private to" in told) == (Action.SEE not in allowed)
    assert (SECRET in told) == (Action.SEE in allowed), "its error is part of what is in it"
    entries = {button.key.removeprefix("menu."): button for button in page.button if button.key}
    assert {"rename", "tags", "share", "retry", "delete", "cancel"} <= entries.keys(), "the menu is whole"
    for entry in ("rename", "tags", "share", "retry", "delete"):
        assert entries[entry].disabled == (MENU[entry] not in allowed), entry


@pytest.mark.parametrize("who", PEOPLE)
def test_menu_of_a_job_in_the_state_for_each_action(everyone: Everyone, who: str) -> None:
    """The pages draw what this says; what is not possible has a reason."""
    bench, person = everyone.lab.workbench, everyone.person(who)
    for visibility in Visibility:
        jobs, allowed = everyone.jobs[who, visibility], ALLOWED[who, visibility]
        for entry, state in (
            ("cancel", "waiting"),
            ("retry", "failed"),
            ("delete", "done"),
            ("share", "done"),
        ):
            reason = bench.actions(person, everyone.lab.job(job_of(jobs, state)))[entry]
            assert (reason is None) == (MENU[entry] in allowed), (visibility, entry, reason)


def opened(everyone: Everyone, monkeypatch: pytest.MonkeyPatch, who: str, job_id: str) -> AppTest:
    cookie = everyone.cookies[who]
    cookies = {COOKIE: cookie} if cookie else {}
    monkeypatch.setattr(ContextProxy, "cookies", property(lambda self: cookies))
    page = AppTest.from_file(MAIN, default_timeout=30).run()
    page.query_params["jobId"] = job_id
    page.switch_page("jobs.py").run()
    assert not page.exception
    return page


# The live socket ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE)
def test_live_socket(everyone: Everyone, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    """Every visibility over one socket: what is hidden is gone at once, a row tells its status only."""
    monkeypatch.setattr(hub, "RECENT_S", 0.0)
    lab = everyone.lab
    watched = {visibility: everyone.jobs[who, visibility].followed for visibility in Visibility}
    last = submitted(everyone.browser("submitter"), Visibility.PUBLIC)
    heard: dict[str, list[dict[str, Any]]] = {job: [] for job in watched.values()}
    with (
        everyone.browser(who) as client,
        client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as socket,
    ):
        nobody = new_id()
        socket.send_json({"subscribe": {"jobs": [*watched.values(), nobody, last]}})
        while (event := socket.receive_json()) != {"job": nobody, "gone": True}:
            heard[event["job"]].append(event)
        for job in watched.values():
            lab.start(job)
        lab.start(last)
        while (event := socket.receive_json())["job"] != last:
            heard[event["job"]].append(event)
    for visibility, job in watched.items():
        allowed = ALLOWED[who, visibility]
        if Action.EVENTS in allowed:
            (event,) = heard[job]
            assert {"status", "progress", "step", "attempt"} <= event.keys()
        elif Action.SEE_ROW in allowed:
            (event,) = heard[job]
            assert event.keys() == {"seq", "job", "status"}
        else:
            assert heard[job] == [{"job": job, "gone": True}]


def submitted(client: TestClient, visibility: Visibility) -> str:
    answer = client.post("/api/v1/jobs", json=BODY | {"visibility": visibility})
    assert answer.status_code == 201
    return str(answer.json()["id"])


# The API ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "visibility", "allowed"), CELLS)
def test_api(everyone: Everyone, who: str, visibility: Visibility, allowed: set[Action]) -> None:
    jobs, client = everyone.jobs[who, visibility], everyone.browser(who)
    lists_it(client, who, jobs, visibility)
    as_an_input(client, jobs, allowed, runs=who not in ("anonymous", "viewer", "submitter, now a viewer"))
    bulk(everyone, client, who, jobs, allowed)
    for call in CALLS:
        tried(client, who, allowed, call, job_of(jobs, call.state))
    if Action.SEE_ROW in allowed and Action.SEE not in allowed:
        told = client.get(f"/api/v1/jobs/{jobs.failed}")
        assert told.json().keys() == {"id", "name", "tool", "status", "submitter", "duration_s", "times"}
        assert SECRET not in told.text, "a row has no error"


def tried(
    client: TestClient, who: str, allowed: set[Action], call: Call, subject: str, kind: str = "jobs"
) -> None:
    """The call answers as the table says."""
    status, text = call.send(client, subject, kind)
    unknown = call.send(client, new_id(), kind)
    if who == "anonymous" and call.session:
        assert (status, text) == unknown and status == 401, call
    elif Action.SEE_ROW not in allowed:
        assert (status, text) == unknown and status == 404, call
    elif call.right in allowed:
        assert 200 <= status < 300, (call, text)
    else:
        assert status == 403, (call, text)
        assert SECRET not in text


@pytest.mark.parametrize(("who", "visibility", "allowed"), CELLS)
def test_api_of_a_batch(everyone: Everyone, who: str, visibility: Visibility, allowed: set[Action]) -> None:
    """The same table; and who reads a batch reads its jobs."""
    batches, client = everyone.batches[who, visibility], everyone.browser(who)
    child = everyone.child(batches.failed)
    for call in (Call(Action.SEE_ROW, "GET", ""), Call(Action.LOG, "GET", "/log")):
        tried(client, who, allowed, call, everyone.child(batches.done))
    if Action.SEE_ROW in allowed:
        seen = client.get(f"/api/v1/batches/{batches.failed}").json()
        row = {"id", "name", "tool", "submitter", "jobs", "counts", "times"}
        assert (seen.keys() == row) == (Action.SEE not in allowed)
        told = client.get(f"/api/v1/jobs/{child}").text
        assert (SECRET in told) == (Action.SEE in allowed)
    for call in BATCH_CALLS:
        tried(client, who, allowed, call, str(getattr(batches, call.state)), "batches")


@pytest.mark.parametrize("who", PEOPLE)
def test_lists_of_batches(everyone: Everyone, who: str) -> None:
    """Of the team in which one acts all rows, and of others' only what was shared with one."""
    client = everyone.browser(who)
    if who == "anonymous":
        assert client.get("/api/v1/batches").status_code == 401
        return
    waiting = {visibility: everyone.batches[who, visibility].waiting for visibility in Visibility}
    here = who in ("viewer", "member", "submitter", "submitter, now a viewer", "admin", "owner")
    team = {row["id"] for row in every_page(client, kind="batches")}
    shared = {row["id"] for row in every_page(client, kind="batches", shared=True)}
    for visibility, batch in waiting.items():
        assert (batch in team) == here
        assert (batch in shared) == (who == "invited" and Action.SEE in ALLOWED[who, visibility])


@pytest.mark.parametrize("who", PEOPLE)
def test_live_socket_of_batches(everyone: Everyone, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    """What is hidden is gone at once; of the rest one hears that something changed."""
    monkeypatch.setattr(hub, "RECENT_S", 0.0)
    watched = {visibility: everyone.batches[who, visibility].waiting for visibility in Visibility}
    last = everyone.batches["owner" if who != "owner" else "admin", Visibility.PUBLIC].waiting
    heard: dict[str, list[dict[str, Any]]] = {batch: [] for batch in [*watched.values(), last]}
    with (
        everyone.browser(who) as client,
        client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as socket,
    ):
        nobody = new_id()
        socket.send_json({"subscribe": {"batches": [*watched.values(), nobody, last]}})
        gone = sum(Action.SEE_ROW not in ALLOWED[who, visibility] for visibility in Visibility)
        for _ in range(gone + 1):
            event = socket.receive_json()
            heard.setdefault(event["batch"], []).append(event)
        for batch in [*watched.values(), last]:
            stored.rename(everyone.lab.store, batch, "Followed").result()
        while (event := socket.receive_json())["batch"] != last:
            heard[event["batch"]].append(event)
    for visibility, batch in watched.items():
        hidden = Action.SEE_ROW not in ALLOWED[who, visibility]
        assert heard[batch] == [{"batch": batch, "gone": True} if hidden else {"batch": batch}]


def test_no_route_of_a_batch_is_forgotten(everyone: Everyone) -> None:
    paths = everyone.browser("member").get("/api/openapi.json").json()["paths"]
    routes = {
        (method.upper(), path.partition("/batches/{batch_id}")[2])
        for path, methods in paths.items()
        for method in methods
        if "/batches/{batch_id}" in path
    }
    assert routes == {(call.method, call.path) for call in BATCH_CALLS}


def test_no_route_of_a_job_is_forgotten(everyone: Everyone) -> None:
    paths = everyone.browser("member").get("/api/openapi.json").json()["paths"]
    routes = {
        (method.upper(), path.partition("/jobs/{job_id}")[2])
        for path, methods in paths.items()
        for method in methods
        if "/jobs/{job_id}" in path
    }
    tried = {(call.method, call.path) for call in CALLS}
    names = {f"/files/{RESULT}": "/files/{path}", "/inputs/sequences/0": "/inputs/{input}/{number}"}
    assert routes == {(method, names.get(path, path)) for method, path in tried}


def lists_it(client: TestClient, who: str, jobs: Jobs, visibility: Visibility) -> None:
    """The list of the team in which one acts has all of its rows, and of others' only what was shared with one."""
    if who == "anonymous":
        assert client.get("/api/v1/jobs").status_code == 401
        return
    team = {job["id"]: job for job in every_page(client)}
    here = who in ("viewer", "member", "submitter", "submitter, now a viewer", "admin", "owner")
    assert (jobs.failed in team) == here
    if here and Action.SEE not in ALLOWED[who, visibility]:
        assert SECRET not in json.dumps(team[jobs.failed])
    shared = {job["id"] for job in every_page(client, shared=True)}
    assert (jobs.failed in shared) == (who == "invited" and Action.SEE in ALLOWED[who, visibility])


def every_page(client: TestClient, kind: str = "jobs", **query: Any) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = client.get(
            f"/api/v1/{kind}", params=query | {"limit": 200} | ({"cursor": cursor} if cursor else {})
        )
        assert page.status_code == 200, page.text
        found += page.json()[kind]
        cursor = page.json()["next_cursor"]
        if cursor is None:
            return found


def as_an_input(client: TestClient, jobs: Jobs, allowed: set[Action], *, runs: bool) -> None:
    """A result that one may not read is no input; of a hidden job in the words for one that does not exist."""
    if not runs:
        return
    told, unknown = (
        client.post(
            "/api/v1/quote",
            json={
                "tool": "convert-sequences",
                "inputs": {"sequences": {"job": job_id, "path": RESULT}},
                "settings": {"to": "tab"},
            },
        )
        for job_id in (jobs.done, new_id())
    )
    problems, of_nothing = told.json()["problems"], unknown.json()["problems"]
    assert of_nothing
    assert (problems == of_nothing) == (Action.SEE_ROW not in allowed)
    refused = any("You may not read the files" in problem["message"] for problem in problems)
    assert refused == (Action.SEE_ROW in allowed and Action.FILE not in allowed)


def bulk(everyone: Everyone, client: TestClient, who: str, jobs: Jobs, allowed: set[Action]) -> None:
    """Bulk decides each job singly. Only what is refused is tried: the rest is deleted one by one below."""
    if who == "anonymous" or Action.DELETE in allowed:
        return
    nobody = new_id()
    answer = client.post("/api/v1/jobs/bulk", json={"action": "delete", "jobs": [jobs.done, nobody]})
    assert everyone.lab.job(jobs.done).status == "completed"
    if answer.status_code != 200:
        assert answer.status_code == 403, answer.text
        return
    report = answer.json()
    assert report["done"] == []
    reasons = [refused["reason"] for refused in report["refused"]]
    assert (len(reasons) == 2 and reasons[0] == reasons[1]) == (Action.SEE_ROW not in allowed), report


def test_what_the_sites_admin_looks_into_is_in_the_audit_log(everyone: Everyone) -> None:
    """Reads and changes of private jobs of others, and no more than these."""
    client = everyone.browser("site admin")
    private, public = (
        submitted(everyone.browser("submitter"), visibility)
        for visibility in (Visibility.PRIVATE, Visibility.PUBLIC)
    )
    assert client.get(f"/api/v1/jobs/{private}").status_code == 200
    assert client.get(f"/api/v1/jobs/{public}").status_code == 200
    told = [
        row for row in client.get("/api/v1/audit").json()["entries"] if row["subject"] in (private, public)
    ]
    assert [(row["action"], row["subject"]) for row in told] == [("admin see", private)]
    batch = everyone.batches["owner", Visibility.PRIVATE].waiting
    assert client.get("/api/v1/batches").status_code == 200
    assert client.get(f"/api/v1/batches/{batch}").json()["settings"], "it is looked into"
    looks = [
        row["action"] for row in client.get("/api/v1/audit").json()["entries"] if row["subject"] == batch
    ]
    assert looks[:1] == ["admin see"]


def test_an_archive_that_may_be_downloaded_is_the_whole_job(everyone: Everyone) -> None:
    job_id = submitted(everyone.browser("submitter"), Visibility.USERS)
    everyone.lab.start(job_id)
    everyone.lab.complete(job_id, {RESULT: SECRET.encode()})
    answer = everyone.browser("stranger").get(f"/api/v1/jobs/{job_id}/archive")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert any(archive.read(name) == SECRET.encode() for name in archive.namelist())
