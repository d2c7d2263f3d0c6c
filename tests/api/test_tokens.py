from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from compute.access import Scope
from compute.people.accounts import Accounts
from data.records import Person, Role, new_id
from tests.api.test_jobs import refused
from tests.laboratory import BODY, Laboratory

#: What a token with this one scope may do: (method, path, body or content) -> who may.
CALLS: list[tuple[str, str, object, Scope | None]] = [
    ("GET", "/api/v1/me", None, None),
    ("GET", "/api/v1/tools", None, None),
    ("GET", "/api/v1/tools/convert-sequences", None, None),
    ("GET", "/api/v1/jobs", None, Scope.JOBS_READ),
    ("GET", "/api/v1/jobs/JOB", None, Scope.JOBS_READ),
    ("GET", "/api/v1/jobs/JOB/log", None, Scope.JOBS_READ),
    ("GET", "/api/v1/jobs/JOB/submission", None, Scope.JOBS_READ),
    ("GET", "/api/v1/jobs/JOB/files", None, Scope.FILES_READ),
    ("GET", "/api/v1/files", None, Scope.FILES_READ),
    ("GET", "/api/v1/credits", None, Scope.JOBS_READ),
    ("GET", "/api/v1/credits/entries", None, Scope.JOBS_READ),
    ("POST", "/api/v1/quote", BODY, Scope.JOBS_WRITE),
    ("POST", "/api/v1/jobs", BODY, Scope.JOBS_WRITE),
    ("PATCH", "/api/v1/jobs/JOB", {"name": "b"}, Scope.JOBS_WRITE),
    ("PUT", "/api/v1/files?name=a.fasta", b">a\nA", Scope.FILES_WRITE),
    ("POST", "/api/v1/credits/grants", {"team": "TEAM", "credits": 5}, Scope.ADMIN),
    ("POST", "/api/v1/sign-in-links", None, Scope.ADMIN),
]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_does_what_its_scope_names(lab: Laboratory, scope: Scope) -> None:
    admin = lab.admin
    job = lab.script(admin).post("/api/v1/jobs", json=BODY).json()["id"]
    script = lab.script(admin, scope)
    for method, path, content, needed in CALLS:
        address = path.replace("JOB", job)
        body = {"content": content} if isinstance(content, bytes) else {"json": _filled(content, admin)}
        answer = script.request(method, address, **body)  # type: ignore[arg-type]
        if needed in (None, scope):
            assert answer.status_code in (200, 201), (scope, method, path, answer.text)
        else:
            # A job that a token may not read does not exist for it.
            assert refused(answer)[0] in (403, 404), (scope, method, path)


def _filled(content: object, admin: Person) -> object:
    if isinstance(content, dict) and content.get("team") == "TEAM":
        return content | {"team": admin.team}
    return content


def test_token_is_shown_once_and_listed_without_its_secret(lab: Laboratory, browser: TestClient) -> None:
    made = browser.post("/api/v1/tokens", json={"name": "script", "scopes": ["jobs:read"]}).json()
    listed = browser.get("/api/v1/tokens")
    assert listed.json()["tokens"] == [{key: made[key] for key in made if key != "token"}]
    assert made["token"] not in listed.text
    kept = lab.store.read("live_tokens")[0]
    assert made["token"] not in str(kept)
    assert lab.bearer(made["token"]).get("/api/v1/me").json()["scopes"] == ["jobs:read"]


def test_revoked_token_ends_at_once_and_for_good(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    made = browser.post("/api/v1/tokens", json={"name": "script"}).json()
    script = lab.bearer(made["token"])
    assert script.get("/api/v1/jobs").status_code == 200
    other = lab.browser(lab.join("bob"))
    assert refused(other.delete(f"/api/v1/tokens/{made['id']}"))[:2] == (404, "not_found")
    assert browser.delete(f"/api/v1/tokens/{made['id']}").status_code == 204
    assert script.get("/api/v1/jobs").status_code == 401
    assert Accounts(lab.store, lab.settings, lab.outbox).token_person(made["token"]) is None
    assert browser.get("/api/v1/tokens").json() == {"tokens": []}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["root"]}, "scopes"),
        ({"scopes": ["jobs:read"]}, "name"),
    ],
)
def test_bad_token_names_the_field(browser: TestClient, body: dict[str, object], field: str) -> None:
    status, kind, named = refused(browser.post("/api/v1/tokens", json=body))
    assert (status, kind) == (422, "input")
    assert named is not None
    assert named.startswith(field)


def test_nobody_makes_a_token_that_may_more_than_themselves(lab: Laboratory, ada: Person) -> None:
    assert refused(lab.browser(ada).post("/api/v1/tokens", json={"name": "x", "scopes": ["admin"]}))[0] == 403
    keeper = lab.script(lab.admin, Scope.ADMIN, Scope.JOBS_READ)
    assert refused(keeper.post("/api/v1/tokens", json={"name": "x", "scopes": ["jobs:write"]}))[0] == 403
    assert keeper.post("/api/v1/tokens", json={"name": "x", "scopes": ["jobs:read"]}).status_code == 201


