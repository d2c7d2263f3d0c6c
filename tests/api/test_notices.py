"""Notices over the API and the socket, with real jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.testclient import TestClient, WebSocketTestSession

from api import models
from data.notices import NewNotice
from data.records import Person
from tests.laboratory import BODY, ORIGIN, Laboratory


def tell(lab: Laboratory, person: Person, text: str = "Bob shared “Dock” with you.") -> None:
    lab.workbench.notices.tell(NewNotice(person=person.id, kind="shared", text=text))


def test_notices_are_listed_and_read(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    assert browser.get("/api/v1/notices").json() == {"unread": 0, "notices": []}
    tell(lab, ada, "one")
    tell(lab, ada, "two")
    answer = browser.get("/api/v1/notices").json()
    models.Notices.model_validate(answer)
    assert answer["unread"] == 2
    assert [(each["text"], each["read"]) for each in answer["notices"]] == [("two", None), ("one", None)]
    first = answer["notices"][0]["id"]
    assert browser.post("/api/v1/notices/read", json={"ids": [first, "nonsense"]}).json() == {"unread": 1}
    assert browser.post("/api/v1/notices/read", json={}).json() == {"unread": 0}
    assert all(each["read"] for each in browser.get("/api/v1/notices?limit=1").json()["notices"])


def test_preferences_are_kept(lab: Laboratory, browser: TestClient) -> None:
    usual = browser.get("/api/v1/me/notifications").json()
    models.Notifications.model_validate(usual)
    assert usual == {
        "bell": "always",
        "mail": "never",
        "webhook": "never",
        "webhook_url": "",
        "sends_mail": False,
        "webhook_hosts": [],
    }
    answer = browser.put("/api/v1/me/notifications", json={"bell": "failures"})
    assert (answer.status_code, answer.json()) == (200, usual | {"bell": "failures"})
    assert browser.get("/api/v1/me/notifications").json()["bell"] == "failures"


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"bell": "sometimes"}, 422, "bell"),
        ({"pigeon": "always"}, 422, "pigeon"),
        ({"mail": "always"}, 403, "mail"),
        ({"webhook": "always"}, 422, "webhook_url"),
        ({"webhook": "always", "webhook_url": "https://evil.example"}, 422, "webhook_url"),
        ({"webhook_url": "https://evil.example"}, 422, "webhook_url"),
    ],
)
def test_a_choice_that_is_not_possible_changes_nothing(
    browser: TestClient, body: dict[str, str], status: int, field: str
) -> None:
    before = browser.get("/api/v1/me/notifications").json()
    answer = browser.put("/api/v1/me/notifications", json=body)
    assert (answer.status_code, answer.json()["error"]["field"]) == (status, field)
    assert browser.get("/api/v1/me/notifications").json() == before


def test_others_notices_are_nobodys_business(lab: Laboratory, ada: Person) -> None:
    tell(lab, ada)
    bob = lab.browser(lab.join("bob"))
    assert bob.get("/api/v1/notices").json() == {"unread": 0, "notices": []}
    bob.post("/api/v1/notices/read", json={})
    assert lab.browser(ada).get("/api/v1/notices").json()["unread"] == 1
    for path in ("/api/v1/notices", "/api/v1/me/notifications"):
        assert lab.browser().get(path).status_code == 401
    assert lab.browser().post("/api/v1/notices/read", json={}).status_code == 401


def test_a_token_reads_but_changes_nothing(lab: Laboratory, ada: Person) -> None:
    tell(lab, ada)
    script = lab.script(ada)
    assert script.get("/api/v1/notices").json()["unread"] == 0  # of its team's jobs only
    assert script.post("/api/v1/notices/read", json={}).status_code == 403
    assert script.put("/api/v1/me/notifications", json={"bell": "never"}).status_code == 403
    assert lab.script(ada, "files:read").get("/api/v1/notices").status_code == 403


# Live ---------------------------------------------------------------------------------------------------------


@contextmanager
def bell(client: TestClient) -> Iterator[WebSocketTestSession]:
    with client, client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as opened:
        opened.send_json({"subscribe": {"jobs": [], "list": False, "notices": True}})
        yield opened


def test_the_bell_hears_of_new_and_of_read_notices(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    tell(lab, ada)
    with bell(client) as page:
        assert page.receive_json() == {"notices": 1}
        tell(lab, ada)
        assert page.receive_json() == {"notices": 2}
        client.post("/api/v1/notices/read", json={})  # in another tab
        assert page.receive_json() == {"notices": 0}


def test_the_bell_hears_nothing_of_others(lab: Laboratory, ada: Person) -> None:
    bob = lab.join("bob")
    with bell(lab.browser(ada)) as page:
        assert page.receive_json() == {"notices": 0}
        tell(lab, bob)
        tell(lab, ada)
        assert page.receive_json() == {"notices": 1}


def test_a_socket_without_the_bell_and_one_of_nobody_hear_no_notices(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    job = client.post("/api/v1/jobs", json=BODY | {"visibility": "public"}).json()["id"]
    for listener, wanted in ((client, False), (lab.browser(), True)):
        with listener, listener.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as page:
            page.send_json({"subscribe": {"jobs": [job, "x"], "notices": wanted}})
            heard = page.receive_json()
            while heard["job"] != "x":  # the job itself, which is young
                heard = page.receive_json()
            tell(lab, ada)
            page.send_json({"subscribe": {"jobs": [job, "y"], "notices": wanted}})
            assert page.receive_json()["job"] == "y"


def test_the_bell_ends_with_the_subscription_and_with_the_session(lab: Laboratory, ada: Person) -> None:
    with bell(lab.browser(ada)) as page:
        assert page.receive_json() == {"notices": 0}
        page.send_json({"subscribe": {"jobs": ["x"]}})
        assert page.receive_json() == {"job": "x", "gone": True}
        tell(lab, ada)
        page.send_json({"subscribe": {"jobs": ["y"]}})
        assert page.receive_json() == {"job": "y", "gone": True}
        lab.accounts.sign_out_everywhere(ada)
        assert page.receive_json() == {"signed_out": True}
