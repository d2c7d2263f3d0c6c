"""Years of jobs, made in bulk: the same rows for DuckDB and for SQLite."""

from __future__ import annotations

import hashlib
import sqlite3
import uuid
from pathlib import Path

import duckdb

from data.database import Database
from data.store import Store

TEAMS, PERSONS = 20, 50
#: The largest team has half of all jobs, the smallest a hundred, all of them the oldest.
LARGEST, SMALLEST, OLDEST = 0, 19, 100
TOOLS = (
    "autodock-vina",
    "convert-sequences",
    "convert-structure",
    "alignment-summary",
    "build-index",
    "create-sample",
    "create-subtraction",
    "pathoscope",
    "nuvs",
    "boltz-2",
    "alphafold-2",
    "proteinmpnn",
)
#: One name in 50,000 has this word in it.
RARE = "zanamivir"


def team_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012x}"


def person_id(number: int) -> str:
    return f"00000000-0000-4000-9000-{number:012x}"


def job_id(seq: int) -> str:
    """Scattered as a random id is; md5 is what both databases and Python know."""
    return str(uuid.UUID(hashlib.md5(str(seq).encode(), usedforsecurity=False).hexdigest()))


#: hash() spreads evenly, and the same way in each run. r: 0-999.
_STEPS = (
    f"""insert into persons select ('00000000-0000-4000-9000-' || printf('%012x', i))::uuid,
        'person' || i || '@lab.example', 'Person ' || i, null, false, true, true, now()::timestamp
    from range({PERSONS}) t(i)""",
    f"""insert into teams (id, name, default_visibility, concurrency, monthly_credits, balance, held, created_at)
    select ('00000000-0000-4000-8000-' || printf('%012x', i))::uuid, 'Team ' || i,
        'private', null, null, 0, 0, now()::timestamp from range({TEAMS}) t(i)""",
    f"""create temp table made as
    select i + 1 as seq, (hash(i) % 1000)::bigint as r, (hash(i + 7) % 1000000)::bigint as rare,
        case when i < {OLDEST} then {SMALLEST} when (hash(i) % 2)::bigint = 0 then {LARGEST}
            else 1 + (hash(i + 1) % {TEAMS - 2})::bigint end as team,
        (hash(i + 2) % {PERSONS})::bigint as person, (hash(i + 3) % {len(TOOLS)})::bigint as tool,
        (hash(i + 4) % 200)::bigint as price,
        i >= $count - 200 as live, timestamp '2024-01-01' + to_seconds(i * 60) as born
    from range($count) t(i)""",
    f"""insert into jobs select seq, md5(seq::varchar)::uuid,
        ('00000000-0000-4000-8000-' || printf('%012x', team))::uuid,
        ('00000000-0000-4000-9000-' || printf('%012x', person))::uuid, null, {list(TOOLS)}[tool + 1],
        (case when rare < 20 then '{RARE}' else 'ligand ' || hash(seq) % 5000 end)
            || ' in ' || printf('%05x', hash(seq + 5) % 1000000) || ' run ' || seq,
        (case when live then if(seq % 100 = 0, 'processing', 'pending') when r < 900 then 'completed'
            when r < 960 then 'failed' when r < 990 then 'cancelled' else 'timeout' end)::job_status,
        if(r < 700, 'team', 'private')::visibility, price, 1, 0,
        if(live and seq % 100 <> 0, null, md5('run' || seq)::uuid),
        'worker-1', if(live, null, 100), null, null, false,
        if(not live and r between 900 and 959, 'tool', null),
        if(not live and r between 900 and 959, 'The program ended with exit status 1.', null),
        null, 1, 4, 4096, 0, 3600, born,
        if(live and seq % 100 <> 0, null, born + to_seconds(5)), if(live, null, born + to_seconds(300)), null
    from made order by seq""",
    """insert into submissions select seq, '{"receptor":{"file":"' || seq || '"},"ligands":[{"file":"x"}]}',
        '{"mode":"single","exhaustiveness":8,"seed":' || r || '}', '[{"label":"Docking","credits":' || price || '}]'
    from made order by seq""",
    """insert into attempts select seq, 1, md5('run' || seq)::uuid, 'worker-1', 2,
        born + to_seconds(5), born + to_seconds(300), 'completed',
        '[{"name":"Dock","state":"done","started_at":null,"ended_at":null}]', '{"cpu_seconds":10.5}'
    from made where not live order by seq""",
    """insert into results select seq, '{"best_affinity":-7.5}', '[]', '[]', '[]'
    from made where not live and r < 900 order by seq""",
    """insert into history select seq, born, null, 'pending', 1, 'submitted' from made order by seq""",
    """insert into history select seq, born + to_seconds(5), 'pending', 'processing', 1, '' from made
    where not live order by seq""",
    """insert into history select seq, born + to_seconds(300), 'processing', 'completed', 1, '' from made
    where not live order by seq""",
    """insert into ledger select $count + 2 * seq, ('00000000-0000-4000-8000-' || printf('%012x', team))::uuid, seq,
        'hold', 0, price, born, ('00000000-0000-4000-9000-' || printf('%012x', person))::uuid, 'submitted', null
    from made order by seq""",
    """insert into ledger select $count + 2 * seq + 1, ('00000000-0000-4000-8000-' || printf('%012x', team))::uuid,
        seq, 'charge', -price, -price, born + to_seconds(5),
        ('00000000-0000-4000-9000-' || printf('%012x', person))::uuid, 'started', null
    from made where not live order by seq""",
    """update teams set balance = 1000000000 + s.balance, held = s.held
    from (select team, sum(balance) as balance, sum(held) as held from ledger group by team) s
    where teams.id = s.team""",
    # One job in ten has a tag, one in a thousand is shared by invitation, one in a thousand starred by person 7.
    "insert into tags select seq, 'tag ' || hash(seq) % 50 from made where seq % 10 = 0",
    "update jobs set visibility = 'invited' where seq % 1000 = 3",
    """insert into stars select ('00000000-0000-4000-9000-' || printf('%012x', 7))::uuid, seq from made
    where seq % 1000 = 7""",
    "drop table made",
)


