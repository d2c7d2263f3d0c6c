"""Import from folders of the server over the API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from data import imports
from tests.api.test_tus_sockets import Site
from tests.laboratory import Laboratory

#: More than the server has threads for ordinary calls.
MANY = 50


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    home, runs = tmp_path / "home", tmp_path / "runs"
    home.mkdir()
    runs.mkdir()
    (runs / "a.txt").write_text("a\n")
    (home / "settings.toml").write_text(f'[uploads.import_folders]\nruns = "{runs}"\n')
    lab = Laboratory(home)
    site = Site(lab, lab.join("ada"))
    yield site
    site.close()
    lab.close()


def test_long_imports_keep_no_other_call_waiting(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, copying, real = threading.Event(), threading.Event(), imports.copy

    def slow(*arguments: Any) -> tuple[int, str]:
        copying.set()
        assert go_on.wait(60)
        return real(*arguments)

    monkeypatch.setattr(imports, "copy", slow)
    body = json.dumps({"folder": "runs", "paths": ["a.txt"]}).encode()
    headers = {"Content-Type": "application/json"}
    with ThreadPoolExecutor(MANY) as pool:
        asked = [pool.submit(site.ask, "POST", "/api/v1/imports", headers, body) for _ in range(MANY)]
        try:
            assert copying.wait(30)
            assert site.ask("GET", "/api/v1/files", {}).status == 200
        finally:
            go_on.set()
        assert {each.result().status for each in asked} == {201}
