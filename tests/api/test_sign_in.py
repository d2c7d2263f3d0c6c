from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from api.auth.forms import local_path
from api.guard import COOKIE
from compute.people.accounts import Accounts
from data import people
from data.records import Person, utcnow
from tests.api.conftest import Posting
from tests.laboratory import ORIGIN, PASSWORD, Laboratory


def sign_in(client: TestClient, email: str, password: str = PASSWORD, next: str = "/app/jobs"):  # type: ignore[no-untyped-def]
    return client.post("/auth/login", data={"email": email, "password": password, "next": next})


def test_password_gives_one_strict_cookie_and_leads_on(lab: Laboratory, ada: Person) -> None:
    client = lab.browser()
    answer = sign_in(client, " ADA@lab.example ")
    assert (answer.status_code, answer.headers["location"]) == (303, "/app/jobs")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie
    assert client.get("/api/v1/me").json()["email"] == "ada@lab.example"


def test_cookie_is_secure_under_https(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, WELLPLATE_PUBLIC_URL="https://plates.example")
    try:
        answer = sign_in(lab.browser(), lab.join("ada").email)
        assert "Secure" in answer.headers["set-cookie"]
    finally:
        lab.close()


def test_only_a_hash_of_the_cookie_is_kept(lab: Laboratory, ada: Person) -> None:
    cookie = lab.sign_in(ada).cookie
    kept = [row["hash"] for row in lab.store.read("live_sessions", now=utcnow())]
    assert len(kept) == 1
    assert cookie not in kept


@pytest.mark.parametrize("email", ["ada@lab.example", "nobody@lab.example"])
def test_wrong_password_and_unknown_address_get_the_same_sentence(
    lab: Laboratory, ada: Person, email: str
) -> None:
    answer = sign_in(lab.browser(), email, "not the password")
    assert answer.status_code == 422
    assert "do not fit together" in answer.text
    assert "set-cookie" not in answer.headers
    assert "not the password" not in answer.text


def test_tries_are_limited_per_address_and_client(lab: Laboratory, ada: Person) -> None:
    allowed = lab.settings.sign_in.attempts_per_minute
    client = lab.browser()
    codes = [sign_in(client, ada.email, "wrong password").status_code for _ in range(allowed + 1)]
    assert codes == [422] * allowed + [429]
    # The right password does not help now, and neither does another address from the same client.
    assert sign_in(client, ada.email).status_code == 429
    assert sign_in(client, "bob@lab.example").status_code == 429


def test_tries_from_all_addresses_of_one_ipv6_network_are_counted_together(lab: Laboratory) -> None:
    def tried(host: str, number: int) -> int:
        client = TestClient(lab.app, base_url=ORIGIN, headers={"Origin": ORIGIN}, client=(host, 50000))
        return sign_in(client, f"somebody{number}@lab.example", "wrong password").status_code

    allowed = lab.settings.sign_in.attempts_per_minute
    codes = [tried(f"2001:db8::{number:x}", number) for number in range(allowed + 1)]
    assert codes == [422] * allowed + [429]
    assert tried("2001:db8:0:1::1", 90) == 422
    assert {tried(f"::ffff:192.0.2.{number}", 100 + number) for number in range(allowed + 1)} == {422}


def test_good_tries_are_not_counted(lab: Laboratory, ada: Person) -> None:
    for _ in range(2 * lab.settings.sign_in.attempts_per_minute):
        assert sign_in(lab.browser(), ada.email).status_code == 303


def test_signing_out_ends_the_session_on_the_server(lab: Laboratory, browser: TestClient) -> None:
    cookie = browser.cookies[COOKIE]
    assert browser.post("/auth/logout").headers["location"] == "/auth/login"
    assert COOKIE not in browser.cookies
    thief = lab.browser()
    thief.cookies.set(COOKIE, cookie)
    assert thief.get("/api/v1/jobs").status_code == 401


def test_sessions_survive_a_restart_and_revocations_too(lab: Laboratory, ada: Person) -> None:
    kept, ended = lab.sign_in(ada), lab.sign_in(ada)
    lab.accounts.sign_out(ended.cookie)
    again = Accounts(lab.store, lab.settings, lab.outbox)
    assert again.person(kept.cookie) == lab.accounts.person(kept.cookie)
    assert again.person(ended.cookie) is None


def test_session_runs_out(lab: Laboratory, ada: Person) -> None:
    now = utcnow()
    old = people.Session(
        hash="0" * 64, person=ada.id, team=ada.team, created_at=now, expires_at=now, agent=""
    )
    lab.store.write(people.add_session, old).result()
    assert people.sessions(lab.store, utcnow()) == []


@pytest.mark.parametrize(
    "given",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/app\r\nSet-Cookie: a=b",
        "app/jobs",
        "",
        None,
    ],
)
def test_sign_in_leads_to_local_paths_only(given: str | None) -> None:
    assert local_path(given) == "/app/"


def test_sign_in_keeps_the_query_of_the_page(lab: Laboratory, ada: Person) -> None:
    path = "/app/jobs?jobId=1&tab=log"
    assert sign_in(lab.browser(), ada.email, next=path).headers["location"] == path
    form = lab.browser().get("/auth/login", params={"next": path}).text
    assert 'value="/app/jobs?jobId=1&amp;tab=log"' in form


