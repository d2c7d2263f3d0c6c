from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from tests.laboratory import Laboratory

PAGES = [
    "/auth/login",
    "/auth/link?token=x",
    "/auth/link",
    "/auth/logout",
    "/auth/register",
    "/auth/register?invitation=x",
    "/auth/invitation?token=x",
    "/auth/forgot",
    "/auth/oidc",
    "/auth/oidc/callback",
    "/api/docs/",
]

#: The calls of the design, less sharing and batches.
PROMISED = {
    "/v1/tools": {"get"},
    "/v1/tools/{tool_id}": {"get"},
    "/v1/files": {"get", "post", "put"},
    "/v1/quote": {"post"},
    "/v1/jobs": {"get", "post"},
    "/v1/jobs/{job_id}": {"get", "patch", "delete"},
    "/v1/jobs/{job_id}/cancel": {"post"},
    "/v1/jobs/{job_id}/retry": {"post"},
    "/v1/jobs/{job_id}/submission": {"get"},
    "/v1/jobs/{job_id}/export": {"get"},
    "/v1/jobs/{job_id}/log": {"get"},
    "/v1/jobs/{job_id}/files": {"get"},
    "/v1/jobs/{job_id}/files/{path}": {"get"},
    "/v1/jobs/{job_id}/archive": {"get"},
    "/v1/credits": {"get"},
    "/v1/credits/entries": {"get"},
    "/v1/credits/grants": {"post"},
    "/v1/tokens": {"get", "post"},
    "/v1/tokens/{token_id}": {"delete"},
    "/v1/invitations": {"get", "post"},
    "/v1/invitations/{invitation_id}": {"delete"},
    "/v1/teams": {"get", "post"},
    "/v1/teams/{team_id}": {"get", "patch"},
    "/v1/teams/{team_id}/members": {"get"},
    "/v1/teams/{team_id}/members/{member_id}": {"patch", "delete"},
    "/v1/me": {"get", "patch"},
    "/v1/me/team": {"post"},
    "/v1/people": {"get"},
    "/v1/people/{person_id}": {"patch"},
    "/v1/people/{person_id}/sign-in-link": {"post"},
    "/v1/audit": {"get"},
    "/v1/events": {"get"},
}


def test_every_promised_call_is_described(lab: Laboratory) -> None:
    document = lab.browser().get("/api/openapi.json").json()
    described = {path: set(calls) for path, calls in document["paths"].items()}
    assert {path: calls & described.get(path, set()) for path, calls in PROMISED.items()} == PROMISED
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}
    assert all(call["summary"] for calls in document["paths"].values() for call in calls.values())


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_elsewhere(lab: Laboratory, path: str) -> None:
    page = lab.browser().get(path)
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall(r'(?:src|href|action)="((?:https?:)?//[^"]*)"', page.text) == []
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http" not in page.headers["content-security-policy"]


def test_documentation_has_all_its_parts(lab: Laboratory) -> None:
    client = lab.browser()
    assert client.get("/api/docs").headers["location"] == "/api/docs/"
    page = client.get("/api/docs/").text
    parts = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(parts) == 3
    for part in parts:
        answer = client.get(f"/api/docs/{part}")
        assert answer.status_code == 200, part
        assert answer.headers["content-type"].startswith(("text/javascript", "text/css"))
    assert client.get("/api/docs/assets/../../../etc/passwd").status_code == 404


def test_every_answer_has_the_headers_that_protect(lab: Laboratory, browser: TestClient) -> None:
    for path in ("/api/v1/jobs", "/api/v1/nothing", "/api/openapi.json", "/auth/login", "/auth/nothing"):
        headers = browser.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["referrer-policy"] == "same-origin", path
        assert "content-security-policy" in headers, path
        assert headers["cache-control"] == "no-store", path


def test_start_page_leads_to_the_app(lab: Laboratory) -> None:
    answer = lab.browser().get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/app/")


def test_health_tells_what_answers(lab: Laboratory) -> None:
    answer = lab.browser().get("/healthz")
    health = answer.json()
    # There is no worker in this laboratory.
    assert (answer.status_code, health["ok"], health["store"]) == (503, False, "ok")
    assert set(health) == {"ok", "version", "store", "cluster", "workers", "slots", "jobs"}
