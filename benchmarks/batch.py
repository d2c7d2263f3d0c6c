"""A batch of ten thousand: its submit, its page, other people's jobs meanwhile, and its cancel."""

from __future__ import annotations

import http.client
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from statistics import median
from urllib.parse import urlencode

import psutil
from playwright.sync_api import Page

from benchmarks.processes import NotReady, until
from benchmarks.queues import rq_with_redis
from benchmarks.report import Goal, Report, Table, p, spread
from benchmarks.screen import browser
from benchmarks.site import COOKIE, Client, Site, running_site

TOOL = "test-noop"
OPEN = '[sign_in]\nregistration = "open"\n'
SUBMIT_S, OPEN_S, FAIR_S, CANCEL_S = 2.0, 1.0, 2.0, 5.0
#: Of the scheduler while ten thousand children wait or run.
SCHEDULER_MB = 50
CONVERT = {
    "tool": "convert-sequences",
    "inputs": {"sequences": {"text": ">a\nACGT\n", "name": "a.fasta"}},
    "settings": {"to": "tab"},
}


@dataclass
class Times:
    """In seconds, one each round or more."""

    submits: list[float] = field(default_factory=list)
    enqueues: list[float] = field(default_factory=list)
    #: Of the page in a new tab: while the batch runs, and of one that has ended on a site that does nothing else.
    opens: list[float] = field(default_factory=list)
    opens_quiet: list[float] = field(default_factory=list)
    within: list[float] = field(default_factory=list)
    others: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    cancels: list[float] = field(default_factory=list)


def measure(*, quick: bool) -> Report:
    wells, rounds = (500, 2) if quick else (10_000, 3)
    times = Times()
    with rq_with_redis() as peer, running_site(OPEN) as site, browser(site) as (page, _):
        client, stranger = site.client(), Stranger(site)
        _opened(page, site, _submit(client, 4))  # warm
        scheduler = Peak(_scheduler(site))
        for _ in range(rounds):
            times.enqueues.append(peer.enqueue_many(wells))
            began = time.perf_counter()
            batch = _submit(client, wells)
            times.submits.append(time.perf_counter() - began)
            times.opens += [_opened(page, site, batch) for _ in range(2)]
            times.within.append(_opened_from_within(page))
            times.others += [stranger.starts_a_job() for _ in range(5)]
            times.own += [_starts_a_job(client) for _ in range(5)]
            times.cancels.append(_cancelled(client, batch))
            times.opens_quiet += [_opened_on_a_quiet_site(page, site, batch) for _ in range(2)]
            times.within.append(_opened_from_within(page))
        memory = scheduler.stop()
    return _report(wells, rounds, times, memory, _whole(wells))


def _submit(client: Client, wells: int) -> str:
    made = client.call(
        "POST", "/api/v1/batches", {"tool": TOOL, "settings": {"credits": 1}, "items": [{}] * wells}
    )
    return str(made["id"])


def _starts_a_job(client: Client) -> float:
    """Seconds that it waited; it is let end."""
    job = client.call("POST", "/api/v1/jobs", CONVERT)["id"]
    until(lambda: client.job(job)["status"] == "completed", f"job {job}")
    times = client.job(job)["times"]
    created, started = (datetime.fromisoformat(times[name]) for name in ("created", "started"))
    return (started - created).total_seconds()


def _cancelled(client: Client, batch: str) -> float:
    """Until no child is alive."""
    began = time.perf_counter()
    client.call("POST", f"/api/v1/batches/{batch}/cancel")
    until(lambda: client.call("GET", f"/api/v1/batches/{batch}")["times"]["ended"], "the end of the batch")
    return time.perf_counter() - began


def _opened(page: Page, site: Site, batch: str) -> float:
    """Seconds from the click on a link elsewhere until the plate is painted, by the browser's own clock."""
    page.goto(f"{site.url}/app/batch?batchId={batch}", wait_until="commit")
    return _painted(page) / 1000


def _opened_on_a_quiet_site(page: Page, site: Site, batch: str) -> float:
    """The same once the app has settled what ended, and does nothing."""
    page.goto("about:blank")
    app = psutil.Process(site.pid)
    until(lambda: app.cpu_percent(1.0) < 10, "the app to be quiet")
    return _opened(page, site, batch)


