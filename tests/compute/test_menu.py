from __future__ import annotations

import pytest

from compute.menu import MENU
from data.records import Person, Role, Status, Visibility
from tests.compute.submitting import ended, submit
from tests.laboratory import Laboratory

ALL = set(MENU)


def open_to(lab: Laboratory, person: Person | None, job_id: str) -> set[str]:
    return {key for key, reason in lab.workbench.actions(person, lab.job(job_id)).items() if reason is None}


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        (Status.PENDING, {"retry", "delete", "export_csv", "export_json", "download"}),
        (Status.COMPLETED, {"retry", "cancel"}),
        (Status.FAILED, {"cancel", "export_csv", "export_json"}),
        (Status.CANCELLED, {"cancel", "export_csv", "export_json"}),
    ],
)
def test_the_submitter_does_what_the_status_lets(
    lab: Laboratory, ada: Person, status: Status, missing: set[str]
) -> None:
    job = submit(lab, ada) if status is Status.PENDING else ended(lab, ada, status)
    assert open_to(lab, ada, job.id) == ALL - missing
    reasons = lab.workbench.actions(ada, lab.job(job.id))
    assert all(reasons[key] for key in missing)


READING = {"open", "open_new_tab", "export_csv", "export_json", "download", "copy_link"}


def test_others_read_what_is_shared_and_see_why_not_more(lab: Laboratory, ada: Person) -> None:
    job = ended(lab, ada, Status.COMPLETED, visibility=Visibility.PUBLIC)
    eve, viewer = lab.found("eve"), lab.join("vera", Role.VIEWER)
    assert open_to(lab, None, job.id) == READING
    assert open_to(lab, eve, job.id) == READING | {"star", "duplicate"}
    assert open_to(lab, viewer, job.id) == READING | {"star"}
    assert open_to(lab, lab.join("boss", Role.OWNER), job.id) == READING | {"star", "duplicate", "delete"}
    nobody = lab.workbench.actions(None, job)
    assert (nobody["star"], nobody["duplicate"]) == ("Sign in first.", "Sign in first.")
    assert nobody["rename"] == "You may not rename this job; it is Ada's."
    assert lab.workbench.actions(viewer, job)["duplicate"] == (
        "Your role in Lab lets you look, but not run jobs."
    )


def test_a_colleagues_private_job_offers_its_row_only(lab: Laboratory, ada: Person) -> None:
    job = ended(lab, ada, Status.COMPLETED)
    assert open_to(lab, lab.join("bob"), job.id) == {"star", "copy_link"}
    assert open_to(lab, lab.join("boss", Role.ADMIN), job.id) == {"star", "copy_link", "delete"}
    assert open_to(lab, lab.found("eve"), job.id) == set()


def test_a_job_that_is_being_cancelled_is_not_cancelled_again(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    lab.start(job.id)
    lab.workbench.cancel(ada, job.id)
    assert lab.workbench.actions(ada, lab.job(job.id))["cancel"] == "It is being cancelled."
