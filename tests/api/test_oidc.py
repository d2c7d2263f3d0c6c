"""Signing in at a real OpenID provider on loopback."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from oidc_provider_mock import run_server_in_thread
from starlette.testclient import TestClient

from api.auth.oidc import STATE_COOKIE
from api.guard import COOKIE
from data import people
from data.records import Person, Role
from tests.laboratory import Laboratory

SITE = """
[oidc]
issuer = "{issuer}"
client_id = "wellplate"
name = "Campus ID"
register_new = {register_new}
"""


class Elsewhere:
    """The provider, and what a person does there."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer

    def knows(self, subject: str, email: str, *, verified: bool = True, name: str = "Eve Elsewhere") -> None:
        claims = {"email": email, "email_verified": verified, "name": name}
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def allow(self, there: str, subject: str) -> str:
        """Sign in at the provider's page; the path of ours to which it sends the browser back."""
        back = httpx.post(there, data={"sub": subject}).headers["location"]
        return back.removeprefix("http://127.0.0.1:8501")

    def deny(self, there: str) -> str:
        back = httpx.post(there, data={"action": "deny"}).headers["location"]
        return back.removeprefix("http://127.0.0.1:8501")

    def sign_in(self, browser: TestClient, subject: str, next: str = "") -> httpx.Response:
        begun = browser.get("/auth/oidc", params={"next": next} if next else {})
        assert begun.status_code == 303, begun.text
        return browser.get(self.allow(begun.headers["location"], subject))


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's, which listens on loopback only
        with run_server_in_thread() as server:
            yield Elsewhere(f"http://localhost:{server.server_port}")


Site = Callable[..., Laboratory]


@pytest.fixture
def site(tmp_path: Path, elsewhere: Elsewhere) -> Iterator[Site]:
    """Opens a site with single sign-on."""
    opened = []

    def open_site(*, issuer: str = elsewhere.issuer, register_new: bool = True) -> Laboratory:
        text = SITE.format(issuer=issuer, register_new=str(register_new).lower())
        (tmp_path / "settings.toml").write_text(text)
        opened.append(Laboratory(tmp_path, WELLPLATE_OIDC_SECRET="between the two"))
        return opened[-1]

    yield open_site
    for lab in opened:
        lab.close()


def said(answer: httpx.Response) -> str:
    """The sentence on a page."""
    found = re.search(r'role="alert">([^<]*)<', answer.text)
    assert found, answer.text
    return unescape(found[1])


def me(browser: TestClient) -> dict[str, object]:
    answer = browser.get("/api/v1/me")
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_a_new_person_comes_in_and_is_the_same_the_next_time(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    elsewhere.knows("eve", "eve@other.example")
    browser = lab.browser()
    answer = elsewhere.sign_in(browser, "eve", next="/app/jobs?jobId=1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/jobs?jobId=1")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(f"{COOKIE}="))
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert STATE_COOKIE not in browser.cookies
    first = me(browser)
    assert (first["email"], first["name"], first["verified"]) == ("eve@other.example", "Eve Elsewhere", True)
    assert first["team"]["id"] != lab.admin.team  # type: ignore[index]
    # A changed address there is still the same person here.
    elsewhere.knows("eve", "eve.new@other.example")
    again = lab.browser()
    elsewhere.sign_in(again, "eve")
    assert me(again)["id"] == first["id"]
    assert len(people.accounts(lab.store)) == 2


def test_the_browser_is_sent_with_state_nonce_and_a_proof(site: Site) -> None:
    lab = site()
    begun = lab.browser().get("/auth/oidc")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(begun.headers["location"]).query).items()}
    assert asked["redirect_uri"] == "http://127.0.0.1:8501/auth/oidc/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert {"openid", "email"} <= set(asked["scope"].split())
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 20
    cookie = begun.headers["set-cookie"]
    parts = {part.strip() for part in cookie.split(";")}
    assert {"HttpOnly", "Path=/auth/oidc", "SameSite=lax", "Max-Age=600"} <= parts


