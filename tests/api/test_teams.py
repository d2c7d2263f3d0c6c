"""Teams, members, the site's people and one's own profile over the API."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from api import models
from compute.access import Scope
from data.records import Person, Role, new_id
from tests.api.test_models import holds
from tests.laboratory import BODY, PASSWORD, Laboratory


@pytest.fixture
def admin(lab: Laboratory) -> TestClient:
    """The site's admin, who also owns the first team."""
    return lab.bearer(lab.accounts.server_token())


def refused(answer: Any) -> tuple[int, str | None]:
    return answer.status_code, answer.json()["error"].get("field")


# Teams --------------------------------------------------------------------------------------------------------


def test_answers_are_as_documented(lab: Laboratory, admin: TestClient, ada: Person) -> None:
    holds(models.Teams, admin.get("/api/v1/teams"))
    made = holds(models.Team, admin.post("/api/v1/teams", json={"name": "Sequencing"}))
    holds(models.Team, admin.get(f"/api/v1/teams/{made['id']}"))
    holds(models.Team, admin.patch(f"/api/v1/teams/{made['id']}", json={"name": "Sequencers"}))
    path = f"/api/v1/teams/{lab.admin.team}/members"
    holds(models.Members, admin.get(path))
    holds(models.Members, admin.patch(f"{path}/{ada.id}", json={"role": "admin"}))
    holds(models.Membership, lab.browser(ada).post("/api/v1/me/team", json={"team": ada.team}))
    holds(models.Me, lab.browser(ada).patch("/api/v1/me", json={"name": "Ada L."}))
    holds(models.People, admin.get("/api/v1/people"))
    # An id is the same in capitals.
    holds(models.PersonRow, admin.patch(f"/api/v1/people/{ada.id.upper()}", json={"verified": True}))
    holds(models.SignInLink, admin.post(f"/api/v1/people/{ada.id}/sign-in-link"))
    assert holds(models.Audit, admin.get("/api/v1/audit"))["entries"]


def test_a_session_acts_in_the_team_that_it_chose(lab: Laboratory, admin: TestClient) -> None:
    eve = lab.found("eve")
    browser, elsewhere = lab.browser(eve), lab.browser(eve)
    token = parse_invitation(admin, eve.email)
    browser.post("/auth/invitation", data={"token": token})
    mine = {team["id"]: team["role"] for team in browser.get("/api/v1/teams").json()["teams"]}
    assert mine == {eve.team: "owner", lab.admin.team: "member"}
    assert browser.post("/api/v1/me/team", json={"team": lab.admin.team}).json()["role"] == "member"
    assert browser.get("/api/v1/me").json()["team"]["id"] == lab.admin.team
    assert browser.post("/api/v1/jobs", json=BODY).json()["team"] == lab.admin.team
    # Another session, and a token, stay where they are.
    assert elsewhere.get("/api/v1/me").json()["team"]["id"] == eve.team
    script = lab.script(eve)
    assert refused(script.post("/api/v1/me/team", json={"team": lab.admin.team}))[0] == 403


def parse_invitation(admin: TestClient, email: str) -> str:
    link: str = admin.post("/api/v1/invitations", json={"email": email}).json()["link"]
    return link.partition("token=")[2]


def test_settings_that_are_left_out_stay(lab: Laboratory, admin: TestClient) -> None:
    path = f"/api/v1/teams/{lab.admin.team}"
    first = admin.patch(
        path, json={"person_credits": 50, "concurrency": 3, "default_visibility": "team"}
    ).json()
    assert (first["person_credits"], first["concurrency"], first["default_visibility"]) == (50, 3, "team")
    second = admin.patch(path, json={"name": "Wet lab"}).json()
    assert second == first | {"name": "Wet lab"}
    third = admin.patch(path, json={"person_credits": None}).json()
    assert third == second | {"person_credits": None}


def test_another_team_does_not_exist(lab: Laboratory, ada: Person) -> None:
    eve = lab.browser(lab.found("eve"))
    for team in (ada.team, new_id(), "nonsense"):
        path = f"/api/v1/teams/{team}"
        codes = {
            eve.get(path).status_code,
            eve.patch(path, json={"name": "Mine"}).status_code,
            eve.get(f"{path}/members").status_code,
            eve.patch(f"{path}/members/{ada.id}", json={"role": "viewer"}).status_code,
            eve.delete(f"{path}/members/{ada.id}").status_code,
            eve.post("/api/v1/me/team", json={"team": team}).status_code,
        }
        assert codes == {404}, team
    assert eve.get("/api/v1/teams", params={"all": True}).status_code == 403


