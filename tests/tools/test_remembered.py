"""A file is looked at once, however often a form asks about it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from compute.submitting import Submission
from tests.laboratory import Laboratory
from tools import create_subtraction
from tools.contract import InputFailure, LocalFile
from tools.remembered import remembered


def test_another_link_to_the_same_bytes_is_not_looked_at_again(tmp_path: Path) -> None:
    looked: list[str] = []

    @remembered(2)
    def look(file: LocalFile) -> str:
        looked.append(file.name)
        return file.path.read_text()

    (tmp_path / "first").write_text("a")
    os.link(tmp_path / "first", tmp_path / "second")
    assert look(LocalFile(tmp_path / "first", "x", "text")) == "a"
    assert look(LocalFile(tmp_path / "second", "x", "text")) == "a"
    assert looked == ["x"]

    look(LocalFile(tmp_path / "second", "y", "text"))
    assert looked == ["x", "y"], "the name stands in sentences"
    (tmp_path / "first").write_text("other")
    assert look(LocalFile(tmp_path / "second", "y", "text")) == "other"


def test_what_was_raised_is_not_kept(tmp_path: Path) -> None:
    looked: list[str] = []

    @remembered(2)
    def look(file: LocalFile) -> None:
        looked.append(file.name)
        raise InputFailure("no")

    (tmp_path / "file").write_text("a")
    for _ in range(2):
        with pytest.raises(InputFailure):
            look(LocalFile(tmp_path / "file", "x", "text"))
    assert looked == ["x", "x"]


def test_a_form_that_changes_does_not_read_its_files_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = Laboratory(tmp_path)
    genome = lab.workbench.upload(lab.admin, "host.fa", io.BytesIO(b">chr1\nACGTACGTNN\n"))
    looked: list[object] = []
    pieces = create_subtraction.fasta.pieces
    monkeypatch.setattr(
        create_subtraction.fasta, "pieces", lambda content: looked.append(1) or pieces(content)
    )

    for nickname in ("a", "ab", "abc"):
        inputs = {"genome": {"file": genome.id}}
        asked = Submission(tool="create-subtraction", inputs=inputs, settings={"nickname": nickname})
        assert lab.workbench.quote(lab.admin, asked).problems == []

    assert len(looked) == 1
    lab.close()
