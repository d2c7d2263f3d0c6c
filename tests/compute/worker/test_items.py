"""What a run made for the library, as the child puts it aside; a real run is in test_supervisor.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.worker import items
from tools.contract import LibraryItem, ToolFailure
from tools.developer import FAULT
from tools.formats import detect
from tools.library import about

TOOL = replace(FAULT, id="build-index", version=lambda: "builder 1")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """With the folder of an index in it, 5 bytes."""
    out = tmp_path / "out"
    (out / "made" / "bowtie").mkdir(parents=True)
    (out / "made" / "bowtie" / "reference.1.bt2").write_bytes(b"12345")
    return out


def put_aside(out: Path, path: Path | None = None, **different: Any) -> dict[str, Any]:
    usual = {"name": "Plum viruses", "format": "index", "facts": {"otus": 5}}
    item = LibraryItem(path or out / "made", **usual | different)
    return items.put_aside(out, item, TOOL, ["bowtie2-build 2.5.0", "builder 1"])


def test_an_item_lies_under_its_id_and_tells_what_it_is(out: Path) -> None:
    kept = put_aside(out)
    folder = out / "library" / kept["id"]
    assert [entry.name for entry in out.iterdir()] == ["library"]
    assert (folder / "bowtie" / "reference.1.bt2").read_bytes() == b"12345"
    told = {"format": "index", "name": "Plum viruses", "facts": {"otus": 5}}
    assert about(folder) == told | {"tool": "build-index", "versions": ["bowtie2-build 2.5.0", "builder 1"]}
    assert kept == told | {"id": kept["id"], "bytes": 5 + (folder / "about.json").stat().st_size}
    assert detect(folder, "any") == "index"


def test_a_path_may_be_told_relative_to_out(out: Path) -> None:
    assert put_aside(out, Path("made"))["format"] == "index"


def test_facts_are_json(out: Path) -> None:
    kept = put_aside(out, facts={"gc": float("nan"), "length": (21, 24), "host": "\udcff"})
    assert kept["facts"] == {"gc": None, "length": [21, 24], "host": "?"}
    assert about(out / "library" / kept["id"])["facts"] == kept["facts"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("../../etc/passwd", ".. .. etc passwd"), (" a\n\tb ", "a b"), ("", "Index"), ("ß" * 300, "ß" * 200)],
)
def test_a_name_is_no_path_and_one_line(out: Path, name: str, expected: str) -> None:
    assert put_aside(out, name=name)["name"] == expected


def test_what_is_not_there_or_elsewhere_is_the_tools_failure(out: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (out / "file").write_text("no folder")
    (out / "away").symlink_to(tmp_path / "elsewhere")
    (out / "library").mkdir()
    wrong = ["missing", "file", "..", "../elsewhere", "away", "made/../..", ".", "library", "library/x"]
    for path in wrong:
        with pytest.raises(ToolFailure, match="did not write that folder"):
            put_aside(out, out / path)
    assert (tmp_path / "elsewhere").is_dir() and not list((out / "library").iterdir())


def test_an_item_goes_once(out: Path) -> None:
    put_aside(out)
    with pytest.raises(ToolFailure, match="did not write that folder"):
        put_aside(out)


def test_a_link_does_not_go_into_the_library(out: Path) -> None:
    (out / "made" / "reads.fq").symlink_to("/etc/hostname")
    with pytest.raises(ToolFailure, match="left a link in made"):
        put_aside(out)


def test_a_file_that_a_link_leads_to_is_not_written(out: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (out / "made" / "about.json").symlink_to(tmp_path / "mine")
    assert about(out / "library" / put_aside(out)["id"])["format"] == "index"
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_format_without_a_kind_is_the_tools_failure(out: Path) -> None:
    with pytest.raises(ToolFailure, match="named made a genome"):
        put_aside(out, format="genome")


def test_items_are_listed_under_paths_of_their_own() -> None:
    kept = [
        {"id": str(number), "name": f"S{number}", "format": "sample", "facts": {}, "bytes": 1}
        for number in range(3)
    ]
    listed = items.listed(kept, ["sample-2", "report.tsv"])
    assert [file["path"] for file in listed] == ["sample", "sample-3", "sample-4"]
    assert listed[0] == {"path": "sample", "title": "S0", "format": "sample", "bytes": 1, "file": "0"}
