from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from data.errors import Unavailable
from data.records import Person, Role, new_id
from tests.laboratory import BODY, Laboratory

DETAIL = {
    "id", "name", "tool", "status", "submitter", "duration_s", "times", "visibility", "progress", "step", "note",
    "attempt", "cancel_requested", "error", "credits", "team", "batch", "well", "links", "steps", "inputs", "settings",
    "price", "refunded", "summary", "warnings", "tables", "files", "usage", "history", "tags", "starred",
}  # fmt: skip
ROW = {"id", "name", "tool", "status", "submitter", "duration_s", "times"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def submit(client: TestClient, **changes: Any) -> str:
    answer = client.post("/api/v1/jobs", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def refused(answer: Any) -> tuple[int, str, str | None]:
    error = answer.json()["error"]
    assert set(error) <= {"kind", "message", "field"}
    assert error["message"]
    return answer.status_code, error["kind"], error.get("field")


def test_job_is_there_when_submit_returns(browser: TestClient) -> None:
    answer = browser.post("/api/v1/jobs", json=BODY)
    job = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/api/v1/jobs/{job['id']}"
    assert browser.get(answer.headers["location"]).json()["status"] == "pending"
    assert [row["id"] for row in browser.get("/api/v1/jobs").json()["jobs"]] == [job["id"]]


def test_job_in_full(lab: Laboratory, browser: TestClient) -> None:
    job_id = submit(browser, name="my job")
    lab.start(job_id)
    lab.report(job_id, 40)
    running = browser.get(f"/api/v1/jobs/{job_id}").json()
    assert set(running) == DETAIL
    assert (running["status"], running["progress"], running["step"]) == ("processing", 40, "Convert")
    assert running["steps"] == [{"name": "Convert", "state": "running", "started": None, "ended": None}]
    lab.complete(job_id, {"a.tab": b"a\tACGT\n"})
    job = browser.get(f"/api/v1/jobs/{job_id}").json()
    assert (job["status"], job["progress"], job["attempt"], job["error"]) == ("completed", 100, 1, None)
    assert job["settings"]["to"] == "tab"
    assert job["summary"] == {"sequences": 1, "score": None}  # JSON knows no NaN
    assert [entry["to"] for entry in job["history"]] == ["pending", "processing", "completed"]
    assert job["duration_s"] >= 0
    assert all(RFC3339.fullmatch(time) for time in job["times"].values())
    assert job["submitter"]["name"] == "Ada"
    assert all(link.startswith(("/api/v1/", "/app/jobs?jobId=")) for link in job["links"].values())


def test_idempotency_key_gives_the_same_job_once(browser: TestClient) -> None:
    key = {"Idempotency-Key": "form-1"}
    first = browser.post("/api/v1/jobs", json=BODY, headers=key).json()["id"]
    assert browser.post("/api/v1/jobs", json=BODY, headers=key).json()["id"] == first
    other = browser.post("/api/v1/jobs", json=BODY | {"name": "other"}, headers=key)
    assert refused(other)[:2] == (409, "conflict")
    assert len(browser.get("/api/v1/jobs").json()["jobs"]) == 1


def test_a_retry_that_is_sent_twice_is_charged_once(lab: Laboratory, browser: TestClient) -> None:
    """A client that heard no answer asks again."""
    first, second = (browser.post("/api/v1/jobs", json=BODY).json()["id"] for _ in range(2))
    for job in (first, second):
        lab.fail(job, "odd")
    key = {"Idempotency-Key": "again-1"}
    again = browser.post(f"/api/v1/jobs/{first}/retry", headers=key)
    assert again.status_code == 201 and again.json()["id"] not in (first, second)
    assert browser.post(f"/api/v1/jobs/{first}/retry", headers=key).json()["id"] == again.json()["id"]
    assert refused(browser.post(f"/api/v1/jobs/{second}/retry", headers=key))[:2] == (409, "conflict")
    assert len(browser.get("/api/v1/jobs").json()["jobs"]) == 3
    assert browser.post(f"/api/v1/jobs/{first}/retry").json()["id"] != again.json()["id"]


def test_a_repeated_submit_is_answered_whatever_has_changed_since(
    lab: Laboratory, ada: Person, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, body = {"Idempotency-Key": "form-2"}, BODY | {"expected_credits": price_of(browser)}
    first = browser.post("/api/v1/jobs", json=body, headers=key).json()["id"]

    def no_room(floor_mb: int) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(lab.folders, "need_room", no_room)
    again = browser.post("/api/v1/jobs", json=body, headers=key)
    assert (again.status_code, again.json()["id"]) == (201, first)
    assert browser.post("/api/v1/jobs", json=body).status_code == 503
    dearer = body | {"expected_credits": body["expected_credits"] + 1}
    assert browser.post("/api/v1/jobs", json=dearer, headers=key).json()["id"] == first
    assert refused(browser.post("/api/v1/jobs", json=body | {"name": "x"}, headers=key))[:2] == (
        409,
        "conflict",
    )
    stranger = lab.browser(lab.join("bob"))
    assert stranger.post("/api/v1/jobs", json=body, headers=key).status_code == 503
    browser.post(f"/api/v1/jobs/{first}/cancel")
    browser.delete(f"/api/v1/jobs/{first}")
    gone = browser.post("/api/v1/jobs", json=body, headers=key)
    assert gone.status_code == 409 and "deleted" in gone.text


def price_of(client: TestClient) -> int:
    return int(client.post("/api/v1/quote", json=BODY).json()["credits"])


def test_quote_names_price_and_problems(browser: TestClient) -> None:
    quote = browser.post("/api/v1/quote", json=BODY).json()
    assert quote["credits"] == sum(line["credits"] for line in quote["lines"])
    assert (quote["affordable"], quote["problems"]) == (True, [])
    bad = browser.post("/api/v1/quote", json=BODY | {"settings": {"to": "docx"}}).json()
    assert [problem["field"] for problem in bad["problems"]] == ["to"]


def test_a_problem_that_passes_is_not_remembered(lab: Laboratory, browser: TestClient) -> None:
    first = submit(browser)
    body = BODY | {"inputs": {"sequences": {"job": first, "path": "a.fasta"}}}
    assert browser.post("/api/v1/quote", json=body).json()["problems"] != []
    lab.start(first)
    lab.complete(first, {"a.fasta": b">a\nACGT\n"})
    assert browser.post("/api/v1/quote", json=body).json()["problems"] == []


def test_list_filters_and_pages(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    ids = [submit(browser, name=f"job {number}") for number in range(5)]
    other = lab.browser(lab.join("bob"))
    theirs = submit(other, name="other")
    browser.post(f"/api/v1/jobs/{ids[0]}/cancel")

    def listed(**params: Any) -> list[str]:
        return [job["id"] for job in browser.get("/api/v1/jobs", params=params).json()["jobs"]]

    assert listed() == [theirs, *reversed(ids)]
    assert listed(submitter="me") == list(reversed(ids)) == listed(submitter=ada.id)
    assert listed(status="cancelled") == [ids[0]]
    assert set(listed(status=["cancelled", "pending"])) == {*ids, theirs}
    assert listed(q="JOB 3") == [ids[3]]
    assert listed(tool="nothing") == []
    first = browser.get("/api/v1/jobs", params={"limit": 4}).json()
    rest = browser.get("/api/v1/jobs", params={"limit": 4, "cursor": first["next_cursor"]}).json()
    assert [job["id"] for job in first["jobs"] + rest["jobs"]] == listed()
    assert rest["next_cursor"] is None


def test_rename_cancel_delete_retry_and_duplicate(browser: TestClient) -> None:
    job_id = submit(browser)
    path = f"/api/v1/jobs/{job_id}"
    assert browser.patch(path, json={"name": "renamed"}).json()["name"] == "renamed"
    assert refused(browser.delete(path))[:2] == (409, "wrong_state")
    assert browser.post(f"{path}/cancel").json()["status"] == "cancelled"
    assert refused(browser.post(f"{path}/cancel"))[:2] == (409, "wrong_state")
    again = browser.post(f"{path}/retry")
    assert (again.status_code, again.json()["status"]) == (201, "pending")
    assert again.json()["id"] != job_id
    body = browser.get(f"{path}/submission").json()
    assert (body["tool"], body["settings"]["to"]) == ("convert-sequences", "tab")
    assert browser.post("/api/v1/jobs", json=body).status_code == 201
    assert browser.delete(path).status_code == 204
    assert refused(browser.get(path)) == (404, "not_found", None)


def test_a_retried_job_outlives_the_one_that_it_came_from(lab: Laboratory, browser: TestClient) -> None:
    """A pasted text that is long is told as an input of the job: the first job's own."""
    text = ">a\n" + "ACGT" * 1000 + "\n"
    job_id = submit(browser, inputs={"sequences": {"text": text, "name": "a.fasta"}})
    for _ in range(2):
        path = f"/api/v1/jobs/{job_id}"
        browser.post(f"{path}/cancel")
        again = browser.post(f"{path}/retry").json()["id"]
        assert browser.delete(path).status_code == 204
        job_id = again
    assert browser.get(f"/api/v1/jobs/{job_id}/inputs/sequences/0").text == text
    inputs = browser.get(f"/api/v1/jobs/{job_id}").json()["inputs"]
    assert inputs["sequences"] == {"job": job_id, "path": "inputs/sequences/0"}


BAD_SUBMITS: list[tuple[dict[str, Any], str]] = [
    (BODY | {"tool": None}, "tool"),
    ({"inputs": {}}, "tool"),
    (BODY | {"colour": "red"}, "colour"),
    (BODY | {"inputs": []}, "inputs"),
    (BODY | {"settings": {"to": "docx"}}, "to"),
    (BODY | {"settings": {"unknown": 1}}, "unknown"),
    (BODY | {"inputs": {}}, "sequences"),
    (BODY | {"inputs": {"sequences": {"text": "", "name": "a.fasta"}}}, "sequences"),
    (BODY | {"visibility": "everyone"}, "visibility"),
    (BODY | {"expected_credits": -1}, "expected_credits"),
    (BODY | {"name": "x" * 1000}, "name"),
    (BODY | {"name": 7}, "name"),
]


def test_bad_submit_names_the_field_and_leaves_nothing(lab: Laboratory, browser: TestClient) -> None:
    for body, field in BAD_SUBMITS:
        status, kind, named = refused(browser.post("/api/v1/jobs", json=body))
        assert (status, kind) == (422, "input"), body
        assert field in (named or ""), body
    assert browser.get("/api/v1/jobs").json()["jobs"] == []
    assert list((lab.settings.files / "jobs").iterdir()) == []


NO_OBJECTS = [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"tool": "\\ud800"}']


def test_what_is_no_json_object_is_refused_with_a_sentence(browser: TestClient) -> None:
    for content in NO_OBJECTS:
        answer = browser.post("/api/v1/jobs", content=content, headers={"content-type": "application/json"})
        assert refused(answer)[0] in (400, 422), content[:20]


def test_half_a_character_is_refused(browser: TestClient) -> None:
    content = (
        b'{"tool": "convert-sequences", "inputs": {"sequences": {"text": "\\ud800", "name": "a.fasta"}}}'
    )
    answer = browser.post("/api/v1/jobs", content=content, headers={"content-type": "application/json"})
    assert refused(answer)[:2] == (422, "input")


BAD_LISTS: list[tuple[dict[str, Any], str]] = [
    ({"limit": 0}, "limit"),
    ({"limit": 201}, "limit"),
    ({"limit": "many"}, "limit"),
    ({"status": "done"}, "status"),
    ({"submitter": "ada"}, "submitter"),
    ({"cursor": "../../"}, "cursor"),
    ({"q": "x" * 201}, "q"),
]


def test_bad_list_parameters_name_themselves(browser: TestClient) -> None:
    for params, field in BAD_LISTS:
        status, kind, named = refused(browser.get("/api/v1/jobs", params=params))
        assert (status, kind) == (422, "input"), params
        assert (named or "").startswith(field), params


def test_other_refusals_have_the_same_shape(lab: Laboratory, browser: TestClient) -> None:
    unknown = new_id()
    assert refused(lab.browser().get("/api/v1/jobs")) == (401, "not_signed_in", None)
    assert refused(lab.bearer("wp_wrong").get("/api/v1/jobs")) == (401, "not_signed_in", None)
    assert refused(browser.get(f"/api/v1/jobs/{unknown}")) == (404, "not_found", None)
    assert refused(browser.get("/api/v1/jobs/7")) == (404, "not_found", None)
    assert refused(browser.get("/api/v1/nothing")) == (404, "not_found", None)
    assert refused(browser.put("/api/v1/jobs")) == (405, "method", None)
    assert refused(browser.post("/api/v1/jobs", json=BODY | {"tool": "nothing"}))[:2] == (404, "not_found")
    team = browser.post("/api/v1/jobs", json=BODY | {"team": unknown})
    assert refused(team) == (404, "not_found", "team")
    price = browser.post("/api/v1/jobs", json=BODY | {"expected_credits": 7})
    assert refused(price)[:2] == (409, "conflict")


def test_a_bug_is_told_without_its_details(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(lab.workbench, "jobs", broken)
    client = TestClient(lab.app, raise_server_exceptions=False)
    _, token = lab.accounts.create_token(ada, "t", ["jobs:read"])
    answer = client.get("/api/v1/jobs", headers={"Authorization": f"Bearer {token}"})
    assert refused(answer) == (500, "internal", None)
    assert "secret" not in answer.text


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(browser: TestClient) -> None:
    answer = browser.post("/api/v1/jobs", content=b"", headers={"content-length": str(10**10)})
    assert refused(answer)[:2] == (413, "too_large")


def test_a_job_is_seen_by_whom_the_team_says_unless_its_submitter_says(
    lab: Laboratory, browser: TestClient
) -> None:
    assert browser.post("/api/v1/jobs", json=BODY).json()["visibility"] == "private"
    set_default = "update teams set default_visibility = 'team' where id = ?"
    with lab.store.database.cursor() as cursor:
        cursor.execute(set_default, [lab.admin.team])
    assert browser.post("/api/v1/jobs", json=BODY).json()["visibility"] == "team"
    stated = browser.post("/api/v1/jobs", json=BODY | {"visibility": "private"})
    assert stated.json()["visibility"] == "private"


def test_nobody_may_send_much_before_signing_in(lab: Laboratory, browser: TestClient) -> None:
    large = BODY | {"name": "x" * 70_000}
    for nobody in (lab.browser(), lab.bearer("wp_nonsense")):
        answer = nobody.post("/api/v1/jobs", json=large)
        assert refused(answer)[:2] == (413, "too_large")
        assert answer.json()["error"]["message"] == "This request is larger than 64 kB."
    assert refused(browser.post("/api/v1/jobs", json=large))[0] == 422


def test_a_body_of_unknown_length_is_counted(tmp_path: Any) -> None:
    (tmp_path / "settings.toml").write_text("[limits]\ntext_mb = 1\n")
    lab = Laboratory(tmp_path)
    try:
        endless = (b" " * 1_000_000 for _ in range(10))
        answer = lab.script(lab.join("ada")).post("/api/v1/jobs", content=endless)
        assert refused(answer)[:2] == (413, "too_large")
    finally:
        lab.close()


# Who sees what -------------------------------------------------------------------------------------------------


def test_colleague_gets_the_row_of_a_private_job_and_strangers_nothing(
    lab: Laboratory, browser: TestClient
) -> None:
    job_id = submit(browser, visibility="private")
    bob = lab.browser(lab.join("bob"))
    path = f"/api/v1/jobs/{job_id}"
    assert set(bob.get(path).json()) == ROW
    assert set(bob.get("/api/v1/jobs").json()["jobs"][0]) == ROW
    for call in (f"{path}/log", f"{path}/files", f"{path}/archive", f"{path}/export", f"{path}/submission"):
        assert refused(bob.get(call))[:2] == (403, "forbidden"), call
        assert refused(lab.browser().get(call))[0] in (401, 404), call
    assert refused(bob.post(f"{path}/cancel"))[:2] == (403, "forbidden")
    assert refused(lab.browser().get(path)) == (404, "not_found", None)


def test_list_of_the_workbench_tells_nothing_of_what_a_private_job_said(
    lab: Laboratory, ada: Person, browser: TestClient
) -> None:
    failed, running = submit(browser, visibility="private"), submit(browser, visibility="private")
    lab.fail(failed, "ligand SECRET-17 is odd")
    lab.start(running)
    lab.report(running, 40)
    bob = lab.join("bob")
    mine = {job.id: job for job in lab.workbench.jobs(ada).jobs}
    theirs = {job.id: job for job in lab.workbench.jobs(bob).jobs}
    assert mine[failed].error is not None and mine[running].step == "Convert"
    assert theirs.keys() == mine.keys()
    for job in theirs.values():
        assert (job.error, job.note, job.step, job.progress) == (None, None, None, None)


def test_bulk_actions_tell_a_stranger_no_name(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    job_id = submit(browser, visibility="private", name="secret target")
    for verb in (lab.workbench.bulk.cancel, lab.workbench.bulk.delete):
        outcomes = verb(lab.found("eve" + verb.__name__), [job_id])
        assert (outcomes.done, [name for name, _ in outcomes.refused]) == ([], [job_id])
        assert "secret" not in str(outcomes)
    assert lab.workbench.bulk.cancel(ada, [job_id]).done == [(job_id, "secret target")]


def test_public_job_is_read_by_anybody_and_changed_by_nobody(lab: Laboratory, browser: TestClient) -> None:
    job_id = submit(browser, visibility="public")
    nobody = lab.browser()
    assert set(nobody.get(f"/api/v1/jobs/{job_id}").json()) == DETAIL
    for answer in (
        nobody.post(f"/api/v1/jobs/{job_id}/cancel"),
        nobody.delete(f"/api/v1/jobs/{job_id}"),
        nobody.patch(f"/api/v1/jobs/{job_id}", json={"name": "x"}),
    ):
        assert refused(answer)[:2] == (401, "not_signed_in")


def test_viewer_looks_but_does_not_run(lab: Laboratory, browser: TestClient) -> None:
    job_id = submit(browser, visibility="team")
    viewer = lab.browser(lab.join("vera", Role.VIEWER))
    assert set(viewer.get(f"/api/v1/jobs/{job_id}").json()) == DETAIL
    assert refused(viewer.post("/api/v1/jobs", json=BODY))[:2] == (403, "forbidden")
    assert refused(viewer.put("/api/v1/files?name=a.fasta", content=b">a\nA"))[:2] == (403, "forbidden")


def test_admin_looking_into_a_private_job_leaves_a_row_in_the_audit_log(
    lab: Laboratory, browser: TestClient
) -> None:
    job_id = submit(browser)
    admin = lab.bearer(lab.accounts.server_token())
    assert set(admin.get(f"/api/v1/jobs/{job_id}").json()) == DETAIL
    audited = [row for row in lab.store.read("newest_audit", limit=10) if row["subject"] == job_id]
    assert [(row["person"], row["action"]) for row in audited] == [(lab.admin.id, "admin see")]