def test_nobody_new_comes_in_where_registration_is_by_invitation(site: Site, elsewhere: Elsewhere) -> None:
    lab = site(register_new=False)
    elsewhere.knows("uninvited", "uninvited@other.example")
    browser = lab.browser()
    answer = elsewhere.sign_in(browser, "uninvited")
    assert (answer.status_code, COOKIE in browser.cookies) == (403, False)
    assert "invit" in said(answer)
    assert len(people.accounts(lab.store)) == 1


def test_an_invited_address_comes_in_when_it_is_verified(site: Site, elsewhere: Elsewhere) -> None:
    lab = site(register_new=False)
    lab.workbench.invitations.to_team(lab.admin, "iris@other.example", Role.VIEWER)
    elsewhere.knows("iris", "iris@other.example", verified=False)
    assert elsewhere.sign_in(lab.browser(), "iris").status_code == 403
    elsewhere.knows("iris", "iris@other.example")
    browser = lab.browser()
    elsewhere.sign_in(browser, "iris")
    assert (lab.admin.team, "viewer") in [(team["id"], team["role"]) for team in me(browser)["teams"]]  # type: ignore[attr-defined]


def test_an_invitation_still_leads_on_after_signing_in_has_taken_it_up(
    site: Site, elsewhere: Elsewhere
) -> None:
    lab = site(register_new=False)
    made = lab.workbench.invitations.to_team(lab.admin, "june@other.example", Role.MEMBER)
    page = lab.workbench.invitations.link(made).removeprefix(lab.settings.public_url)
    elsewhere.knows("june", "june@other.example")
    browser = lab.browser()
    answer = elsewhere.sign_in(browser, "june", next=page)
    assert answer.headers["location"] == page
    assert "Accept" in browser.get(page).text
    accepted = browser.post("/auth/invitation", data={"token": page.partition("token=")[2]})
    assert accepted.headers["location"] == "/app/team"
    assert lab.browser().get(page).status_code == 422


