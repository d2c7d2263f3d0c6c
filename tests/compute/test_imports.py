"""Import from folders of the server: nothing outside of them, nothing half-copied, nothing for who may not upload."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compute import settings
from compute.imports import check_folders
from data import imports
from data.errors import BadInput, Forbidden, NotFound, TooLarge, Unavailable, WellplateError
from data.records import Person, Role, Visibility
from tests.laboratory import Laboratory

READS = b"@r1\nACGT\n+\nIIII\n" * 50_000


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of the sequencer, beside which a secret lies."""
    runs = tmp_path / "runs"
    (runs / "2026-11" / "empty").mkdir(parents=True)
    (runs / "2026-11" / "a_R1.fastq").write_bytes(READS)
    (runs / "notes.txt").write_text("notes")
    (runs / ".hidden.txt").write_text("hidden")
    (tmp_path / "secret.txt").write_text("secret")
    (runs / "link.txt").symlink_to(tmp_path / "secret.txt")
    (runs / "up").symlink_to(tmp_path)
    os.mkfifo(runs / "pipe")
    return runs


@pytest.fixture
def lab(tmp_path: Path, runs: Path) -> Iterator[Laboratory]:
    home = tmp_path / "home"
    home.mkdir()
    (home / "settings.toml").write_text(
        f'[uploads.import_folders]\nruns = "{runs}"\ngone = "{tmp_path}/gone"\n[limits]\nupload_mb = 10\n'
    )
    lab = Laboratory(home)
    yield lab
    lab.close()


@pytest.fixture
def ada(lab: Laboratory) -> Person:
    return lab.join("ada")


def kept(lab: Laboratory) -> list[str]:
    return [path.name for name in ("uploads", "staging") for path in (lab.settings.files / name).iterdir()]


def test_what_lies_there_is_told_without_links_and_hidden_entries(lab: Laboratory, ada: Person) -> None:
    bench = lab.workbench.imports
    assert bench.folders(ada) == ["runs", "gone"]
    told = [(entry.name, entry.bytes, entry.is_folder) for entry in bench.look(ada, "runs")]
    assert told == [("2026-11", 0, True), ("notes.txt", 5, False)]
    (empty, reads) = bench.look(ada, "runs", "2026-11")
    assert (empty.name, reads.name, reads.bytes) == ("empty", "a_R1.fastq", len(READS))


def test_files_are_copied_into_the_library(lab: Laboratory, ada: Person, runs: Path) -> None:
    heard: list[tuple[int, int]] = []
    paths = ["2026-11/a_R1.fastq", "notes.txt"]
    reads, notes = lab.workbench.imports.take(
        ada, "runs", paths, on_progress=lambda done, total: heard.append((done, total))
    )
    assert (reads.name, reads.size, reads.format) == ("a_R1.fastq", len(READS), "fastq")
    assert reads.sha256 == hashlib.sha256(READS).hexdigest()
    assert (reads.owner, reads.team, reads.visibility) == (ada.id, ada.team, Visibility.PRIVATE)
    assert lab.folders.upload(reads.id).read_bytes() == READS
    (runs / "notes.txt").write_text("other")  # theirs is no link to ours
    assert lab.folders.upload(notes.id).read_text() == "notes"
    assert heard[-1] == (len(READS) + 5, len(READS) + 5)
    assert sorted(kept(lab)) == sorted([reads.id, notes.id])


@pytest.mark.parametrize("number", [errno.EXDEV, errno.ENOSYS, errno.EINVAL])
def test_where_the_disk_cannot_copy_by_itself_the_bytes_are_sent(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refused(*arguments: Any) -> int:
        raise OSError(number, "cannot")

    monkeypatch.setattr(imports, "_STEP", 100_000)
    monkeypatch.setattr(os, "copy_file_range", refused)
    (stored,) = lab.workbench.imports.take(ada, "runs", ["2026-11/a_R1.fastq"])
    assert lab.folders.upload(stored.id).read_bytes() == READS
    assert stored.sha256 == hashlib.sha256(READS).hexdigest()


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "2026-11/../../secret.txt",
        "..",
        ".",
        ".hidden.txt",
        "link.txt",
        "up/secret.txt",
        "up",
        "pipe",
        "nothing",
        "notes.txt/below",
        "a\x00b",
        "a\udcffb",
        "a" * 5000,
    ],
)
def test_nothing_outside_of_the_folder_is_reached(lab: Laboratory, ada: Person, path: str) -> None:
    with pytest.raises(NotFound) as refused:
        lab.workbench.imports.take(ada, "runs", ["notes.txt", path])
    assert str(lab.settings.home.parent) not in refused.value.message
    assert kept(lab) == []
    with pytest.raises((NotFound, BadInput)):
        lab.workbench.imports.look(ada, "runs", path)


