"""What the list of jobs is narrowed to. The URL holds it, so that it can be sent to a colleague."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import streamlit as st

from compute.workbench import Workbench
from data.records import JobFilter, Person, Status, utcnow
from pages.parts import human

#: In the URL the person who looks, whoever that is.
ME = "me"
#: Each name may stand in the URL several times.
MANY = ("tool", "not_tool", "submitter", "not_submitter")
#: Times that move along with the clock.
RECENT = {
    "1h": ("Last hour", 1),
    "24h": ("Last 24 hours", 24),
    "7d": ("Last 7 days", 168),
    "30d": ("Last 30 days", 720),
}
NAMES = (*MANY, "status", "not_status", "q", "tag", "starred", "since", "until", "longer_s", "shorter_s")
SHARED = "shared"


@dataclass(frozen=True)
class Known:
    """What can be chosen from: names by id."""

    tools: Mapping[str, str]
    people: Mapping[str, str]
    tags: list[str]
    me: str

    def person(self, id: str) -> str:
        return "me" if id in (ME, self.me) else self.people.get(id, "somebody who left")

    @property
    def others(self) -> dict[str, str]:
        return {id: name for id, name in self.people.items() if id != self.me}


def known(workbench: Workbench, person: Person) -> Known:
    return Known(
        tools={status.tool.id: status.tool.name for status in workbench.tools(person)},
        people=dict(workbench.submitters(person)),
        tags=workbench.marks.tags(person),
        me=person.id,
    )


def asked() -> tuple[tuple[str, str], ...]:
    """The filters as the URL has them, in a form that can be compared: times that move do not change it."""
    names = (*NAMES, SHARED)
    return tuple((name, value) for name in names for value in st.query_params.get_all(name))


def from_url(person: Person) -> JobFilter:
    """The filter that the URL asks for; what it does not know is left out."""
    params = st.query_params

    def people(name: str) -> tuple[str, ...]:
        return tuple(person.id if id == ME else id for id in params.get_all(name))

    return JobFilter(
        tool=tuple(params.get_all("tool")),
        not_tool=tuple(params.get_all("not_tool")),
        status=_statuses("status"),
        not_status=_statuses("not_status"),
        submitter=people("submitter"),
        not_submitter=people("not_submitter"),
        q=params.get("q") or None,
        tag=params.get("tag") or None,
        starred="starred" in params,
        since=_since(params.get("since", "")),
        until=_until(params.get("until", "")),
        longer_s=_seconds("longer_s"),
        shorter_s=_seconds("shorter_s"),
        shared=SHARED in params,
    )


def narrowed(filter: JobFilter) -> bool:
    return replace(filter, shared=False) != JobFilter()


def _statuses(name: str) -> tuple[Status, ...]:
    words = {str(status) for status in Status}
    return tuple(Status(word) for word in st.query_params.get(name, "").split(",") if word in words)


def _since(text: str) -> datetime | None:
    if text in RECENT:
        return utcnow() - timedelta(hours=RECENT[text][1])
    day = day_of(text)
    return _midnight(day) if day else None


def _until(text: str) -> datetime | None:
    """The end of that day."""
    day = day_of(text)
    return _midnight(day + timedelta(days=1)) if day and day < date.max else None


def day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date) -> datetime:
    """The start of a day where the browser is, in the store's form."""
    try:
        return datetime.combine(day, time(), human.zone()).astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        return datetime.combine(day, time())


def _seconds(name: str) -> float | None:
    text = st.query_params.get(name, "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def put(name: str, value: str | list[str]) -> None:
    st.query_params.pop("cursor", None)
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def clear() -> None:
    """In a callback: all jobs of the same view."""
    for name in (*NAMES, "cursor"):
        st.query_params.pop(name, None)


def drop(name: str, value: str) -> None:
    left = [each for each in values(name) if each != value]
    put(name, ",".join(left) if name in ("status", "not_status") else left)


def values(name: str) -> list[str]:
    all_of = st.query_params.get_all(name)
    return (
        [word for text in all_of for word in text.split(",")] if name in ("status", "not_status") else all_of
    )


def chips(known: Known) -> list[tuple[str, str, str]]:
    """Name, value and words of the filters that no widget of the row shows."""
    asked = [(name, value) for name in NAMES for value in values(name)]
    told = [(name, value, _chip_words(name, value, known)) for name, value in asked]
    return [(name, value, words) for name, value, words in told if words]


def _chip_words(name: str, value: str, known: Known) -> str | None:
    several = len(values(name)) > 1
    words: dict[str, Any] = {
        "tool": lambda: None if value in known.tools and not several else known.tools.get(value, value),
        "submitter": lambda: (
            None if not several and (value == ME or value in known.others) else known.person(value)
        ),
        "not_tool": lambda: f"not {known.tools.get(value, value)}",
        "not_submitter": lambda: f"not by {known.person(value)}",
        "not_status": lambda: f"not {value}" if value in set(Status) else None,
        "tag": lambda: f"tag {value}",
        "since": lambda: f"from {value}" if day_of(value) else None,
        "until": lambda: f"until {value}" if day_of(value) else None,
        "longer_s": lambda: (
            f"took at least {human.duration(float(value))}" if _seconds(name) is not None else None
        ),
        "shorter_s": lambda: (
            f"took at most {human.duration(float(value))}" if _seconds(name) is not None else None
        ),
    }
    return words[name]() if name in words else None