def test_an_unverified_address_takes_over_no_account(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    ada = lab.join("ada")
    lab.workbench.teams.verify(lab.admin, ada.id)
    elsewhere.knows("mallory", ada.email, verified=False)
    browser = lab.browser()
    answer = elsewhere.sign_in(browser, "mallory")
    assert (answer.status_code, COOKIE in browser.cookies) == (409, False)
    assert "password" in said(answer)


def test_an_account_with_an_unproven_address_is_not_linked_either(site: Site, elsewhere: Elsewhere) -> None:
    """Else somebody could register with a foreign address first, and see what its owner does later."""
    lab = site()
    ada = lab.join("ada")
    elsewhere.knows("real-ada", ada.email)
    answer = elsewhere.sign_in(lab.browser(), "real-ada")
    assert answer.status_code == 409
    assert "password" in said(answer)


def test_an_address_that_both_sides_proved_links(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    ada = lab.join("ada")
    lab.workbench.teams.verify(lab.admin, ada.id)
    elsewhere.knows("ada-at-campus", ada.email)
    browser = lab.browser()
    assert elsewhere.sign_in(browser, "ada-at-campus").status_code == 303
    assert me(browser)["id"] == ada.id


# Linking from the account -------------------------------------------------------------------------------------


def begin_linking(browser: TestClient) -> str:
    """Press the button on the account's form; the provider's address to which the page goes on."""
    page = browser.post("/auth/oidc/link")
    assert page.status_code == 200, page.text
    onward = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.text)
    assert onward, page.text
    assert f'href="{onward[1]}"' in page.text  # for whom it does not go on by itself
    return unescape(onward[1])


def test_a_signed_in_person_links_their_account(site: Site, elsewhere: Elsewhere) -> None:
    lab = site(register_new=False)
    ada = lab.join("ada")
    elsewhere.knows("ada-by-link", "a.lovelace@elsewhere.example", verified=False)
    browser = lab.browser(ada)
    assert "Campus ID" in browser.get("/auth/oidc/link").text
    answer = browser.get(elsewhere.allow(begin_linking(browser), "ada-by-link"))
    assert answer.headers["location"] == "/auth/oidc/link?done=1"
    assert "linked" in said(browser.get(answer.headers["location"]))
    assert me(browser)["id"] == ada.id
    assert len(lab.accounts.sessions(ada)) == 1
    fresh = lab.browser()
    elsewhere.sign_in(fresh, "ada-by-link")
    assert me(fresh)["id"] == ada.id


def test_an_identity_of_somebody_else_is_not_taken_over(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    elsewhere.knows("shared-desk", "first@other.example")
    first = lab.browser()
    elsewhere.sign_in(first, "shared-desk")
    ada = lab.browser(lab.join("ada"))
    answer = ada.get(elsewhere.allow(begin_linking(ada), "shared-desk"))
    assert answer.status_code == 409
    again = lab.browser()
    elsewhere.sign_in(again, "shared-desk")
    assert me(again)["id"] == me(first)["id"]


def test_signing_in_elsewhere_while_signed_in_links_nothing(site: Site, elsewhere: Elsewhere) -> None:
    """A foreign page can lead a browser to /auth/oidc; it cannot press the button."""
    lab = site()
    ada = lab.join("ada")
    elsewhere.knows("stranger", "stranger@other.example")
    elsewhere.sign_in(lab.browser(ada), "stranger")
    fresh = lab.browser()
    elsewhere.sign_in(fresh, "stranger")
    assert me(fresh)["id"] != ada.id


def test_only_the_session_that_asked_is_linked(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    ada, bob = lab.join("ada"), lab.join("bob")
    elsewhere.knows("late", "late@other.example")
    browser = lab.browser(ada)
    there = begin_linking(browser)
    browser.cookies.set(COOKIE, lab.sign_in(bob).cookie, domain="testserver.local")
    answer = browser.get(elsewhere.allow(there, "late"))
    assert answer.status_code == 403
    fresh = lab.browser()
    elsewhere.sign_in(fresh, "late")
    assert me(fresh)["id"] not in (ada.id, bob.id)


def test_linking_asks_who_is_not_signed_in_to_sign_in(site: Site) -> None:
    browser = site().browser()
    for answer in (browser.get("/auth/oidc/link"), browser.post("/auth/oidc/link")):
        assert answer.headers["location"] == "/auth/login?next=%2Fauth%2Foidc%2Flink"


# What does not hold -------------------------------------------------------------------------------------------


def test_an_answer_to_another_browser_signs_nobody_in(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    elsewhere.knows("eve", "eve@other.example")
    back = elsewhere.allow(lab.browser().get("/auth/oidc").headers["location"], "eve")
    victim = lab.browser()
    answer = victim.get(back)
    assert (answer.status_code, COOKIE in victim.cookies) == (409, False)
    assert "Begin again" in said(answer)
    victim.get("/auth/oidc")  # has begun one of its own
    answer = victim.get(back)
    assert (answer.status_code, COOKIE in victim.cookies) == (409, False)
    assert "Begin again" in said(answer)


def test_an_answer_counts_once_and_no_log_has_it(
    site: Site, elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lab = site()
    elsewhere.knows("eve", "eve@other.example")
    browser = lab.browser()
    back = elsewhere.allow(browser.get("/auth/oidc").headers["location"], "eve")
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 409
    forged = "/auth/oidc/callback?error=x&error_description=a%0AWARNING+forged"
    browser.get("/auth/oidc")
    assert browser.get(forged).status_code == 503
    theirs = ("werkzeug", "oidc_provider_mock")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith(theirs)]
    (code,) = parse_qs(urlsplit(back).query)["code"]
    assert any("refused" in line for line in ours)
    assert not any(code in line or "between the two" in line or "\n" in line for line in ours)


def test_an_id_token_for_another_sign_in_is_refused(site: Site, elsewhere: Elsewhere) -> None:
    """The nonce ties the token to the browser."""
    lab = site()
    elsewhere.knows("eve", "eve@other.example")
    browser = lab.browser()
    back = elsewhere.allow(browser.get("/auth/oidc").headers["location"], "eve")
    signer = lab.accounts.signer
    kept = signer.read("oidc", browser.cookies[STATE_COOKIE])
    assert kept is not None
    other = re.sub(r'"nonce": "[^"]+"', '"nonce": "another"', kept)
    assert other != kept
    browser.cookies.set(
        STATE_COOKIE, signer.sign("oidc", other), domain="testserver.local", path="/auth/oidc"
    )
    answer = browser.get(back)
    assert (answer.status_code, COOKIE in browser.cookies) == (503, False)
    assert said(answer).startswith("Campus ID gave an answer that does not hold.")


def test_a_forged_state_is_refused(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    browser = lab.browser()
    back = elsewhere.allow(browser.get("/auth/oidc").headers["location"], "eve")
    for forged in (lab.accounts.signer.sign("invitation", "{}"), "nonsense", ""):
        browser.cookies.set(STATE_COOKIE, forged, domain="testserver.local", path="/auth/oidc")
        assert browser.get(back).status_code == 409
    for path in ("/auth/oidc/callback", "/auth/oidc/callback?state=x", "/auth/oidc/callback?code=x"):
        assert browser.get(path).status_code == 409


def test_who_says_no_at_the_provider_gets_a_sentence(site: Site, elsewhere: Elsewhere) -> None:
    lab = site()
    browser = lab.browser()
    answer = browser.get(elsewhere.deny(browser.get("/auth/oidc").headers["location"]))
    assert answer.status_code == 403
    assert said(answer) == "Campus ID did not let you in, or you did not allow it."


def test_a_provider_that_is_down_is_a_sentence_and_passwords_still_work(site: Site) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        lab = site(issuer=f"http://127.0.0.1:{unused.getsockname()[1]}")
        browser = lab.browser()
        answer = browser.get("/auth/oidc")
        assert answer.status_code == 503
        assert said(answer) == "Campus ID does not answer. Try again later, or sign in with your password."
        assert "Sign in with Campus ID" in browser.get("/auth/login").text
        linking = lab.browser(lab.join("ada")).post("/auth/oidc/link")
        assert (linking.status_code, said(linking)[:24]) == (503, "Campus ID does not answe")


def test_the_address_may_come_from_the_userinfo(
    site: Site, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some providers put nothing but the subject into the ID token."""
    monkeypatch.setattr(
        "oidc_provider_mock._app.OpenIDCode.generate_user_info", lambda self, user, scope: {"sub": user.sub}
    )
    lab = site()
    elsewhere.knows("terse", "terse@other.example", name="Terse")
    browser = lab.browser()
    assert elsewhere.sign_in(browser, "terse").status_code == 303
    assert (me(browser)["email"], me(browser)["name"]) == ("terse@other.example", "Terse")


def test_without_a_provider_there_is_no_button(lab: Laboratory, ada: Person) -> None:
    browser = lab.browser()
    assert "/auth/oidc" not in browser.get("/auth/login").text
    for path in ("/auth/oidc", "/auth/oidc/callback"):
        assert browser.get(path).status_code in (404, 409)
    assert lab.browser(ada).get("/auth/oidc/link").status_code == 404
    assert lab.browser(ada).post("/auth/oidc/link").status_code == 404


def test_the_button_leads_back_to_where_one_was(site: Site) -> None:
    page = site().browser().get("/auth/login", params={"next": "/app/jobs?jobId=1&tab=log"}).text
    link = re.search(r'href="(/auth/oidc[^"]*)">Sign in with Campus ID<', page)
    assert link
    assert parse_qs(urlsplit(unescape(link[1])).query) == {"next": ["/app/jobs?jobId=1&tab=log"]}
