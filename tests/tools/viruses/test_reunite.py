"""Pairs come back when either mate survived, whatever their headers look like."""

from __future__ import annotations

import gzip
from pathlib import Path

import dnaio
import pytest

from tools.contract import ToolFailure
from tools.viruses.reunite import read_id, reunite, survivors


def write(path: Path, names: list[str], length: int = 30) -> Path:
    content = "".join(f"@{name}\n{'A' * length}\n+\n{'I' * length}\n" for name in names)
    path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return path


def names(path: Path) -> list[str]:
    with dnaio.open(path) as reader:
        return [record.name for record in reader]


@pytest.mark.parametrize(
    "ends", [("/1", "/2"), (" 1:N:0:ACGT", " 2:N:0:ACGT"), ("", ""), ("/1 x", "/2 y"), (";1", ";2")]
)
def test_a_pair_is_kept_when_either_mate_survived(tmp_path: Path, ends: tuple[str, str]) -> None:
    first, second = ([f"run:1:{number}{end}" for number in range(10)] for end in ends)
    pairs = (write(tmp_path / "t1.fq.gz", first), write(tmp_path / "t2.fq.gz", second, 35))
    left = write(tmp_path / "left.fq", [second[7], first[2], first[3], second[3]])
    out = (tmp_path / "u1.fq.gz", tmp_path / "u2.fq.gz")
    told: list[int] = []

    kept = survivors(left)
    assert (kept.reads, kept.longest) == (4, 30)
    assert reunite(pairs, kept, out, told.append) == (3, 35)
    assert names(out[0]) == [first[2], first[3], first[7]]
    assert names(out[1]) == [second[2], second[3], second[7]]
    assert told == [10]


def test_none_survived(tmp_path: Path) -> None:
    pairs = (write(tmp_path / "t1.fq.gz", ["a"]), write(tmp_path / "t2.fq.gz", ["a"]))
    (tmp_path / "left.fq").touch()
    out = (tmp_path / "u1.fq.gz", tmp_path / "u2.fq.gz")
    kept = survivors(tmp_path / "left.fq")
    assert (kept.reads, kept.longest) == (0, 0)
    assert reunite(pairs, kept, out) == (0, 0)


def test_mates_in_another_order_are_told(tmp_path: Path) -> None:
    pairs = (write(tmp_path / "t1.fq.gz", ["a", "b"]), write(tmp_path / "t2.fq.gz", ["b", "a"]))
    kept = survivors(write(tmp_path / "left.fq", ["a"]))
    with pytest.raises(ToolFailure, match="order"):
        reunite(pairs, kept, (tmp_path / "u1.fq.gz", tmp_path / "u2.fq.gz"))


def test_an_id_is_the_header_up_to_the_first_space() -> None:
    assert read_id("x:1 2:N:0") == "x:1"
    assert read_id("x/1") == read_id("x/2 more") == "x"
    assert read_id("x/12") == "x/12"
    assert read_id("") == read_id("  ") == ""
