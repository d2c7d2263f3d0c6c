from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from api import models
from data.records import Person
from tests.api.test_jobs import refused, submit
from tests.api.test_models import holds
from tests.laboratory import Laboratory

PATH = "/api/v1/jobs/bulk"


def act(client: TestClient, action: str, **body: Any) -> Any:
    return holds(models.BulkReport, client.post(PATH, json={"action": action, **body}))


def test_named_jobs_are_each_reported(lab: Laboratory, browser: TestClient) -> None:
    mine, theirs = submit(browser, name="mine"), submit(lab.browser(lab.join("bob")), name="theirs")
    report = act(browser, "cancel", jobs=[mine, theirs])
    assert report == {
        "done": [{"id": mine, "name": "mine"}],
        "refused": [{"id": theirs, "name": "theirs", "reason": "You may not cancel this job; it is Bob's."}],
    }


def test_a_whole_filter_is_retried_and_deleted(lab: Laboratory, browser: TestClient) -> None:
    failed, stopped, other = submit(browser, name="night 1"), submit(browser, name="night 2"), submit(browser)
    lab.fail(failed, "odd")
    act(browser, "cancel", jobs=[stopped, other])
    report = act(browser, "retry", filter={"q": "night -2", "submitter": ["me"]})
    assert [one["name"] for one in report["done"]] == ["night 1"]
    report = act(browser, "delete", filter={"status": ["cancelled"]})
    assert {one["id"] for one in report["done"]} == {stopped, other}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "cancel"}, "jobs"),
        ({"action": "cancel", "jobs": ["x"], "filter": {}}, "jobs"),
        ({"action": "cancel", "jobs": []}, "jobs"),
        ({"action": "explode", "jobs": ["x"]}, "action"),
        ({"action": "delete", "filter": {"statsu": ["failed"]}}, "filter.statsu"),
        ({"action": "delete", "filter": {"submitter": ["ada"]}}, "submitter"),
    ],
)
def test_what_is_unclear_is_refused(browser: TestClient, body: dict[str, Any], field: str) -> None:
    job_id = submit(browser)
    status, kind, where = refused(browser.post(PATH, json=body))
    assert (status, kind) == (422, "input") and where and where in (field, field.split(".")[-1])
    assert browser.get(f"/api/v1/jobs/{job_id}").json()["status"] == "pending"


def test_a_token_that_only_reads_changes_nothing(lab: Laboratory, ada: Person) -> None:
    script = lab.script(ada, "jobs:read")
    assert refused(script.post(PATH, json={"action": "cancel", "filter": {}}))[:2] == (403, "forbidden")


def test_every_filter_of_the_list(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    one, two = submit(browser, name="Dock imatinib"), submit(lab.browser(lab.join("bob")), name="dock two")
    browser.patch(f"/api/v1/jobs/{one}", json={"tags": ["paper"], "starred": True})
    lab.start(two)

    def found(query: str) -> set[str]:
        return {job["id"] for job in holds(models.JobPage, browser.get(f"/api/v1/jobs?{query}"))["jobs"]}

    assert found("") == {one, two}
    for query in (
        "submitter=me",
        f"not_submitter={lab.job(two).submitter}",
        "q=dock+-two",
        "q=PAPER",
        "tag=paper",
        "starred=true",
        "status=pending&status=queued",
        "not_status=processing",
    ):
        assert found(query) == {one}, query
    assert found("longer_s=0") == {two}
    assert found("shorter_s=3600") == {two}
    assert found("not_tool=convert-sequences") == set() == found("shared=true")
    assert found("since=2020-01-01T00:00:00Z&until=2099-01-01") == {one, two}
    assert found("since=2099-01-01T00:00:00%2B02:00") == set()
    many = "+".join("abcdefghijklm")
    for query in ("since=yesterday", "longer_s=-1", "longer_s=nan", "not_submitter=ada", f"q={many}"):
        assert refused(browser.get(f"/api/v1/jobs?{query}"))[:2] == (422, "input"), query
