"""What the child does with a tool's values, errors and words; real runs are in test_supervisor.py."""

from __future__ import annotations

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy
import pytest

from compute.messages import Lines, encode, json_safe
from compute.worker.child import Job, describe
from compute.worker.programs import LimitFailure
from compute.worker.tables import write_table
from compute.worker.usage import ROWS, Meter
from compute.worker.verdict import duration, log_tail
from tools.contract import Column, Given, InputFailure, Model, Table, ToolFailure


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (InputFailure("No atoms."), "input", "No atoms."),
        (ToolFailure("It failed."), "tool", "It failed."),
        (LimitFailure("Too big."), "limit", "Too big."),
        (MemoryError(), "limit", "The tool ran out of memory."),
        (OSError(errno.ENOSPC, "x"), "limit", "The disk of the worker is full."),
        (OSError(errno.EFBIG, "x"), "limit", "The tool wrote a file that is larger than this job may write."),
        (KeyError("x"), "tool", "The tool stopped with an error: KeyError: 'x'"),
        (ValueError("one\ntwo"), "tool", "The tool stopped with an error: ValueError: one"),
        (KeyboardInterrupt(), "tool", "The tool stopped with an error: KeyboardInterrupt."),
    ],
)
def test_an_error_has_a_kind_and_a_sentence(error: BaseException, kind: str, message: str) -> None:
    assert describe(error) == {"kind": kind, "message": message}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None),
        (float("-inf"), None),
        (numpy.float32(1.5), 1.5),
        (numpy.float64("nan"), None),
        (numpy.int64(3), 3),
        (numpy.array([1.0, float("inf")]), [1.0, None]),
        (numpy.bool_(True), True),
        ({1: (Path("a"), {2})}, {"1": ["a", [2]]}),
        (True, True),
        (None, None),
    ],
)
def test_values_become_what_json_can_hold(value: Any, expected: Any) -> None:
    safe = json_safe(value)
    assert safe == expected
    assert json.loads(json.dumps(safe, allow_nan=False)) == expected


def test_a_message_survives_any_cut() -> None:
    messages = [{"a": "ü\n"}, {"b": [1, None]}]
    stream = b"".join(encode(each) for each in messages)
    for size in range(1, len(stream) + 1):
        lines = Lines()
        found = [each for at in range(0, len(stream), size) for each in lines.feed(stream[at : at + size])]
        assert found == messages


class Nothing(Model):
    pass


class Listening:
    """A job whose messages can be read."""

    def __init__(self, folder: Path, steps: tuple[str, ...]) -> None:
        (folder / "work").mkdir()
        (folder / "out").mkdir()
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        spec = {
            "attempt_folder": str(folder),
            "cache": str(folder),
            "cpus": 1,
            "memory_mb": 512,
            "steps": steps,
        }
        self.job = Job(spec, Given(Nothing(), Nothing(), {}), writer)

    def told(self) -> list[dict[str, Any]]:
        try:
            return Lines().feed(os.read(self._reader, 1 << 20))
        except BlockingIOError:
            return []


def test_progress_counts_the_steps_before(tmp_path: Path) -> None:
    listening = Listening(tmp_path, ("a", "b"))
    listening.job.step("a")
    listening.job.progress(0.5, "half")
    listening.job.step("b")
    listening.job.progress(1.0)
    assert [each["progress"] for each in listening.told()] == [0.0, 25.0, 50.0, 100.0]
    assert [each["state"] for each in listening.job.finish("done")] == ["done", "done"]


def test_progress_never_goes_back(tmp_path: Path) -> None:
    """As with a second subtraction in one step, or when SPAdes starts again with fewer k-mers."""
    listening = Listening(tmp_path, ("a", "b"))
    listening.job.step("a")
    for fraction in (0.2, 1.0, 0.0, 0.6):
        listening.job.progress(fraction, f"at {fraction}")
    listening.job.step("b")
    listening.job.step("not declared")
    told = [each["progress"] for each in listening.told()]
    assert told == sorted(told) and told[:3] == [0.0, 10.0, 50.0]


