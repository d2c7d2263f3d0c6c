from __future__ import annotations

import io
import zipfile

import pytest

from compute.submitting import Submission
from data import jobs
from data.errors import Forbidden, NotFound
from data.records import Job, Loss, Person, Status, Visibility
from tests.compute.submitting import ended, submit
from tests.laboratory import Laboratory


def from_result(lab: Laboratory, person: Person, source: Job, **changes: object) -> Job:
    """A job whose input is a result of another."""
    files = {"sequences": {"job": source.id, "path": "a.fasta"}}
    return submit(lab, person, inputs=files, **changes)


def with_fasta(lab: Laboratory, person: Person, **changes: object) -> Job:
    job = submit(lab, person, **changes)
    lab.start(job.id)
    lab.complete(job.id, {"a.fasta": b">a\nACGT\n"})
    return lab.job(job.id)


def test_lineage_names_both_directions(lab: Laboratory, ada: Person) -> None:
    first = with_fasta(lab, ada)
    second = from_result(lab, ada, first)
    lab.fail(second.id, "odd")
    third = lab.workbench.retry(ada, second.id)
    of_first, of_second, of_third = (lab.workbench.lineage(ada, job.id) for job in (first, second, third))
    assert of_first.made_from == []
    assert [(one.kind, one.job and one.job.id) for one in of_first.led_to] == [
        ("input", third.id),
        ("input", second.id),
    ]
    assert [(one.kind, one.job and one.job.id) for one in of_second.made_from] == [("input", first.id)]
    assert [(one.kind, one.job and one.job.id) for one in of_second.led_to] == [("retry", third.id)]
    assert {(one.kind, one.job and one.job.id) for one in of_third.made_from} == {
        ("retry", second.id),
        ("input", first.id),
    }


def test_what_one_may_not_see_has_no_name(lab: Laboratory, ada: Person) -> None:
    first = with_fasta(lab, ada)
    second = from_result(lab, ada, first, visibility=Visibility.PUBLIC)
    third = lab.workbench.submit(
        ada,
        Submission(
            tool="convert-sequences",
            inputs={"sequences": {"job": second.id, "path": "inputs/sequences/0"}},
            settings={"to": "tab"},
        ),
    )
    strangers: list[Person | None] = [lab.found("eve"), None]
    for person in [*strangers, lab.join("bob")]:
        seen = lab.workbench.lineage(person, second.id)
        assert [(one.kind, one.job) for one in seen.made_from] == [("input", None)]
        assert lab.workbench.job(person, second.id).inputs == {"sequences": {"job": "private"}}
        with pytest.raises(NotFound if person in strangers else Forbidden):
            lab.workbench.lineage(person, first.id)
    assert lab.workbench.job(ada, second.id).inputs["sequences"]["job"] == first.id
    # A copy of what the other was given is no result of it.
    assert lab.workbench.lineage(ada, third.id).made_from == []


def test_a_shared_job_tells_its_ancestor_in_no_export(lab: Laboratory, ada: Person) -> None:
    first = with_fasta(lab, ada)
    second = from_result(lab, ada, first, visibility=Visibility.PUBLIC)
    lab.start(second.id)
    lab.complete(second.id, {"a.tab": b"a\tACGT\n"})
    _, _, exported = lab.workbench.export(None, second.id, "json")
    _, chunks = lab.workbench.archive(None, second.id)
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(chunks)))
    everything = exported + b"".join(bundle.read(name) for name in bundle.namelist())
    assert first.id.encode() not in everything
    assert any(bundle.read(name) == b">a\nACGT\n" for name in bundle.namelist())


def test_a_shared_job_is_duplicated_through_its_own_copies(lab: Laboratory, ada: Person) -> None:
    first = with_fasta(lab, ada)
    second = from_result(lab, ada, first, visibility=Visibility.USERS)
    eve = lab.found("eve")
    again = lab.workbench.submission(eve, second.id)
    assert again.inputs == {"sequences": {"job": second.id, "path": "inputs/sequences/0"}}
    assert lab.workbench.submit(eve, again).team == eve.team
    own = lab.workbench.submission(ada, second.id)
    assert own.inputs == {"sequences": {"job": first.id, "path": "a.fasta"}}


def test_a_retry_works_after_its_ancestor_was_deleted(lab: Laboratory, ada: Person) -> None:
    first = with_fasta(lab, ada)
    second = from_result(lab, ada, first)
    lab.fail(second.id, "odd")
    lab.workbench.delete(ada, first.id)
    assert lab.workbench.lineage(ada, second.id).made_from == []
    third = lab.workbench.retry(ada, second.id)
    path, _ = lab.workbench.input_file(ada, third.id, "sequences", 0)
    assert path.read_bytes() == b">a\nACGT\n"
    lab.workbench.cancel(ada, third.id)
    lab.workbench.delete(ada, third.id)
    with lab.store.database.cursor() as cursor:
        kept = cursor.execute("select count(*) from lineage where seq = $seq", {"seq": third.seq}).fetchall()
    assert kept == [(0,)]


def test_a_failed_job_is_downloaded_with_its_log(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    lab.start(job.id)
    log = lab.folders.log(lab.job(job.id))
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("it broke here\n")
    run_id = lab.job(job.id).run_id
    assert run_id is not None
    loss = Loss(job=job.id, seq=job.seq, attempt=1, run_id=run_id, reason="The worker died.")
    assert jobs.lose(lab.store, loss, 0).result() is not None
    _, chunks = lab.workbench.archive(ada, job.id)
    bundle = zipfile.ZipFile(io.BytesIO(b"".join(chunks)))
    logs = [name for name in bundle.namelist() if name.endswith("log.txt")]
    assert [bundle.read(name) for name in logs] == [b"it broke here\n"]


def test_ended_makes_what_it_says(lab: Laboratory, ada: Person) -> None:
    wanted = [Status.COMPLETED, Status.FAILED, Status.CANCELLED]
    assert [ended(lab, ada, status).status for status in wanted] == wanted
