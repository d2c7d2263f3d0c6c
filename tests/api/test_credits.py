"""Credits over the API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api import models
from data.records import Person
from tests.data.conftest import execute
from tests.laboratory import Laboratory

PAGE = "/api/v1/credits"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    (tmp_path / "settings.toml").write_text("[tools]\ndeveloper = true\n")
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def admin(lab: Laboratory) -> TestClient:
    """A program with the power of the site's admin."""
    return lab.bearer(lab.accounts.server_token())


def submit(client: TestClient, credits: int) -> Any:
    body = {"tool": "test-noop", "inputs": {}, "settings": {"credits": credits}}
    return client.post("/api/v1/jobs", json=body)


def test_the_balance_with_ones_own_use(lab: Laboratory, browser: TestClient) -> None:
    execute(lab.store, "update teams set person_credits = 20, monthly_credits = 50")
    assert submit(browser, 12).status_code == 201
    told = browser.get(PAGE).json()
    models.Credits.model_validate(told)
    assert told == {
        "balance": 1050,
        "held": 12,
        "available": 1038,
        "mode": "enforce",
        "monthly_credits": 50,
        "cap": 20,
        "used": 12,
    }
    refused = submit(browser, 9)
    assert (refused.status_code, refused.json()["error"]["kind"]) == (402, "credits")
    assert "8 more this month (12 of 20 are used): 1 missing" in refused.json()["error"]["message"]


def test_the_ledger_by_pages_and_filters(lab: Laboratory, browser: TestClient, ada: Person) -> None:
    jobs = [submit(browser, credits).json()["id"] for credits in (1, 2, 3)]
    lab.start(jobs[0])
    first = browser.get(f"{PAGE}/entries?limit=3").json()
    models.Ledger.model_validate(first)
    rest = browser.get(f"{PAGE}/entries?limit=3&before={first['next_before']}").json()
    assert [row["kind"] for row in first["entries"] + rest["entries"]] == ["charge", *["hold"] * 3, "grant"]
    assert rest["next_before"] is None

    def found(query: str) -> list[str]:
        return [row["job"] for row in browser.get(f"{PAGE}/entries?{query}").json()["entries"]]

    assert found("kind=charge") == [jobs[0]]
    assert found("kind=hold&kind=charge&tool=test-noop&submitter=me") == [jobs[0], *jobs[::-1]]
    assert (
        found("tool=autodock-vina") == found("submitter=nobody") == found("until=2020-01-01T00:00:00Z") == []
    )
    assert found(f"submitter={ada.id}&kind=hold&since=2020-01-01T00:00:00%2B02:00") == jobs[::-1]
    for wrong in ("kind=gift", "limit=0", "since=0001-01-01", "since=yesterday", f"before={2**64}"):
        assert browser.get(f"{PAGE}/entries?{wrong}").status_code == 422, wrong


def test_usage(lab: Laboratory, browser: TestClient) -> None:
    lab.start(submit(browser, 12).json()["id"])
    told = browser.get(f"{PAGE}/usage").json()
    models.Spending.model_validate(told)
    assert told["credits"] == 12
    assert [(row["tool"], row["person"]["name"], row["jobs"]) for row in told["spent"]] == [
        ("test-noop", "Ada", 1)
    ]
    for wrong in ("since=2026-02-01&until=2026-01-01", "since=2020-01-01", "until=1999-12-31"):
        assert browser.get(f"{PAGE}/usage?{wrong}").status_code == 422, wrong


def test_prices(browser: TestClient) -> None:
    told = browser.get(f"{PAGE}/prices").json()
    models.Prices.model_validate(told)
    assert (
        "per 8 of exhaustiveness"
        in {price["tool"]: price["rule"] for price in told["tools"]}["autodock-vina"]
    )


def test_grants_and_allowances(lab: Laboratory, admin: TestClient) -> None:
    bob = lab.found("bob")
    given = admin.post(f"{PAGE}/grants", json={"team": bob.team, "credits": 7, "note": "hello"})
    assert (given.status_code, given.json()) == (201, {"balance": 7, "held": 0, "available": 7})
    answer = admin.put(f"{PAGE}/allowance", json={"team": bob.team, "monthly_credits": 30}).json()
    models.TeamCredits.model_validate(answer)
    assert (answer["balance"], answer["monthly_credits"]) == (37, 30)
    teams = admin.get(f"{PAGE}/teams").json()
    models.TeamsCredits.model_validate(teams)
    assert answer in teams["teams"]
    ended = admin.put(f"{PAGE}/allowance", json={"team": bob.team, "monthly_credits": None}).json()
    assert (ended["balance"], ended["monthly_credits"]) == (37, None)
    for body in ({"monthly_credits": 0}, {"monthly_credits": 10**10}, {}):
        assert admin.put(f"{PAGE}/allowance", json={"team": bob.team} | body).status_code == 422, body
    assert admin.put(f"{PAGE}/allowance", json={"team": "x", "monthly_credits": 1}).status_code == 404


def test_others_grant_nothing(lab: Laboratory, browser: TestClient, ada: Person) -> None:
    script = lab.script(ada)
    for caller in (browser, script):
        assert caller.post(f"{PAGE}/grants", json={"team": ada.team, "credits": 7}).status_code == 403
        assert (
            caller.put(f"{PAGE}/allowance", json={"team": ada.team, "monthly_credits": 7}).status_code == 403
        )
        assert caller.get(f"{PAGE}/teams").status_code == 403
    files_only = lab.script(ada, "files:read")
    for path in ("", "/entries", "/usage", "/prices"):
        assert files_only.get(PAGE + path).status_code == 403
        assert lab.browser().get(PAGE + path).status_code == 401
    assert browser.get(PAGE).json()["balance"] == 1000
