from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from api import models
from data.records import Person
from tests.api.test_jobs import refused, submit
from tests.api.test_models import holds
from tests.compute.submitting import verify
from tests.laboratory import Laboratory


def sharing(client: TestClient, job_id: str, **body: Any) -> Any:
    return told(client.put(f"/api/v1/jobs/{job_id}/sharing", json=body))


def told(answer: Any) -> Any:
    """Without the links: one holds when it was signed, so two for one invitation differ."""
    sharing = holds(models.Sharing, answer)
    for one in sharing["invited"]:
        assert (one.pop("link") is None) is (one["status"] == "accepted")
    return sharing


def test_what_is_put_is_what_is_got(lab: Laboratory, browser: TestClient) -> None:
    job_id = submit(browser)
    put = sharing(browser, job_id, visibility="invited", invited=["a@x.example", {"email": "B@x.example"}])
    assert [(one["email"], one["status"]) for one in put["invited"]] == [
        ("a@x.example", "pending"),
        ("b@x.example", "pending"),
    ]
    path = f"/api/v1/jobs/{job_id}/sharing"
    whole = browser.get(path)
    assert all(one["link"].startswith(lab.settings.public_url) for one in whole.json()["invited"])
    assert told(whole) == put
    # The answer can be sent back as it is.
    assert told(browser.put(path, json=whole.json())) == put
    assert sharing(browser, job_id, visibility="team")["invited"] == put["invited"]
    assert sharing(browser, job_id, invited=[])["invited"] == []
    assert browser.get(f"/api/v1/jobs/{job_id}").json()["visibility"] == "team"


def test_bad_sharing_is_refused_with_a_sentence_and_changes_nothing(browser: TestClient) -> None:
    job_id = submit(browser)
    path = f"/api/v1/jobs/{job_id}/sharing"
    before = told(browser.get(path))
    for body, field in (
        ({"visibility": "everyone"}, "visibility"),
        ({"visibility": "public", "invited": ["nobody"]}, "invited"),
        ({"invited": [f"p{number}@x.example" for number in range(101)]}, "invited"),
    ):
        status, kind, where = refused(browser.put(path, json=body))
        assert (status, kind) == (422, "input") and where and where.startswith(field), body
    assert told(browser.get(path)) == before


def test_nobody_else_learns_who_is_invited(lab: Laboratory, browser: TestClient) -> None:
    job_id = submit(browser)
    sharing(browser, job_id, visibility="public", invited=["a@x.example"])
    path = f"/api/v1/jobs/{job_id}/sharing"
    assert refused(lab.browser(lab.join("bob")).get(path))[:2] == (403, "forbidden")
    assert refused(lab.browser(lab.found("eve")).get(path))[:2] == (403, "forbidden")
    assert refused(lab.browser().get(path))[:2] == (401, "not_signed_in")
    sharing(browser, job_id, visibility="private")
    assert refused(lab.browser(lab.found("zoe")).get(path))[:2] == (404, "not_found")


def test_an_invited_person_sees_it_under_shared_with_me_until_withdrawn(
    lab: Laboratory, browser: TestClient
) -> None:
    job_id, zoe = submit(browser), lab.found("zoe")
    verify(lab, zoe)
    guest = lab.browser(zoe)
    page = f"/api/v1/jobs/{job_id}"

    def listed() -> list[str]:
        return [job["id"] for job in guest.get("/api/v1/jobs?shared=true").json()["jobs"]]

    assert (listed(), guest.get(page).status_code) == ([], 404)
    sharing(browser, job_id, visibility="invited", invited=[zoe.email])
    assert (listed(), guest.get(page).status_code) == ([job_id], 200)
    assert guest.get("/api/v1/jobs").json()["jobs"] == []
    for call in (guest.patch(page, json={"name": "x"}), guest.post(f"{page}/cancel"), guest.delete(page)):
        assert refused(call)[:2] == (403, "forbidden")
    sharing(browser, job_id, visibility="private")
    assert (listed(), guest.get(page).status_code) == ([], 404)
    sharing(browser, job_id, visibility="invited")
    assert listed() == [job_id]
    sharing(browser, job_id, invited=[])
    assert (listed(), guest.get(page).status_code) == ([], 404)


def test_a_token_that_only_reads_shares_nothing(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    job_id = submit(browser)
    script = lab.script(ada, "jobs:read")
    path = f"/api/v1/jobs/{job_id}/sharing"
    assert refused(script.put(path, json={"visibility": "public"}))[:2] == (403, "forbidden")
    assert refused(script.get(path))[:2] == (403, "forbidden")


def test_marks_over_the_api(lab: Laboratory, browser: TestClient) -> None:
    job_id = submit(browser)
    path = f"/api/v1/jobs/{job_id}"
    changed = browser.patch(path, json={"name": "new", "tags": ["b", "a"], "starred": True}).json()
    assert (changed["name"], changed["tags"], changed["starred"]) == ("new", ["a", "b"], True)
    assert browser.patch(path, json={"starred": False}).json()["tags"] == ["a", "b"]
    assert refused(browser.patch(path, json={"name": "other", "tags": ["x" * 41]})) == (422, "input", "tags")
    assert browser.get(path).json()["name"] == "new"
    bob = lab.browser(lab.join("bob"))
    browser.put(f"{path}/sharing", json={"visibility": "team"})
    assert bob.patch(path, json={"starred": True}).json()["starred"] is True
    assert browser.get(path).json()["starred"] is False
    assert refused(bob.patch(path, json={"tags": []}))[:2] == (403, "forbidden")


def test_lineage_over_the_api(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    first = submit(browser)
    lab.start(first)
    lab.complete(first, {"a.fasta": b">a\nACGT\n"})
    second = submit(browser, inputs={"sequences": {"job": first, "path": "a.fasta"}}, visibility="public")
    mine = holds(models.Lineage, browser.get(f"/api/v1/jobs/{second}/lineage"))
    assert [(one["kind"], one["job"]["id"]) for one in mine["made_from"]] == [("input", first)]
    nobody = lab.browser()
    theirs = holds(models.Lineage, nobody.get(f"/api/v1/jobs/{second}/lineage"))
    assert theirs == {"made_from": [{"kind": "input", "job": None}], "led_to": []}
    for call in ("", "/lineage", "/export?format=json"):
        assert first not in nobody.get(f"/api/v1/jobs/{second}{call}").text
    assert refused(nobody.get(f"/api/v1/jobs/{first}/lineage"))[:2] == (404, "not_found")


def test_a_link_is_taken_up_by_its_holder_until_it_is_withdrawn(lab: Laboratory, browser: TestClient) -> None:
    job_id, eve = submit(browser), lab.found("eve")
    path = f"/api/v1/jobs/{job_id}/sharing"
    body = {"visibility": "invited", "invited": ["a@x.example", "b@x.example"]}
    first, second = [
        one["link"].partition("?token=")[2] for one in browser.put(path, json=body).json()["invited"]
    ]
    guest = lab.browser(eve)
    lab.workbench.invitations.accept(eve, first)
    assert guest.get(f"/api/v1/jobs/{job_id}").status_code == 200
    shared = told(browser.get(path))
    assert [one["status"] for one in shared["invited"]] == ["accepted", "pending"]
    assert shared["words"] == "You and 2 invited people (1 pending)"
    sharing(browser, job_id, invited=[])
    assert guest.get(f"/api/v1/jobs/{job_id}").status_code == 404
    assert lab.workbench.invitations.look(second) is None