def test_who_makes_teams(lab: Laboratory, admin: TestClient, ada: Person) -> None:
    made = admin.post("/api/v1/teams", json={"name": "Sequencing"}).json()
    assert made["role"] == "owner"
    assert refused(admin.post("/api/v1/teams", json={"name": " "})) == (422, "name")
    assert refused(lab.browser(ada).post("/api/v1/teams", json={"name": "Mine"}))[0] == 403
    everything = {team["name"] for team in admin.get("/api/v1/teams?all=true").json()["teams"]}
    assert {"Lab", "Sequencing"} <= everything


# Members ------------------------------------------------------------------------------------------------------


def test_an_admin_manages_members_and_viewers_only(lab: Laboratory, ada: Person) -> None:
    ann, bob = lab.join("ann", Role.ADMIN), lab.join("bob")
    browser, path = lab.browser(ann), f"/api/v1/teams/{ada.team}/members"
    got = browser.patch(f"{path}/{bob.id}", json={"role": "viewer"}).json()["members"]
    assert {member["person"]: member["role"] for member in got}[bob.id] == "viewer"
    assert browser.patch(f"{path}/{bob.id}", json={"role": "admin"}).status_code == 403
    assert browser.patch(f"{path}/{lab.admin.id}", json={"role": "member"}).status_code == 403
    assert browser.delete(f"{path}/{lab.admin.id}").status_code == 403
    assert lab.browser(bob).patch(f"{path}/{ada.id}", json={"role": "viewer"}).status_code == 403
    assert lab.browser(bob).delete(f"{path}/{ada.id}").status_code == 403
    assert refused(browser.patch(f"{path}/{bob.id}", json={"role": "king"})) == (422, "role")
    for unknown in (new_id(), "nonsense"):
        assert browser.patch(f"{path}/{unknown}", json={"role": "viewer"}).status_code == 404


def test_a_role_holds_at_once(lab: Laboratory, admin: TestClient, ada: Person) -> None:
    browser = lab.browser(ada)
    assert browser.post("/api/v1/jobs", json=BODY).status_code == 201
    admin.patch(f"/api/v1/teams/{ada.team}/members/{ada.id}", json={"role": "viewer"})
    assert browser.post("/api/v1/jobs", json=BODY).status_code == 403


def test_who_is_removed_is_out_at_once_and_the_heir_has_the_jobs(
    lab: Laboratory, admin: TestClient, ada: Person
) -> None:
    bob = lab.join("bob")
    browser, script = lab.browser(ada), lab.script(ada)
    job = browser.post("/api/v1/jobs", json=BODY).json()["id"]
    path = f"/api/v1/teams/{ada.team}/members/{ada.id}"
    assert admin.delete(path, params={"heir": bob.id}).status_code == 204
    assert (browser.get("/api/v1/me").status_code, script.get("/api/v1/me").status_code) == (401, 401)
    assert lab.browser(bob).get(f"/api/v1/jobs/{job}").json()["submitter"]["id"] == bob.id
    assert admin.delete(path).status_code == 404


def test_the_last_owner_stays(lab: Laboratory, admin: TestClient) -> None:
    path = f"/api/v1/teams/{lab.admin.team}/members/{lab.admin.id}"
    assert admin.delete(path).status_code == 409
    assert admin.patch(path, json={"role": "viewer"}).status_code == 409


def test_a_token_of_an_owner_manages_nothing(lab: Laboratory) -> None:
    eve = lab.found("eve")
    leaked = lab.script(eve, Scope.JOBS_READ, Scope.JOBS_WRITE)
    path = f"/api/v1/teams/{eve.team}"
    codes = {
        leaked.patch(path, json={"name": "Mine"}).status_code,
        leaked.delete(f"{path}/members/{eve.id}").status_code,
        leaked.patch(f"{path}/members/{eve.id}", json={"role": "viewer"}).status_code,
        leaked.patch("/api/v1/me", json={"email": "thief@other.example"}).status_code,
        leaked.post("/api/v1/teams", json={"name": "More"}).status_code,
    }
    assert codes == {403}


# One's own profile --------------------------------------------------------------------------------------------


