"""What a home goes through: commands, backup and restore, a second start, a database that does not open."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.conftest import ROOT, Server, start_server

pytestmark = pytest.mark.e2e


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"WELLPLATE_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "compute.commands", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def completed(server: Server) -> str:
    """A job that has run."""
    body = {
        "tool": "convert-sequences",
        "inputs": {"sequences": {"text": ">a\nGATTACA\n", "name": "a.fasta"}},
        "settings": {"to": "tab"},
    }
    job = server.ask("POST", "/api/v1/jobs", body)
    wait_for(server, job["id"], "completed")
    return str(job["id"])


def wait_for(server: Server, job_id: str, status: str) -> None:
    """Listens to the events until the job has this status."""
    request = urllib.request.Request(
        f"{server.url}/api/v1/events", headers={"Authorization": f"Bearer {server.token}"}
    )
    with urllib.request.urlopen(request, timeout=60) as events:
        if server.ask("GET", f"/api/v1/jobs/{job_id}")["status"] == status:
            return
        for line in events:
            if line.startswith(b"data:") and json.loads(line[5:]).get("status") == status:
                return
    raise AssertionError(f"{job_id} did not become {status}")


def test_token_and_link_commands_answer(server: Server) -> None:
    token = command(server.home, "token")
    assert token.returncode == 0, token.stderr
    request = urllib.request.Request(
        f"{server.url}/api/v1/me", headers={"Authorization": f"Bearer {token.stdout.strip()}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.loads(answer.read())["site_admin"]
    assert "/auth/link?token=" in command(server.home, "link").stdout


def test_nobody_else_on_the_machine_reads_what_the_site_keeps(server: Server) -> None:
    """Whatever the mode of the home itself: it may have been there before."""
    job_id = completed(server)
    ours = {server.home / "settings.toml", server.home / "app.log"}
    # os.walk passes over what goes while it looks: the run's own folder is tidied away just now.
    walked = [Path(folder, name) for folder, _, names in os.walk(server.home) for name in [*names, "."]]
    kept = [path for path in walked if path not in ours and not path.is_symlink()]
    assert any(path.is_relative_to(server.home / "files" / "jobs" / job_id) for path in kept)
    open_to_others = [str(path) for path in kept if path.exists() and path.stat().st_mode & 0o077]
    assert open_to_others == []


def test_commands_say_that_the_app_is_not_running(tmp_path: Path) -> None:
    answer = command(tmp_path, "token")
    assert answer.returncode == 1
    assert "not running" in answer.stderr


def test_a_backup_made_while_it_runs_is_restored_into_an_empty_home(server: Server, tmp_path: Path) -> None:
    job_id = completed(server)
    saved = command(server.home, "backup", str(tmp_path / "saved"))
    assert saved.returncode == 0, saved.stderr
    restored = command(tmp_path / "home", "restore", str(tmp_path / "saved"))
    assert restored.returncode == 0, restored.stderr

    second = start_server(tmp_path / "home")
    try:
        job = second.ask("GET", f"/api/v1/jobs/{job_id}")
        assert job["status"] == "completed"
        assert second.ask("GET", f"/api/v1/jobs/{job_id}/files")
    finally:
        second.stop()
    assert second.processes() == []


def test_a_damaged_wal_starts_read_only_with_a_page_that_says_what_to_do(
    tmp_path: Path, browser: Browser
) -> None:
    home = tmp_path / "home"
    first = start_server(home)
    job_id = completed(first)
    for process in first.processes():
        with suppress(psutil.NoSuchProcess):  # the worker goes by itself when its scheduler has gone
            process.kill()  # no clean stop: the WAL keeps what was written
    first.process.wait(20)
    wal = home / "wellplate.duckdb.wal"
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 0xFF
    wal.write_bytes(content)

    second = start_server(home)
    try:
        page = browser.new_context().new_page()
        page.goto(f"{second.url}/app/")
        expect(page.get_by_text("did not open cleanly").first).to_be_visible()
        page.context.close()
    finally:
        second.stop()

    assert command(home, "move-wal-aside").returncode == 0
    third = start_server(home)
    try:
        third.until_healthy()
        # Killed while its folder was being tidied, it is found without its record and set aside.
        kept = [home / "files" / place / job_id / "results" for place in ("jobs", "jobs-without-record")]
        assert any(results.exists() for results in kept)
    finally:
        third.stop()
    assert third.processes() == []