def test_form_shows_what_was_typed_as_text(lab: Laboratory) -> None:
    answer = sign_in(lab.browser(), '"><script>alert(1)</script>@x', "wrong password")
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["content-security-policy"]
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_forms_are_small(lab: Laboratory) -> None:
    answer = lab.browser().post("/auth/login", data={"email": "a@b.c", "password": "x" * 100_000})
    assert answer.status_code == 413


# The one-time link ---------------------------------------------------------------------------------------------


def token_of(link: str | None) -> str:
    assert link is not None
    return urlsplit(link).query.removeprefix("token=")


def test_first_start_prints_a_link_and_keeps_it_private(lab: Laboratory) -> None:
    file = lab.settings.run_folder / "sign-in-link"
    assert file.read_text().strip() == lab.link
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert lab.workbench.credits.balance(lab.admin).balance == lab.settings.jobs.first_grant


def test_link_is_used_up_by_the_button_only_and_once(lab: Laboratory) -> None:
    client = lab.browser()
    token = token_of(lab.link)
    for _ in range(3):  # a mail scanner, a preview, the person
        shown = client.get("/auth/link", params={"token": token})
        assert (shown.status_code, 'value="admin@localhost"' in shown.text) == (200, True)
    form = {"token": token, "email": "grace@lab.example", "name": "Grace", "password": PASSWORD}
    assert client.post("/auth/link", data=form).status_code == 303
    assert client.get("/api/v1/me").json()["name"] == "Grace"
    assert not (lab.settings.run_folder / "sign-in-link").exists()
    second = lab.browser().post("/auth/link", data={"token": token})
    assert second.status_code == 422
    assert lab.browser().get("/auth/link", params={"token": token}).status_code == 422
    assert "was used, is too old" in second.text
    assert sign_in(lab.browser(), "grace@lab.example").status_code == 303


def test_refused_details_do_not_use_the_link_up(lab: Laboratory, ada: Person) -> None:
    token = token_of(lab.link)
    client = lab.browser()
    short = client.post("/auth/link", data={"token": token, "password": "short"})
    assert (short.status_code, "10 to 1000 characters" in short.text) == (422, True)
    taken = client.post("/auth/link", data={"token": token, "email": ada.email})
    assert (taken.status_code, "Somebody else uses" in taken.text) == (409, True)
    assert client.post("/auth/link", data={"token": token}).status_code == 303


def test_link_comes_again_only_while_the_admin_has_no_way_in(lab: Laboratory) -> None:
    first = token_of(lab.link)
    second = token_of(lab.accounts.first_start())
    client = lab.browser()
    assert client.post("/auth/link", data={"token": first}).status_code == 422
    assert client.post("/auth/link", data={"token": second}).status_code == 303
    assert lab.accounts.first_start() is None
    assert len(people.accounts(lab.store)) == 1


def test_admin_makes_a_new_link_and_others_do_not(lab: Laboratory, ada: Person) -> None:
    answer = lab.bearer(lab.accounts.server_token()).post("/api/v1/sign-in-links")
    assert answer.status_code == 201
    assert (
        lab.browser().post("/auth/link", data={"token": token_of(answer.json()["link"])}).status_code == 303
    )
    assert lab.browser(ada).post("/api/v1/sign-in-links").status_code == 403


# Password ------------------------------------------------------------------------------------------------------


def test_changing_the_password_signs_other_browsers_out(lab: Laboratory, ada: Person) -> None:
    here, there = lab.browser(ada), lab.browser(ada)
    wrong = here.post("/auth/password", data={"old": "not this one", "new": "another good one"})
    assert (wrong.status_code, "another one" in wrong.text) == (422, True)
    right = here.post("/auth/password", data={"old": PASSWORD, "new": "another good one"})
    assert right.headers["location"] == "/auth/password?changed=1"
    assert here.get("/api/v1/me").status_code == 200
    assert there.get("/api/v1/me").status_code == 401
    assert sign_in(lab.browser(), ada.email).status_code == 422
    assert sign_in(lab.browser(), ada.email, "another good one").status_code == 303


def test_sign_ins_leave_audit_rows_without_secrets(lab: Laboratory, ada: Person) -> None:
    client = lab.browser()
    sign_in(client, ada.email, "wrong password")
    sign_in(client, ada.email)
    client.post("/auth/logout")
    rows = [row for row in people.audit(lab.store) if row["person"] == ada.id]
    assert [row["action"] for row in reversed(rows)] == [
        "person added",
        "sign-in refused",
        "signed in",
        "signed out",
    ]
    assert not any(PASSWORD in str(row) or "wrong password" in str(row) for row in rows)


# Registration --------------------------------------------------------------------------------------------------

NEWCOMER = {"email": "eve@other.example", "name": "Eve", "password": PASSWORD}


def test_registration_is_by_invitation_unless_opened(lab: Laboratory) -> None:
    client = lab.browser()
    assert client.post("/auth/register", data=NEWCOMER).status_code == 403
    assert "Register" not in client.get("/auth/login").text
    assert len(people.accounts(lab.store)) == 1