def test_unknown_progress_is_no_number(tmp_path: Path) -> None:
    listening = Listening(tmp_path, ())
    listening.job.progress(None, "thinking")
    assert [(each["progress"], each["note"]) for each in listening.told()] == [(None, "thinking")]


def test_progress_outside_its_range_is_cut(tmp_path: Path) -> None:
    listening = Listening(tmp_path, ())
    listening.job.progress(7.0)
    assert listening.told()[0]["progress"] == 100.0


def test_progress_in_tiny_steps_does_not_flood(tmp_path: Path) -> None:
    listening = Listening(tmp_path, ())
    for number in range(100_000):
        listening.job.progress(number / 100_000)
    assert len(listening.told()) < 400


def test_a_step_that_was_not_declared_is_added(tmp_path: Path) -> None:
    listening = Listening(tmp_path, ("a",))
    listening.job.step("a")
    listening.job.step("surprise")
    assert [each["name"] for each in listening.job.finish("failed")] == ["a", "surprise"]
    assert [each["state"] for each in listening.job.finish("failed")] == ["done", "failed"]


def test_a_program_speaks_line_by_line_and_to_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines: list[str] = []
    job = Listening(tmp_path, ()).job
    code = "import os; os.write(1, b'one\\rtwo\\nb\\xffd'); print(os.getcwd())"
    job.command([sys.executable, "-c", code], on_line=lines.append)
    assert lines == ["one", "two", f"b\ufffdd{tmp_path / 'work'}"]
    log = capfd.readouterr().out
    assert log.startswith(f"$ {sys.executable} -c import os")
    assert "two\n" in log


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(ToolFailure, match=r"The program no-such-program could not be started: No such file"):
        Listening(tmp_path, ()).job.command(["no-such-program"])


def test_shell_signs_are_only_characters(tmp_path: Path) -> None:
    lines: list[str] = []
    Listening(tmp_path, ()).job.command(["echo", "$HOME; rm *", Path("a b")], on_line=lines.append)
    assert lines == ["$HOME; rm * a b"]


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    table = Table("poses", "Poses", [Column('it\'s "energy"', "Energy", unit="kcal/mol", type="DOUBLE")], [])
    assert write_table(table, tmp_path / "it's.parquet", tmp_path)["rows"] == 0
    with duckdb.connect() as connection:
        described = connection.execute("describe from read_parquet(?)", [str(tmp_path / "it's.parquet")])
        assert described.fetchall()[0][:2] == ('it\'s "energy"', "DOUBLE")


def test_a_table_with_numpy_values_and_an_uneven_row(tmp_path: Path) -> None:
    columns = [Column("x", "X", type="DOUBLE"), Column("n", "N", type="BIGINT")]
    rows = [(numpy.float32(0.5), numpy.int32(1)), (float("inf"), None)]
    write_table(Table("t", "T", columns, rows), tmp_path / "t.parquet", tmp_path)
    with duckdb.connect() as connection:
        found = connection.execute("from read_parquet(?)", [str(tmp_path / "t.parquet")]).fetchall()
    assert found == [(0.5, 1), (None, None)]
    with pytest.raises(ValueError, match="zip"):
        write_table(Table("t", "T", columns, [(1.0, 1), (2.0,)]), tmp_path / "u.parquet", tmp_path)


def test_a_long_series_is_thinned_and_keeps_its_ends() -> None:
    meter = Meter(1 << 30)
    for _ in range(5000):
        meter.sample([])
    series = meter.usage()["series"]
    assert ROWS // 4 < len(series) <= ROWS
    assert series == sorted(series)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.3, "0.3 s"), (90, "90 s"), (900, "15 min"), (7200, "2 h"), (9000, "2 h 30 min")]
)
def test_durations_are_for_people(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_end_of_a_long_log(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert log_tail(path).splitlines() == [f"line {number}" for number in range(9980, 10_000)]
    assert log_tail(tmp_path / "none") == ""
