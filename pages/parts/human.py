"""Times, durations, sizes and credits as people read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from data.records import Job, utcnow


def ago(moment: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit: "just now", "4 min ago", "3 h ago", "12 days ago"."""
    seconds = max(0.0, ((now or utcnow()) - moment).total_seconds())
    if seconds < 10:
        return "just now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    if seconds < 3600:
        return f"{seconds // 60:.0f} min ago"
    if seconds < 86_400:
        return f"{seconds // 3600:.0f} h ago"
    days = int(seconds // 86_400)
    return "1 day ago" if days == 1 else f"{days} days ago"


def duration(seconds: float) -> str:
    """A length of time in its two largest units: "0.4 s", "48 s", "4 min 12 s", "3 h 05 min", "2 d 4 h"."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def ran_for(job: Job, now: datetime | None = None) -> float | None:
    """Seconds from the first start to the end, or until now; None before the start."""
    if job.started_at is None:
        return None
    return ((job.ended_at or now or utcnow()) - job.started_at).total_seconds()


def size(count: float) -> str:
    """Bytes in decimal units, as disks and browsers count them."""
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}" if count < 100 else f"{count:.0f} {unit}"
    return f"{count / 1000:.1f} TB"


def credits(count: int) -> str:
    if count == 0:
        return "free"
    return "1 credit" if count == 1 else f"{count:,} credits"


def count(number: int, noun: str) -> str:
    """ "1 job", "3 jobs", "2 people"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {'people' if noun == 'person' else noun + 's'}"


def zone() -> ZoneInfo:
    """The zone of the browser, or UTC where it does not tell."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def local(moment: datetime) -> datetime:
    """A time of the store in the browser's zone."""
    return moment.replace(tzinfo=UTC).astimezone(zone())


def exact(moment: datetime) -> str:
    return f"{local(moment):%Y-%m-%d %H:%M:%S %Z}"


def clock() -> str:
    """The time of day in the browser's zone."""
    return f"{local(utcnow()):%H:%M:%S}"


def since(moment: datetime, now: datetime | None = None) -> str:
    """How long something has lasted."""
    return duration(((now or utcnow()) - moment).total_seconds())


def time_html(moment: datetime | None, missing: str = "–") -> str:
    """The relative time, with the exact one on hover."""
    if moment is None:
        return missing
    stamp = moment.isoformat(timespec="seconds")
    return f'<time datetime="{stamp}Z" title="{escape(exact(moment))}">{ago(moment)}</time>'


def words(name: str) -> str:
    """A field's name as a label: `energy_range` -> "Energy range"."""
    return name.replace("_", " ").replace("-", " ").strip().capitalize()


def markdown_text(text: str) -> str:
    """A person's text inside Markdown: shown as written, never as formatting."""
    escaped = text.replace("\\", "\\\\")
    for sign in "`*_{}[]()#+!|<>$~:":
        escaped = escaped.replace(sign, f"\\{sign}")
    return " ".join(escaped.split())


def markdown_list(text: str) -> str:
    """Lines of a tool, with what people wrote in them: items of a list and bold words stay, the rest is as written."""
    lines = []
    for line in text.splitlines():
        mark, words = ("- ", line[2:]) if line.startswith("- ") else ("", line)
        lines.append(mark + re.sub(r"\\\*\\\*([\w ]+)\\\*\\\*", r"**\1**", markdown_text(words)))
    return "\n".join(lines)
