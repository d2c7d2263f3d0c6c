"""Live events: a WebSocket for pages, server-sent events for programs.

The client says what it shows, each time in full: `{"subscribe": {"jobs": [id, ...], "list": true, "batches": [id, ...],
"batch_list": true, "notices": true, "files": true}, "since": 4711}`, with the number of the last change that what it
shows has in it, if it knows. It hears
- `{seq, job, status, progress, step, attempt}`, and `{seq, job, gone}` for a job that was deleted or that it may no
  longer see; the list has no children of batches
- `{"batch": id}` when something of a batch changed, and `{"batch": id, "gone": true}`
- `{"batch_list": true}` when one of the team's batches came, changed or went
- `{"notices": 3}` with the number of unread notices, at first and when they change
- `{"files": true}` when a file of the team's library came, changed or went
- `{"again": true}` when too much has changed since then: everything is to be read anew
- `{"signed_out": true}` before the end of a revoked session, and a ping now and then.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any

from anyio import create_task_group, fail_after, to_thread
from fastapi import APIRouter, Query, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocketDisconnect

from api import hub
from api.callers import Reader, identify
from api.hub import NOTICES, PING, SIGNED_OUT, Hub, Listener
from compute import access, workbench
from compute.access import Scope
from data.errors import Forbidden, NotFound, NotSignedIn
from data.records import Person, valid_id

router = APIRouter(tags=["live"])

MAX_JOBS = 500
MAX_MESSAGE = 64 * 1024
#: A client that takes nothing for this long is cut off.
SEND_S = 10.0

POLICY_VIOLATION, TRY_AGAIN_LATER, UNSUPPORTED = 1008, 1013, 1003


class _Subscription(BaseModel):
    model_config = ConfigDict(extra="forbid")

    jobs: list[str] = Field(default_factory=list, max_length=MAX_JOBS)
    whole_list: bool = Field(False, alias="list")
    batches: list[str] = Field(default_factory=list, max_length=MAX_JOBS)
    batch_list: bool = False
    notices: bool = False
    files: bool = False


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    subscribe: _Subscription
    since: int | None = None


@router.websocket("/live")
async def live(socket: WebSocket) -> None:
    try:
        person = _listener(identify(socket))
    except (NotSignedIn, Forbidden):
        await socket.close(POLICY_VIOLATION)
        return
    await socket.accept()
    station = hub.current()
    listener = station.add(person)
    code: int | None = None

    async def until_over(part: Callable[[WebSocket, Hub, Listener], Awaitable[int | None]]) -> None:
        nonlocal code
        code = await part(socket, station, listener)
        tasks.cancel_scope.cancel()

    try:
        async with create_task_group() as tasks:
            tasks.start_soon(until_over, _read)
            tasks.start_soon(until_over, _write)
    finally:
        station.remove(listener)
    if code is not None:
        await socket.close(code)


@router.get("/events", response_class=StreamingResponse, summary="Changes of jobs as server-sent events")
async def events(
    person: Reader,
    job: Annotated[list[str] | None, Query(max_length=MAX_JOBS, description="Only these jobs.")] = None,
) -> Response:
    """Without `job`, every change in your team's list. After a gap, read the jobs again: nothing is repeated."""
    wanted = await _may_hear(person, job or [])
    return StreamingResponse(
        _stream(person, wanted, whole_list=not job),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _stream(person: Person, jobs: list[str], *, whole_list: bool) -> AsyncIterator[str]:
    station = hub.current()
    listener = station.add(person)
    try:
        station.subscribe(listener, jobs, whole_list=whole_list)
        yield ": open\n\n"
        while due := await listener.events():
            for event in due:
                yield ": ping\n\n" if event is PING else f"data: {json.dumps(event)}\n\n"
            if due == [SIGNED_OUT]:
                return
            station.check(listener)
    finally:
        station.remove(listener)


async def _read(socket: WebSocket, station: Hub, listener: Listener) -> int | None:
    """Take subscriptions until the client goes; the close code for what is no subscription."""
    while True:
        received = await socket.receive()
        if received["type"] == "websocket.disconnect":
            return None
        text = received.get("text") or ""
        if len(text) > MAX_MESSAGE:
            return UNSUPPORTED
        try:
            message = _Message.model_validate_json(text)
        except ValidationError:
            return UNSUPPORTED
        wanted = message.subscribe
        new = [job for job in wanted.jobs if job not in listener.jobs]
        allowed = set(await _may_hear(listener.person, new))
        known = listener.jobs
        more = [batch for batch in wanted.batches if batch not in listener.batches]
        shown = set(await to_thread.run_sync(_batches, listener.person, more))
        batches = [batch for batch in wanted.batches if batch in listener.batches or batch in shown]
        station.subscribe(
            listener,
            [job for job in wanted.jobs if job in known or job in allowed],
            whole_list=wanted.whole_list,
            batches=batches,
            batch_list=wanted.batch_list,
            notices=wanted.notices,
            files=wanted.files and access.holds(listener.person, Scope.FILES_READ),
            since=message.since,
        )
        for job in new:
            if job not in allowed:
                listener.offer(job, {"job": job, "gone": True}, urgent=True)
        for batch in more:
            if batch not in shown:
                listener.offer(batch, {"batch": batch, "gone": True}, urgent=True)


async def _write(socket: WebSocket, station: Hub, listener: Listener) -> int | None:
    """Send what is due; the close code once it is over."""
    while due := await listener.events():
        for event in due:
            if event is NOTICES:
                event = await _unread(station, listener)
            if not await _sent(socket, event):
                return None
        if due == [SIGNED_OUT]:
            return POLICY_VIOLATION
        station.check(listener)
    return TRY_AGAIN_LATER


async def _unread(station: Hub, listener: Listener) -> dict[str, Any]:
    person = listener.person
    assert person is not None  # nobody else listens to notices
    return {"notices": await to_thread.run_sync(station.bench.notices.unread, person)}


async def _sent(socket: WebSocket, event: dict[str, Any]) -> bool:
    """Whether the client took it in time."""
    try:
        with fail_after(SEND_S):
            await socket.send_text(json.dumps(event))
    except (TimeoutError, WebSocketDisconnect):
        return False
    return True


def _listener(person: Person | None) -> Person | None:
    if person is not None and not access.holds(person, Scope.JOBS_READ):
        raise Forbidden(f"This token lacks the scope {Scope.JOBS_READ}.")
    return person


async def _may_hear(person: Person | None, jobs: list[str]) -> list[str]:
    """Those of these jobs that this person may know of."""
    return await to_thread.run_sync(lambda: [job for job in jobs if _exists(person, job)])


def _batches(person: Person | None, batches: list[str]) -> list[str]:
    """Those of these batches that this person may know of."""
    return [batch for batch in batches if _batch_exists(person, batch)]


def _batch_exists(person: Person | None, batch: str) -> bool:
    if valid_id(batch) != batch:
        return False
    try:
        workbench.current().batches.batch(person, batch)
    except (NotFound, NotSignedIn, Forbidden):
        return False
    return True


def _exists(person: Person | None, job: str) -> bool:
    if valid_id(job) != job:
        return False
    try:
        workbench.current().job(person, job)
    except (NotFound, NotSignedIn, Forbidden):
        return False
    return True