def test_a_changed_address_is_unproven_and_signs_in(lab: Laboratory, admin: TestClient, ada: Person) -> None:
    admin.patch(f"/api/v1/people/{ada.id}", json={"verified": True})
    browser = lab.browser(ada)
    assert browser.patch("/api/v1/me", json={"name": "Ada L."}).json()["verified"] is True
    me = browser.patch("/api/v1/me", json={"email": "Ada.L@lab.example"}).json()
    assert (me["email"], me["verified"], me["name"]) == ("ada.l@lab.example", False, "Ada L.")
    given = {"email": "ada.l@lab.example", "password": PASSWORD}
    assert lab.browser().post("/auth/login", data=given).status_code == 303
    bob = lab.browser(lab.join("bob"))
    assert refused(bob.patch("/api/v1/me", json={"email": "ada.l@lab.example"})) == (409, "email")
    assert refused(bob.patch("/api/v1/me", json={"email": "x"})) == (422, "email")
    assert refused(bob.patch("/api/v1/me", json={"site_admin": True})) == (422, "site_admin")


# The site's people --------------------------------------------------------------------------------------------


def test_only_the_sites_admin_sees_people_and_audit(lab: Laboratory, ada: Person) -> None:
    owner = lab.join("own", Role.OWNER)
    for person in (ada, owner):
        browser = lab.browser(person)
        codes = {
            browser.get("/api/v1/people").status_code,
            browser.get("/api/v1/audit").status_code,
            browser.patch(f"/api/v1/people/{ada.id}", json={"active": False}).status_code,
            browser.patch(f"/api/v1/people/{new_id()}", json={"active": False}).status_code,
            browser.post(f"/api/v1/people/{ada.id}/sign-in-link").status_code,
        }
        assert codes == {403}
    no_admin = lab.script(lab.admin, Scope.JOBS_READ, Scope.JOBS_WRITE)
    assert no_admin.get("/api/v1/people").status_code == 403
    assert lab.browser().get("/api/v1/people").status_code == 401


def test_who_is_switched_off_is_out_until_switched_on(
    lab: Laboratory, admin: TestClient, ada: Person
) -> None:
    browser, script, path = lab.browser(ada), lab.script(ada), f"/api/v1/people/{ada.id}"
    link = admin.post(f"{path}/sign-in-link").json()["link"]
    job = browser.post("/api/v1/jobs", json=BODY).json()["id"]
    assert admin.patch(path, json={"active": False}).json()["active"] is False
    assert (browser.get("/api/v1/me").status_code, script.get("/api/v1/me").status_code) == (401, 401)
    given = {"email": ada.email, "password": PASSWORD}
    assert lab.browser().post("/auth/login", data=given).status_code == 422
    token = link.partition("token=")[2]
    assert lab.browser().post("/auth/link", data={"token": token}).status_code == 422
    assert lab.job(job).submitter == lab.admin.id
    assert admin.patch(path, json={"active": True}).json()["active"] is True
    assert lab.browser().post("/auth/login", data=given).status_code == 303
    for unknown in (new_id(), "nonsense"):
        assert admin.patch(f"/api/v1/people/{unknown}", json={"active": False}).status_code == 404
        assert admin.post(f"/api/v1/people/{unknown}/sign-in-link").status_code == 404
    assert admin.patch(f"/api/v1/people/{lab.admin.id}", json={"active": False}).status_code in (403, 409)


def test_a_change_of_a_person_that_makes_no_sense_changes_nothing(
    lab: Laboratory, admin: TestClient, ada: Person
) -> None:
    path = f"/api/v1/people/{ada.id}"
    assert refused(admin.patch(path, json={"active": True, "heir": lab.admin.id})) == (422, "heir")
    assert refused(admin.patch(path, json={"verified": False})) == (422, "verified")
    assert refused(admin.patch(f"/api/v1/people/{new_id()}", json={})) == (404, None)
    found = next(row for row in admin.get("/api/v1/people").json()["people"] if row["id"] == ada.id)
    assert (found["active"], found["verified"]) == (True, False)


def test_the_audit_log_names_who_did_what(lab: Laboratory, admin: TestClient, ada: Person) -> None:
    admin.patch(f"/api/v1/people/{ada.id}", json={"active": False})
    entries = admin.get("/api/v1/audit", params={"limit": 50}).json()["entries"]
    assert any(row["person"] == "Admin" and "deactivated" in row["action"] for row in entries)
    assert len(admin.get("/api/v1/audit", params={"limit": 1}).json()["entries"]) == 1
    assert refused(admin.get("/api/v1/audit", params={"limit": 0})) == (422, "limit")
