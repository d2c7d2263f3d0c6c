"""Invitations over the API, and the pages that their links open."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from api import models
from api.guard import COOKIE
from compute.access import Scope
from data.records import Person, Role, Visibility, new_id
from tests.api.conftest import Posting
from tests.laboratory import BODY, PASSWORD, Laboratory


def invite(lab: Laboratory, email: str, role: str = "member", by: Person | None = None) -> dict[str, Any]:
    who = lab.bearer(lab.accounts.server_token()) if by is None else lab.browser(by)
    answer = who.post("/api/v1/invitations", json={"email": email, "role": role})
    assert answer.status_code == 201, answer.text
    models.Invitation.model_validate(answer.json())
    found: dict[str, Any] = answer.json()
    return found


def token_of(invitation: dict[str, Any]) -> str:
    return parse_qs(urlsplit(invitation["link"]).query)["token"][0]


def said(answer: Any) -> str:
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    assert found, answer.text
    return unescape(found[1])


def owner(lab: Laboratory) -> TestClient:
    return lab.bearer(lab.accounts.server_token())


def listed(lab: Laboratory) -> list[dict[str, Any]]:
    answer = owner(lab).get("/api/v1/invitations")
    models.Invitations.model_validate(answer.json())
    found: list[dict[str, Any]] = answer.json()["invitations"]
    return found


# Registering --------------------------------------------------------------------------------------------------


def test_who_is_new_registers_with_the_link_though_registration_is_closed(lab: Laboratory) -> None:
    made = invite(lab, "iris@other.example", "viewer")
    assert made["status"] == "pending"
    browser = lab.browser()
    page = browser.get(urlsplit(made["link"]).path, params={"token": token_of(made)})
    assert page.status_code == 200
    for word in ("iris@other.example", "Lab", "Admin", "a viewer"):
        assert word in page.text
    register = re.search(r'href="(/auth/register\?invitation=[^"]+)"', page.text)
    assert register
    form = browser.get(unescape(register[1]))
    assert "iris@other.example" in form.text
    assert 'name="email"' not in form.text  # the invitation fixes it
    given = {"invitation": token_of(made), "name": "Iris", "password": PASSWORD}
    assert browser.post("/auth/register", data=given).headers["location"] == "/app/team"
    me = browser.get("/api/v1/me").json()
    assert (me["email"], me["name"], me["verified"]) == ("iris@other.example", "Iris", False)
    assert (me["team"]["id"], me["team"]["role"]) == (lab.admin.team, "viewer")
    assert [(row["status"], row["link"]) for row in listed(lab)] == [("accepted", None)]


def test_registering_needs_a_name_and_a_password_and_keeps_what_was_typed(lab: Laboratory) -> None:
    token = token_of(invite(lab, "iris@other.example"))
    browser = lab.browser()
    for change, field in (({"password": "short"}, "password"), ({"name": " "}, "name")):
        given = {"invitation": token, "name": "Iris", "password": PASSWORD} | change
        answer = browser.post("/auth/register", data=given)
        assert (answer.status_code, COOKIE in browser.cookies) == (422, False)
        assert f'name="{field}"' in answer.text.split('aria-invalid="true"')[0].rsplit("<input", 1)[1]
        assert f'name="invitation" value="{token}"' in answer.text
    assert [row["status"] for row in listed(lab)] == ["pending"]


def test_an_address_that_has_an_account_is_told_to_sign_in(lab: Laboratory, ada: Person) -> None:
    other = lab.found("eve")
    token = token_of(invite(lab, ada.email, by=other))
    given = {"invitation": token, "name": "Not Ada", "password": PASSWORD}
    answer = lab.browser().post("/auth/register", data=given)
    assert (answer.status_code, "ign in" in said(answer)) == (409, True)


# Accepting ----------------------------------------------------------------------------------------------------


def test_who_is_signed_in_accepts_with_a_button_whatever_their_address(lab: Laboratory) -> None:
    eve = lab.found("eve")
    token = token_of(invite(lab, "somebody.else@other.example"))
    browser = lab.browser(eve)
    for _ in range(3):  # a mail scanner, a preview, the person
        page = browser.get("/auth/invitation", params={"token": token})
        assert (page.status_code, "Accept" in page.text, eve.email in page.text) == (200, True, True)
    assert [row["status"] for row in listed(lab)] == ["pending"]
    answer = browser.post("/auth/invitation", data={"token": token})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/app/")
    teams = {team["id"]: team["role"] for team in browser.get("/api/v1/me").json()["teams"]}
    assert teams == {eve.team: "owner", lab.admin.team: "member"}
    assert [row["status"] for row in listed(lab)] == ["accepted"]


def test_who_is_not_signed_in_comes_back_after_signing_in(lab: Laboratory) -> None:
    eve = lab.found("eve")
    token = token_of(invite(lab, eve.email))
    browser = lab.browser()
    page = browser.get("/auth/invitation", params={"token": token}).text
    login = re.search(r'href="(/auth/login\?next=[^"]+)"', page)
    assert login
    next_path = parse_qs(urlsplit(unescape(login[1])).query)["next"][0]
    signed_in = browser.post(
        "/auth/login", data={"email": eve.email, "password": PASSWORD, "next": next_path}
    )
    back = browser.get(signed_in.headers["location"])
    assert (back.status_code, "Accept" in back.text) == (200, True)
    # A form that outlived its session asks to sign in, and leads back.
    answer = lab.browser().post("/auth/invitation", data={"token": token})
    again = parse_qs(urlsplit(answer.headers["location"]).query)["next"][0]
    assert (urlsplit(answer.headers["location"]).path, again) == ("/auth/login", next_path)


@pytest.mark.parametrize("token", ["", "nonsense", "eyJ4IjoxfQ.abc.def"])
def test_a_link_that_this_site_did_not_sign_opens_nothing(lab: Laboratory, token: str) -> None:
    for browser in (lab.browser(), lab.browser(lab.found("eve"))):
        assert browser.get("/auth/invitation", params={"token": token}).status_code == 422
        given = {"invitation": token or "x", "name": "Eve", "password": PASSWORD}
        assert browser.post("/auth/register", data=given).status_code == 422
    assert browser.post("/auth/invitation", data={"token": token}).status_code == 422


def test_another_purpose_of_the_same_key_is_no_invitation(lab: Laboratory) -> None:
    made = invite(lab, "iris@other.example")
    for purpose in ("verify", "oidc"):
        forged = lab.accounts.signer.sign(purpose, made["id"])
        assert lab.browser().get("/auth/invitation", params={"token": forged}).status_code == 422


def test_a_withdrawn_link_opens_nothing(lab: Laboratory) -> None:
    made = invite(lab, "iris@other.example")
    assert owner(lab).delete(f"/api/v1/invitations/{made['id']}").status_code == 204
    assert listed(lab) == []
    answer = lab.browser().get("/auth/invitation", params={"token": token_of(made)})
    assert (answer.status_code, "withdrawn" in said(answer)) == (422, True)
    given = {"invitation": token_of(made), "name": "Iris", "password": PASSWORD}
    assert lab.browser().post("/auth/register", data=given).status_code == 422


def test_a_link_is_taken_up_once(lab: Laboratory) -> None:
    token = token_of(invite(lab, "iris@other.example"))
    assert lab.browser(lab.found("eve")).post("/auth/invitation", data={"token": token}).status_code == 303
    second = lab.browser(lab.found("mallory"))
    assert second.post("/auth/invitation", data={"token": token}).status_code == 422
    assert lab.browser().get("/auth/invitation", params={"token": token}).status_code == 422


def test_names_on_the_page_are_text(lab: Laboratory) -> None:
    rude = lab.accounts.add_team("<img src=x>", "rude@other.example", "<script>alert(1)</script>", PASSWORD)
    token = token_of(invite(lab, "iris@other.example", by=rude))
    page = lab.browser().get("/auth/invitation", params={"token": token}).text
    assert ("<script" in page, "<img" in page, "&lt;img" in page) == (False, False, True)


# To one job ---------------------------------------------------------------------------------------------------


@pytest.fixture
def job_token(lab: Laboratory, ada: Person) -> Iterator[tuple[str, str]]:
    """A job that Ada shares with one address, and the token of its link."""
    job = lab.browser(ada).post("/api/v1/jobs", json=BODY | {"name": "Vitamin B12"}).json()["id"]
    shared = lab.workbench.sharing.change(ada, job, Visibility.INVITED, ["guest@other.example"])
    link = next(iter(shared.links.values()))
    yield job, parse_qs(urlsplit(link).query)["token"][0]


def test_a_guest_registers_to_see_one_job_and_runs_nothing(
    lab: Laboratory, job_token: tuple[str, str]
) -> None:
    job, token = job_token
    browser = lab.browser()
    page = browser.get("/auth/invitation", params={"token": token}).text
    assert "Vitamin B12" in page
    given = {"invitation": token, "name": "Guest", "password": PASSWORD}
    answer = browser.post("/auth/register", data=given)
    assert answer.headers["location"] == f"/app/jobs?jobId={job}"
    assert browser.get(f"/api/v1/jobs/{job}").json()["name"] == "Vitamin B12"
    me = browser.get("/api/v1/me").json()
    assert (me["team"]["role"], me["team"]["id"] == lab.admin.team) == ("viewer", False)
    assert browser.post("/api/v1/jobs", json=BODY).status_code == 403
    assert browser.get("/api/v1/jobs").json()["jobs"] == []


def test_a_person_accepts_to_see_one_job(lab: Laboratory, job_token: tuple[str, str]) -> None:
    job, token = job_token
    browser = lab.browser(lab.found("eve"))
    assert browser.get(f"/api/v1/jobs/{job}").status_code == 404
    answer = browser.post("/auth/invitation", data={"token": token})
    assert answer.headers["location"] == f"/app/jobs?jobId={job}"
    assert browser.get(f"/api/v1/jobs/{job}").status_code == 200


# Who may invite -----------------------------------------------------------------------------------------------


def test_who_may_invite_as_what(lab: Laboratory) -> None:
    admin, member, viewer = lab.join("ann", Role.ADMIN), lab.join("mel"), lab.join("vic", Role.VIEWER)
    allowed = {
        (admin.id, "member"): 201,
        (admin.id, "viewer"): 201,
        (admin.id, "admin"): 403,
        (admin.id, "owner"): 403,
        (member.id, "viewer"): 403,
        (viewer.id, "viewer"): 403,
    }
    got = {}
    for number, (person, role) in enumerate(allowed):
        who = next(p for p in (admin, member, viewer) if p.id == person)
        body = {"email": f"x{number}@other.example", "role": role}
        got[person, role] = lab.browser(who).post("/api/v1/invitations", json=body).status_code
    assert got == allowed
    for who in (member, viewer):
        assert lab.browser(who).get("/api/v1/invitations").status_code == 403


def test_a_token_of_an_owner_invites_nobody(lab: Laboratory) -> None:
    eve = lab.found("eve")
    leaked = lab.script(eve, Scope.JOBS_READ, Scope.JOBS_WRITE)
    body = {"email": "x@other.example", "role": "owner"}
    assert leaked.post("/api/v1/invitations", json=body).status_code == 403
    assert leaked.get("/api/v1/invitations").status_code == 403


def test_another_teams_invitations_do_not_exist(lab: Laboratory) -> None:
    made = invite(lab, "iris@other.example")
    eve = lab.browser(lab.found("eve"))
    assert eve.get("/api/v1/invitations").json() == {"invitations": []}
    assert eve.get("/api/v1/invitations", params={"team": lab.admin.team}).status_code == 404
    body = {"email": "x@other.example", "team": lab.admin.team}
    assert eve.post("/api/v1/invitations", json=body).status_code == 404
    for unknown in (made["id"], new_id(), "nonsense"):
        assert eve.delete(f"/api/v1/invitations/{unknown}").status_code == 404
    assert [row["status"] for row in listed(lab)] == ["pending"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"email": "no address"}, "email"),
        ({"email": "a@b.example", "role": "king"}, "role"),
        ({"email": "a@b.example", "more": 1}, "more"),
        ({}, "email"),
    ],
)
def test_a_bad_invitation_names_the_field(lab: Laboratory, body: dict[str, Any], field: str) -> None:
    answer = owner(lab).post("/api/v1/invitations", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


# By mail ------------------------------------------------------------------------------------------------------


def test_where_the_site_sends_mail_the_link_is_in_it(posting: Posting) -> None:
    made = invite(posting, "iris@other.example")
    link = posting.mailed("iris@other.example")
    assert made["link"].endswith(link)
    page = posting.browser().get(link)
    assert (page.status_code, "iris@other.example" in page.text) == (200, True)


def test_an_address_that_is_proven_joins_at_once_and_hears_of_it(posting: Posting) -> None:
    eve = posting.found("eve")
    posting.workbench.teams.verify(posting.admin, eve.id)
    made = invite(posting, eve.email)
    assert (made["status"], made["link"]) == ("accepted", None)
    assert posting.mailed(eve.email) == "/app/team"
    teams = posting.browser(eve).get("/api/v1/teams").json()["teams"]
    assert posting.admin.team in {team["id"] for team in teams}
