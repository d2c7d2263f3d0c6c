"""A real server in a fresh home, and a real browser in front of it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.conftest import CHROMIUM

ROOT = Path(__file__).resolve().parents[2]
#: Nothing that talks to the network.
FLAGS = (
    "--no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update "
    "--disable-sync"
).split()
#: WebGL on the processor, for the 3D panels: everything is slower with it.
WITH_WEBGL = [*FLAGS, "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
WITHOUT_WEBGL = [*FLAGS, "--disable-gpu", "--disable-3d-apis"]
EMAIL, PASSWORD = "ada@example.org", "a long enough password"

expect.set_options(timeout=20_000)


@dataclass
class Server:
    home: Path
    port: int
    process: subprocess.Popen[bytes]
    token: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def link(self) -> str:
        return (self.home / "run" / "sign-in-link").read_text().strip()

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The API's answer as JSON."""
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def processes(self) -> list[psutil.Process]:
        """Everything that belongs to this home: the app, its cluster, and what runs for jobs."""
        marks = (str(self.home).encode(), f"WELLPLATE_PORT={self.port}".encode())
        return [process for process in psutil.process_iter() if _mentions(process, marks)]

    def until_healthy(self) -> None:
        """The cluster's worker may come a moment after the first answer."""
        deadline = time.monotonic() + 60
        while True:
            try:
                assert self.ask("GET", "/healthz")["ok"]
                return
            except urllib.error.HTTPError as answer:
                assert time.monotonic() < deadline, answer.read()

    def until_ended(self, job: str) -> Any:
        """The job once it has ended: told by the events, which do not come for one that has ended already."""
        request = urllib.request.Request(
            f"{self.url}/api/v1/events", headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=600) as events:
            while True:
                told = self.ask("GET", f"/api/v1/jobs/{job}")
                if told["status"] in ("completed", "failed", "cancelled", "timeout"):
                    return told
                while job not in (line := events.readline().decode()):
                    assert line, "the events ended"

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def start_server(home: Path, **environment: str) -> Server:
    """`python app.py`, waited for until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = "wp_e2e_0123456789abcdef0123456789abcdef"
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "settings.toml"
    if not settings.exists():
        settings.write_text("[tools]\ndeveloper = true\n")
    given = os.environ | {
        "WELLPLATE_HOME": str(home),
        "WELLPLATE_PORT": str(port),
        "WELLPLATE_TOKEN": token,
        **environment,
    }
    with open(home / "app.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=given,
            stdout=log,
            stderr=subprocess.STDOUT,
            umask=0o022,  # what most accounts have
        )
    server = Server(home, port, process, token)
    try:
        _until_it_answers(server)
    except AssertionError:
        process.kill()
        raise
    return server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start_server(tmp_path_factory.mktemp("home"))
    yield server
    server.stop()
    left = [process.cmdline() for process in server.processes()]
    assert not left, f"the server left processes behind: {left}"


@pytest.fixture(scope="session")
def browser(playwright_driver: Playwright) -> Iterator[Browser]:
    browser = playwright_driver.chromium.launch(executable_path=CHROMIUM, args=WITHOUT_WEBGL)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def signed_in(server: Server, browser: Browser) -> Iterator[BrowserContext]:
    """A browser in which the admin has used the one-time link and set a password."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(server.link())
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Tools")).to_be_visible()
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(signed_in: BrowserContext) -> Iterator[Page]:
    page = signed_in.new_page()
    yield page
    page.close()


def settled(page: Page) -> None:
    """Streamlit has drawn what it has to draw."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def uploaded(page: Page, server: Server, name: str, content: str) -> dict[str, Any]:
    """A file of the person in this browser."""
    address = f"{server.url}/api/v1/files?name={name}"
    answer = page.request.put(address, data=content.encode(), headers={"Origin": server.url})
    assert answer.ok, answer.text()
    return dict(answer.json())


def sign_in(page: Page, url: str) -> None:
    """Through the form, to the address that was asked for."""
    page.goto(url)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label(re.compile("E-mail")).fill(EMAIL)
    page.get_by_label(re.compile("Password")).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def on(server: Server, link: str) -> str:
    """A link to the site's public address, at the port of this server."""
    return f"{server.url}/{link.split('/', 3)[3]}"


def register(page: Page, link: str, name: str) -> None:
    """A new account by the link of an invitation."""
    page.goto(link)
    page.get_by_role("link", name=re.compile("account|Register", re.I)).first.click()
    page.get_by_label(re.compile("name", re.I)).fill(name)
    page.get_by_label(re.compile("Password", re.I)).first.fill(PASSWORD)
    page.get_by_role("button").first.click()


def join(server: Server, browser: Browser, name: str) -> Page:
    """The browser of a new member of the team."""
    email = f"{name.lower()}@example.org"
    made = server.ask("POST", "/api/v1/invitations", {"email": email, "role": "member"})
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    register(page, on(server, made["link"]), name)
    page.wait_for_url("**/app/team")
    return page


def _until_it_answers(server: Server) -> None:
    deadline = time.monotonic() + 90
    wait = psutil.Process(server.process.pid)
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{server.url}/healthz", timeout=5):
                return
        except urllib.error.HTTPError:
            return  # unwell, and it says so
        except OSError:
            try:
                wait.wait(0.1)  # returns at once when the app has ended
                break
            except psutil.TimeoutExpired:
                continue
    raise AssertionError((server.home / "app.log").read_text()[-4000:])


def _mentions(process: psutil.Process, marks: tuple[bytes, ...]) -> bool:
    try:
        told = " ".join(process.cmdline()).encode() + Path(f"/proc/{process.pid}/environ").read_bytes()
    except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
        return False
    return process.pid != os.getpid() and any(mark in told for mark in marks)
