from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from data import jobs
from data.database import SCHEMA, migrate
from data.records import new_id
from data.store import Store

from .conftest import make_job, make_team


def names(store: Store) -> list[str]:
    with store.database.cursor() as cursor:
        return [
            name for (name,) in cursor.execute("select name from migrations order by applied_at").fetchall()
        ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return folder


def test_a_new_home_gets_everything_once(tmp_path: Path, folder: Path) -> None:
    (folder / "002_colour.sql").write_text(
        "alter table teams add column colour varchar; create table a (n bigint);"
    )
    (folder / "010_later.sql").write_text("create table b as select * from a;")
    store = Store(tmp_path / "w.duckdb", migrations=folder)
    assert names(store) == [SCHEMA.name, "002_colour.sql", "010_later.sql"]
    assert store.database.wal_bytes() == 0  # DDL in a log is what fails to replay
    store.close()
    again = Store(tmp_path / "w.duckdb", migrations=folder)
    assert len(names(again)) == 3
    again.close()


def test_a_new_file_upgrades_an_old_home_and_keeps_what_it_holds(tmp_path: Path, folder: Path) -> None:
    store = Store(tmp_path / "w.duckdb", migrations=folder)
    team = make_team(store, 100)
    job = jobs.submit(store, make_job(team=team, submitter=new_id())).result().job
    store.close()
    (folder / "002_lab.sql").write_text(
        "create table labs (n bigint); insert into labs select count(*) from jobs;"
    )
    upgraded = Store(tmp_path / "w.duckdb", migrations=folder)
    assert names(upgraded) == [SCHEMA.name, "002_lab.sql"]
    assert jobs.get(upgraded, job.id) == job
    with upgraded.database.cursor() as cursor:
        assert cursor.execute("select n from labs").fetchall() == [(1,)]
    upgraded.close()


def test_a_migration_that_fails_leaves_neither_tables_nor_its_record(tmp_path: Path, folder: Path) -> None:
    Store(tmp_path / "w.duckdb", migrations=folder).close()
    (folder / "002_half.sql").write_text("create table half (n bigint); insert into nowhere values (1);")
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        Store(tmp_path / "w.duckdb", migrations=folder)
    (folder / "002_half.sql").write_text("create table half (n bigint);")
    mended = Store(tmp_path / "w.duckdb", migrations=folder)
    assert names(mended) == [SCHEMA.name, "002_half.sql"]
    mended.close()


def test_migrate_tells_what_it_did(folder: Path) -> None:
    connection = duckdb.connect()
    assert migrate(connection, folder) == [SCHEMA.name]
    assert migrate(connection, folder) == []
    (folder / "002_x.sql").write_text("create table x (n bigint);")
    assert migrate(connection, folder) == ["002_x.sql"]


def test_the_repositorys_own_migrations_apply_to_a_new_home(store: Store) -> None:
    assert names(store)[0] == SCHEMA.name
