from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest

from data import jobs, ledger, library, marks, notices, people, sharing, teams
from data.database import MIGRATIONS, SCHEMA, migrate
from data.people import LinkUse
from data.records import Balance, Person, Preferences, Role, Visibility, new_id, utcnow
from data.store import Store

from .conftest import make_job, make_team

OWN = sorted(MIGRATIONS.glob("*.sql"))


def names(store: Store) -> list[str]:
    with store.database.cursor() as cursor:
        return [
            name for (name,) in cursor.execute("select name from migrations order by applied_at").fetchall()
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the repository's own files, without which no store opens."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for known in OWN:
        shutil.copy(known, folder)
    return folder


def test_a_new_home_gets_everything_once(tmp_path: Path, folder: Path) -> None:
    (folder / "900_colour.sql").write_text(
        "alter table teams add column colour varchar; create table a (n bigint);"
    )
    (folder / "910_later.sql").write_text("create table b as select * from a;")
    store = Store(tmp_path / "w.duckdb", migrations=folder)
    expected = [SCHEMA.name, *(own.name for own in OWN), "900_colour.sql", "910_later.sql"]
    assert names(store) == expected
    assert store.database.wal_bytes() == 0  # DDL in a log is what fails to replay
    store.close()
    again = Store(tmp_path / "w.duckdb", migrations=folder)
    assert names(again) == expected
    again.close()


def test_a_new_file_upgrades_an_old_home_and_keeps_what_it_holds(tmp_path: Path, folder: Path) -> None:
    store = Store(tmp_path / "w.duckdb", migrations=folder)
    before = names(store)
    team = make_team(store, 100)
    job = jobs.submit(store, make_job(team=team, submitter=new_id())).result().job
    store.close()
    (folder / "900_lab.sql").write_text(
        "create table labs (n bigint); insert into labs select count(*) from jobs;"
    )
    upgraded = Store(tmp_path / "w.duckdb", migrations=folder)
    assert names(upgraded) == [*before, "900_lab.sql"]
    assert jobs.get(upgraded, job.id) == job
    with upgraded.database.cursor() as cursor:
        assert cursor.execute("select n from labs").fetchall() == [(1,)]
    upgraded.close()


def test_a_migration_that_fails_leaves_neither_tables_nor_its_record(tmp_path: Path, folder: Path) -> None:
    Store(tmp_path / "w.duckdb", migrations=folder).close()
    (folder / "900_half.sql").write_text("create table half (n bigint); insert into nowhere values (1);")
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        Store(tmp_path / "w.duckdb", migrations=folder)
    (folder / "900_half.sql").write_text("create table half (n bigint);")
    mended = Store(tmp_path / "w.duckdb", migrations=folder)
    assert names(mended) == [SCHEMA.name, *(own.name for own in OWN), "900_half.sql"]
    mended.close()


def test_migrate_tells_what_it_did(folder: Path) -> None:
    connection = duckdb.connect()
    assert migrate(connection, folder) == [SCHEMA.name, *(own.name for own in OWN)]
    assert migrate(connection, folder) == []
    (folder / "900_x.sql").write_text("create table x (n bigint);")
    assert migrate(connection, folder) == ["900_x.sql"]


def test_the_repositorys_own_migrations_apply_to_a_new_home(store: Store) -> None:
    assert names(store)[0] == SCHEMA.name


#: Ids of version 1's rows.
TEAM, PERSON, GUEST, JOB, INVITATION = (f"00000000-0000-4000-8000-00000000000{number}" for number in range(5))
NOW = "timestamp '2026-01-02 03:04:05'"
#: A row of every table as version 1 wrote it: a job that completed, charged and seen by somebody invited.
VERSION_1 = f"""
update commits set number = 7;
insert into persons values ('{PERSON}', 'ada@lab.example', 'Ada', null, true, true, true, {NOW});
insert into persons values ('{GUEST}', 'eve@lab.example', 'Eve', null, false, false, true, {NOW});
insert into teams values ('{TEAM}', 'Lab', 'team', null, null, 90, 0, {NOW});
insert into memberships values ('{TEAM}', '{PERSON}', 'owner', {NOW});
insert into sessions values ('s', '{PERSON}', '{TEAM}', {NOW}, timestamp '2999-01-01', 'Firefox', null);
insert into tokens values ('{JOB}', 't', '{PERSON}', '{TEAM}', 'script', ['jobs:read'], {NOW}, null);
insert into sign_in_links values ('l', '{PERSON}', {NOW}, timestamp '2999-01-01', null);
insert into invitations
values ('{INVITATION}', 'h', 'eve@lab.example', null, '{JOB}', null, null, '{PERSON}', '{GUEST}', {NOW}, null);
insert into audit values ({NOW}, '{PERSON}', 'signed in', 's');
insert into jobs values (1, '{JOB}', '{TEAM}', '{PERSON}', null, 'nuvs', 'Dock', 'completed', 'invited', 10, 1, 0,
    '{TEAM}', 'w', 100, null, null, false, null, null, null, 1, 4, 4096, 0, 3600, {NOW}, {NOW}, {NOW});
insert into submissions values (1, '{{}}', '{{}}', '[{{"label":"Run","credits":10}}]');
insert into attempts values (1, 1, '{TEAM}', 'w', 1, {NOW}, {NOW}, 'completed', '[]', null);
insert into results values (1, '{{"best":-7}}', '[]', '[]', '[]');
insert into history values (1, {NOW}, null, 'pending', 1, 'submitted');
insert into idempotency values ('k', '{PERSON}', '{TEAM}', 'b', '{JOB}', {NOW});
insert into ledger values (2, '{TEAM}', null, 'grant', 100, 0, {NOW}, null, 'first', null),
    (3, '{TEAM}', 1, 'hold', 0, 10, {NOW}, '{PERSON}', 'nuvs', null),
    (4, '{TEAM}', 1, 'charge', -10, -10, {NOW}, '{PERSON}', 'nuvs', null);
insert into files values ('{INVITATION}', 5, '{TEAM}', '{PERSON}', 'a.fasta', 1, 'x', 'fasta', 'team', {NOW}, null);
"""


def counted(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    tables = [name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()]
    found = {}
    for table in tables:
        ((number,),) = connection.execute(f'select count(*) from "{table}"').fetchall()
        found[table] = number
    return found


def test_a_home_of_version_1_keeps_every_row_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        migrate(connection, tmp_path)
        connection.execute(VERSION_1)
        before = counted(connection)
    assert min(before.values()) > 0, "a row in every table"

    store = Store(path)
    with store.database.cursor() as cursor:
        after = counted(cursor)
    assert {name: after[name] for name in before} == before | {"migrations": len(names(store))}

    assert [one.hash for one in people.sessions(store, utcnow())] == ["s"]
    assert [one.hash for one in people.tokens(store)] == ["t"]
    assert people.link_owner(store, "l", utcnow()) == PERSON
    assert people.invited(store) == {GUEST: {JOB}}
    assert [one.person for one in sharing.invitations(store, JOB)] == [GUEST]
    team = teams.get(store, TEAM)
    assert team is not None and (team.person_credits, team.balance) == (None, 90)
    detail = jobs.detail(store, JOB, PERSON)
    assert detail is not None and (detail.summary, detail.job.tags, detail.job.starred) == (
        {"best": -7},
        (),
        False,
    )
    assert notices.preferences(store, PERSON) == Preferences()
    account = store.write(
        people.use_link, LinkUse(hash="l", email=None, name=None, password_hash="x")
    ).result()
    assert account.id == PERSON

    team_of = {"team": TEAM, "submitter": PERSON, "credits": 90, "made_from": ((JOB, "retry"),)}
    again = jobs.submit(store, make_job(**team_of)).result().job
    assert again.seq > 5 and marks.ancestors(store, again) == [("retry", JOB)]
    assert jobs.delete(store, JOB).result() and people.invited(store) == {}
    assert ledger.balance(store, TEAM) == Balance(balance=90, held=90)
    store.close()


#: Beside the rows of version 1, which the migration to version 2 kept.
VERSION_2 = """
update files set visibility = 'users';
update results set files = '[{"path":"poses.sdf","title":"Poses \\u00e9","format":"sdf","bytes":71},
    {"path":"b.tsv","title":"B","format":"tsv","bytes":5}]';
insert into results values (9, '{}', '[]', '[]', '[]');
"""


def test_a_home_of_version_2_gets_its_library(tmp_path: Path) -> None:
    path, folder = tmp_path / "w.duckdb", tmp_path / "migrations"
    folder.mkdir()
    shutil.copy(MIGRATIONS / "002_sharing.sql", folder)
    with duckdb.connect(str(path)) as connection:
        migrate(connection, tmp_path)
        connection.execute(VERSION_1)
        migrate(connection, folder)
        connection.execute(VERSION_2)
        before = counted(connection)

    store = Store(path)
    with store.database.cursor() as cursor:
        after = counted(cursor)
    assert {name: after[name] for name in before} == before | {"migrations": len(names(store))}
    upload = library.get(store, INVITATION)
    assert upload is not None and (upload.name, upload.owner, upload.size) == ("a.fasta", PERSON, 1)
    assert (upload.visibility, upload.folder, upload.facts) == (Visibility.PRIVATE, False, {})
    assert (upload.job, upload.tool) == (None, None)
    ada = Person(id=PERSON, email="", name="", site_admin=False, team=TEAM, team_name="", role=Role.MEMBER)
    listed = library.results_page(store, library.EVERY_FILE, 10, viewer=ada)
    assert [(file.path, file.title, file.format, file.size) for file in listed] == [
        ("b.tsv", "B", "tsv", 5),
        ("poses.sdf", "Poses é", "sdf", 71),
    ]
    assert jobs.delete(store, JOB).result() is not None
    assert library.results_page(store, library.EVERY_FILE, 10, viewer=ada) == []
    store.close()
