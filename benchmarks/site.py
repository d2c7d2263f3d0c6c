"""A real server in a fresh home, and programs that talk to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import secrets
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from benchmarks.processes import NotReady, free_port, process, until

SETTINGS = """
[jobs]
first_grant = 1000000000
[tools]
developer = true
"""
CPUS = 2
#: The server closes connections that were idle for 5 s.
IDLE_S = 3.0
COOKIE = "wellplate_session"
TERMINAL = frozenset({"completed", "failed", "cancelled", "timeout"})


@dataclass(frozen=True, slots=True)
class Site:
    port: int
    home: Path
    token: str
    #: Of the app's process.
    pid: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, headers: Mapping[str, str] | None = None) -> Client:
        """Of the admin's token, unless other headers say who it is."""
        return Client(self.port, headers or {"Authorization": f"Bearer {self.token}"})

    def sign_in(self) -> str:
        """The session cookie's value: the one-time link of the first start, used as a browser would."""
        link = re.search(r"http://\S+/auth/link\?\S+", self.log.read_text(errors="replace"))
        if link is None:
            raise NotReady(f"no sign-in link in {self.log}")
        form = urlencode({"token": parse_qs(urlsplit(link[0]).query)["token"][0]})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Origin": self.url, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/auth/link", form, headers)
        answer = connection.getresponse()
        answer.read()
        cookie = re.search(rf"{COOKIE}=([^;]+)", answer.headers.get("Set-Cookie", ""))
        connection.close()
        if cookie is None:
            raise NotReady(f"signing in was answered with {answer.status}")
        return cookie[1]


class Client:
    """One connection that is kept open; for one thread."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {**headers, "Content-Type": "application/json"}
        self._used = time.monotonic()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises NotReady when it is refused."""
        if time.monotonic() - self._used > IDLE_S:
            self._connection.close()
        payload = None if body is None else json.dumps(body)
        self._connection.request(method, path, payload, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used = time.monotonic()
        if answer.status >= 400:
            raise NotReady(f"{method} {path}: {answer.status} {content[:500].decode(errors='replace')}")
        return json.loads(content) if content else None

    def submit(self, tool: str, settings: dict[str, Any], inputs: dict[str, Any] | None = None) -> Any:
        return self.call("POST", "/api/v1/jobs", {"tool": tool, "inputs": inputs or {}, "settings": settings})

    def job(self, job_id: str) -> Any:
        return self.call("GET", f"/api/v1/jobs/{job_id}")

    def newest(self, count: int) -> list[Any]:
        """The newest jobs, a page at a time."""
        found: list[Any] = []
        cursor = ""
        while len(found) < count:
            page = self.call("GET", f"/api/v1/jobs?limit={min(200, count - len(found))}{cursor}")
            found += page["jobs"]
            if not page["next_cursor"]:
                break
            cursor = f"&cursor={page['next_cursor']}"
        return found

    def close(self) -> None:
        self._connection.close()


class Ended:
    """Hears server-sent events in a thread, and knows which jobs have ended."""

    def __init__(self, site: Site) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
        self._connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {site.token}"})
        self._stream = self._connection.getresponse()
        self._change = threading.Condition()
        #: Job -> when the event came, on this process's clock.
        self._ended: dict[str, datetime] = {}
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._stream.readline()  # ": open": from here on nothing is missed
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException, AttributeError):
            for line in self._stream:
                if line.startswith(b"data:"):
                    self._hear(json.loads(line[5:]))

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("status") in TERMINAL:
            with self._change:
                self._ended[event["job"]] = datetime.now(UTC)
                self._change.notify_all()

    def wait(self, jobs: list[str], seconds: float = 300.0) -> datetime:
        """When the last of these jobs was heard to have ended. Raises NotReady."""
        end = time.monotonic() + seconds
        with self._change:
            for job in jobs:
                if not self._change.wait_for(lambda: job in self._ended, end - time.monotonic()):  # noqa: B023
                    raise NotReady(f"job {job} of {len(jobs)} has not ended after {seconds:.0f} s")
            return max(self._ended[job] for job in jobs)

    def close(self) -> None:
        # The response holds the socket too, so that closing it would tell the server nothing.
        if self._connection.sock is not None:
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()


@contextmanager
def running_site(more_settings: str = "", *, cpus: int = CPUS) -> Iterator[Site]:
    """`python app.py` with the developer's tools, two slots, and credits without end."""
    with tempfile.TemporaryDirectory(prefix="wellplate-bench-") as folder:
        home, port, token = Path(folder) / "home", free_port(), secrets.token_urlsafe(32)
        home.mkdir(mode=0o700)
        (home / "settings.toml").write_text(SETTINGS + more_settings)
        log = Path(folder) / "app.log"
        environment = {
            "WELLPLATE_HOME": str(home),
            "WELLPLATE_PORT": str(port),
            "WELLPLATE_CPUS": str(cpus),
            "WELLPLATE_TOKEN": token,
        }
        with process([sys.executable, "app.py"], log, environment) as app:
            site = Site(port, home, token, app.pid, log)
            until(lambda: _has_worker(site), "the server", log)
            yield site


def _has_worker(site: Site) -> bool:
    client = site.client()
    try:
        return bool(client.call("GET", "/healthz")["workers"])
    except (OSError, http.client.HTTPException, NotReady):
        return False
    finally:
        client.close()
