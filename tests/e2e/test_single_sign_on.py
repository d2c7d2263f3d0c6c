"""Single sign-on in a real browser without scripts: the pages' policy, the cookies between two sites, the way back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from oidc_provider_mock import run_server_in_thread
from playwright.sync_api import Browser, Page, expect

from api.guard import COOKIE
from tests.laboratory import Laboratory

pytestmark = pytest.mark.e2e

#: The site is at 127.0.0.1 and the provider at localhost: to a browser, two sites.
SITE = '[oidc]\nissuer = "{}"\nclient_id = "wellplate"\nname = "Campus ID"\n'


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")  # the provider's, which listens on loopback only
    with run_server_in_thread() as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def site(tmp_path: Path, issuer: str) -> Iterator[Laboratory]:
    (tmp_path / "settings.toml").write_text(SITE.format(issuer))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = str(listening.getsockname()[1])
        lab = Laboratory(tmp_path, WELLPLATE_PORT=port, WELLPLATE_OIDC_SECRET="between the two")
        server = uvicorn.Server(uvicorn.Config(lab.app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield lab
        server.should_exit = True
        thread.join()
        lab.close()


def sign_in_there(page: Page, issuer: str, subject: str) -> None:
    page.wait_for_url(f"{issuer}/**")
    page.locator("input[name=sub]").first.fill(subject)
    page.get_by_role("button", name="Authorize").first.click()


def test_an_account_is_linked_and_signs_in_with_it(site: Laboratory, issuer: str, browser: Browser) -> None:
    claims = {"email": "a.lovelace@campus.example", "email_verified": True, "name": "Ada Lovelace"}
    httpx.put(f"{issuer}/users/ada", json=claims).raise_for_status()
    ada, url = site.join("ada"), site.settings.public_url
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": COOKIE, "value": site.sign_in(ada).cookie, "url": url}])
    page = context.new_page()
    page.goto(f"{url}/auth/oidc/link")
    page.get_by_role("button", name="Link Campus ID").click()
    sign_in_there(page, issuer, "ada")
    expect(page.get_by_role("alert")).to_have_text(
        "Your account is linked: from now on you can sign in with Campus ID."
    )
    context.close()

    fresh = browser.new_context(java_script_enabled=False).new_page()
    fresh.goto(f"{url}/auth/login?next=/auth/password")
    fresh.get_by_role("link", name="Sign in with Campus ID").click()
    sign_in_there(fresh, issuer, "ada")
    fresh.wait_for_url(f"{url}/auth/password")
    expect(fresh.locator(".card")).to_contain_text(f"For {ada.email}.")
    fresh.context.close()