def _opened_from_within(page: Page) -> float:
    """The same for who comes from another page of the app: here by the browser's way back."""
    page.get_by_test_id("stTopNavLink").filter(has_text="Account").click()
    page.get_by_role("heading", name="Account", level=1).wait_for()
    began = page.evaluate(
        "() => { performance.clearMarks('plate'); const now = performance.now(); history.back(); return now; }"
    )
    return (_painted(page) - float(began)) / 1000


def _painted(page: Page) -> float:
    """When the plate was, in ms of the page's own clock; waits for it."""
    painted = page.wait_for_function(
        "() => performance.getEntriesByName('plate')[0]?.startTime", timeout=60_000, polling=100
    )
    return float(painted.json_value())


def _whole(wells: int) -> float:
    """Children per second of a batch that nothing disturbs."""
    with running_site() as site:
        client = site.client()
        began = time.perf_counter()
        batch = _submit(client, wells)
        until(
            lambda: client.call("GET", f"/api/v1/batches/{batch}")["times"]["ended"], "the batch", seconds=900
        )
        return wells / (time.perf_counter() - began)


class Stranger:
    """Somebody with a team of their own, at a browser."""

    def __init__(self, site: Site) -> None:
        self._site = site
        form = {"email": "eve@example.org", "name": "Eve", "password": "a long enough password"}
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        headers = {"Origin": site.url, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/auth/register", urlencode(form), headers)
        answer = connection.getresponse()
        answer.read()
        cookie = re.search(rf"{COOKIE}=([^;]+)", answer.headers.get("Set-Cookie", ""))
        connection.close()
        if cookie is None:
            raise NotReady(f"registering was answered with {answer.status}")
        self._client = site.client({"Cookie": f"{COOKIE}={cookie[1]}", "Origin": site.url})

    def starts_a_job(self) -> float:
        return _starts_a_job(self._client)


class Peak:
    """The largest resident memory of a process, in MB above what it had at first."""

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._first = process, process.memory_info().rss
        self._most, self._over = self._first, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            self._most = max(self._most, self._process.memory_info().rss)

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return (self._most - self._first) / 2**20


def _scheduler(site: Site) -> psutil.Process:
    for process in psutil.process_iter(["cmdline"]):
        command = " ".join(process.info["cmdline"] or ())
        if str(site.home) in command and "scheduler" in command:
            return process
    raise NotReady("the scheduler's process is not found")


def _under(what: str, seconds: list[float], limit: float) -> Goal:
    return Goal(f"{what} under {limit:.0f} s", f"{median(seconds):.2f} s", median(seconds) < limit)


def _report(
    wells: int,
    rounds: int,
    times: Times,
    memory: float,
    rate: float,
) -> Report:
    rows = [
        ["submit, all on disk and held", spread(times.submits, 2), f"{SUBMIT_S:.0f}"],
        ["rq enqueue_many, redis with fsync", spread(times.enqueues, 2), ""],
        ["page opened in a new tab, while it runs", spread(times.opens, 2), f"{OPEN_S:.0f}"],
        ["page opened in a new tab, on a quiet site", spread(times.opens_quiet, 2), f"{OPEN_S:.0f}"],
        ["page opened from another page of the app", spread(times.within, 2), f"{OPEN_S:.0f}"],
        ["a stranger's job meanwhile, submitted -> started", spread(times.others, 2), f"{FAIR_S:.0f}"],
        ["one's own other job meanwhile, likewise", spread(times.own, 2), ""],
        ["cancel all, until none is alive", spread(times.cancels, 2), f"{CANCEL_S:.0f}"],
    ]
    return Report(
        "batch",
        {"wells": wells, "rounds": rounds, "children/s undisturbed": f"{rate:.0f}"},
        [Table("A batch of no-ops (s: median, range)", ("", "s", "goal"), rows)],
        [
            _under("submit", times.submits, SUBMIT_S),
            _under("page open while it runs", times.opens, OPEN_S),
            _under("page open on a quiet site", times.opens_quiet, OPEN_S),
            _under("page open from within", times.within, OPEN_S),
            Goal(
                f"another team's job starts within {FAIR_S:.0f} s",
                f"p95 {p(times.others, 95):.2f} s",
                p(times.others, 95) < FAIR_S,
            ),
            _under("cancel all", times.cancels, CANCEL_S),
            Goal(
                f"the scheduler grows by less than {SCHEDULER_MB} MB",
                f"{memory:.0f} MB",
                memory < SCHEDULER_MB,
            ),
        ],
    )
