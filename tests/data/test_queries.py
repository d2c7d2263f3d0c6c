from __future__ import annotations

import re
from pathlib import Path

import pytest

from data.database import CONDITIONS, QUERIES, BadQueries, load_queries, narrow
from data.store import Store


def test_queries_are_found_by_name(tmp_path: Path) -> None:
    file = tmp_path / "some.sql"
    file.write_text(
        "-- All of it.\n\n-- name: one\n-- Gives one.\nselect 1;\n\n-- name: two\n-- Gives two.\nselect 2;\n"
    )
    assert list(load_queries(tmp_path)) == ["one", "two"]
    assert load_queries(tmp_path)["one"].endswith("select 1;")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("-- name: one\n-- A.\nselect 1;\n-- name: one\n-- B.\nselect 2;\n", "two queries have the name one"),
        ("-- name: one\nselect 1;\n", "one has no comment"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "some.sql"
    file.write_text(text)
    with pytest.raises(BadQueries, match=says):
        load_queries(tmp_path)


def test_every_query_is_one_statement_that_the_schema_knows(store: Store) -> None:
    """`prepare` parses and binds without running; a name of a column or table that does not exist fails here."""
    with store.database.cursor() as cursor:
        for name, sql in load_queries(QUERIES).items():
            statements = cursor.extract_statements(sql)
            assert len(statements) == 1, name
            cursor.execute(f"prepare {name} as {sql}")


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ("page_jobs", "jobs"),
        ("count_jobs", "jobs"),
        ("submitters", "jobs"),
        ("page_files", "files"),
        ("page_results", "results"),
    ],
)
def test_every_condition_fits_every_list(store: Store, query: str, subject: str) -> None:
    sql = load_queries(QUERIES)[query]
    known = re.findall(r"^-- name: (\w+)$", (CONDITIONS / f"{subject}.sql").read_text(), re.MULTILINE)
    assert known
    with store.database.cursor() as cursor:
        for name in known:
            one, _ = narrow(sql, [(name, {})])
            cursor.execute(f"prepare {query}_{name} as {one}")


def test_conditions_keep_their_parameters_apart() -> None:
    sql, parameters = narrow(
        "select 1 from jobs where true /* and so on */", [("since", {"time": 1}), ("until", {"time": 2})]
    )
    assert parameters == {"time_0": 1, "time_1": 2}
    assert "created_at >= $time_0" in sql and "created_at < $time_1" in sql
    with pytest.raises(BadQueries, match="no conditions"):
        narrow("select 1", [])


def test_no_query_is_run_once_per_row() -> None:
    for path in QUERIES.parent.glob("*.py"):
        assert "executemany" not in path.read_text(), path.name
