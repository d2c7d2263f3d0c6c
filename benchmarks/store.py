"""The store at a million jobs and at ten thousand, beside SQLite with indexes and the same rows."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks import history
from benchmarks.history import LARGEST, RARE, SMALLEST, person_id, team_id
from benchmarks.report import Goal, Report, Table, p
from data import jobs, ledger, marks, rows
from data.records import (
    Claim,
    Job,
    JobFilter,
    NewJob,
    Outcome,
    Person,
    Role,
    Status,
    Visibility,
    new_id,
)
from data.store import Store

LARGE, SMALL = 1_000_000, 10_000
PAGE = 50
#: Of one question: so many calls at least, then no more after so many seconds.
LEAST, BUDGET_S = 10, 5.0
#: Milliseconds, p95.
LIST_MS, SEARCH_MS = 20.0, 60.0


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    duckdb: Callable[[], Any]
    #: None where SQLite has no equal.
    sqlite: Callable[[], Any] | None
    #: p95 in ms that it may take; None: not a list.
    goal: float | None = LIST_MS


def measure(*, quick: bool) -> Report:
    large, repeats = (100_000, 20) if quick else (LARGE, 200)
    tables, found = [], {}
    for count in (SMALL, large):
        with tempfile.TemporaryDirectory(prefix="wellplate-store-") as folder:
            found[count], table = _measure(Path(folder), count, repeats)
            tables.append(table)
    goals = [*_speed_goals(found[large], large), _growth_goal(found[SMALL], found[large], large)]
    return Report("store", {"repeats": repeats, "jobs": [SMALL, large]}, tables, goals)


def _measure(folder: Path, count: int, repeats: int) -> tuple[dict[str, tuple[float, Question]], Table]:
    path = folder / "wellplate.duckdb"
    store = history.fill(path, count)
    store.close()
    sqlite = history.copy_to_sqlite(path, folder / "wellplate.sqlite")
    store = Store(path)
    try:
        questions = [*_lists(store, sqlite, count), *_others(store, sqlite, count)]
        lines, p95 = [], {}
        for question in questions:
            _same(question)
            own = _times(question.duckdb, repeats)
            peer = _times(question.sqlite, repeats) if question.sqlite else None
            p95[question.name] = (p(own, 95), question)
            lines.append([question.name, *_cells(own), *(_cells(peer) if peer else ("-", "-"))])
        lines += _writes(store, max(10, repeats // 4))
        sizes = (
            f"{path.stat().st_size / 1e6:.0f} MB with everything beside {_size(folder):.0f} MB of four tables"
        )
    finally:
        store.close()
        sqlite.close()
    columns = ("", "p50 ms", "p95 ms", "SQLite p50", "p95")
    return p95, Table(f"{count:,} jobs ({sizes} in SQLite)", columns, lines)


def _cells(seconds: list[float]) -> tuple[str, str]:
    return f"{1000 * p(seconds, 50):.2f}", f"{1000 * p(seconds, 95):.2f}"


def _size(folder: Path) -> float:
    return (folder / "wellplate.sqlite").stat().st_size / 1e6


def _times(ask: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each call; fewer of a slow one, so that the whole stays bounded."""
    ask()
    found: list[float] = []
    while len(found) < repeats and (len(found) < LEAST or sum(found) < BUDGET_S):
        began = time.perf_counter()
        ask()
        found.append(time.perf_counter() - began)
    return found


def _same(question: Question) -> None:
    """Both must answer the same, or the comparison means nothing."""
    if question.sqlite is None:
        return
    own, peer = _plain(question.duckdb()), _plain(question.sqlite())
    if own != peer:
        raise AssertionError(f"{question.name}: {str(own)[:300]} is not {str(peer)[:300]}")


def _plain(answer: Any) -> Any:
    if isinstance(answer, list):
        return [one.id if isinstance(one, Job) else one for one in answer]
    return answer.id if isinstance(answer, Job) else answer


