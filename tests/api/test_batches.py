"""Batches as a program sees them: every route, refusals by their kinds, and what the live socket tells."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from api import hub, models
from data.records import Person, Role, Status, Visibility, new_id
from tests.compute.batching import developer_lab, end, ended, submit, wells
from tests.laboratory import ORIGIN, Laboratory

LINES = {"lines": {"text": "none\nraise\n", "name": "faults.txt"}}
BODY = {"tool": "test-fault", "settings": {"fault": "as-told", "credits": 5}, "inputs": LINES}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = developer_lab(tmp_path)
    yield lab
    lab.close()


def posted(client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/batches", json=BODY | changes)
    assert answer.status_code == 201, answer.text
    models.BatchRow.model_validate(answer.json())
    assert answer.headers["Location"] == answer.json()["links"]["self"]
    return dict(answer.json())


def kind(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["kind"]


# What it is -----------------------------------------------------------------------------------------------


def test_a_tool_tells_what_its_batches_take(browser: TestClient) -> None:
    facts = browser.get("/api/v1/tools/test-fault").json()
    models.ToolDetail.model_validate(facts)
    assert "lines" in facts["batch"]["inputs"]["properties"]
    assert [(each["key"], each["better"], each["unit"]) for each in facts["batch"]["metrics"]] == [
        ("energy", "lower", "kcal/mol")
    ]
    assert browser.get("/api/v1/tools/convert-sequences").json()["batch"] is None


def test_a_plan_is_line_by_line(browser: TestClient) -> None:
    inputs = {"lines": {"text": "none\nbad\nraise\n", "name": "faults.txt"}}
    answer = browser.post("/api/v1/batches/plan", json=BODY | {"inputs": inputs})
    models.Plan.model_validate(answer.json())
    plan = answer.json()
    assert [(line["where"], line["credits"], line["problem"]) for line in plan["lines"]] == [
        ("line 1", 5, None),
        ("line 2", 0, "There is no fault 'bad'."),
        ("line 3", 5, None),
    ]
    assert (plan["jobs"], plan["credits"], plan["available"], plan["affordable"]) == (2, 10, 1000, True)
    assert plan["price"] == [{"label": "2 × Test job", "credits": 10}]
    whole = browser.post("/api/v1/batches/plan", json=BODY | {"inputs": {}}).json()
    assert (whole["lines"], whole["problems"][0]["field"]) == ([], "lines")


def test_the_life_of_a_batch_over_the_api(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    row = posted(browser, name="Kinases")
    assert (row["name"], row["jobs"], row["counts"], row["credits"]) == ("Kinases", 2, {"pending": 2}, 10)
    assert (row["problems"], row["refunded"], row["times"]["ended"]) == ([], 0, None)
    links = row["links"]
    assert links["page"] == f"/app/batch?batchId={row['id']}"
    models.BatchRow.model_validate(browser.get(links["self"]).json())
    page = browser.get("/api/v1/batches").json()
    models.BatchPage.model_validate(page)
    assert [each["id"] for each in page["batches"]] == [row["id"]]
    listed = browser.get(links["jobs"]).json()
    models.JobPage.model_validate(listed)
    assert {(job["batch"], job["well"]) for job in listed["jobs"]} == {(row["id"], 0), (row["id"], 1)}
    assert browser.get("/api/v1/jobs").json()["jobs"] == []

    batch = lab.workbench.batches.batch(ada, row["id"])
    first, second = wells(lab, ada, batch)
    end(lab, first, Status.COMPLETED, summary={"energy": float("nan"), "score": 1.5})
    end(lab, second, Status.FAILED)
    after = browser.get(links["self"]).json()
    assert (after["counts"], after["refunded"]) == ({"completed": 1, "failed": 1}, 5)
    assert after["times"]["ended"] is not None
    table = browser.get(links["wells"])
    assert table.status_code == 200, table.text
    models.Wells.model_validate(table.json())
    assert [(well["well"], well["status"]) for well in table.json()["wells"]] == [
        (1, "completed"),
        (2, "failed"),
    ]
    assert table.json()["wells"][0]["energy"] is None, "what is no number is null"
    export = browser.get(links["export"])
    assert export.headers["Content-Disposition"] == "attachment; filename*=utf-8''Kinases.csv"
    assert export.headers["X-Content-Type-Options"] == "nosniff"
    archive = browser.get(links["archive"])
    with zipfile.ZipFile(io.BytesIO(archive.content)) as bundle:
        assert "Kinases/results.csv" in bundle.namelist()

    changed = browser.patch(links["self"], json={"name": "Proteases", "tags": ["a"], "starred": True}).json()
    assert (changed["name"], changed["tags"], changed["starred"]) == ("Proteases", ["a"], True)
    retried = browser.post(f"{links['self']}/retry-failed", json={"expected_credits": 5}).json()
    assert (retried["counts"], retried["credits"]) == ({"completed": 1, "pending": 1}, 15)
    cancelled = browser.post(f"{links['self']}/cancel").json()
    assert cancelled["counts"] == {"completed": 1, "cancelled": 1}
    assert browser.post(f"{links['self']}/retry-failed").status_code == 200, "a body is not needed"
    browser.post(f"{links['self']}/cancel")
    assert browser.delete(links["self"]).status_code == 204
    assert kind(browser.get(links["self"])) == (404, "not_found")


def test_a_retry_of_one_child_is_in_its_well(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    batch = ended(lab, ada, Status.FAILED)
    (well,) = wells(lab, ada, batch)
    again = browser.post(f"/api/v1/jobs/{well.job}/retry").json()
    assert (again["batch"], again["well"], again["status"]) == (batch.id, 0, "pending")
    assert kind(browser.post(f"/api/v1/jobs/{well.job}/retry")) == (409, "wrong_state")


# Refusals -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tool": "nonsense"}, (404, "not_found")),
        ({"tool": "convert-sequences", "settings": {"to": "tab"}}, (422, "input")),
        ({"settings": {"fault": "as-told", "credits": 501}}, (402, "credits")),
        ({"expected_credits": 9}, (409, "conflict")),
        ({"inputs": {"lines": {"text": "bad\n", "name": "a.txt"}}}, (422, "input")),
        ({"inputs": {"lines": {"file": new_id()}}}, (422, "input")),
        ({"items": [{}]}, (422, "input")),
        ({"items": [{}], "inputs": None, "visibility": "nobody"}, (422, "input")),
        ({"items": [{}] * 10_001, "inputs": None}, (422, "input")),
        ({"name": "half a pair \ud800"}, (422, "input")),
        ({"nonsense": 1}, (422, "input")),
        ({"team": new_id()}, (404, "not_found")),
    ],
)
def test_refusals_have_their_kinds_and_nothing_is_kept(
    lab: Laboratory, browser: TestClient, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = browser.post("/api/v1/batches", content=json.dumps(BODY | changes), headers=headers)
    assert kind(answer) == expected, answer.text
    assert browser.get("/api/v1/batches").json()["batches"] == []
    assert list((lab.folders.root / "jobs").iterdir()) == []
    assert browser.get("/api/v1/credits").json()["held"] == 0


def test_states_that_forbid_are_conflicts(lab: Laboratory, browser: TestClient) -> None:
    own = posted(browser)["links"]["self"]
    for method, path in (("DELETE", ""), ("POST", "/retry-failed"), ("GET", "/archive")):
        assert kind(browser.request(method, f"{own}{path}")) == (409, "wrong_state")


def test_the_same_key_gives_the_same_batch_and_another_body_a_conflict(browser: TestClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first, second = (browser.post("/api/v1/batches", json=BODY, headers=headers) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    other = browser.post("/api/v1/batches", json=BODY | {"name": "Other"}, headers=headers)
    assert kind(other) == (409, "conflict")


def test_bad_lines_are_told_and_can_be_left_out(browser: TestClient) -> None:
    inputs = {"lines": {"text": "none\nbad\n", "name": "faults.txt"}}
    refused = browser.post("/api/v1/batches", json=BODY | {"inputs": inputs}).json()["error"]
    assert refused["field"] == "items"
    assert "Line 2: There is no fault 'bad'." in refused["message"]
    row = posted(browser, inputs=inputs, skip_invalid=True)
    assert row["problems"] == [{"where": "line 2", "message": "There is no fault 'bad'."}]


@pytest.mark.parametrize(
    ("scopes", "reads", "writes"),
    [(("jobs:read",), 200, 403), (("jobs:write",), 403, 201), (("files:read",), 403, 403)],
)
def test_a_token_needs_its_scopes(
    lab: Laboratory, ada: Person, scopes: tuple[str, ...], reads: int, writes: int
) -> None:
    batch = submit(lab, ada, "none")
    script = lab.script(ada, *scopes)
    own = f"/api/v1/batches/{batch.id}"
    assert script.get("/api/v1/batches").status_code == reads
    assert script.get(f"{own}/jobs").status_code == reads
    assert script.post("/api/v1/batches/plan", json=BODY).status_code == (200 if writes == 201 else 403)
    assert script.post("/api/v1/batches", json=BODY | {"items": [{}], "inputs": None}).status_code == writes
    for method, path, body in (
        ("PATCH", "", {"starred": True}),
        ("POST", "/cancel", None),
        ("POST", "/retry-failed", None),
        ("PUT", "/sharing", {}),
        ("DELETE", "", None),
    ):
        answer = script.request(method, f"{own}{path}", json=body)
        assert (answer.status_code == 403) == (writes == 403), (method, path, answer.text)


def test_without_a_session_nothing_is_listed_or_made(lab: Laboratory) -> None:
    nobody = lab.browser()
    assert kind(nobody.get("/api/v1/batches")) == (401, "not_signed_in")
    assert kind(nobody.post("/api/v1/batches", json=BODY)) == (401, "not_signed_in")
    assert kind(nobody.get(f"/api/v1/batches/{new_id()}")) == (404, "not_found")


def test_who_only_looks_starts_no_batch(lab: Laboratory) -> None:
    assert kind(lab.browser(lab.join("vera", Role.VIEWER)).post("/api/v1/batches", json=BODY)) == (
        403,
        "forbidden",
    )


def test_batches_are_narrowed_and_paged(browser: TestClient) -> None:
    ids = [posted(browser, name=name)["id"] for name in ("Kinases", "Proteases", "Kinases again")]
    browser.patch(f"/api/v1/batches/{ids[0]}", json={"starred": True})

    def found(**query: Any) -> list[str]:
        return [row["id"] for row in browser.get("/api/v1/batches", params=query).json()["batches"]]

    assert found() == ids[::-1]
    assert found(q="kinases again") == [ids[2]]
    assert found(starred=True) == [ids[0]]
    assert found(live=True) == ids[::-1]
    assert found(tool="test-noop") == []
    assert found(shared=True) == []
    page = browser.get("/api/v1/batches?limit=2").json()
    assert found(limit=2, cursor=page["next_cursor"]) == [ids[0]]
    assert kind(browser.get("/api/v1/batches?cursor=nonsense")) == (422, "input")
    assert kind(browser.get("/api/v1/batches?limit=201")) == (422, "input")


def test_a_colleagues_private_batch_is_a_row(lab: Laboratory, browser: TestClient) -> None:
    own = posted(browser, inputs={"lines": {"text": "none\nbad\n", "name": "a.txt"}}, skip_invalid=True)[
        "links"
    ]["self"]
    bob = lab.browser(lab.join("bob"))
    row = {"id", "name", "tool", "submitter", "jobs", "counts", "times"}
    assert bob.get(own).json().keys() == row
    (listed,) = bob.get("/api/v1/batches").json()["batches"]
    assert listed.keys() == row
    for path in ("/wells", "/export", "/archive", "/sharing"):
        assert kind(bob.get(f"{own}{path}")) == (403, "forbidden")
    for job in bob.get(f"{own}/jobs").json()["jobs"]:
        assert job.keys() == {"id", "name", "tool", "status", "submitter", "duration_s", "times"}


def test_sharing_a_batch_shares_its_jobs(lab: Laboratory, browser: TestClient) -> None:
    row = posted(browser)
    own, job = row["links"]["self"], browser.get(row["links"]["jobs"]).json()["jobs"][0]["id"]
    eve = lab.found("eve")
    client = lab.browser(eve)
    assert client.get(own).status_code == client.get(f"/api/v1/jobs/{job}").status_code == 404
    shared = browser.put(f"{own}/sharing", json={"visibility": "users", "invited": [eve.email]})
    models.Sharing.model_validate(shared.json())
    assert browser.get(f"{own}/sharing").json()["invited"][0]["email"] == eve.email
    assert client.get(own).json()["visibility"] == "users"
    assert client.get(f"/api/v1/jobs/{job}").json()["visibility"] == "users"
    assert kind(client.put(f"{own}/sharing", json={})) == (403, "forbidden")
    assert kind(browser.put(f"/api/v1/jobs/{job}/sharing", json={"visibility": "public"})) == (
        409,
        "wrong_state",
    )


def test_jobs_in_bulk_leave_a_batchs_children(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    batch = ended(lab, ada, Status.COMPLETED)
    (well,) = wells(lab, ada, batch)
    report = browser.post("/api/v1/jobs/bulk", json={"action": "delete", "jobs": [well.job]}).json()
    assert report["done"] == []
    assert "belongs to a batch" in report["refused"][0]["reason"]
    everything = browser.post("/api/v1/jobs/bulk", json={"action": "delete", "filter": {}}).json()
    assert (everything["done"], everything["refused"]) == ([], [])


def test_the_notice_of_a_batch_names_it(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    batch = ended(lab, ada, Status.COMPLETED, Status.FAILED)
    (notice,) = (
        each for each in browser.get("/api/v1/notices").json()["notices"] if each["kind"] == "batch_ended"
    )
    assert (notice["batch"], notice["job"]) == (batch.id, None)


# The live socket ------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "RECENT_S", 0.0)


@contextmanager
def socket(client: TestClient, *batches: str, **more: Any) -> Iterator[WebSocketTestSession]:
    """Subscribed already: it has heard that a batch that nobody knows is gone."""
    nobody = new_id()
    with client, client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as opened:
        opened.send_json({"subscribe": {"batches": [*batches, nobody], **more}})
        assert opened.receive_json() == {"batch": nobody, "gone": True}
        yield opened


@pytest.mark.usefixtures("nothing_recent")
def test_a_page_hears_of_its_batch_to_the_end(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "none")
    first = wells(lab, ada, batch)[0]
    with socket(lab.browser(ada), batch.id) as page:
        lab.start(first.job)
        assert page.receive_json() == {"batch": batch.id}
        lab.workbench.batches.cancel(ada, batch.id)
        assert page.receive_json() == {"batch": batch.id}
        lab.workbench.batches.change(ada, batch.id, name="Kinases")
        assert page.receive_json() == {"batch": batch.id}
        lab.complete(first.job, {})
        assert page.receive_json() == {"batch": batch.id}
        lab.workbench.batches.delete(ada, batch.id)
        assert page.receive_json() == {"batch": batch.id, "gone": True}


@pytest.mark.usefixtures("nothing_recent")
def test_the_list_of_batches_hears_of_its_team_and_of_no_other(lab: Laboratory, ada: Person) -> None:
    eve = lab.found("eve")
    with socket(lab.browser(ada), batch_list=True, list=True) as page:
        submit(lab, eve, "none", settings={"fault": "as-told"})
        single = lab.browser(ada).post(
            "/api/v1/jobs", json={"tool": "test-noop", "inputs": {}, "settings": {}}
        )
        assert page.receive_json()["job"] == single.json()["id"], (
            "neither another team's batch nor its children"
        )
        submit(lab, ada, "none")
        assert page.receive_json() == {"batch_list": True}


@pytest.mark.usefixtures("nothing_recent")
def test_what_one_may_not_see_is_gone_at_once(lab: Laboratory, ada: Person) -> None:
    private, public = submit(lab, ada, "none"), submit(lab, ada, "none", visibility=Visibility.PUBLIC)
    for client in (lab.browser(), lab.browser(lab.found("eve"))):
        with client, client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as page:
            page.send_json({"subscribe": {"batches": [private.id, public.id, "nonsense"]}})
            gone = [page.receive_json() for _ in range(2)]
            assert {(each["batch"], each["gone"]) for each in gone} == {
                (private.id, True),
                ("nonsense", True),
            }
            lab.workbench.batches.change(ada, private.id, name="x")
            lab.workbench.batches.change(ada, public.id, name="x")
            assert page.receive_json() == {"batch": public.id}


@pytest.mark.usefixtures("nothing_recent")
def test_a_batch_that_is_hidden_is_gone_for_every_page_that_shows_it_or_a_child(
    lab: Laboratory, ada: Person
) -> None:
    batch = submit(lab, ada, "none", visibility=Visibility.PUBLIC)
    (well,) = wells(lab, ada, batch)
    eve = lab.browser(lab.found("eve"))
    with (
        socket(eve, batch.id, jobs=[well.job]) as first,
        eve.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as second,
    ):
        nobody = new_id()
        second.send_json({"subscribe": {"batches": [batch.id, nobody], "jobs": [well.job]}})
        assert second.receive_json() == {"batch": nobody, "gone": True}
        lab.workbench.batches.sharing.change(ada, batch.id, Visibility.PRIVATE, None)
        for page in (first, second):
            told = [page.receive_json() for _ in range(2)]
            assert {each.get("batch") or each.get("job") for each in told} == {batch.id, well.job}
            assert all(each["gone"] for each in told)


def test_a_page_that_subscribes_late_catches_up(lab: Laboratory, ada: Person) -> None:
    with socket(lab.browser(ada)) as page:
        batch = submit(lab, ada, "none")
        page.send_json({"subscribe": {"batches": [batch.id]}})
        assert page.receive_json() == {"batch": batch.id}


@pytest.mark.usefixtures("nothing_recent")
def test_subscribing_again_looks_at_no_batch_twice(lab: Laboratory, ada: Person) -> None:
    """The site's admin leaves a row in the audit log for each look into a private batch."""
    batch = submit(lab, ada, "none")
    client = lab.bearer(lab.accounts.server_token())
    with client, client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as page:
        for _ in range(3):
            nobody = new_id()
            page.send_json({"subscribe": {"batches": [batch.id, nobody]}})
            assert page.receive_json() == {"batch": nobody, "gone": True}
        lab.workbench.batches.change(ada, batch.id, name="x")
        assert page.receive_json() == {"batch": batch.id}
    looks = [row for row in client.get("/api/v1/audit").json()["entries"] if row["subject"] == batch.id]
    assert len(looks) <= 1
