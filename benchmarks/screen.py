"""From a change of status to the screen of a real browser, while other people have pages open."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.processes import NotReady, cpu_seconds, until
from benchmarks.report import Goal, Report, Table, p
from benchmarks.site import COOKIE, Client, Ended, Site, running_site
from benchmarks.visitors import Visitors

GOAL_S = 1.0
#: What a page may cost the server when nothing changes: a hundredth of a core.
IDLE_CORES = 0.01
#: Distinct jobs that the other pages show.
OTHER_JOBS = 20
#: Notes when each status is first painted, by this machine's clock.
WATCH = """
window.painted = {};
const look = () => {
  for (const badge of document.querySelectorAll('.stMarkdownBadge')) {
    const word = badge.textContent.trim();
    if (!(word in window.painted)) window.painted[word] = null;
  }
  const fresh = Object.keys(window.painted).filter((word) => window.painted[word] === null);
  if (fresh.length) requestAnimationFrame(() => {
    for (const word of fresh) window.painted[word] = window.painted[word] ?? Date.now();
  });
};
new MutationObserver(look).observe(document, { childList: true, subtree: true, characterData: true });
"""
WAITING, RUNNING, COMPLETED = "○ Pending", "► Processing", "✓ Completed"
HOLD = {"fault": "wait-for-file", "seconds": 600}


def measure(*, quick: bool) -> Report:
    levels, turns, idle_s = ((1, 10), 2, 5.0) if quick else ((1, 50, 200), 15, 20.0)
    lines, p95, idle = [], {}, {}
    with running_site(cpus=1) as site, browser(site) as (page, cookie):
        client = site.client()
        others = _other_jobs(site, client)
        page.goto(f"{site.url}/app/jobs?jobId={others[0]}")
        until(lambda: COMPLETED in _painted(page), "the first page")
        alone = _cores(site, idle_s)
        visitors = Visitors(site, cookie)
        try:
            for level in levels:
                visitors.become(level, others)
                idle[level] = _cores(site, idle_s)
                heard = visitors.heard
                seen = [seconds for _ in range(turns) for seconds in _turn(site, client, page)]
                p95[level] = p(seen, 95)
                lines.append(
                    [
                        level,
                        len(seen),
                        *(f"{1000 * p(seen, percent):.0f}" for percent in (50, 95, 100)),
                        visitors.heard - heard,
                        f"{100 * idle[level]:.2f}",
                    ]
                )
        finally:
            visitors.close()
    columns = (
        "other pages",
        "changes",
        "p50 ms",
        "p95 ms",
        "worst ms",
        "sent to others",
        "idle: % of a core",
    )
    slowest, busiest = max(p95, key=p95.__getitem__), max(idle, key=idle.__getitem__)
    return Report(
        "screen",
        {
            "browser": "Chromium, headless",
            "idle seconds": idle_s,
            "idle with the browser only, %": f"{100 * alone:.2f}",
        },
        [Table("Committed change of status -> painted", columns, lines)],
        [
            Goal(
                "p95 under 1 s",
                f"{p95[slowest]:.2f} s with {slowest} other pages",
                p95[slowest] < GOAL_S,
            ),
            Goal(
                "no load when nothing changes (under 1 % of a core more than with no page)",
                f"{100 * (idle[busiest] - alone):+.2f} % with {busiest} other pages",
                idle[busiest] - alone < IDLE_CORES,
            ),
        ],
    )


@contextmanager
def browser(site: Site) -> Iterator[tuple[Page, str]]:
    """A signed-in page, and the session's cookie."""
    program = shutil.which("chromium")
    if program is None:
        raise NotReady("Chromium is not installed: apt-get install chromium")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # root's Chromium does not start otherwise
    cookie = site.sign_in()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            context = browser.new_context()
            context.add_cookies([{"name": COOKIE, "value": cookie, "url": site.url}])
            context.add_init_script(WATCH)
            yield context.new_page(), cookie
        finally:
            browser.close()


def _other_jobs(site: Site, client: Client) -> list[str]:
    ended = Ended(site)
    jobs = [client.submit("test-noop", {})["id"] for _ in range(OTHER_JOBS)]
    ended.wait(jobs)
    ended.close()
    return jobs


def _turn(site: Site, client: Client, page: Page) -> list[float]:
    """A job that waits, starts and ends while its page is open: seconds from commit to screen, twice."""
    before = client.submit("test-fault", HOLD)["id"]
    until(lambda: client.job(before)["status"] == "processing", f"job {before}")
    job = client.submit("test-fault", HOLD)["id"]
    page.goto(f"{site.url}/app/jobs?jobId={job}")
    until(lambda: WAITING in _painted(page), "the page of a job that waits")
    _let_go(site, before)
    until(lambda: RUNNING in _painted(page), "the page of a job that runs")
    _let_go(site, job)
    until(lambda: COMPLETED in _painted(page), "the page of a job that has ended")
    painted = _painted(page)
    changed = {entry["to"]: _milliseconds(entry["at"]) for entry in client.job(job)["history"]}
    return [
        (painted[RUNNING] - changed["processing"]) / 1000,
        (painted[COMPLETED] - changed["completed"]) / 1000,
    ]


def _painted(page: Page) -> dict[str, float]:
    found: dict[str, Any] = page.evaluate("window.painted")
    return {word: at for word, at in found.items() if at is not None}


def _let_go(site: Site, job: str) -> None:
    (work,) = (site.home / "files" / "jobs" / job / "attempts").glob("*/work")
    (work / "go").touch()


def _milliseconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp() * 1000


def _cores(site: Site, seconds: float) -> float:
    """Of the app's process, while nothing happens."""
    before, began = cpu_seconds(site.pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(site.pid) - before) / (time.monotonic() - began)