def _lists(store: Store, sqlite: sqlite3.Connection, count: int) -> list[Question]:
    """The pages that people look at."""
    team, small = team_id(LARGEST), team_id(SMALLEST)
    everything = JobFilter()
    deep = _deep(sqlite, team)
    viewer = _viewer(team, count)

    def page(
        name: str,
        filter: JobFilter = everything,
        team: str = team,
        before: int | None = None,
        goal: float = LIST_MS,
    ) -> Question:
        sql, parameters = _page_sql(team, filter, before)
        return Question(
            name,
            lambda: jobs.page(store, team, filter, PAGE, before, viewer=viewer),
            lambda: [_job(row) for row in sqlite.execute(sql, parameters)],
            goal,
        )

    def marked(name: str, goal: float = LIST_MS, **fields: Any) -> Question:
        """What SQLite's copy has no tables for."""
        filter = JobFilter(**fields)
        return Question(name, lambda: jobs.page(store, team, filter, PAGE, viewer=viewer), None, goal)

    return [
        page("newest page of a team"),
        page("newest page of a team whose jobs are all old", team=small),
        page("by a frequent status", JobFilter(status=(Status.COMPLETED,))),
        page("by a rare status", JobFilter(status=(Status.TIMEOUT,))),
        page("by status live", JobFilter(status=(Status.PENDING, Status.PROCESSING, Status.RETRY))),
        page("by tool", JobFilter(tool=("boltz-2",))),
        page("by a tool that nobody used", JobFilter(tool=("test-noop",))),
        page("by submitter", JobFilter(submitter=(person_id(7),))),
        page(
            "by submitter, tool and status",
            JobFilter(tool=("nuvs",), status=(Status.FAILED,), submitter=(person_id(7),)),
        ),
        marked(
            "all but a tool, a status and a person",
            not_tool=("nuvs",),
            not_status=(Status.COMPLETED,),
            not_submitter=(person_id(7),),
        ),
        marked("of a month", since=datetime(2024, 3, 1), until=datetime(2024, 4, 1)),
        marked("longer than any ran", longer_s=86400.0),
        marked("starred", starred=True),
        marked("by a tag", tag="tag 7"),
        marked("shared with somebody", shared=True),
        marked("text search, two words", goal=SEARCH_MS, q="ligand 12"),
        marked("text search, a word and not another", goal=SEARCH_MS, q="12 -ligand"),
        marked("text search, a tag", goal=SEARCH_MS, q="TAG"),
        page("text search, frequent", JobFilter(q="ligand"), goal=SEARCH_MS),
        page("text search, rare", JobFilter(q=RARE), goal=SEARCH_MS),
        page("text search, nothing found", JobFilter(q="no-such-name"), goal=SEARCH_MS),
        page("page 10,000 by keyset, or the last", before=deep),
    ]


def _viewer(team: str, count: int) -> Person:
    """Somebody with stars, invited to all that is shared by invitation."""
    return Person(
        id=person_id(7),
        email="person7@lab.example",
        name="Person 7",
        site_admin=False,
        team=team,
        team_name="Team 0",
        role=Role.MEMBER,
        roles={team: Role.MEMBER},
        invited=frozenset(history.job_id(seq) for seq in range(3, count, 1000)),
    )


def _deep(sqlite: sqlite3.Connection, team: str) -> int:
    """The number before which page 10,000 of a team begins, or its last whole page."""
    size = sqlite.execute("select count(*) from jobs where team = ?", [team]).fetchone()[0]
    above = min(PAGE * 9_999, size - PAGE) - 1
    found = sqlite.execute(
        "select seq from jobs where team = ? order by seq desc limit 1 offset ?", [team, above]
    )
    return int(found.fetchone()[0])


