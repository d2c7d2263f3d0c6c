"""The verbs of the library, with a real store and real folders."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from compute.access import Scope
from compute.submitting import Submission
from compute.workbench import Workbench
from data import library
from data.errors import BadInput, Forbidden, NotFound, WrongState
from data.records import (
    Family,
    FileFilter,
    Job,
    Person,
    Role,
    StoredFile,
    Visibility,
    new_id,
)
from tests.laboratory import BODY, Laboratory
from tests.shelf import FASTA, given, made, submitted, uploaded
from tools.contract import RowsPanel, TextPanel
from tools.viruses import made_up


@pytest.fixture
def bob(lab: Laboratory) -> Person:
    return lab.join("bob")


@pytest.fixture
def eve(lab: Laboratory) -> Person:
    """Of another team."""
    return lab.found("eve")


def names(files: list[StoredFile]) -> list[str]:
    return [file.name for file in files]


def text_of(panels: list[Any]) -> str:
    (panel,) = panels
    assert isinstance(panel, TextPanel)
    return panel.text


# Uploads ------------------------------------------------------------------------------------------------------------


def test_an_upload_is_private_and_a_kind_of_the_library_is_the_teams(lab: Laboratory, ada: Person) -> None:
    plain = uploaded(lab, ada)
    assert (plain.visibility, plain.facts, plain.owner_name) == (Visibility.PRIVATE, {}, "Ada")
    bad = uploaded(lab, ada, "vFam.hmm", b"HMMER3/f [3.1b2]\nNAME  x\n")
    assert (bad.format, bad.visibility) == ("hmm", Visibility.TEAM)


def test_a_bad_file_of_a_kind_is_kept_and_says_what_is_wrong(lab: Laboratory, ada: Person) -> None:
    bad = uploaded(lab, ada, "vFam.hmm", b"HMMER3/f [3.1b2]\nNAME  x\n")
    assert list(bad.facts) == ["problem"]
    assert text_of(lab.workbench.library.panels(ada, bad.id)) == bad.facts["problem"]


@pytest.mark.parametrize("key", ["name", "problem"])
def test_what_a_file_says_of_itself_is_cut(lab: Laboratory, ada: Person, key: str) -> None:
    content = json.loads(made_up.reference())
    content["name"] = "n" * 100_000
    if key == "problem":
        content["otus"].append({"_id": "x", "name": "n" * 100_000, "isolates": []})
    file = uploaded(lab, ada, "r.json", json.dumps(content).encode())
    assert len(file.facts[key]) == 500


def test_uploads_offered_to_a_tool_are_own_ones_and_those_that_others_show(
    lab: Laboratory, ada: Person, bob: Person, eve: Person
) -> None:
    for person in (ada, bob, eve):
        for visibility in (Visibility.PRIVATE, Visibility.TEAM, Visibility.USERS, Visibility.PUBLIC):
            uploaded(lab, person, f"{person.name} {visibility}", visibility=visibility)
    uploaded(lab, ada, "reads.fq", b"@r\nA\n+\nI\n")
    offered = names(lab.workbench.uploads(ada, ["fasta"]))
    own = ["Ada public", "Ada users", "Ada team", "Ada private"]
    assert offered == ["Eve users", "Bob public", "Bob users", "Bob team", *own]
    assert names(lab.workbench.uploads(ada, ["fastq"])) == ["reads.fq"]


def test_an_upload_of_a_colleague_is_an_input_when_it_is_visible(
    lab: Laboratory, ada: Person, bob: Person, eve: Person
) -> None:
    file = uploaded(lab, ada)
    submission = Submission(**BODY | {"inputs": {"sequences": {"file": file.id}}})
    assert problems(lab, bob, submission) == ["You may not read this file; it is Ada's."]
    assert problems(lab, eve, submission) == ["There is no such file, or it is not shared with you."]
    lab.workbench.library.share(ada, file.id, Visibility.TEAM)
    assert problems(lab, bob, submission) == []
    assert problems(lab, eve, submission) != []
    job = lab.workbench.submit(bob, submission)
    lab.workbench.library.delete(ada, file.id, even_if_used=True)
    path, name = lab.workbench.input_file(bob, job.id, "sequences", 0)
    assert (path.read_bytes(), name) == (FASTA, "a.fasta")


def problems(lab: Laboratory, person: Person, submission: Submission) -> list[str]:
    return [problem.message for problem in lab.workbench.quote(person, submission).problems]


def test_a_job_runs_again_after_its_file_was_deleted_or_hidden(
    lab: Laboratory, ada: Person, bob: Person
) -> None:
    file = uploaded(lab, ada, visibility=Visibility.TEAM)
    job = submitted(lab, ada, file, visibility=Visibility.TEAM)
    copy = {"sequences": {"job": job.id, "path": "inputs/sequences/0"}}
    assert lab.workbench.submission(bob, job.id).inputs == {"sequences": {"file": file.id}}
    lab.workbench.library.share(ada, file.id, Visibility.PRIVATE)
    assert lab.workbench.submission(bob, job.id).inputs == copy
    assert lab.workbench.submission(ada, job.id).inputs == {"sequences": {"file": file.id}}
    lab.fail(job.id, "odd")
    lab.workbench.library.delete(ada, file.id, even_if_used=True)
    assert lab.workbench.submission(ada, job.id).inputs == copy
    again = lab.workbench.retry(ada, job.id)
    assert lab.workbench.input_file(ada, again.id, "sequences", 0)[0].read_bytes() == FASTA


# Lists --------------------------------------------------------------------------------------------------------------


def test_the_list_has_pages_and_filters(lab: Laboratory, ada: Person, bob: Person) -> None:
    for number in range(7):
        uploaded(lab, ada, f"file {number}.fasta")
    uploaded(lab, bob, "reads.fq", b"@r\nA\n+\nI\n")
    item = made(lab, given(lab, ada))
    list_ = lab.workbench.library.list
    found, cursor = [], None
    while True:
        page = list_(ada, limit=4, cursor=cursor)
        found += page.files
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names(found) == [item.name, "reads.fq", *(f"file {number}.fasta" for number in range(6, -1, -1))]
    assert names(list_(ada, FileFilter(format=("fastq",))).files) == ["reads.fq"]
    assert names(list_(ada, FileFilter(owner=(bob.id,))).files) == ["reads.fq"]
    assert names(list_(ada, FileFilter(q="FILE 3")).files) == ["file 3.fasta"]
    assert names(list_(ada, FileFilter(origin="made")).files) == [item.name]
    assert len(list_(ada, FileFilter(origin="uploaded")).files) == 8


@pytest.mark.parametrize("cursor", ["x", "-1", "²", "9" * 30, "", "1:"])
def test_a_cursor_that_no_list_gave_is_refused(lab: Laboratory, ada: Person, cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        lab.workbench.library.list(ada, cursor=cursor)
    if cursor != "1:":
        with pytest.raises(BadInput, match="cursor"):
            lab.workbench.library.results(ada, cursor=cursor)
    with pytest.raises(BadInput, match="limit"):
        lab.workbench.library.list(ada, limit=0)


def test_a_colleagues_private_file_is_a_row_and_a_strangers_none(
    lab: Laboratory, ada: Person, bob: Person, eve: Person
) -> None:
    file = uploaded(lab, ada)
    (row,) = lab.workbench.library.list(bob).files
    assert (row.name, row.size, row.owner_name, row.sha256, row.facts) == ("a.fasta", 8, "Ada", "", {})
    assert lab.workbench.library.file(bob, file.id) == row
    assert lab.workbench.library.file(ada, file.id).sha256
    for verb in ("content", "panels", "family", "used_by", "members", "archive"):
        with pytest.raises(Forbidden, match="it is Ada's"):
            getattr(lab.workbench.library, verb)(bob, file.id)
        for person in (eve, None):
            with pytest.raises(NotFound, match="no such file"):
                getattr(lab.workbench.library, verb)(person, file.id)
    assert lab.workbench.library.list(eve).files == []


def test_a_token_needs_the_scope(lab: Laboratory, ada: Person) -> None:
    file = uploaded(lab, ada, visibility=Visibility.TEAM)
    shelf, jobs_only = (
        lab.workbench.library,
        replace(ada, scopes=frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE})),
    )
    for verb in (shelf.list, shelf.results, shelf.space, lab.workbench.uploads):
        with pytest.raises(Forbidden, match="token"):
            verb(jobs_only)
    with pytest.raises(NotFound):
        shelf.content(jobs_only, file.id)
    reader = replace(ada, scopes=frozenset({Scope.FILES_READ}))
    assert shelf.content(reader, file.id).read_bytes() == FASTA
    for change in (
        lambda: shelf.rename(reader, file.id, "b"),
        lambda: shelf.share(reader, file.id, Visibility.PUBLIC),
        lambda: shelf.delete(reader, file.id),
    ):
        with pytest.raises(Forbidden, match="this token"):
            change()


def test_who_made_a_file_is_told_to_who_may_see_the_job(lab: Laboratory, ada: Person, bob: Person) -> None:
    private, shown = given(lab, ada), given(lab, ada, visibility=Visibility.TEAM)
    hidden, seen = made(lab, private), made(lab, shown, "Tomato")
    shelf = lab.workbench.library
    assert (shelf.file(bob, hidden.id).job, shelf.file(bob, hidden.id).tool) == (None, "made-up")
    assert shelf.file(bob, seen.id).job == shown.id
    assert [file.job for file in shelf.list(bob).files] == [shown.id, None]
    assert [file.job for file in shelf.list(ada).files] == [shown.id, private.id]


# Changing -----------------------------------------------------------------------------------------------------------


def test_renaming_and_sharing(lab: Laboratory, ada: Person, bob: Person, eve: Person) -> None:
    file, shelf = uploaded(lab, ada), lab.workbench.library
    assert shelf.rename(ada, file.id, "  b.fasta ").name == "b.fasta"
    for visibility, sees in (
        (Visibility.TEAM, [bob]),
        (Visibility.USERS, [bob, eve]),
        (Visibility.PUBLIC, [bob, eve, None]),
        (Visibility.PRIVATE, []),
    ):
        assert shelf.share(ada, file.id, visibility).visibility is visibility
        for person in (bob, eve, None):
            if person in sees:
                assert shelf.content(person, file.id).read_bytes() == FASTA
            else:
                with pytest.raises((Forbidden, NotFound)):
                    shelf.content(person, file.id)


@pytest.mark.parametrize("name", ["\ud800", "a\u202egpj.exe", "a\u2028b", "a\x85b", "a/b", "\x00"])
def test_a_name_has_nothing_that_one_does_not_see(lab: Laboratory, ada: Person, name: str) -> None:
    file = uploaded(lab, ada)
    job = submitted(lab, ada, file)
    for rename in (
        lambda: lab.workbench.library.rename(ada, file.id, name),
        lambda: lab.workbench.rename(ada, job.id, name),
        lambda: uploaded(lab, ada, name),
    ):
        with pytest.raises(BadInput, match="control character"):
            rename()


def test_what_cannot_be_changed_changes_nothing(lab: Laboratory, ada: Person, bob: Person) -> None:
    file, shelf = uploaded(lab, ada), lab.workbench.library
    for name in ("", "a/b", "x" * 500, "a\nb"):
        with pytest.raises(BadInput):
            shelf.change(ada, file.id, name=name, visibility=Visibility.TEAM)
    with pytest.raises(BadInput, match="invitation"):
        shelf.change(ada, file.id, name="b", visibility=Visibility.INVITED)
    with pytest.raises(Forbidden):
        shelf.change(bob, file.id, name="b")
    assert shelf.change(ada, file.id) == shelf.file(ada, file.id)
    assert shelf.change(bob, file.id) == shelf.file(bob, file.id), "a row"
    assert (shelf.file(ada, file.id).name, shelf.file(ada, file.id).visibility) == ("a.fasta", "private")


def test_deleting_what_others_were_made_from_says_so_first(lab: Laboratory, ada: Person) -> None:
    file, shelf = uploaded(lab, ada), lab.workbench.library
    job = given(lab, ada, file)
    with pytest.raises(WrongState, match=r"1 job was made from a\.fasta"):
        shelf.delete(ada, file.id)
    item = made(lab, job)
    given(lab, ada, file)
    assert shelf.used_by(ada, file.id).__dict__ == {"jobs": 2, "files": 1}
    with pytest.raises(WrongState, match=r"2 jobs and 1 file were made from a\.fasta"):
        shelf.delete(ada, file.id)
    assert lab.folders.upload(file.id).exists()
    shelf.delete(ada, file.id, even_if_used=True)
    assert not lab.folders.upload(file.id).exists()
    with pytest.raises(NotFound):
        shelf.file(ada, file.id)
    assert shelf.content(ada, item.id).is_dir()
    shelf.delete(ada, item.id)
    assert not lab.folders.upload(item.id).exists()
    assert list((lab.folders.root / "staging").iterdir()) == []


def test_deleting_the_job_that_made_it_leaves_it(lab: Laboratory, ada: Person) -> None:
    origin = uploaded(lab, ada)
    job = given(lab, ada, origin)
    item = made(lab, job)
    lab.workbench.delete(ada, job.id)
    assert lab.workbench.library.content(ada, item.id).is_dir()
    assert relatives(lab.workbench.library.family(ada, item.id).made_from) == ["a.fasta"]


def test_a_crash_while_a_file_is_deleted_leaves_no_bytes(lab: Laboratory, ada: Person) -> None:
    kept, gone = uploaded(lab, ada), made(lab, given(lab, ada))
    with pytest.raises(KeyboardInterrupt), lab.folders.removing_upload(gone.id):
        library.delete(lab.store, gone.id).result()
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt), lab.folders.removing_upload(kept.id):
        raise KeyboardInterrupt
    assert lab.folders.upload(gone.id).exists()
    nothing: Any = None
    Workbench(lab.settings, lab.store, lab.folders, lab.accounts, nothing, nothing)  # as at a start
    assert not lab.folders.upload(gone.id).exists()
    assert lab.workbench.library.content(ada, kept.id).read_bytes() == FASTA


def test_leaders_delete_and_only_the_owner_shares(lab: Laboratory, ada: Person) -> None:
    file, tom = uploaded(lab, ada), lab.join("tom", Role.ADMIN)
    for change in (
        lambda: lab.workbench.library.rename(tom, file.id, "b"),
        lambda: lab.workbench.library.share(tom, file.id, Visibility.PUBLIC),
        lambda: lab.workbench.library.content(tom, file.id),
    ):
        with pytest.raises(Forbidden):
            change()
    given(lab, ada, file)
    assert lab.workbench.library.used_by(tom, file.id).jobs == 1
    lab.workbench.library.delete(tom, file.id, even_if_used=True)


def test_the_sites_admin_looking_in_leaves_a_row_in_the_audit_log(lab: Laboratory) -> None:
    eve = lab.found("eve")
    file, public = uploaded(lab, eve), uploaded(lab, eve, visibility=Visibility.PUBLIC)
    shelf, admin = lab.workbench.library, lab.admin
    assert shelf.content(admin, public.id).read_bytes() == FASTA
    assert audited(lab) == []
    assert shelf.content(admin, file.id).read_bytes() == FASTA
    assert shelf.file(admin, file.id).sha256
    with pytest.raises(Forbidden):
        shelf.rename(admin, file.id, "b")
    shelf.delete(admin, file.id)
    assert audited(lab) == [("admin file", file.id), ("admin see", file.id), ("admin delete", file.id)]


def audited(lab: Laboratory) -> list[tuple[str, str]]:
    rows = reversed(lab.workbench.teams.audit(lab.admin))
    return [(row.action, row.subject) for row in rows if row.action.startswith("admin ")]


# Family -------------------------------------------------------------------------------------------------------------


def relatives(found: list[Any]) -> list[str]:
    return [one.file.name if one.file else one.job.name for one in found]


def chain(lab: Laboratory, ada: Person, visibility: Visibility) -> tuple[list[StoredFile], list[Job]]:
    """upload -> job one -> first -> job two -> second -> job three."""
    upload = uploaded(lab, ada)
    one = given(lab, ada, upload, name="one", visibility=visibility)
    first = made(lab, one, "first")
    two = given(lab, ada, first, name="two", visibility=visibility)
    second = made(lab, two, "second")
    three = given(lab, ada, second, name="three", visibility=visibility)
    return [upload, first, second], [one, two, three]


def test_a_family_goes_both_ways_nearest_first(lab: Laboratory, ada: Person) -> None:
    (upload, first, second), _ = chain(lab, ada, Visibility.PRIVATE)
    family = lab.workbench.library.family(ada, first.id)
    assert relatives(family.made_from) == ["one", "a.fasta"]
    assert relatives(family.led_to) == ["two", "second", "three"]
    assert {one.kind for one in family.made_from} == {"input"}
    assert {one.kind for one in family.led_to} == {"output"}
    assert family.private == 0
    assert relatives(lab.workbench.library.family(ada, second.id).made_from) == [
        "two",
        "first",
        "one",
        "a.fasta",
    ]
    assert relatives(lab.workbench.library.family(ada, upload.id).led_to) == [
        "one",
        "first",
        "two",
        "second",
        "three",
    ]


def test_a_family_tells_of_what_is_hidden_only_how_many(lab: Laboratory, ada: Person, bob: Person) -> None:
    (upload, first, _second), _ = chain(lab, ada, Visibility.PRIVATE)
    family = lab.workbench.library.family(bob, first.id)
    assert relatives(family.made_from) == []
    assert relatives(family.led_to) == ["second"], "a file that bob sees, made by a job that he does not"
    assert family.private == 4, "the jobs one, two and three, and the upload"
    lab.workbench.library.share(ada, upload.id, Visibility.TEAM)
    assert relatives(lab.workbench.library.family(bob, first.id).made_from) == ["a.fasta"]
    lab.workbench.library.share(ada, first.id, Visibility.PUBLIC)
    public = lab.workbench.library.family(None, first.id)
    assert (public.made_from, public.led_to) == ([], [])


def test_a_family_names_no_job_that_one_does_not_see(lab: Laboratory, ada: Person, eve: Person) -> None:
    upload = uploaded(lab, ada, visibility=Visibility.USERS)
    item = made(lab, given(lab, ada, upload))
    lab.workbench.library.share(ada, item.id, Visibility.USERS)
    for near in (
        lab.workbench.library.family(eve, upload.id).led_to,
        lab.workbench.library.family(ada, upload.id).led_to[1:],
    ):
        (one,) = near
        assert one.file is not None and one.file.id == item.id
    assert one.file.job == item.job, "its owner is told"
    (seen,) = lab.workbench.library.family(eve, upload.id).led_to
    assert seen.file is not None and seen.file.job is None


def test_results_of_jobs_carry_a_family_on(lab: Laboratory, ada: Person) -> None:
    upload = uploaded(lab, ada)
    one = given(lab, ada, upload, name="one")
    two = given(lab, ada, name="two", made_from=((one.id, "input"),))
    item = made(lab, two)
    assert relatives(lab.workbench.library.family(ada, upload.id).led_to) == ["one", "two", item.name]
    assert relatives(lab.workbench.library.family(ada, item.id).made_from) == ["two", "one", "a.fasta"]


def test_a_family_of_hundreds_is_cut(lab: Laboratory, ada: Person) -> None:
    upload = uploaded(lab, ada)
    for number in range(130):
        given(lab, ada, upload, name=f"job {number}")
    family = lab.workbench.library.family(ada, upload.id)
    assert len(family.led_to) == 100
    assert relatives(family.led_to)[0] == "job 129"


def test_a_file_alone_has_no_family(lab: Laboratory, ada: Person) -> None:
    file = uploaded(lab, ada)
    assert lab.workbench.library.family(ada, file.id) == Family(made_from=[], led_to=[])


# Content ------------------------------------------------------------------------------------------------------------


def test_a_folder_has_members_and_comes_as_a_zip(lab: Laboratory, ada: Person) -> None:
    item, shelf = made(lab, given(lab, ada), "Potato (2024)"), lab.workbench.library
    paths = ["about.json", "bowtie/subtraction.1.bt2"]
    assert [member["path"] for member in shelf.members(ada, item.id)] == paths
    assert shelf.member(ada, item.id, paths[1]).read_bytes() == b"index" * 100
    name, pieces = shelf.archive(ada, item.id)
    assert name == "Potato--2024.zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as bundle:
        assert bundle.testzip() is None
        assert bundle.namelist() == [f"Potato--2024/{path}" for path in paths]


@pytest.mark.parametrize(
    "path",
    ["", ".", "..", "../x", "out", "out/x", "bowtie", "/etc/passwd", "bowtie/../about.json", "about.json/"],
)
def test_no_path_leads_out_of_a_folder(lab: Laboratory, ada: Person, path: str) -> None:
    item = made(lab, given(lab, ada))
    with pytest.raises(NotFound):
        lab.workbench.library.member(ada, item.id, path)


def test_a_single_file_has_no_members(lab: Laboratory, ada: Person) -> None:
    file, shelf = uploaded(lab, ada), lab.workbench.library
    assert shelf.members(ada, file.id) == []
    with pytest.raises(NotFound):
        shelf.member(ada, file.id, "a.fasta")
    with pytest.raises(WrongState, match="single file"):
        shelf.archive(ada, file.id)


def test_a_file_whose_bytes_are_missing_says_so(lab: Laboratory, ada: Person) -> None:
    file = uploaded(lab, ada)
    lab.folders.remove_upload(file.id)
    for verb in ("content", "panels", "members"):
        with pytest.raises(NotFound, match="not on this server"):
            getattr(lab.workbench.library, verb)(ada, file.id)


def test_panels_show_what_is_in_a_file_and_are_remembered(
    lab: Laboratory, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, shelf = uploaded(lab, ada, "a.fa.gz", gzip.compress(FASTA)), lab.workbench.library
    first = shelf.panels(ada, file.id)
    assert isinstance(first[0], RowsPanel)
    monkeypatch.setattr("compute.library.preview", None)
    assert shelf.panels(ada, file.id) is first
    with pytest.raises(Forbidden):
        shelf.panels(bob, file.id)


def test_a_parquet_file_is_a_table(lab: Laboratory, ada: Person, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    duckdb.sql("select range as n, 'x' || range as word from range(300)").write_parquet(str(path))
    (panel,) = lab.workbench.library.panels(ada, uploaded(lab, ada, "t.parquet", path.read_bytes()).id)
    assert isinstance(panel, RowsPanel)
    assert [column.label for column in panel.columns] == ["n", "word"]
    assert (panel.rows[2], len(panel.rows), panel.note) == ([2, "x2"], 100, "The first 100 rows.")
    cut = uploaded(lab, ada, "u.parquet", path.read_bytes()[:200])
    assert "cannot be read" in text_of(lab.workbench.library.panels(ada, cut.id))


# Result files -------------------------------------------------------------------------------------------------------


def test_result_files_of_all_jobs_that_one_sees(lab: Laboratory, ada: Person, bob: Person) -> None:
    for number in range(3):
        made(
            lab,
            given(
                lab, ada, name=f"job {number}", visibility=Visibility.TEAM if number else Visibility.PRIVATE
            ),
        )
    shelf = lab.workbench.library
    assert [file.job_name for file in shelf.results(ada).files] == ["job 2", "job 1", "job 0"]
    assert [file.job_name for file in shelf.results(bob).files] == ["job 2", "job 1"]
    page = shelf.results(ada, limit=2)
    assert [file.job_name for file in shelf.results(ada, limit=2, cursor=page.next_cursor).files] == ["job 0"]
    (row,) = shelf.results(ada, FileFilter(q="job 1", format=("tsv",))).files
    assert (row.path, row.title, row.size, row.submitter_name) == ("report.tsv", "Report", 8, "Ada")


def test_a_result_file_is_previewed(lab: Laboratory, ada: Person, bob: Person) -> None:
    job = given(lab, ada)
    made(lab, job)
    (panel,) = lab.workbench.library.preview_result(ada, job.id, "report.tsv")
    assert isinstance(panel, RowsPanel)
    assert list(panel.rows) == [["1", "2"]]
    with pytest.raises(NotFound):
        lab.workbench.library.preview_result(ada, job.id, "../report.tsv")
    with pytest.raises(Forbidden):
        lab.workbench.library.preview_result(bob, job.id, "report.tsv")


def test_what_a_job_made_stands_among_its_files(lab: Laboratory, ada: Person) -> None:
    job = given(lab, ada)
    item, bench = made(lab, job), lab.workbench
    assert [file.get("file") for file in bench.files(ada, job.id)] == [item.id, None]
    assert bench.file(ada, job.id, "subtraction") == lab.folders.upload(item.id)
    name, pieces = bench.library.made_by_job(ada, job.id, "subtraction")
    assert (name, next(pieces)[:2]) == ("Potato.zip", b"PK")
    with pytest.raises(WrongState, match="single file"):
        bench.library.made_by_job(ada, job.id, "report.tsv")
    _, chunks = bench.archive(ada, job.id)
    with zipfile.ZipFile(io.BytesIO(b"".join(chunks))) as bundle:
        assert not any("bowtie" in one for one in bundle.namelist())
        envelope = json.loads(bundle.read(next(one for one in bundle.namelist() if one.endswith("job.json"))))
    assert [(one["title"], one["file"]) for one in envelope["library"]] == [("Potato", item.id)]
    bench.library.delete(ada, item.id)
    with pytest.raises(NotFound, match="Potato was deleted from the library"):
        bench.file(ada, job.id, "subtraction")


def test_a_reference_to_what_a_job_made_finds_the_library_item(lab: Laboratory, ada: Person) -> None:
    job = given(lab, ada)
    item = made(lab, job)
    told = problems(
        lab, ada, Submission(**BODY | {"inputs": {"sequences": {"job": job.id, "path": "subtraction"}}})
    )
    assert told, "a folder is no sequence file"
    assert "Potato" in told[0]
    lab.workbench.library.delete(ada, item.id)
    gone = problems(
        lab, ada, Submission(**BODY | {"inputs": {"sequences": {"job": job.id, "path": "subtraction"}}})
    )
    assert gone == ["Potato was deleted from the library."]


# Space --------------------------------------------------------------------------------------------------------------


def test_space_is_told_by_person_and_to_the_sites_admin_of_every_team(
    lab: Laboratory, ada: Person, bob: Person, eve: Person
) -> None:
    uploaded(lab, ada)
    uploaded(lab, ada)
    uploaded(lab, eve)
    item = made(lab, given(lab, bob))
    shelf = lab.workbench.library
    own = {one.person_name: (one.library, one.files, one.results) for one in shelf.space(ada)}
    assert own == {"Ada": (16, 2, 0), "Bob": (item.size, 1, 8)}
    assert {one.person_name for one in shelf.space(lab.admin)} == {"Ada", "Bob", "Eve"}
    assert shelf.space(replace(lab.admin, scopes=frozenset({Scope.FILES_READ}))) == shelf.space(ada)


def test_nonsense_is_no_file(lab: Laboratory, ada: Person) -> None:
    for file_id in ("", "nonsense", new_id(), "../../etc/passwd"):
        with pytest.raises(NotFound, match="no such file"):
            lab.workbench.library.file(ada, file_id)
        with pytest.raises(NotFound, match="no such file"):
            lab.workbench.library.delete(ada, file_id)