def fill(path: Path, count: int) -> Store:
    """A store with so many jobs, two ledger rows and three transitions each."""
    store = Store(path)
    store.between(lambda database: _fill(database, count)).result()
    store.checkpoint()
    store.close()
    return Store(path)


def _fill(database: Database, count: int) -> None:
    writer = database.writer()
    for step in _STEPS:
        writer.execute(step, {"count": count} if "$count" in step else None)


_COPIED = ("persons", "teams", "jobs", "ledger")
_INDEXES = (
    "create unique index jobs_seq on jobs (seq)",
    "create unique index jobs_id on jobs (id)",
    "create index jobs_team on jobs (team, seq)",
    "create index jobs_team_status on jobs (team, status, seq)",
    "create index jobs_team_tool on jobs (team, tool, seq)",
    "create index jobs_team_submitter on jobs (team, submitter, seq)",
    "create index jobs_live on jobs (status, seq) where status in ('queued', 'pending', 'processing', 'retry')",
    "create unique index ledger_job on ledger (job_seq, kind)",
    "create index ledger_team on ledger (team, number)",
    "create unique index persons_id on persons (id)",
    "create unique index teams_id on teams (id)",
)
_CHUNK = 20_000


def copy_to_sqlite(source: Path, target: Path) -> sqlite3.Connection:
    """The tables that the lists and sums read, with the indexes that one would give them."""
    connection = sqlite3.connect(target, isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    with duckdb.connect(str(source), read_only=True) as duck:
        for table in _COPIED:
            _copy(duck, connection, table)
    for index in _INDEXES:
        connection.execute(index)
    connection.execute("analyze")
    connection.execute("pragma wal_checkpoint(truncate)")
    return connection


def _copy(duck: duckdb.DuckDBPyConnection, connection: sqlite3.Connection, table: str) -> None:
    found = duck.execute(f"select * from {table}")
    columns = [(column[0], str(column[1])) for column in found.description or ()]
    text = ", ".join(
        f"cast({name} as varchar) as {name}" if kind in ("UUID", "TIMESTAMP") or "ENUM" in kind else name
        for name, kind in columns
    )
    found = duck.execute(f"select {text} from {table}")
    connection.execute(f"create table {table} ({', '.join(name for name, _ in columns)})")
    marks = ", ".join("?" * len(columns))
    connection.execute("begin")
    while chunk := found.fetchmany(_CHUNK):
        connection.executemany(f"insert into {table} values ({marks})", chunk)
    connection.execute("commit")
