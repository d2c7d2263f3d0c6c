"""Live events, with the store's own commits as their source. The hub's clock is the real one; nothing sleeps."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from api import hub
from api.hub import Hub, Listener
from data.records import Change, Person, Status, Visibility, new_id, utcnow
from tests.compute.submitting import verify
from tests.laboratory import BODY, ORIGIN, Laboratory


@contextmanager
def socket(client: TestClient, *jobs: str, whole_list: bool = False) -> Iterator[WebSocketTestSession]:
    """A page's socket that is subscribed already: it has heard that a job that nobody knows is gone."""
    nobody = new_id()
    with client, client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as opened:
        opened.send_json({"subscribe": {"jobs": [*jobs, nobody], "list": whole_list}})
        assert opened.receive_json() == {"job": nobody, "gone": True}
        yield opened


def submit(client: TestClient, **changes: Any) -> str:
    return str(client.post("/api/v1/jobs", json=BODY | changes).json()["id"])


@pytest.fixture(autouse=True)
def nothing_recent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that are about catching up turn it on."""
    monkeypatch.setattr(hub, "RECENT_S", 0.0)


def test_page_hears_of_its_job_to_the_end(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    job_id = submit(client)
    with socket(client, job_id) as page:
        lab.start(job_id)
        first = page.receive_json()
        assert set(first) == {"seq", "job", "status", "progress", "step", "attempt"}
        assert (first["job"], first["status"], first["attempt"]) == (job_id, "processing", 1)
        lab.report(job_id, 40)
        second = page.receive_json()
        assert (second["progress"], second["step"]) == (40, "Convert")
        lab.complete(job_id, {})
        last = page.receive_json()
        assert (last["status"], last["progress"]) == ("completed", 100)
        assert first["seq"] < second["seq"] < last["seq"]
        client.delete(f"/api/v1/jobs/{job_id}")
        assert page.receive_json() == {"seq": last["seq"] + 1, "job": job_id, "gone": True}


def test_list_hears_of_new_jobs_of_the_team_and_of_no_other(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    with socket(client, whole_list=True) as page:
        submit(lab.script(lab.found("eve")))
        mine = submit(client)
        event = page.receive_json()
        assert (event["job"], event["status"]) == (mine, "pending")


def test_colleague_hears_the_row_of_a_private_job_only(lab: Laboratory, ada: Person) -> None:
    job_id = submit(lab.browser(ada), visibility="private")
    with socket(lab.browser(lab.join("bob")), job_id) as page:
        lab.start(job_id)
        assert set(page.receive_json()) == {"seq", "job", "status"}


def test_stranger_hears_nothing_of_a_private_job(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    private, public = submit(client, visibility="private"), submit(client, visibility="public")
    with (
        lab.browser() as nobody,
        nobody.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as page,
    ):
        page.send_json({"subscribe": {"jobs": [private, public], "list": True}})
        assert page.receive_json() == {"job": private, "gone": True}  # as for one that never was
        lab.start(private)
        lab.start(public)
        assert page.receive_json()["job"] == public


def test_revoking_the_session_closes_the_socket_at_once(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    with socket(client) as page:
        lab.accounts.sign_out_everywhere(ada)
        assert page.receive_json() == {"signed_out": True}
        with pytest.raises(WebSocketDisconnect):
            page.receive_json()


def test_revoking_a_token_closes_its_socket(lab: Laboratory, ada: Person) -> None:
    token, secret = lab.accounts.create_token(ada, "t", ["jobs:read"])
    with socket(lab.bearer(secret)) as page:
        lab.accounts.revoke_token(ada, token.id)
        assert page.receive_json() == {"signed_out": True}


@pytest.mark.parametrize("what", ["a change", "a ping"])
def test_a_session_that_ran_out_hears_nothing_more(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    if what == "a ping":
        monkeypatch.setattr(hub, "PING_S", 0.05)
    client = lab.browser(ada)
    job_id = submit(client)
    with socket(client, job_id) as page:
        later = utcnow() + timedelta(days=lab.settings.sign_in.session_days + 1)
        monkeypatch.setattr("compute.people.directory.utcnow", lambda: later)
        if what == "a change":
            lab.start(job_id)
        while (heard := page.receive_json()) == hub.PING:
            pass
        assert heard == {"signed_out": True}
        with pytest.raises(WebSocketDisconnect):
            page.receive_json()


def test_one_revocation_leaves_other_sockets_open(lab: Laboratory, ada: Person) -> None:
    first, second = lab.browser(ada), lab.browser(ada)
    job_id = submit(second)
    with socket(second, job_id) as page:
        first.post("/auth/logout")
        lab.start(job_id)
        assert page.receive_json()["status"] == "processing"


@pytest.mark.parametrize(
    "message",
    [
        "nonsense",
        "[]",
        "{}",
        '{"subscribe": {"jobs": "all"}}',
        '{"subscribe": {"jobs": [], "all": true}}',
        json.dumps({"subscribe": {"jobs": ["x"] * 501}}),
        " " * 70_000,
    ],
)
def test_what_is_no_subscription_closes_the_socket(lab: Laboratory, ada: Person, message: str) -> None:
    with socket(lab.browser(ada)) as page:
        page.send_text(message)
        with pytest.raises(WebSocketDisconnect) as closed:
            page.receive_json()
        assert closed.value.code == 1003


def test_change_between_drawing_and_subscribing_is_told(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "RECENT_S", 60.0)
    client = lab.browser(ada)
    job_id = submit(client)
    with socket(client) as page:
        lab.start(job_id)
        page.send_json({"subscribe": {"jobs": [job_id], "list": False}})
        assert page.receive_json()["status"] == "processing"


def drawn_now(lab: Laboratory) -> int:
    """What a page that is drawn now says."""
    lab.store.between(lambda _: None).result()  # a caller is answered before the listeners are told
    return lab.workbench.last_change()


def test_what_changed_since_a_page_was_drawn_is_told_and_nothing_else(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    seen, missed = submit(client), submit(client)
    with socket(client) as page:
        lab.start(seen)
        drawn = drawn_now(lab)
        lab.start(missed)
        page.send_json({"subscribe": {"jobs": [seen, missed]}, "since": drawn})
        assert page.receive_json()["job"] == missed
        no_more_of(page, "x")


def test_who_may_have_missed_what_is_not_known_any_more_draws_again(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "MAX_RECENT", 2)
    client = lab.browser(ada)
    job_id = submit(client)
    first = drawn_now(lab)
    with socket(client) as page:
        # Has seen nothing yet; before the first listener came; not of this run of the server.
        for drawn in (-1, first - 1, first + 1):
            page.send_json({"subscribe": {"jobs": [job_id]}, "since": drawn})
            assert page.receive_json() == {"again": True}
        for _ in range(3):
            submit(client)
        drawn_now(lab)
        page.send_json({"subscribe": {"jobs": [job_id]}, "since": first})
        assert page.receive_json() == {"again": True}


def test_leaving_forgets_the_listener(lab: Laboratory, ada: Person) -> None:
    client = lab.browser(ada)
    job_id = submit(client)
    with client:
        with client.websocket_connect("/api/v1/live", headers={"origin": ORIGIN}) as page:
            page.send_json({"subscribe": {"jobs": [job_id, "x"], "list": True}})
            page.receive_json()
            station = hub._hub
            assert station is not None
            assert (set(station._by_job), set(station._by_team)) == ({job_id}, {ada.team})
        assert (station._by_job, station._by_team, station._by_credential) == ({}, {}, {})


def test_program_reads_server_sent_events(lab: Laboratory, ada: Person) -> None:
    """The stream itself, since the test client collects whole answers."""
    from api.live import _stream

    async def run() -> list[str]:
        person = lab.accounts.token_person(lab.accounts.create_token(ada, "t", ["jobs:read"])[1])
        assert person is not None
        stream = _stream(person, [], whole_list=True)
        heard = [await anext(stream)]
        job_id = await asyncio.to_thread(submit, lab.script(ada))
        heard.append(await anext(stream))
        assert json.loads(heard[1].removeprefix("data: "))["job"] == job_id
        token = next(t for t in lab.accounts.tokens(ada) if t.hash == person.credential)
        await asyncio.to_thread(lab.accounts.revoke_token, ada, token.id)
        heard.extend([event async for event in stream])
        return heard

    opened, event, ended = asyncio.run(run())
    assert opened == ": open\n\n"
    assert event.endswith("\n\n")
    assert ended == 'data: {"signed_out": true}\n\n'


# How much a listener gets --------------------------------------------------------------------------------------


def change(job: str, number: int, status: Status = Status.PROCESSING, **more: Any) -> Change:
    defaults: dict[str, Any] = {
        "seq": 1,
        "team": "team",
        "submitter": "person",
        "visibility": Visibility.PUBLIC,
        "progress": float(number),
        "step": None,
        "attempt": 1,
    }
    return Change(number=number, job=job, status=status, **defaults | more)


def test_many_changes_of_a_job_become_two_a_second_and_the_last_comes_at_once() -> None:
    async def run() -> tuple[list[dict[str, Any]], float]:
        listener = Listener(None)
        heard: list[dict[str, Any]] = []
        began = time.monotonic()
        for number in range(1, 101):
            listener.offer("a", {"seq": number}, urgent=False)
            if number in (1, 60):
                heard += await listener.events()
        listener.offer("a", {"seq": 101, "status": "completed"}, urgent=True)
        heard += await listener.events()
        return heard, time.monotonic() - began

    heard, took = asyncio.run(run())
    assert [event["seq"] for event in heard] == [1, 60, 101]
    assert hub.PAUSE_S <= took < 2 * hub.PAUSE_S


def test_one_busy_job_does_not_hold_back_another() -> None:
    async def run() -> list[dict[str, Any]]:
        listener = Listener(None)
        listener.offer("a", {"seq": 1}, urgent=False)
        await listener.events()
        listener.offer("a", {"seq": 2}, urgent=False)
        listener.offer("b", {"seq": 3}, urgent=False)
        return await listener.events()

    assert asyncio.run(run()) == [{"seq": 3}]


def test_a_client_that_falls_behind_is_cut_off_and_holds_nothing() -> None:
    async def run() -> Listener:
        listener = Listener(None)
        for number in range(10 * hub.MAX_WAITING):
            listener.offer(f"job {number}", {"seq": number}, urgent=False)
        assert await listener.events() == []
        return listener

    assert asyncio.run(run())._waiting == {}


def test_a_list_that_was_cut_off_costs_no_further_look(lab: Laboratory, ada: Person) -> None:
    """One commit can change very many jobs: handing over what a member leaves behind."""
    judged: list[str] = []
    visible = lab.workbench.visible

    def judge(person: Person | None, change: Change) -> bool:
        judged.append(change.job)
        return visible(person, change)

    def changed(number: int) -> Change:
        return Change(
            number=number,
            job=new_id(),
            seq=number,
            team=ada.team,
            submitter=ada.id,
            visibility=Visibility.TEAM,
            status=Status.COMPLETED,
            progress=None,
            step=None,
            attempt=1,
        )

    async def run() -> list[dict[str, Any]]:
        station = Hub(lab.workbench, asyncio.get_running_loop())
        lab.workbench.visible = judge  # type: ignore[method-assign]
        listener = station.add(ada)
        station.subscribe(listener, [], whole_list=True)
        station._deliver([changed(number) for number in range(2 * hub.MAX_WAITING)])
        station.close()
        return await listener.events()

    assert asyncio.run(run()) == []
    assert len(judged) == hub.MAX_WAITING + 1


def test_a_server_that_stops_lets_go_of_all(lab: Laboratory) -> None:
    async def run() -> list[dict[str, Any]]:
        listener = hub.current().add(None)
        hub.stop()
        return await listener.events()

    assert asyncio.run(run()) == []


def test_an_idle_socket_is_pinged_and_otherwise_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "PING_S", 0.05)
    assert asyncio.run(Listener(None).events()) == [hub.PING]


def test_sockets_that_show_something_else_cost_nothing(lab: Laboratory, ada: Person) -> None:
    """A commit reaches the event loop only where somebody shows its job or its team."""

    async def run() -> list[str]:
        station = Hub(lab.workbench, asyncio.get_running_loop())
        scheduled: list[str] = []
        station._soon = lambda call, argument: scheduled.append(argument[0].job)  # type: ignore[method-assign]
        for number in range(200):
            station.subscribe(station.add(None), [f"other {number}"], whole_list=False)
        station._heard([change("mine", 1)])
        station._heard([change("other 7", 2)])
        station.close()
        return scheduled

    assert asyncio.run(run()) == ["other 7"]


def test_job_that_became_private_is_gone_once(lab: Laboratory, ada: Person) -> None:
    async def run() -> list[dict[str, Any]]:
        station = Hub(lab.workbench, asyncio.get_running_loop())
        listener = station.add(None)
        station.subscribe(listener, ["a"], whole_list=False)
        station._deliver([change("a", 1), change("a", 2, visibility=Visibility.PRIVATE), change("a", 3)])
        station.close()
        return await listener.events()

    assert asyncio.run(run()) == [{"seq": 2, "job": "a", "gone": True}]


def no_more_of(page: WebSocketTestSession, job_id: str) -> None:
    """The next that is heard is the answer to a question, and it is that the job is gone."""
    page.send_json({"subscribe": {"jobs": [job_id]}})
    assert page.receive_json() == {"job": job_id, "gone": True}


def test_page_of_a_public_job_ends_when_it_is_public_no_more(lab: Laboratory, ada: Person) -> None:
    owner = lab.browser(ada)
    job_id = submit(owner, visibility="public")
    with socket(lab.browser(), job_id) as page:
        lab.start(job_id)
        assert page.receive_json()["status"] == "processing"
        owner.put(f"/api/v1/jobs/{job_id}/sharing", json={"visibility": "users"})
        gone = page.receive_json()
        assert (gone["job"], gone["gone"]) == (job_id, True)
        lab.complete(job_id, {})
        no_more_of(page, job_id)


def test_page_of_an_invited_person_ends_when_the_invitation_is_withdrawn(
    lab: Laboratory, ada: Person
) -> None:
    """The job stays open to invited people; this one is none any more."""
    owner, zoe = lab.browser(ada), lab.found("zoe")
    verify(lab, zoe)
    job_id = submit(owner)
    path = f"/api/v1/jobs/{job_id}/sharing"
    owner.put(path, json={"visibility": "invited", "invited": [zoe.email, "a@x.example"]})
    with socket(lab.browser(zoe), job_id) as page:
        owner.put(path, json={"invited": [zoe.email]})
        assert page.receive_json()["status"] == "pending"
        lab.start(job_id)
        assert page.receive_json()["status"] == "processing"
        owner.put(path, json={"invited": []})
        gone = page.receive_json()
        assert (gone["job"], gone["gone"]) == (job_id, True)
        lab.complete(job_id, {})
        no_more_of(page, job_id)
