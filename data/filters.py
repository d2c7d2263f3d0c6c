"""A filter of the list of jobs as conditions of queries/conditions/jobs.sql."""

from __future__ import annotations

from typing import Any

from data.database import Condition
from data.errors import BadInput
from data.records import JobFilter, Person, utcnow, valid_id

EVERYTHING = JobFilter()
#: Each is looked for in every name.
MAX_WORDS = 12


def conditions(team: str, filter: JobFilter, viewer: Person | None) -> list[Condition] | None:
    """Those that the filter asks for; None when nothing can match.

    Without a viewer nothing is starred or shared, and tags count on jobs that the whole team sees.
    """
    scope = _scope(team, filter, viewer)
    submitters = _ids(filter.submitter)
    if scope is None or len(submitters) < len(filter.submitter) or (filter.starred and viewer is None):
        return None
    return [scope, *_facts(filter, submitters), *_times(filter), *_marks(filter, viewer)]


def _scope(team: str, filter: JobFilter, viewer: Person | None) -> Condition | None:
    if filter.batch is not None:
        known = valid_id(filter.batch)
        return ("of_batch", {"batch": known}) if known else None
    return _shared(viewer) if filter.shared else _in_team(team)


def _in_team(team: str) -> Condition | None:
    known = valid_id(team)
    return ("in_team", {"team": known}) if known else None


def _shared(viewer: Person | None) -> Condition | None:
    if viewer is None or not viewer.invited:
        return None
    teams = sorted({viewer.team, *viewer.roles})
    return "shared_with", {"person": viewer.id, "invited": sorted(viewer.invited), "teams": teams}


def _facts(filter: JobFilter, submitters: list[str]) -> list[Condition]:
    """What the row says."""
    asked: list[tuple[str, str, list[str]]] = [
        ("of_tools", "tools", list(filter.tool)),
        ("not_of_tools", "tools", list(filter.not_tool)),
        ("in_statuses", "statuses", [status.value for status in filter.status]),
        ("not_in_statuses", "statuses", [status.value for status in filter.not_status]),
        ("by_submitters", "persons", submitters),
        ("not_by_submitters", "persons", _ids(filter.not_submitter)),
    ]
    return [(name, {parameter: values}) for name, parameter, values in asked if values]


def _times(filter: JobFilter) -> list[Condition]:
    found: list[Condition] = []
    if filter.since is not None:
        found.append(("since", {"time": filter.since}))
    if filter.until is not None:
        found.append(("until", {"time": filter.until}))
    if filter.longer_s is not None:
        found.append(("longer", {"seconds": filter.longer_s, "now": utcnow()}))
    if filter.shorter_s is not None:
        found.append(("shorter", {"seconds": filter.shorter_s, "now": utcnow()}))
    return found


def _marks(filter: JobFilter, viewer: Person | None) -> list[Condition]:
    """Words, tags and stars. A tag on a job that the viewer may not look into tells nothing."""
    reader: dict[str, Any] = {
        "person": viewer.id if viewer else None,
        "invited": sorted(viewer.invited) if viewer else [],
    }
    wanted, unwanted = words(filter.q)
    found: list[Condition] = [("says", {"word": word, **reader}) for word in wanted]
    found += [("says_not", {"word": word, **reader}) for word in unwanted]
    if filter.tag:
        found.append(("tagged", {"tag": filter.tag, **reader}))
    if filter.starred and viewer is not None:
        found.append(("starred_by", {"person": viewer.id}))
    return found


def words(q: str | None) -> tuple[list[str], list[str]]:
    """The words of a search, each once: those that must be there, and those that must not. Raises BadInput.

    As they were typed: what is lower case to Python (σ at the end of a word, İ) is not always so to the database.
    """
    every = list({word.lower(): word for word in (q or "").split()}.values())
    if len(every) > MAX_WORDS:
        raise BadInput(f"Search for at most {MAX_WORDS} words.", field="q")
    unwanted = [word[1:] for word in every if len(word) > 1 and word.startswith("-")]
    return [word for word in every if len(word) == 1 or not word.startswith("-")], unwanted


def _ids(texts: tuple[str, ...]) -> list[str]:
    return [known for text in texts if (known := valid_id(text))]
