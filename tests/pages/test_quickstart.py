"""The walk-through: its ticks are the person's own doing, and its links lead where they say."""

from __future__ import annotations

from compute.workbench import Submission
from data.records import Visibility
from pages.quickstart import steps
from tests.laboratory import BODY, Laboratory
from tests.pages.site import Visit
from tools import registry

TOOL = registry()["autodock-vina"]


def marks(app: object) -> list[bool]:
    """Which steps have their tick."""
    return ['class="step-mark done"' in html.value for html in app.html if "<span class" in html.value]  # type: ignore[attr-defined]


def test_a_new_person_has_signed_in_and_done_nothing_else(lab: Laboratory, visit: Visit) -> None:
    lab.workbench.submit(lab.admin, Submission(**BODY))  # a colleague's
    app = visit(lab.join("ben"), "quickstart.py")
    assert app.title[0].value == "Quickstart"
    assert marks(app) == [True, *[False] * 6]


def test_ticks_follow_what_was_done(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    job = lab.workbench.submit(ben, Submission(**BODY)).id
    assert marks(visit(ben, "quickstart.py")) == [True, True, True, True, False, False, False]
    lab.start(job)
    lab.complete(job, {})
    assert marks(visit(ben, "quickstart.py")) == [*[True] * 6, False]
    lab.workbench.sharing.change(ben, job, Visibility.PUBLIC, None)
    assert marks(visit(ben, "quickstart.py")) == [True] * 7


def test_the_links_lead_to_the_example_and_to_the_own_job(lab: Laboratory) -> None:
    fresh = {step.title: step.link for step in steps(TOOL, [], lab.admin, charged=True)}
    assert fresh["Load its example"] == (
        "AutoDock Vina with its example",
        "tool.py",
        {"tool": "autodock-vina", "example": "1"},
    )
    assert fresh["Look at the result"] is None and fresh["Share it"] is None
    job = lab.job(lab.workbench.submit(lab.admin, Submission(**BODY)).id)
    later = {step.title: step.link for step in steps(TOOL, [job], lab.admin, charged=True)}
    assert later["Watch"] == (job.name, "jobs.py", {"jobId": job.id})


def test_credits_are_not_spoken_of_where_they_are_off(lab: Laboratory) -> None:
    def run_it(charged: bool) -> str:
        return next(
            step.words for step in steps(TOOL, [], lab.admin, charged=charged) if step.title == "Run it"
        )

    assert "costs" in run_it(True)
    assert "costs" not in run_it(False)
