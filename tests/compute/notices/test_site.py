"""The running site: it sends while it is open, and tells of a job that really ran."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.sites import opened, site_settings

pytestmark = pytest.mark.cluster


def senders() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("outbox"))


def test_a_site_sends_while_it_is_open_and_tells_of_a_real_end(tmp_path: Path) -> None:
    with opened(site_settings(tmp_path)) as site:
        assert senders() == ["outbox-mail", "outbox-webhook"]
        failed = site.ended(site.submit("bad-input")).job
        (notice,) = site.workbench.notices.list(site.person)
        assert (notice.kind, notice.job) == ("job_ended", failed.id)
        assert notice.text.startswith(f"“{failed.name}” failed.")
    assert senders() == []
