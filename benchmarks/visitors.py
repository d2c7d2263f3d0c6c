"""Other people's open pages: for each a real Streamlit session that ran the page, and the page's live socket.

What a browser does beside that (drawing, fetching static files once) costs the server nothing while the page is open.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from benchmarks.processes import NotReady
from benchmarks.site import COOKIE, Site

#: Pages that open at the same time.
TOGETHER = 4
PAGE_S = 60.0

T = TypeVar("T")


class Visitors:
    """Pages that stay open, in an event loop of their own."""

    def __init__(self, site: Site, cookie: str) -> None:
        self._site, self._cookie = site, cookie
        self._sockets: list[ClientConnection] = []
        self._readers: set[asyncio.Task[None]] = set()
        #: Messages that came to pages that were already drawn: none, as long as nothing happens to their jobs.
        self.heard = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        return len(self._sockets) // 2

    def become(self, count: int, jobs: Sequence[str]) -> None:
        """Open pages until there are so many, each showing one of these jobs."""
        missing = [jobs[number % len(jobs)] for number in range(self.count, count)]
        self._run(self._open_all(missing))

    def close(self) -> None:
        self._run(self._close_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open_all(self, jobs: Sequence[str]) -> None:
        turn = asyncio.Semaphore(TOGETHER)

        async def one(job: str) -> None:
            async with turn, asyncio.timeout(PAGE_S):
                await self._open(job)

        await asyncio.gather(*(one(job) for job in jobs))

    async def _open(self, job: str) -> None:
        page = await self._connect("/app/_stcore/stream", [Subprotocol("streamlit")])
        ask = BackMsg()
        ask.rerun_script.query_string = f"jobId={job}"
        ask.rerun_script.page_name = "jobs"
        await page.send(ask.SerializeToString())
        await _drawn(page, job)
        live = await self._connect("/api/v1/live")
        await live.send(json.dumps({"subscribe": {"jobs": [job], "list": False}}))
        for socket in (page, live):
            self._sockets.append(socket)
            reader = asyncio.create_task(self._read(socket))
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)

    async def _connect(self, path: str, subprotocols: list[Subprotocol] | None = None) -> ClientConnection:
        """As a browser: our origin and cookie, no pings of its own."""
        return await connect(
            f"ws://127.0.0.1:{self._site.port}{path}",
            origin=self._site.url,  # type: ignore[arg-type]
            additional_headers={"Cookie": f"{COOKIE}={self._cookie}"},
            subprotocols=subprotocols,
            ping_interval=None,
            max_size=None,
        )

    async def _read(self, socket: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            async for message in socket:
                self.heard += "ping" not in message if isinstance(message, str) else 1

    async def _close_all(self) -> None:
        await asyncio.gather(*(socket.close() for socket in self._sockets))


async def _drawn(page: ClientConnection, job: str) -> None:
    """Until the script has run through, and has drawn this job."""
    shown = False
    while True:
        content = await page.recv(decode=False)
        message = ForwardMsg.FromString(content)
        shown = shown or job.encode() in content
        if message.WhichOneof("type") == "script_finished":
            break
    if not shown:
        raise NotReady(f"the page of job {job} was drawn without it: is the session signed in?")