def test_open_registration_makes_a_team_of_ones_own(tmp_path: Path) -> None:
    lab = Laboratory(tmp_path, WELLPLATE_REGISTRATION="open")
    try:
        client = lab.browser()
        assert client.post("/auth/register", data=NEWCOMER).headers["location"] == "/app/"
        me = client.get("/api/v1/me").json()
        assert (me["team"]["role"], me["site_admin"]) == ("owner", False)
        assert me["team"]["id"] != lab.admin.team
        assert client.get("/api/v1/credits").json()["balance"] == 0
        for change, field in (({}, "email"), ({"email": "x"}, "email"), ({"password": ""}, "password")):
            form = NEWCOMER | {"email": "eve2@other.example"} | change if change else NEWCOMER
            refused = lab.browser().post("/auth/register", data=form)
            assert refused.status_code in (409, 422)
            assert f'name="{field}"' in refused.text.split('aria-invalid="true"')[0].rsplit("<input", 1)[1]
    finally:
        lab.close()


# By mail -------------------------------------------------------------------------------------------------------


def test_a_registered_address_is_proven_by_the_button_behind_the_mailed_link(posting: Posting) -> None:
    browser = posting.browser()
    browser.post("/auth/register", data=NEWCOMER)
    link = posting.mailed(NEWCOMER["email"])
    for _ in range(2):  # a mail scanner, the person
        assert browser.get(link).status_code == 200
    assert browser.get("/api/v1/me").json()["verified"] is False
    answer = browser.post("/auth/verify", data={"token": token_of(link)})
    assert answer.headers["location"] == "/auth/verify?done=1"
    assert "is confirmed" in browser.get("/auth/verify?done=1").text
    assert browser.get("/api/v1/me").json()["verified"] is True


def test_nobody_proves_an_address_for_somebody_else(posting: Posting) -> None:
    """Who registers with a foreign address must not have it proven by its owner, who pressed a button in a mail."""
    posting.browser().post("/auth/register", data=NEWCOMER)
    link = posting.mailed(NEWCOMER["email"])
    stranger = posting.browser()
    assert stranger.get(link).headers["location"].startswith("/auth/login?next=%2Fauth%2Fverify")
    given = {"token": token_of(link)}
    assert stranger.post("/auth/verify", data=given).headers["location"].startswith("/auth/login?next=")
    bob = posting.browser(posting.join("bob"))
    assert bob.post("/auth/verify", data=given).status_code == 422
    (eve,) = [account for account in people.accounts(posting.store) if account.email == NEWCOMER["email"]]
    assert eve.verified is False


def test_a_link_for_an_address_that_was_changed_since_proves_nothing(posting: Posting) -> None:
    browser = posting.browser()
    browser.post("/auth/register", data=NEWCOMER)
    old = posting.mailed(NEWCOMER["email"])
    browser.patch("/api/v1/me", json={"email": "new@other.example"})
    new = posting.mailed("new@other.example")
    assert browser.post("/auth/verify", data={"token": token_of(old)}).status_code == 422
    assert browser.get("/api/v1/me").json()["verified"] is False
    assert browser.post("/auth/verify", data={"token": token_of(new)}).status_code == 303
    assert browser.get("/api/v1/me").json()["verified"] is True
    for token in ("", "nonsense", posting.accounts.signer.sign("invitation", "x")):
        assert browser.post("/auth/verify", data={"token": token}).status_code == 422


def test_a_forgotten_password_is_set_anew_with_a_mailed_link(posting: Posting) -> None:
    ada = posting.join("ada")
    browser = posting.browser()
    assert '"/auth/forgot"' in browser.get("/auth/login").text
    for email in ("nobody@lab.example", ada.email):
        answer = browser.post("/auth/forgot", data={"email": email})
        assert answer.headers["location"] == "/auth/forgot?sent=1"
    assert "If this site knows the address" in browser.get("/auth/forgot?sent=1").text
    link = posting.mailed(ada.email)  # the first and only mail
    assert browser.get(link).status_code == 200
    given = {"token": token_of(link), "password": "a whole new one"}
    assert browser.post("/auth/link", data=given).status_code == 303
    assert sign_in(posting.browser(), ada.email).status_code == 422
    assert sign_in(posting.browser(), ada.email, "a whole new one").status_code == 303


def test_forgotten_passwords_are_limited_too(posting: Posting) -> None:
    browser = posting.browser()
    allowed = posting.settings.sign_in.attempts_per_minute
    codes = [
        browser.post("/auth/forgot", data={"email": f"x{n}@lab.example"}).status_code
        for n in range(allowed + 1)
    ]
    assert codes == [303] * allowed + [429]


def test_without_a_mail_server_the_form_says_whom_to_ask(lab: Laboratory, ada: Person) -> None:
    browser = lab.browser()
    assert "/auth/forgot" not in browser.get("/auth/login").text
    answers = [browser.get("/auth/forgot"), browser.post("/auth/forgot", data={"email": ada.email})]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert all("who runs this server" in answer.text for answer in answers)
