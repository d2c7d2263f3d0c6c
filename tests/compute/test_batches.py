"""The verbs for batches, over a real store and real folders; the test says how each child ends."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compute.queue.runs import Runs
from compute.submitting import Submission
from data import batches as stored
from data.errors import (
    BadInput,
    Conflict,
    Forbidden,
    NotEnoughCredits,
    NotFound,
    Unavailable,
    WellplateError,
    WrongState,
)
from data.records import BatchFilter, JobFilter, Person, Role, Status, Visibility, Well, new_id
from tests.compute.batching import asked, developer_lab, end, ended, one_by_one, submit, wells
from tests.data.conftest import execute
from tests.laboratory import Laboratory
from tests.shelf import uploaded

EVERY_END = (Status.COMPLETED, Status.FAILED, Status.TIMEOUT, Status.CANCELLED)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = developer_lab(tmp_path, "batches = {test-fault = 5}")
    yield lab
    lab.close()


def job_folders(lab: Laboratory) -> set[str]:
    return {entry.name for entry in (lab.folders.root / "jobs").iterdir()}


def money(lab: Laboratory, person: Person) -> tuple[int, int]:
    balance = lab.workbench.credits.balance(person)
    return balance.balance, balance.held


# The plan -------------------------------------------------------------------------------------------------


def test_a_plan_tells_each_line_its_price_and_what_is_wrong_and_keeps_nothing(
    lab: Laboratory, ada: Person
) -> None:
    plan = lab.workbench.batches.plan(ada, asked("none", "nonsense", "", "raise"))
    assert [(line.where, line.name, line.credits, line.problem) for line in plan.lines] == [
        ("line 1", "none", 5, ""),
        ("line 2", "nonsense", 0, "There is no fault 'nonsense'."),
        ("line 4", "raise", 5, ""),
    ]
    assert (plan.good, plan.credits, plan.affordable, plan.most) == (2, 10, True, 5)
    assert [(line.label, line.credits) for line in plan.price] == [("2 × Test job", 10)]
    assert plan.problems == []
    assert job_folders(lab) == set()
    assert list((lab.folders.root / "staging").iterdir()) == []


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"inputs": None}, "items", "either items"),
        ({"items": [{}]}, "items", "either items"),
        ({"settings": {"fault": "as-told", "credits": -1}}, "credits", "greater than or equal to 0"),
        ({"settings": {"nonsense": 1}}, "nonsense", ""),
        ({"inputs": {}}, "lines", ""),
        ({"inputs": {"lines": {"text": "\n\n", "name": "a.txt"}}}, "lines", "nothing to run"),
        ({"inputs": {"lines": {"file": new_id()}}}, "lines", ""),
        ({"inputs": {"lines": {"text": "none\n" * 6, "name": "a.txt"}}}, "lines", "at most 5 jobs"),
        ({"items": [{}] * 6, "inputs": None}, "lines", "at most 5 jobs"),
        ({"items": [], "inputs": None}, "lines", "nothing to run"),
    ],
)
def test_what_cannot_be_read_as_a_whole_has_no_lines_and_is_not_submitted(
    lab: Laboratory, ada: Person, given: dict[str, Any], field: str, message: str
) -> None:
    wanted = asked("none", **given)
    plan = lab.workbench.batches.plan(ada, wanted)
    assert plan.lines == []
    assert plan.problems[0].field == field
    assert message in plan.problems[0].message
    with pytest.raises(BadInput) as refusal:
        lab.workbench.batches.submit(ada, wanted)
    assert message in refusal.value.message
    assert lab.workbench.batches.batches(ada, BatchFilter()).batches == []
    assert job_folders(lab) == set()


def test_a_plan_says_what_is_missing_as_the_submit_does(lab: Laboratory, ada: Person) -> None:
    wanted = asked("none", "none", settings={"fault": "as-told", "credits": 900})
    plan = lab.workbench.batches.plan(ada, wanted)
    assert not plan.affordable
    with pytest.raises(NotEnoughCredits) as refusal:
        lab.workbench.batches.submit(ada, wanted)
    assert plan.lack == refusal.value.message
    assert "This batch costs 1800 credits" in refusal.value.message
    assert money(lab, ada) == (1000, 0)
    assert job_folders(lab) == set()
    assert list((lab.folders.root / "staging").iterdir()) == []


def test_a_tool_without_batches_says_so(lab: Laboratory, ada: Person) -> None:
    wanted = replace(asked("none"), tool="convert-sequences", settings={"to": "tab"})
    with pytest.raises(BadInput, match="one job at a time"):
        lab.workbench.batches.plan(ada, wanted)
    with pytest.raises(BadInput, match="one job at a time"):
        lab.workbench.batches.submit(ada, wanted)


# Submitting -----------------------------------------------------------------------------------------------


def test_bad_lines_are_named_and_nothing_starts(lab: Laboratory, ada: Person) -> None:
    with pytest.raises(BadInput) as refusal:
        submit(lab, ada, "none", "bad", "worse")
    assert refusal.value.message == (
        "2 of 3 cannot be run. Line 2: There is no fault 'bad'.; line 3: There is no fault 'worse'."
    )
    assert refusal.value.field == "items"
    assert job_folders(lab) == set()
    assert money(lab, ada) == (1000, 0)


def test_one_can_go_on_without_the_bad_lines(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "bad", "raise", skip_invalid=True)
    assert [(well.number, well.name) for well in wells(lab, ada, batch)] == [(0, "none"), (1, "raise")]
    assert batch.left_out == [{"where": "line 2", "message": "There is no fault 'bad'."}]
    assert (batch.wells, batch.credits, batch.name) == (2, 10, "Fault: none and 1 more")
    assert money(lab, ada) == (1000, 10)
    assert job_folders(lab) == {well.job for well in wells(lab, ada, batch)}


def test_only_bad_lines_make_no_batch(lab: Laboratory, ada: Person) -> None:
    with pytest.raises(BadInput, match="1 of 1 cannot be run"):
        submit(lab, ada, "bad", skip_invalid=True)
    assert job_folders(lab) == set()


def test_a_batch_job_by_job_has_the_same_jobs(lab: Laboratory, ada: Person) -> None:
    text = {"text": {"text": "none", "name": "a.txt"}}
    batch = lab.workbench.batches.submit(
        ada, one_by_one(text, {}, {"text": {"file": new_id()}}, skip_invalid=True)
    )
    assert batch.wells == 2
    assert [one["where"] for one in batch.left_out] == ["item 3"]
    with pytest.raises(WrongState, match="job by job"):
        lab.workbench.batches.submission(ada, batch.id)


def test_another_price_than_was_seen_is_refused(lab: Laboratory, ada: Person) -> None:
    with pytest.raises(Conflict, match="10 credits now, not 15"):
        submit(lab, ada, "none", "none", expected_credits=15)
    assert job_folders(lab) == set()
    assert submit(lab, ada, "none", "none", expected_credits=10).credits == 10


def test_the_same_key_gives_the_same_batch_and_leaves_no_folder(lab: Laboratory, ada: Person) -> None:
    first = submit(lab, ada, "none", idempotency_key="k")
    again = submit(lab, ada, "none", idempotency_key="k")
    assert again.id == first.id
    assert job_folders(lab) == {well.job for well in wells(lab, ada, first)}
    with pytest.raises(Conflict):
        submit(lab, ada, "raise", idempotency_key="k")


def test_a_submit_that_the_store_knew_meanwhile_leaves_no_folder(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = submit(lab, ada, "none", idempotency_key="k")
    monkeypatch.setattr(stored, "earlier", lambda *arguments: None)  # it came while this one was looked at
    assert submit(lab, ada, "none", idempotency_key="k").id == first.id
    assert job_folders(lab) == {well.job for well in wells(lab, ada, first)}


def test_a_full_disk_refuses_the_whole_and_is_no_fault_of_a_line(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: Any, **more: Any) -> Any:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(lab.workbench._submitter, "prepare", full)
    with pytest.raises(Unavailable, match="disk"):
        submit(lab, ada, "none", "none", skip_invalid=True)
    assert job_folders(lab) == set()


def test_a_name_is_given_or_made_and_a_bad_one_is_refused(lab: Laboratory, ada: Person) -> None:
    assert submit(lab, ada, "none").name == "Fault: none"
    assert submit(lab, ada, "none", name="  Kinases ").name == "Kinases"
    with pytest.raises(BadInput) as refusal:
        submit(lab, ada, "none", name="x" * 10_000)
    assert refusal.value.field == "name"


def test_children_have_their_visibility_and_settings_and_their_own_inputs(
    lab: Laboratory, ada: Person
) -> None:
    batch = submit(lab, ada, "none", "raise", visibility=Visibility.TEAM)
    for well in wells(lab, ada, batch):
        detail = lab.workbench.job(ada, well.job)
        assert detail.job.visibility is Visibility.TEAM
        assert (detail.job.batch, detail.job.well) == (batch.id, well.number)
        assert detail.settings["fault"] == "as-told"
        assert detail.inputs["text"]["text"] == well.name
        path, _ = lab.workbench.input_file(ada, well.job, "text", 0)
        assert path.read_text() == well.name


def test_progress_is_told_line_by_line(lab: Laboratory, ada: Person) -> None:
    heard: list[tuple[int, int]] = []
    lab.workbench.batches.submit(
        ada, asked("none", "none"), on_progress=lambda done, all: heard.append((done, all))
    )
    assert heard == [(1, 2), (2, 2)]


def test_a_batch_can_be_submitted_again_from_the_form(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "raise", name="Kinases")
    again = lab.workbench.batches.submission(ada, batch.id)
    assert (again.tool, again.name, again.visibility) == ("test-fault", "Kinases", Visibility.PRIVATE)
    assert lab.workbench.batches.submit(ada, again).wells == 2


def test_an_example_can_be_run(lab: Laboratory, ada: Person) -> None:
    example = lab.workbench.batches.example(ada, "test-fault")
    assert example is not None
    wanted = asked(inputs=example.inputs, settings=example.settings)
    assert lab.workbench.batches.submit(ada, wanted).wells == 3
    assert lab.workbench.batches.example(ada, "convert-sequences") is None


@pytest.mark.parametrize("role", [Role.VIEWER])
def test_who_only_looks_submits_no_batch(lab: Laboratory, role: Role) -> None:
    with pytest.raises(Forbidden):
        submit(lab, lab.join("vera", role), "none")


# Crashes --------------------------------------------------------------------------------------------------


def start_again(lab: Laboratory) -> None:
    """What a start does with folders (the dispatcher's `open`)."""
    nothing: Any = None
    runs = Runs(lab.settings, lab.store, lab.folders, nothing, post=nothing, io=nothing, calls=nothing)
    for job_id in [*lab.folders.half_made(), *lab.folders.live()]:
        runs.recover(job_id)
    lab.folders.empty_staging()


def test_a_crash_between_folders_and_store_leaves_nothing_after_the_next_start(lab: Laboratory) -> None:
    """The process dies: nothing that it would have done on its way out is done."""
    ids = [new_id(), new_id()]
    dead = lab.folders.making_children(new_id(), ids)
    dead.__enter__()
    for job_id in ids:
        (lab.folders.job(job_id) / "inputs").mkdir(parents=True)
    assert job_folders(lab) == set(ids)
    start_again(lab)
    assert job_folders(lab) == set()
    assert list((lab.folders.root / "staging").iterdir()) == []


def test_a_crash_after_the_store_took_it_keeps_the_batch(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "raise")
    ids = [well.job for well in wells(lab, ada, batch)]
    dead = lab.folders.making_children(batch.id, ids)
    dead.__enter__()
    start_again(lab)
    assert job_folders(lab) == set(ids)
    assert wells(lab, ada, batch)[0].status is Status.PENDING


def test_a_crash_after_a_delete_leaves_no_folder_after_the_next_start(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.COMPLETED, Status.FAILED)
    ids = [well.job for well in wells(lab, ada, batch)]
    lab.folders.mark_children(batch.id, ids)
    assert stored.delete(lab.store, batch.id).result() is not None
    assert job_folders(lab) == set(ids)
    start_again(lab)
    assert job_folders(lab) == set()


# Cancelling and retrying ----------------------------------------------------------------------------------


def test_cancel_all_ends_what_waits_and_marks_what_runs(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "none", "none")
    lab.start(wells(lab, ada, batch)[0].job)
    after = lab.workbench.batches.cancel(ada, batch.id)
    assert after.counts == {Status.PROCESSING: 1, Status.CANCELLED: 2}
    assert wells(lab, ada, batch)[0].cancel_requested
    assert money(lab, ada) == (995, 0)


def test_retry_runs_all_again_that_has_no_result(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, *EVERY_END)
    before = wells(lab, ada, batch)
    assert lab.workbench.batches.retry_credits(ada, batch.id) == 15
    after = lab.workbench.batches.retry_failed(ada, batch.id, expected_credits=15)
    assert after.counts == {Status.COMPLETED: 1, Status.PENDING: 3}
    now = wells(lab, ada, batch)
    assert now[0].job == before[0].job
    assert not {well.job for well in now[1:]} & {well.job for well in before}
    assert [well.name for well in now] == [well.name for well in before]
    for well in now[1:]:
        path, _ = lab.workbench.input_file(ada, well.job, "text", 0)
        assert path.read_text() == "none"
    with pytest.raises(WrongState, match="Nothing in this batch"):
        lab.workbench.batches.retry_failed(ada, batch.id)


def test_what_cannot_be_made_again_does_not_keep_the_others_from_it(lab: Laboratory, ada: Person) -> None:
    verbs = lab.workbench.batches
    batch = ended(lab, ada, Status.FAILED, Status.FAILED)
    first, second = wells(lab, ada, batch)
    foreign = 'update submissions set inputs = \'{"of": "another version"}\' where seq = $seq'
    execute(lab.store, foreign, seq=lab.job(first.job).seq)
    assert verbs.retry_failed(ada, batch.id, expected_credits=10).counts == {
        Status.FAILED: 1,
        Status.PENDING: 1,
    }
    assert [
        well.job == before.job for well, before in zip(wells(lab, ada, batch), (first, second), strict=True)
    ] == [
        True,
        False,
    ]
    with pytest.raises(BadInput, match="none cannot be run again: There is no such field"):
        verbs.retry_failed(ada, batch.id)
    assert job_folders(lab) <= {first.job, second.job, wells(lab, ada, batch)[1].job}


def test_a_retry_at_another_price_leaves_no_folder(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.FAILED, Status.COMPLETED)
    folders = job_folders(lab)
    with pytest.raises(Conflict):
        lab.workbench.batches.retry_failed(ada, batch.id, expected_credits=1)
    assert job_folders(lab) == folders


def test_a_single_child_is_retried_in_its_well_and_its_forerunner_not_again(
    lab: Laboratory, ada: Person
) -> None:
    batch = ended(lab, ada, Status.FAILED, Status.FAILED)
    first = wells(lab, ada, batch)[0]
    again = lab.workbench.retry(ada, first.job)
    assert (again.batch, again.well, again.status) == (batch.id, 0, Status.PENDING)
    with pytest.raises(WrongState, match="another is in its well"):
        lab.workbench.retry(ada, first.job)
    assert lab.workbench.actions(ada, lab.job(first.job))["retry"] == (
        "It was retried; another job is in its well."
    )


def test_a_retry_after_the_uploads_were_deleted_uses_the_jobs_own_copies(
    lab: Laboratory, ada: Person
) -> None:
    upload = uploaded(lab, ada, "fault.txt", b"none")
    batch = lab.workbench.batches.submit(ada, one_by_one({"text": {"file": upload.id}}))
    end(lab, wells(lab, ada, batch)[0], Status.FAILED)
    lab.workbench.library.delete(ada, upload.id, even_if_used=True)
    lab.workbench.batches.retry_failed(ada, batch.id)
    (well,) = wells(lab, ada, batch)
    path, _ = lab.workbench.input_file(ada, well.job, "text", 0)
    assert (well.status, path.read_bytes()) == (Status.PENDING, b"none")


def test_a_retry_of_two_at_the_same_moment_refuses_the_second_and_leaves_no_folder(
    lab: Laboratory, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = ended(lab, ada, Status.FAILED)
    verbs = lab.workbench.batches
    late = verbs._retried(stored.get(lab.store, batch.id) or batch)
    verbs.retry_failed(ada, batch.id)
    folders = job_folders(lab)
    monkeypatch.setattr(verbs, "_retried", lambda batch: late)  # what the second looked at
    with pytest.raises(WrongState, match="meanwhile"):
        verbs.retry_failed(ada, batch.id)
    assert job_folders(lab) == folders
    assert money(lab, ada) == (1000, 5)


def test_nobody_but_the_submitter_retries(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.FAILED, visibility=Visibility.PUBLIC)
    first = wells(lab, ada, batch)[0]
    for other in (
        lab.join("vera", Role.VIEWER),
        lab.join("bob"),
        lab.join("boss", Role.OWNER),
        lab.found("eve"),
    ):
        with pytest.raises(Forbidden):
            lab.workbench.batches.retry_failed(other, batch.id)
        with pytest.raises(Forbidden):
            lab.workbench.retry(other, first.job)


# Children -------------------------------------------------------------------------------------------------


def test_a_child_is_neither_deleted_nor_shared_alone(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.COMPLETED)
    (well,) = wells(lab, ada, batch)
    bench = lab.workbench
    with pytest.raises(WrongState, match="belongs to a batch"):
        bench.delete(ada, well.job)
    with pytest.raises(WrongState, match="share that"):
        bench.sharing.change(ada, well.job, Visibility.PUBLIC, None)
    with pytest.raises(WrongState):
        bench.sharing.show(ada, well.job)
    outcomes = bench.bulk.delete(ada, [well.job])
    assert (outcomes.done, outcomes.refused_ids) == ([], [well.job])
    assert "belongs to a batch" in outcomes.refused[0][1]
    assert wells(lab, ada, batch)[0].status is Status.COMPLETED
    assert lab.folders.job(well.job).exists()
    reasons = bench.actions(ada, lab.job(well.job))
    assert reasons["delete"] == "It belongs to a batch: delete that."
    assert reasons["share"] == "It belongs to a batch: share that."


def test_a_selection_with_a_child_still_deletes_the_others(lab: Laboratory, ada: Person) -> None:
    (well,) = wells(lab, ada, ended(lab, ada, Status.COMPLETED))
    single = lab.workbench.submit(ada, Submission(tool="test-noop", inputs={}, settings={}))
    lab.workbench.cancel(ada, single.id)
    outcomes = lab.workbench.bulk.delete(ada, [well.job, single.id])
    assert [job for job, _ in outcomes.done] == [single.id]
    assert outcomes.refused_ids == [well.job]


def test_a_child_is_cancelled_and_renamed_alone(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "none")
    first = wells(lab, ada, batch)[0]
    assert lab.workbench.rename(ada, first.job, "Mine").name == "Mine"
    lab.workbench.cancel(ada, first.job)
    assert wells(lab, ada, batch)[0].status is Status.CANCELLED
    assert lab.workbench.batches.batch(ada, batch.id).live


def test_a_queued_child_says_why_it_waits(lab: Laboratory, ada: Person) -> None:
    boss = lab.join("boss", Role.OWNER)
    lab.workbench.teams.change(boss, concurrency=1)
    batch = submit(lab, ada, "none", "none")
    second = wells(lab, ada, batch)[1]
    assert second.status is Status.QUEUED
    assert "at their limit" in (lab.workbench.waiting(ada, second.job) or "")
    lab.workbench.teams.change(boss, concurrency=2)
    assert wells(lab, ada, batch)[1].status is Status.PENDING


def test_children_stand_on_their_plate_and_not_in_the_list(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "none")
    assert lab.workbench.jobs(ada).jobs == []
    assert len(lab.workbench.jobs(ada, JobFilter(batch=batch.id)).jobs) == 2
    with pytest.raises(NotFound):
        lab.workbench.jobs(lab.found("eve"), JobFilter(batch=batch.id))
    with pytest.raises(NotFound):
        lab.workbench.jobs(ada, JobFilter(batch=new_id()))


# Changing, sharing, deleting ------------------------------------------------------------------------------


def test_a_batch_is_renamed_starred_and_tagged(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none")
    after = lab.workbench.batches.change(ada, batch.id, name=" Kinases ", starred=True, tags=["b", "a"])
    assert (after.name, after.starred, set(after.tags)) == ("Kinases", True, {"a", "b"})
    bob = lab.join("bob")
    assert not lab.workbench.batches.batch(bob, batch.id).starred
    assert lab.workbench.batches.change(bob, batch.id, starred=True).starred
    with pytest.raises(Forbidden):
        lab.workbench.batches.change(bob, batch.id, name="Mine")
    with pytest.raises(BadInput):
        lab.workbench.batches.change(ada, batch.id, name="", starred=False)
    assert lab.workbench.batches.batch(ada, batch.id).starred, "nothing changes where one cannot"


def test_who_sees_a_shared_batch_sees_its_children_and_no_more(lab: Laboratory, ada: Person) -> None:
    batch, other = ended(lab, ada, Status.COMPLETED), ended(lab, ada, Status.COMPLETED)
    eve = lab.found("eve")
    verbs = lab.workbench.batches
    shared = verbs.sharing.change(ada, batch.id, Visibility.INVITED, [eve.email])
    (link,) = shared.links.values()
    with pytest.raises(NotFound):
        verbs.batch(eve, batch.id)
    lab.workbench.invitations.accept(eve, link.rpartition("token=")[2])
    guest = lab.sign_in(eve).person
    assert verbs.batch(guest, batch.id).counts == {Status.COMPLETED: 1}
    (well,) = wells(lab, ada, batch)
    assert lab.workbench.job(guest, well.job).inputs
    assert [each.id for each in verbs.batches(guest, BatchFilter(shared=True)).batches] == [batch.id]
    with pytest.raises(NotFound):
        verbs.batch(guest, other.id)
    verbs.sharing.change(ada, batch.id, None, [])
    left = lab.sign_in(eve).person
    for action in (lambda: verbs.batch(left, batch.id), lambda: lab.workbench.job(left, well.job)):
        with pytest.raises(NotFound):
            action()


def test_a_colleague_sees_the_row_of_a_private_batch_only(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "bad", skip_invalid=True)
    bob = lab.join("bob")
    row = lab.workbench.batches.batch(bob, batch.id)
    assert (row.name, row.settings, row.left_out, row.credits) == (batch.name, {}, [], 0)
    (listed,) = lab.workbench.batches.batches(bob, BatchFilter()).batches
    assert (listed.settings, listed.left_out) == ({}, [])
    for verb in (
        lab.workbench.batches.wells,
        lab.workbench.batches.table,
        lab.workbench.batches.export_csv,
        lab.workbench.batches.archive,
        lab.workbench.batches.submission,
        lab.workbench.batches.retry_credits,
    ):
        with pytest.raises(Forbidden):
            verb(bob, batch.id)


def test_deleting_a_batch_removes_its_jobs_and_their_folders(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.COMPLETED, Status.FAILED)
    ids = [well.job for well in wells(lab, ada, batch)]
    removed: list[str] = []
    dispatcher: Any = lab.workbench._dispatcher
    dispatcher.remove_folders = lambda ids, mark: removed.extend(ids)
    lab.workbench.batches.delete(ada, batch.id)
    assert sorted(removed) == sorted(ids)
    with pytest.raises(NotFound):
        lab.workbench.batches.batch(ada, batch.id)
    with pytest.raises(NotFound):
        lab.workbench.job(ada, ids[0])


def test_a_batch_that_goes_on_is_not_deleted(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none")
    with pytest.raises(WrongState, match="cancel it first"):
        lab.workbench.batches.delete(ada, batch.id)
    assert lab.workbench.batches.actions(ada, batch)["delete"] == "It has not ended; cancel it first."


def test_the_menu_offers_what_is_possible_now(lab: Laboratory, ada: Person) -> None:
    def possible(person: Person | None, status: Status | None) -> set[str]:
        batch = submit(lab, ada, "none") if status is None else ended(lab, ada, status)
        reasons = lab.workbench.batches.actions(person, batch)
        return {key for key, reason in reasons.items() if reason is None}

    everything = set(lab.workbench.batches.actions(ada, submit(lab, ada, "none")))
    assert possible(ada, None) == everything - {"retry_failed", "delete", "download"}
    assert possible(ada, Status.FAILED) == everything - {"cancel"}
    assert possible(ada, Status.COMPLETED) == everything - {"cancel", "retry_failed"}
    assert possible(lab.join("bob"), Status.COMPLETED) == {"star", "copy_link"}
    assert possible(lab.join("boss", Role.OWNER), Status.COMPLETED) == {"star", "copy_link", "delete"}
    assert possible(None, Status.COMPLETED) == set()


# Results --------------------------------------------------------------------------------------------------


def complete(lab: Laboratory, well: Well, summary: dict[str, Any], *warnings: str) -> None:
    results = lab.folders.results(well.job)
    results.mkdir(parents=True)
    (results / "poem.txt").write_text(f"poem of {well.number}")
    end(lab, well, Status.COMPLETED, summary=summary, warnings=list(warnings))


def table(content: bytes) -> tuple[list[str], list[dict[str, str]]]:
    """Notes above, and rows below."""
    lines = content.decode().lstrip("\ufeff").splitlines()
    notes = [line for line in lines if line.startswith("#")]
    return notes, list(csv.DictReader(line for line in lines if not line.startswith("#")))


def test_one_csv_has_a_row_for_each_well_the_metrics_first_and_the_common_warnings_above(
    lab: Laboratory, ada: Person
) -> None:
    batch = submit(lab, ada, "none", "none", "none", name="=Kinases")
    first, second, third = wells(lab, ada, batch)
    complete(lab, first, {"note": "a,b", "energy": -7.5, "modes": [1, 2]}, "A test.", "Only here.")
    complete(lab, second, {"energy": float("nan")}, "A test.")
    end(lab, third, Status.FAILED)
    name, media_type, content = lab.workbench.batches.export_csv(ada, batch.id)
    assert name.endswith("Kinases.csv")
    assert media_type.startswith("text/csv")
    notes, found = table(content)
    assert any("Warning: A test." in note for note in notes)
    assert not any("Only here." in note for note in notes)
    columns, listed = lab.workbench.batches.table(ada, batch.id)
    assert [column.name for column in columns][:5] == ["place", "well", "name", "status", "energy"]
    assert [(row["Well"], row["Number"]) for row in found] == [("A1", "1"), ("A2", "2"), ("A3", "3")]
    assert [row["status"] for row in listed] == ["completed", "completed", "failed"]
    assert len(found) == 3
    assert [row["error"] for row in listed] == [None, None, "It does not fit."]
    assert [row["refunded"] for row in listed] == [0, 0, 5]
    assert listed[0]["modes"] == "[1, 2]"


def test_a_csv_while_it_goes_on_has_what_there_is(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none", "none")
    complete(lab, wells(lab, ada, batch)[0], {"energy": 1})
    _, found = table(lab.workbench.batches.export_csv(ada, batch.id)[2])
    assert len(found) == 2


def test_results_of_a_tool_that_was_turned_off_are_still_there(lab: Laboratory, ada: Person) -> None:
    batch = submit(lab, ada, "none")
    complete(lab, wells(lab, ada, batch)[0], {"energy": 1})
    off = lab.settings.tools.model_copy(update={"off": ("test-fault",)})
    lab.workbench.settings = lab.settings.model_copy(update={"tools": off})
    with pytest.raises(NotFound, match="no tool"):
        submit(lab, ada, "none")
    assert lab.workbench.batches.table(ada, batch.id)[1][0]["energy"] == 1
    assert lab.workbench.batches.export_csv(ada, batch.id)[2]
    assert b"".join(lab.workbench.batches.archive(ada, batch.id)[1])


def test_an_archive_has_the_table_and_all_of_each_job_also_the_log_of_one_that_failed(
    lab: Laboratory, ada: Person
) -> None:
    batch = submit(lab, ada, "none", "none", "none", name="Kinases")
    first, second, third = wells(lab, ada, batch)
    complete(lab, first, {"energy": 1})
    end(lab, second, Status.FAILED)
    with pytest.raises(WrongState, match="has not ended"):
        lab.workbench.batches.archive(ada, batch.id)
    lab.workbench.cancel(ada, third.job)
    name, pieces = lab.workbench.batches.archive(ada, batch.id)
    assert name == "Kinases.zip"
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        files = {each.partition("/")[2]: archive.read(each) for each in archive.namelist()}
    assert files.pop("results.csv") == lab.workbench.batches.export_csv(ada, batch.id)[2]
    by_well = {(each[:5], each.partition("/")[2]): content for each, content in files.items()}
    assert by_well["00001", "results/poem.txt"] == b"poem of 0"
    assert by_well["00002", "log.txt"] == b"log of none\n"
    assert by_well["00003", "inputs/text/1-fault.txt"] == b"none"


def test_a_superseded_child_is_in_neither_table_nor_archive(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.FAILED)
    (old,) = wells(lab, ada, batch)
    lab.workbench.batches.retry_failed(ada, batch.id)
    (new,) = wells(lab, ada, batch)
    complete(lab, new, {})
    assert [row["job"] for row in lab.workbench.batches.table(ada, batch.id)[1]] == [new.job]
    with zipfile.ZipFile(io.BytesIO(b"".join(lab.workbench.batches.archive(ada, batch.id)[1]))) as archive:
        assert not any("00002" in each for each in archive.namelist())
    assert lab.workbench.job(ada, old.job).job.status is Status.FAILED


def test_children_without_files_have_no_folder_before_they_run(lab: Laboratory, ada: Person) -> None:
    wanted = asked("a", "b", tool="test-noop", settings={"credits": 2})
    batch = lab.workbench.batches.submit(ada, wanted)
    assert job_folders(lab) == set()
    first, second = wells(lab, ada, batch)
    assert lab.workbench.input_files(ada, first.job) == {}
    lab.workbench.batches.cancel(ada, batch.id)
    assert b"".join(lab.workbench.archive(ada, second.job)[1])
    assert b"".join(lab.workbench.batches.archive(ada, batch.id)[1])


def test_ids_of_nothing_and_of_jobs_are_no_batches(lab: Laboratory, ada: Person) -> None:
    batch = ended(lab, ada, Status.COMPLETED)
    (well,) = wells(lab, ada, batch)
    verbs = lab.workbench.batches
    for nothing in ("", "nonsense", new_id(), well.job):
        for verb in (
            verbs.batch,
            verbs.wells,
            verbs.cancel,
            verbs.retry_failed,
            verbs.delete,
            verbs.export_csv,
        ):
            with pytest.raises(WellplateError) as refusal:
                verb(ada, nothing)  # type: ignore[operator]
            assert refusal.value.status == 404