def test_an_absolute_path_is_one_below_the_folder(lab: Laboratory, ada: Person, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        lab.workbench.imports.take(ada, "runs", [str(tmp_path / "secret.txt")])
    (stored,) = lab.workbench.imports.take(ada, "runs", ["/notes.txt"])
    assert stored.name == "notes.txt"


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    lab: Laboratory, ada: Person, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a file and its opening."""
    real_copy = imports.copy

    def swapped(*arguments: Any) -> Any:
        (runs / "2026-11").rename(runs / "before")
        (runs / "2026-11").symlink_to(runs.parent)
        (runs.parent / "a_R1.fastq").write_text("secret")
        return real_copy(*arguments)

    monkeypatch.setattr(imports, "copy", swapped)
    with pytest.raises(NotFound):
        lab.workbench.imports.take(ada, "runs", ["2026-11/a_R1.fastq"])
    assert kept(lab) == []


@pytest.mark.parametrize("how", ["grows", "shrinks", "is written over"])
def test_a_file_that_changes_meanwhile_is_refused(
    lab: Laboratory, ada: Person, runs: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(imports, "_STEP", 100_000)
    path, changed = runs / "2026-11" / "a_R1.fastq", False

    def change(done: int, total: int) -> None:
        nonlocal changed
        if changed:
            return
        changed = True
        if how == "grows":
            with path.open("ab") as file:
                file.write(b"more")
        elif how == "shrinks":
            os.truncate(path, 200_000)
        else:
            path.write_bytes(READS.lower())

    with pytest.raises(BadInput, match="changed while it was copied"):
        lab.workbench.imports.take(ada, "runs", ["2026-11/a_R1.fastq"], change)
    assert kept(lab) == []


def test_what_was_imported_before_a_refusal_is_told(
    lab: Laboratory, ada: Person, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(done: int, total: int) -> None:
        (runs / "2026-11" / "a_R1.fastq").unlink(missing_ok=True)

    with pytest.raises(NotFound, match=r"are imported \(1 of 2\)"):
        lab.workbench.imports.take(ada, "runs", ["notes.txt", "2026-11/a_R1.fastq"], remove)
    (stored,) = lab.workbench.uploads(ada)
    assert (stored.name, kept(lab)) == ("notes.txt", [stored.id])


def test_who_may_not_upload_imports_nothing(lab: Laboratory) -> None:
    vera = lab.join("vera", Role.VIEWER)
    for verb in (
        lambda: lab.workbench.imports.folders(vera),
        lambda: lab.workbench.imports.look(vera, "runs"),
        lambda: lab.workbench.imports.take(vera, "runs", ["notes.txt"]),
    ):
        with pytest.raises(Forbidden):
            verb()


def test_what_cannot_be_imported_is_a_sentence(lab: Laboratory, ada: Person, runs: Path) -> None:
    bench = lab.workbench.imports
    (runs / "large.bin").touch()
    os.truncate(runs / "large.bin", 11 << 20)
    refusals: list[tuple[type[WellplateError], str, list[str]]] = [
        (NotFound, "other", ["notes.txt"]),
        (Unavailable, "gone", ["notes.txt"]),
        (BadInput, "runs", ["2026-11"]),
        (BadInput, "runs", [""]),
        (BadInput, "runs", []),
        (TooLarge, "runs", ["notes.txt", "large.bin"]),
    ]
    for kind, name, paths in refusals:
        with pytest.raises(kind):
            bench.take(ada, name, paths)
    with pytest.raises(BadInput, match="is a file"):
        bench.look(ada, "runs", "notes.txt")
    with pytest.raises(Unavailable, match="cannot be read at the moment"):
        bench.look(ada, "gone")
    assert kept(lab) == []


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ('runs = "relative/path"', "absolute"),
        ('"a/b" = "/data"', "slash"),
        ('runs = "{home}"', "keeps its own"),
        ('runs = "{home}/files/uploads"', "keeps its own"),
        ('runs = "/"', "keeps its own"),
    ],
)
def test_a_folder_that_may_not_be_opened_stops_the_start(tmp_path: Path, folder: str, reason: str) -> None:
    text = "[uploads.import_folders]\n" + folder.replace("{home}", str(tmp_path))
    (tmp_path / "settings.toml").write_text(text)
    with pytest.raises(settings.BadSettings, match=reason):
        check_folders(settings.load({"WELLPLATE_HOME": str(tmp_path)}))


def test_over_the_api(lab: Laboratory, ada: Person) -> None:
    browser = lab.browser(ada)
    assert browser.get("/api/v1/import-folders").json() == {"folders": [{"name": "runs"}, {"name": "gone"}]}
    told = browser.get("/api/v1/import-folders/runs", params={"path": "2026-11"}).json()
    assert told["entries"][1] == {"name": "a_R1.fastq", "bytes": len(READS), "is_folder": False}
    body = {"folder": "runs", "paths": ["2026-11/a_R1.fastq"]}
    taken = browser.post("/api/v1/imports", json=body)
    assert taken.status_code == 201
    (file,) = taken.json()["files"]
    assert (file["name"], file["sha256"]) == ("a_R1.fastq", hashlib.sha256(READS).hexdigest())
    outside = browser.post("/api/v1/imports", json={"folder": "runs", "paths": ["../secret.txt"]})
    assert (outside.status_code, "secret" in outside.text.replace("secret.txt", "")) == (404, False)
    assert lab.browser().get("/api/v1/import-folders").status_code == 401
    assert lab.script(ada, "files:read").post("/api/v1/imports", json=body).status_code == 403


def test_too_many_files_are_refused_before_any_is_looked_at(lab: Laboratory, ada: Person) -> None:
    with pytest.raises(BadInput, match="from 1 to 1000 files"):
        lab.workbench.imports.take(ada, "runs", [f"{number}.txt" for number in range(1001)])