def _others(store: Store, sqlite: sqlite3.Connection, count: int) -> list[Question]:
    team, one = team_id(LARGEST), history.job_id(count // 3)
    known = jobs.get(store, one)
    assert known is not None
    return [
        Question(
            "counts of a team", lambda: jobs.counts(store, team, JobFilter()), lambda: _counts(sqlite, team)
        ),
        Question(
            "submitters of a team",
            lambda: len(jobs.submitters(store, team)),
            lambda: _submitters(sqlite, team),
        ),
        Question("balance", lambda: ledger.balance(store, team).available, lambda: _balance(sqlite, team)),
        Question(
            "newest 100 ledger rows", lambda: len(ledger.entries(store, team)), lambda: _entries(sqlite, team)
        ),
        Question("tags of a team", lambda: marks.tags_of_team(store, team, _viewer(team, count)), None),
        Question("point read of a job", lambda: jobs.get(store, one), lambda: _get(sqlite, one)),
        Question("everything of a job (9 reads)", lambda: jobs.detail(store, one), None, None),
        Question("waiting jobs, for the dispatcher", lambda: jobs.waiting(store, 32), None, None),
        Question("live counts of the site", lambda: jobs.live_counts(store), None, None),
        Question("jobs ahead in the queue", lambda: jobs.ahead(store, known), None, None),
    ]


# SQLite -------------------------------------------------------------------------------------------------------


def _page_sql(team: str, filter: JobFilter, before: int | None) -> tuple[str, list[Any]]:
    """Only the conditions that are asked for: the best that its planner can get."""
    where, parameters = ["team = ?"], [team]
    if before is not None:
        where.append("seq < ?")
        parameters.append(before)  # type: ignore[arg-type]
    if filter.tool:
        where.append(f"tool in ({', '.join('?' * len(filter.tool))})")
        parameters += filter.tool
    if filter.status:
        where.append(f"status in ({', '.join('?' * len(filter.status))})")
        parameters += [status.value for status in filter.status]
    if filter.submitter:
        where.append(f"submitter in ({', '.join('?' * len(filter.submitter))})")
        parameters += filter.submitter
    if filter.q:
        where.append("instr(lower(name), lower(?)) > 0")
        parameters.append(filter.q)
    return (
        "select j.*, p.name as submitter_name from (select * from jobs where "
        f"{' and '.join(where)} order by seq desc limit {PAGE}) j left join persons p on p.id = j.submitter "
        "order by j.seq desc",
        parameters,
    )


def _job(row: sqlite3.Row) -> Job:
    record = dict(row)
    for name in ("created_at", "started_at", "ended_at"):
        if record[name]:
            record[name] = datetime.fromisoformat(record[name])
    return rows.job(record)


def _get(sqlite: sqlite3.Connection, job: str) -> Job:
    sql = "select j.*, p.name as submitter_name from jobs j left join persons p on p.id = j.submitter where j.id = ?"
    return _job(sqlite.execute(sql, [job]).fetchone())


def _counts(sqlite: sqlite3.Connection, team: str) -> dict[Status, int]:
    found = sqlite.execute("select status, count(*) from jobs where team = ? group by status", [team])
    return {Status(status): count for status, count in found}


def _submitters(sqlite: sqlite3.Connection, team: str) -> int:
    sql = """select s.submitter, p.name from (select distinct submitter from jobs where team = ?) s
        join persons p on p.id = s.submitter"""
    return len(sqlite.execute(sql, [team]).fetchall())


def _balance(sqlite: sqlite3.Connection, team: str) -> int:
    balance, held = sqlite.execute("select balance, held from teams where id = ?", [team]).fetchone()
    return int(balance - held)


def _entries(sqlite: sqlite3.Connection, team: str) -> int:
    sql = """select l.happened_at, l.kind, l.balance, l.held, j.id, l.note
        from (select * from ledger where team = ? order by number desc limit 100) l
        left join jobs j on j.seq = l.job_seq order by l.number desc"""
    return len(sqlite.execute(sql, [team]).fetchall())


# Writes -------------------------------------------------------------------------------------------------------


def _writes(store: Store, repeats: int) -> list[list[str]]:
    """A job's three transactions, by one caller and by 32 at the same time, each on disk."""
    lines = []
    for together in (1, 32):
        submits: list[float] = []
        claims: list[float] = []
        ends: list[float] = []
        for _ in range(repeats):
            new = [_new_job() for _ in range(together)]
            submitted = _all([jobs.submit(store, one) for one in new], submits)
            made = [answer.job for answer in submitted]
            runs = [
                Claim(job=job.id, seq=job.seq, attempt=1, run_id=new_id(), worker="w", cpus=1) for job in made
            ]
            _all([jobs.claim(store, run) for run in runs], claims)
            _all([jobs.finish(store, _outcome(run)) for run in runs], ends)
        for name, times in (("submit", submits), ("claim", claims), ("finish", ends)):
            lines.append([f"write: {name}, {together} at once", *_cells(times), "-", "-"])
    return lines


def _all(futures: list[Future[Any]], times: list[float]) -> list[Any]:
    began = time.perf_counter()
    wait(futures)
    times.append(time.perf_counter() - began)
    return [future.result() for future in futures]


def _new_job() -> NewJob:
    return NewJob(
        id=new_id(),
        team=team_id(LARGEST),
        submitter=person_id(7),
        tool="convert-sequences",
        name="a job",
        visibility=Visibility.PRIVATE,
        credits=1,
        price=[{"label": "Job", "credits": 1}],
        inputs={},
        settings={},
        cpus_min=1,
        cpus_max=1,
        memory_mb=256,
        gpus=0,
        timeout_s=60,
    )


def _outcome(run: Claim) -> Outcome:
    return Outcome(job=run.job, seq=run.seq, attempt=1, run_id=run.run_id, status=Status.COMPLETED)


# Goals --------------------------------------------------------------------------------------------------------


def _speed_goals(found: dict[str, tuple[float, Question]], count: int) -> list[Goal]:
    goals = []
    for limit, what in ((LIST_MS, "every list"), (SEARCH_MS, "text search")):
        times = {
            name: seconds * 1000 for name, (seconds, question) in found.items() if question.goal == limit
        }
        worst = max(times, key=times.__getitem__)
        over = [f"{name} {ms:.0f} ms" for name, ms in times.items() if ms > limit]
        seen = "over it: " + ", ".join(over) if over else f"worst {times[worst]:.1f} ms ({worst})"
        goals.append(Goal(f"{what} at {count:,} jobs in under {limit:.0f} ms (p95)", seen, not over))
    return goals


def _growth_goal(
    small: dict[str, tuple[float, Question]], large: dict[str, tuple[float, Question]], count: int
) -> Goal:
    times = {
        name: seconds / small[name][0]
        for name, (seconds, question) in large.items()
        if name in small and question.goal
    }
    over = [f"{name} {ratio:.1f} x" for name, ratio in times.items() if ratio > 2]
    seen = "over it: " + ", ".join(over) if over else f"at most {max(times.values()):.1f} x"
    return Goal(f"at most twice the time at {SMALL:,} jobs (p95)", seen, not over)
