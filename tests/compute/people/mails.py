"""The mails that wait to be sent."""

from __future__ import annotations

import re

from data.records import utcnow
from tests.laboratory import Laboratory


def mailed_links(lab: Laboratory, to: str) -> list[str]:
    """Our paths in the mails to an address, the oldest first."""
    waiting = lab.store.read("due_deliveries", channel="mail", now=utcnow(), limit=100)
    bodies = [row["body"] for row in waiting if row["target"] == to]
    return [link for body in bodies for link in re.findall(r"http://127\.0\.0\.1:8501(/auth/\S+)", body)]
