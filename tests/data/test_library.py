"""Files that live on their own: who finds them, what was made from what, and what a finished job leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from data import jobs, library
from data.errors import BadInput
from data.library import Neighbours
from data.records import (
    FileFilter,
    Job,
    Outcome,
    Person,
    Role,
    Status,
    StoredFile,
    Visibility,
    new_id,
    utcnow,
)
from data.store import Store

from .conftest import claim_of, execute, make_job, make_person, make_team, outcome_of, started


def viewer(team: str, person: str, **different: Any) -> Person:
    usual = {
        "id": person,
        "email": "ada@lab.example",
        "name": "Ada",
        "site_admin": False,
        "team": team,
        "team_name": "Lab",
        "role": Role.MEMBER,
    }
    return Person(**usual | different)


def put(store: Store, team: str, owner: str, name: str = "a.fasta", **different: Any) -> StoredFile:
    usual = {
        "id": new_id(),
        "team": team,
        "owner": owner,
        "name": name,
        "size": 10,
        "sha256": "0" * 64,
        "format": "fasta",
        "created_at": utcnow(),
    }
    return library.add(store, StoredFile(**usual | different)).result()


def item(format: str = "index", **different: Any) -> dict[str, Any]:
    usual = {"id": new_id(), "name": "Plum viruses", "format": format, "facts": {"otus": 5}, "bytes": 700}
    return usual | different


def listed(item: dict[str, Any]) -> dict[str, Any]:
    names = {"path": item["format"], "title": item["name"], "file": item["id"]}
    return names | {"format": item["format"], "bytes": item["bytes"]}


def report(path: str = "report.tsv", size: int = 30) -> dict[str, Any]:
    return {"path": path, "title": f"The {path}", "format": "tsv", "bytes": size}


def made(store: Store, job: Job, *items: dict[str, Any], files: tuple[dict[str, Any], ...] = ()) -> list[str]:
    """The ids of what a started job made."""
    outcome = outcome_of(job, library=list(items), files=[*files, *map(listed, items)])
    assert jobs.finish(store, outcome).result() is not None
    return [item["id"] for item in items]


def names(files: list[StoredFile]) -> list[str]:
    return [file.name for file in files]


def test_a_file_keeps_what_it_was_given(store: Store, team: str, person: str) -> None:
    facts = {"otus": 5, "versions": ["ß", None, 1.5]}
    kept = put(store, team, person, facts=facts, visibility=Visibility.TEAM, format="reference")
    assert (kept.seq > 0, kept.owner_name) == (True, "Ada")
    assert library.get(store, kept.id) == kept
    assert kept.facts == facts and (kept.folder, kept.job, kept.tool) == (False, None, None)
    assert library.get(store, new_id()) is None and library.get(store, "../x") is None
    assert library.several(store, []) == {}


def test_a_new_file_is_its_owners_alone(store: Store, team: str, person: str) -> None:
    assert put(store, team, person).visibility is Visibility.PRIVATE


@dataclass
class Shelf:
    """Files of two teams in every visibility, named so."""

    store: Store
    team: str
    ada: str
    bob: str
    names: list[str] = field(default_factory=list)

    def fill(self) -> None:
        elsewhere = make_team(self.store)
        for team, owner, word in (
            (self.team, self.ada, "own"),
            (self.team, self.bob, "colleague"),
            (elsewhere, make_person(self.store, "Eve"), "other"),
        ):
            for visibility in Visibility:
                put(self.store, team, owner, f"{word} {visibility}", visibility=visibility)


@pytest.fixture
def shelf(store: Store, team: str, person: str) -> Shelf:
    shelf = Shelf(store, team, person, make_person(store, "Bob"))
    shelf.fill()
    return shelf


def test_a_list_has_the_teams_rows_and_what_others_share_with_everybody(shelf: Shelf) -> None:
    found = library.page(shelf.store, library.EVERY_FILE, 50, viewer=viewer(shelf.team, shelf.ada))
    mine = {f"{word} {visibility}" for word in ("own", "colleague") for visibility in Visibility}
    assert set(names(found)) == mine | {"other users"}
    assert [file.seq for file in found] == sorted((file.seq for file in found), reverse=True)
    assert {file.owner_name for file in found} == {"Ada", "Bob", "Eve"}


def test_a_form_offers_what_may_be_used(shelf: Shelf) -> None:
    ada = viewer(shelf.team, shelf.ada)
    mine = {f"own {visibility}" for visibility in Visibility}
    others = {"colleague team", "colleague users", "colleague public", "other users"}
    assert set(names(library.usable(shelf.store, ada))) == mine | others
    put(shelf.store, shelf.team, shelf.ada, "reads", format="fastq")
    assert names(library.usable(shelf.store, ada, ["fastq", "sample"])) == ["reads"]
    assert library.usable(shelf.store, ada, []) == []
    assert len(library.usable(shelf.store, ada, limit=3)) == 3


def test_a_list_comes_in_pages(shelf: Shelf) -> None:
    ada = viewer(shelf.team, shelf.ada)
    every = library.page(shelf.store, library.EVERY_FILE, 50, viewer=ada)
    first = library.page(shelf.store, library.EVERY_FILE, 4, viewer=ada)
    rest = library.page(shelf.store, library.EVERY_FILE, 50, first[-1].seq, viewer=ada)
    assert first + rest == every


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (FileFilter(q="PLUM"), ["Plum index", "plum.fasta"]),
        (FileFilter(q="plum -fasta"), ["Plum index"]),
        (FileFilter(q="plum index"), ["Plum index"]),
        (FileFilter(format=("fasta", "fastq")), ["reads.fq", "plum.fasta"]),
        (FileFilter(origin="uploaded"), ["reads.fq", "plum.fasta"]),
        (FileFilter(origin="made"), ["Plum index"]),
        (FileFilter(owner=("nobody",)), []),
        (FileFilter(q="100%_"), []),
    ],
)
def test_a_filter_narrows_the_list(
    store: Store, team: str, person: str, filter: FileFilter, expected: list[str]
) -> None:
    put(store, team, person, "plum.fasta")
    put(store, team, person, "reads.fq", format="fastq")
    put(store, team, person, "Plum index", format="index", folder=True, job=new_id(), tool="build-index")
    assert names(library.page(store, filter, 50, viewer=viewer(team, person))) == expected


def test_a_filter_by_owner(shelf: Shelf) -> None:
    filter = FileFilter(owner=(shelf.bob,))
    found = library.page(shelf.store, filter, 50, viewer=viewer(shelf.team, shelf.ada))
    assert {file.owner for file in found} == {shelf.bob}


def test_an_origin_that_there_is_not_is_refused(store: Store, team: str, person: str) -> None:
    with pytest.raises(BadInput, match="origin is uploaded or made"):
        library.page(store, FileFilter(origin="found"), 50, viewer=viewer(team, person))


def test_name_and_visibility_change_alone_or_together(store: Store, team: str, person: str) -> None:
    kept, other = put(store, team, person), put(store, team, person, "other")
    renamed = library.change(store, kept.id, name="Prunus").result()
    assert renamed is not None and (renamed.name, renamed.visibility) == ("Prunus", Visibility.PRIVATE)
    shared = library.change(store, kept.id, visibility=Visibility.USERS).result()
    assert shared is not None and (shared.name, shared.visibility) == ("Prunus", Visibility.USERS)
    assert library.get(store, kept.id) == shared and library.get(store, other.id) == other
    assert library.change(store, new_id(), name="x").result() is None
    assert library.change(store, "no id", name="x").result() is None


def test_a_deleted_file_is_gone_once(store: Store, team: str, person: str) -> None:
    kept = put(store, team, person)
    assert library.delete(store, kept.id).result() == kept
    assert library.delete(store, kept.id).result() is None
    assert library.delete(store, "no id").result() is None
    assert library.get(store, kept.id) is None and library.change(store, kept.id, name="x").result() is None
    ada = viewer(team, person)
    assert library.page(store, library.EVERY_FILE, 50, viewer=ada) == library.usable(store, ada) == []


# What jobs make -----------------------------------------------------------------------------------------------


def test_what_a_job_makes_is_the_teams_with_its_outcome(store: Store, team: str, person: str) -> None:
    job = started(
        store, make_job(team=team, submitter=person, tool="build-index", visibility=Visibility.PRIVATE)
    )
    assert library.page(store, library.EVERY_FILE, 50, viewer=viewer(team, person)) == []
    index = item()
    made(store, job, index)
    kept = library.get(store, index["id"])
    assert kept is not None
    assert (kept.team, kept.owner, kept.visibility) == (team, person, Visibility.TEAM)
    assert (kept.job, kept.tool, kept.folder, kept.sha256) == (job.id, "build-index", True, "")
    assert (kept.name, kept.format, kept.size, kept.facts) == ("Plum viruses", "index", 700, {"otus": 5})
    assert kept.seq > job.seq


def test_an_outcome_that_comes_twice_makes_one_file(store: Store, team: str, person: str) -> None:
    job = started(store, make_job(team=team, submitter=person))
    outcome = outcome_of(job, library=[item()], files=[report()])
    answers = [jobs.finish(store, outcome) for _ in range(3)]
    assert [answer.result() is not None for answer in answers].count(True) == 1
    ada = viewer(team, person)
    assert len(library.page(store, library.EVERY_FILE, 50, viewer=ada)) == 1
    assert len(library.results_page(store, library.EVERY_FILE, 50, viewer=ada)) == 1


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.TIMEOUT])
def test_only_a_completed_job_leaves_files(store: Store, team: str, person: str, status: Status) -> None:
    job = started(store, make_job(team=team, submitter=person))
    assert jobs.finish(store, outcome_of(job, status, library=[item()], files=[report()])).result()
    ada = viewer(team, person)
    assert library.page(store, library.EVERY_FILE, 50, viewer=ada) == []
    assert library.results_page(store, library.EVERY_FILE, 50, viewer=ada) == []


def test_the_run_that_lost_makes_nothing(store: Store, team: str, person: str) -> None:
    job = started(store, make_job(team=team, submitter=person))
    late = Outcome(
        job=job.id, seq=job.seq, attempt=1, run_id=new_id(), status=Status.COMPLETED, library=[item()]
    )
    assert jobs.finish(store, late).result() is None
    assert library.page(store, library.EVERY_FILE, 50, viewer=viewer(team, person)) == []


def test_a_job_that_was_handed_over_makes_files_of_its_new_owner(
    store: Store, team: str, person: str
) -> None:
    job = started(store, make_job(team=team, submitter=person))
    heir = make_person(store, "Bob")
    execute(store, "update jobs set submitter = $heir where seq = $seq", heir=heir, seq=job.seq)
    (file_id,) = made(store, job, item())
    kept = library.get(store, file_id)
    assert kept is not None and (kept.owner, kept.owner_name) == (heir, "Bob")


def test_a_malformed_item_refuses_the_whole_outcome(store: Store, team: str, person: str) -> None:
    """The job must not complete without what it made: whoever folds outcomes in ends it as failed."""
    job = started(store, make_job(team=team, submitter=person))
    broken = outcome_of(
        job, library=[{"id": "../etc", "name": "x", "format": "index", "bytes": 1, "facts": {}}]
    )
    assert jobs.finish(store, broken).exception() is not None
    after = jobs.get(store, job.id)
    assert after is not None and after.status is Status.PROCESSING


# Family -------------------------------------------------------------------------------------------------------


@dataclass
class Kin:
    """reference -> index job -> index -> pathoscope job, which is given two samples."""

    reference: StoredFile
    build: Job
    index: str
    sample: StoredFile
    analysis: Job


@pytest.fixture
def kin(store: Store, team: str, person: str) -> Kin:
    reference = put(store, team, person, "reference", format="reference")
    sample = put(store, team, person, "sample", format="sample", folder=True)
    build = started(store, make_job(team=team, submitter=person, uses=(reference.id,), credits=0))
    (index,) = made(store, build, item())
    given = (index, sample.id)
    analysis = started(store, make_job(team=team, submitter=person, uses=given, credits=0))
    made(store, analysis, files=(report(),))
    return Kin(reference, build, index, sample, analysis)


def test_neighbours_of_files(store: Store, kin: Kin) -> None:
    found = library.neighbours(store, [kin.reference.id, kin.index, kin.sample.id, "no id"])
    assert found == {
        kin.reference.id: Neighbours(offspring=[kin.index], used_by=[kin.build.id]),
        kin.index: Neighbours(origins=[kin.reference.id], used_by=[kin.analysis.id]),
        kin.sample.id: Neighbours(used_by=[kin.analysis.id]),
    }
    assert library.neighbours(store, []) == {}


def test_files_of_jobs(store: Store, kin: Kin) -> None:
    found = library.of_jobs(store, [kin.build.id, kin.analysis.id])
    assert (found[kin.build.id].given, found[kin.build.id].made) == ([kin.reference.id], [kin.index])
    assert set(found[kin.analysis.id].given) == {kin.index, kin.sample.id}
    assert found[kin.analysis.id].made == []


def test_what_was_made_from_a_file_is_counted(store: Store, kin: Kin) -> None:
    assert library.used_by(store, kin.reference.id) == (1, 1)
    assert library.used_by(store, kin.index) == (1, 0)
    library.delete(store, kin.index).result()
    assert library.used_by(store, kin.reference.id) == (1, 0)


def test_what_a_file_came_from_outlives_the_job_that_made_it(store: Store, kin: Kin) -> None:
    assert jobs.delete(store, kin.build.id).result() is not None
    kept = library.get(store, kin.index)
    assert kept is not None and kept.job == kin.build.id, "of whom nothing else is known"
    found = library.neighbours(store, [kin.index, kin.reference.id])
    assert found[kin.index].origins == [kin.reference.id]
    assert found[kin.reference.id] == Neighbours(offspring=[kin.index])
    assert library.used_by(store, kin.reference.id) == (0, 1)


def test_a_deleted_job_leaves_no_rows_behind(store: Store, team: str, person: str, kin: Kin) -> None:
    for job in (kin.build, kin.analysis):
        jobs.delete(store, job.id).result()
    with store.database.cursor() as cursor:
        assert cursor.execute("select count(*) from file_uses").fetchall() == [(0,)]
        assert cursor.execute("select count(*) from result_files").fetchall() == [(0,)]


def test_a_deleted_file_has_no_place_in_the_family(store: Store, kin: Kin) -> None:
    library.delete(store, kin.reference.id).result()
    assert library.neighbours(store, [kin.index])[kin.index].origins == []
    assert library.of_jobs(store, [kin.build.id])[kin.build.id].given == []


# Result files -------------------------------------------------------------------------------------------------


def result_paths(store: Store, ada: Person, filter: FileFilter = library.EVERY_FILE) -> list[str]:
    return [file.path for file in library.results_page(store, filter, 50, viewer=ada)]


def test_result_files_of_jobs_that_one_sees(store: Store, team: str, person: str) -> None:
    bob = make_person(store, "Bob")
    invited: set[str] = set()
    for owner, owner_team in ((person, team), (bob, team), (bob, make_team(store))):
        for visibility in Visibility:
            new = make_job(team=owner_team, submitter=owner, visibility=visibility, credits=0)
            job = started(store, new)
            whose = "own" if owner == person else "bob" if owner_team == team else "other"
            made(store, job, files=(report(f"{whose} {visibility}"),))
            if visibility is Visibility.INVITED:
                invited.add(job.id)
    own = {f"own {visibility}" for visibility in Visibility}
    shown = {"bob team", "bob users", "bob public"}
    assert set(result_paths(store, viewer(team, person))) == own | shown
    asked = viewer(team, person, invited=frozenset(invited))
    assert set(result_paths(store, asked)) == own | shown | {"bob invited"}


def test_result_files_come_in_pages_that_may_end_within_a_job(store: Store, team: str, person: str) -> None:
    for _ in range(3):
        job = started(store, make_job(team=team, submitter=person, credits=0))
        made(store, job, item(), files=(report("b"), report("a"), report("c")))
    ada = viewer(team, person)
    every = library.results_page(store, library.EVERY_FILE, 50, viewer=ada)
    assert [file.path for file in every] == ["a", "b", "c"] * 3, "what went into the library stands there"
    assert [file.seq for file in every] == sorted((file.seq for file in every), reverse=True)
    pages: list[Any] = []
    after = None
    while page := library.results_page(store, library.EVERY_FILE, 2, after, viewer=ada):
        pages += page
        after = (page[-1].seq, page[-1].path)
    assert pages == every


def test_a_result_file_tells_of_its_job(store: Store, team: str, person: str) -> None:
    job = started(store, make_job(team=team, submitter=person, tool="nuvs", name="Plum"))
    made(store, job, files=(report("orfs.fa.gz", 99),))
    (found,) = library.results_page(store, library.EVERY_FILE, 50, viewer=viewer(team, person))
    assert (found.job, found.job_name, found.tool, found.submitter_name) == (job.id, "Plum", "nuvs", "Ada")
    assert (found.path, found.title, found.format, found.size) == ("orfs.fa.gz", "The orfs.fa.gz", "tsv", 99)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        (FileFilter(q="dock report"), ["report.tsv"]),
        (FileFilter(q="-report"), ["poses.sdf"]),
        (FileFilter(format=("tsv",)), ["poses.sdf", "report.tsv"]),
        (FileFilter(format=("fasta",)), []),
        (FileFilter(owner=("nobody",)), []),
    ],
)
def test_a_filter_narrows_result_files(
    store: Store, team: str, person: str, filter: FileFilter, expected: list[str]
) -> None:
    made(store, started(store, make_job(team=team, submitter=person)), files=(report(), report("poses.sdf")))
    assert result_paths(store, viewer(team, person), filter) == expected


# Space --------------------------------------------------------------------------------------------------------


def test_space_by_team_and_person(store: Store, team: str, person: str) -> None:
    other, bob = make_team(store), make_person(store, "Bob")
    put(store, team, person, size=1000)
    library.delete(store, put(store, team, person, size=5000).id).result()
    put(store, other, bob, size=3)
    made(store, started(store, make_job(team=team, submitter=person)), item(), files=(report(), report("b")))
    (mine,) = library.space(store, team)
    assert (mine.team_name, mine.person, mine.person_name) == ("Lab", person, "Ada")
    assert (mine.library, mine.files, mine.results) == (1700, 2, 60)
    assert {(row.team, row.person) for row in library.space(store, None)} == {(team, person), (other, bob)}


def test_what_waits_is_known_to_have_been_given_files(store: Store, team: str, person: str) -> None:
    given = put(store, team, person)
    job = jobs.submit(store, make_job(team=team, submitter=person, uses=(given.id,))).result().job
    assert library.used_by(store, given.id) == (1, 0)
    assert jobs.claim(store, claim_of(job)).result()