def test_a_token_without_admin_manages_no_tokens(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    kept = browser.post("/api/v1/tokens", json={"name": "kept"}).json()
    leaked = lab.script(ada, Scope.JOBS_READ)
    assert refused(leaked.get("/api/v1/tokens"))[:2] == (403, "forbidden")
    assert refused(leaked.post("/api/v1/tokens", json={"name": "x", "scopes": ["jobs:read"]}))[0] == 403
    assert refused(leaked.delete(f"/api/v1/tokens/{kept['id']}"))[0] == 403
    assert lab.bearer(kept["token"]).get("/api/v1/jobs").status_code == 200


def test_a_cookie_is_no_token_and_a_token_no_cookie(lab: Laboratory, ada: Person) -> None:
    cookie = lab.sign_in(ada).cookie
    _, secret = lab.accounts.create_token(ada, "t", ["jobs:read"])
    assert lab.bearer(cookie).get("/api/v1/jobs").status_code == 401
    client = lab.browser()
    client.cookies.set("wellplate_session", secret)
    assert client.get("/api/v1/jobs").status_code == 401


def test_token_from_outside_acts_for_the_admin(tmp_path) -> None:  # type: ignore[no-untyped-def]
    lab = Laboratory(tmp_path, WELLPLATE_TOKEN="from-the-environment-0123456789")
    try:
        me = lab.bearer("from-the-environment-0123456789").get("/api/v1/me").json()
        assert (me["site_admin"], me["id"]) == (True, lab.admin.id)
    finally:
        lab.close()


def test_a_token_stays_in_its_team_and_a_person_moves_between_theirs(lab: Laboratory, ada: Person) -> None:
    other = lab.found("eve").team
    body = BODY | {"team": other}
    assert refused(lab.browser(ada).post("/api/v1/jobs", json=body)) == (404, "not_found", "team")
    assert lab.browser(ada).post("/api/v1/jobs", json=BODY | {"team": ada.team}).status_code == 201


# Credits -------------------------------------------------------------------------------------------------------


def test_admin_grants_and_the_team_sees_it(lab: Laboratory, browser: TestClient) -> None:
    before = browser.get("/api/v1/credits").json()
    assert (before["balance"], before["held"], before["available"]) == (1000, 0, 1000)
    admin = lab.bearer(lab.accounts.server_token())
    body = {"team": lab.admin.team, "credits": 50, "note": "for the course"}
    assert admin.post("/api/v1/credits/grants", json=body).json()["balance"] == 1050
    newest = browser.get("/api/v1/credits/entries?limit=1").json()["entries"]
    assert [(entry["kind"], entry["balance"], entry["note"]) for entry in newest] == [
        ("grant", 50, "for the course")
    ]
    assert refused(browser.post("/api/v1/credits/grants", json=body))[:2] == (403, "forbidden")
    assert refused(admin.post("/api/v1/credits/grants", json=body | {"team": new_id()}))[0] == 404
    assert refused(admin.post("/api/v1/credits/grants", json=body | {"credits": 0}))[2] == "credits"
    assert refused(admin.post("/api/v1/credits/grants", json=body | {"credits": 1.5}))[2] == "credits"
    assert refused(admin.post("/api/v1/credits/grants", json=body | {"credits": -5000}))[:2] == (
        409,
        "wrong_state",
    )


def test_a_token_knows_of_no_other_team_of_its_person(lab: Laboratory, ada: Person) -> None:
    fay = lab.sign_in(lab.found("fay")).person
    lab.workbench.teams.verify(lab.admin, ada.id)
    lab.workbench.invitations.to_team(fay, ada.email, Role.MEMBER)
    script = lab.script(ada, "jobs:read")
    listed = script.get("/api/v1/teams")
    assert listed.status_code == 200
    assert [team["id"] for team in listed.json()["teams"]] == [ada.team]
    assert [team["id"] for team in script.get("/api/v1/me").json()["teams"]] == [ada.team]
    assert len(lab.browser(ada).get("/api/v1/me").json()["teams"]) == 2


@pytest.mark.parametrize("name", ["\ud800", "a\x00b", "\u202egnp.exe", "x" * 101, " "])
def test_a_tokens_name_is_one_that_can_be_shown(browser: TestClient, name: str) -> None:
    body = json.dumps({"name": name})  # in which half of a pair of surrogates can be written
    answer = browser.post("/api/v1/tokens", content=body, headers={"Content-Type": "application/json"})
    assert refused(answer) == (422, "input", "name")


@pytest.mark.parametrize("scope", list(Scope))
def test_who_is_in_a_team_and_what_it_has_asks_for_a_scope_that_reads(lab: Laboratory, scope: Scope) -> None:
    script = lab.script(lab.admin, scope)
    mine = f"/api/v1/teams/{lab.admin.team}"
    codes = {script.get(path).status_code for path in ("/api/v1/teams", mine, f"{mine}/members")}
    assert codes == ({200} if scope in (Scope.JOBS_READ, Scope.ADMIN) else {403})
