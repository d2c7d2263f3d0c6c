"""A foreign page can make a browser send our cookie; it must not be able to change anything with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from api.guard import COOKIE
from compute import workbench
from data.records import Person
from tests.laboratory import BODY, ORIGIN, PASSWORD, Laboratory

OURS = [ORIGIN, "https://testserver", "http://127.0.0.1:8501"]  # own Host, behind TLS, public address
FOREIGN: list[str | None] = [
    "https://evil.example",
    "http://testserver:81",
    "http://testserver.evil.example",
    "http://sub.testserver",
    "null",
    "",
    None,
]


def browser_at(lab: Laboratory, person: Person, origin: str | None) -> TestClient:
    client = lab.browser(person)
    del client.headers["origin"]
    if origin is not None:
        client.headers["origin"] = origin
    return client


def test_our_own_origin_may_change_things(lab: Laboratory, ada: Person) -> None:
    for origin in OURS:
        assert browser_at(lab, ada, origin).post("/api/v1/jobs", json=BODY).status_code == 201, origin


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/jobs"),
        ("PUT", "/api/v1/files?name=a.txt"),
        ("POST", "/api/v1/uploads"),
        ("PATCH", "/api/v1/uploads/1"),
        ("DELETE", "/api/v1/uploads/1"),
        ("POST", "/api/v1/imports"),
        ("POST", "/api/v1/tokens"),
        ("DELETE", "/api/v1/tokens/1"),
        ("PATCH", "/api/v1/jobs/1"),
        ("POST", "/auth/login"),
        ("POST", "/auth/register"),
        ("POST", "/auth/logout"),
        ("POST", "/auth/link"),
        ("POST", "/auth/password"),
        ("POST", "/auth/invitation"),
        ("POST", "/auth/verify"),
        ("POST", "/auth/forgot"),
        ("POST", "/auth/oidc/link"),
        ("PATCH", "/api/v1/me"),
        ("POST", "/api/v1/me/team"),
        ("POST", "/api/v1/teams"),
        ("PATCH", "/api/v1/teams/1"),
        ("DELETE", "/api/v1/teams/1/members/1"),
        ("POST", "/api/v1/invitations"),
        ("DELETE", "/api/v1/invitations/1"),
        ("PATCH", "/api/v1/people/1"),
        ("POST", "/api/v1/people/1/sign-in-link"),
    ],
)
def test_no_other_origin_may(lab: Laboratory, ada: Person, method: str, path: str) -> None:
    for origin in FOREIGN:
        client = browser_at(lab, ada, origin)
        answer = client.request(method, path, content=b"{}")
        assert (answer.status_code, answer.json()["error"]["kind"]) == (403, "forbidden"), origin
        assert client.get("/api/v1/me").status_code == 200, origin  # still signed in


def test_reading_needs_no_origin(lab: Laboratory, ada: Person) -> None:
    for origin in FOREIGN:
        answer = browser_at(lab, ada, origin).get("/api/v1/jobs")
        assert answer.status_code == 200, origin
        assert "access-control-allow-origin" not in answer.headers  # so a foreign page cannot see the answer


def test_a_token_needs_no_origin(lab: Laboratory, ada: Person) -> None:
    for origin in (*OURS, *FOREIGN):
        headers = {} if origin is None else {"origin": origin}
        assert lab.script(ada).post("/api/v1/jobs", json=BODY, headers=headers).status_code == 201, origin


def test_a_foreign_page_cannot_hide_behind_a_broken_token(lab: Laboratory, ada: Person) -> None:
    client = browser_at(lab, ada, "https://evil.example")
    answer = client.post("/api/v1/jobs", json=BODY, headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401
    assert workbench.current().jobs(ada).jobs == []


def test_websocket_opens_for_our_pages(lab: Laboratory, ada: Person) -> None:
    for origin in OURS:
        with (
            browser_at(lab, ada, None) as client,
            client.websocket_connect("/api/v1/live", headers={"origin": origin}),
        ):
            pass


def test_websocket_opens_for_no_other_page(lab: Laboratory, ada: Person) -> None:
    for origin in FOREIGN:
        headers: Any = {} if origin is None else {"origin": origin}
        with (
            pytest.raises(WebSocketDenialResponse) as denied,
            browser_at(lab, ada, None).websocket_connect("/api/v1/live", headers=headers),
        ):
            pass
        assert denied.value.status_code == 403, origin


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://plates.example", "plates.example", 403),  # whoever sits on the way can write such a page
        ("https://plates.example", "plates.example", 303),
        ("http://127.0.0.1:8501", "127.0.0.1:8501", 303),  # on the machine itself
    ],
)
def test_a_page_without_tls_changes_nothing_on_a_site_with_it(
    tmp_path: Path, origin: str, host: str, status: int
) -> None:
    lab = Laboratory(tmp_path, WELLPLATE_PUBLIC_URL="https://plates.example")
    try:
        given = {"email": lab.join("ada").email, "password": PASSWORD}
        answer = lab.browser().post("/auth/login", data=given, headers={"Origin": origin, "Host": host})
        assert answer.status_code == status
    finally:
        lab.close()


def test_a_cookie_in_a_second_header_is_seen_too(lab: Laboratory, ada: Person) -> None:
    client = TestClient(lab.app, base_url=ORIGIN)
    cookie = f"{COOKIE}={lab.sign_in(ada).cookie}"
    headers = [("Cookie", "other=1"), ("Cookie", cookie)]
    assert client.get("/api/v1/me", headers=headers).status_code == 200
    assert client.post("/api/v1/jobs", json=BODY, headers=headers).status_code == 403
