"""The status page: for everyone, true, and about nobody in particular."""

from __future__ import annotations

from compute.workbench import Submission
from tests.laboratory import BODY, Laboratory
from tests.pages.site import Visit, words


def test_it_says_why_jobs_wait_without_naming_them(lab: Laboratory, visit: Visit) -> None:
    ben, mia = lab.join("ben"), lab.found("mia")
    for person in (mia, mia, ben):
        lab.workbench.submit(person, Submission(**BODY, name="secret plan"))
    app = visit(ben, "status.py")
    assert app.title[0].value == "Status"
    shown = {metric.label: metric.value for metric in app.metric}
    assert (shown["Waiting"], shown["Running"], shown["Free slots"]) == ("3", "0", "0 of 0")
    said = "\n".join(html.value for html in app.html)
    assert "3 jobs" in said and "No worker is connected." in said
    everything = said + words(app)
    assert "secret plan" not in everything and "mia" not in everything.lower()


def test_an_idle_site_says_that_nothing_waits(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.join("ben"), "status.py")
    assert "No job waits." in words(app)
    assert {metric.label: metric.value for metric in app.metric}["Oldest waits for"] == "–"


def test_what_ended_is_counted_by_status(lab: Laboratory, visit: Visit) -> None:
    done, failed = (lab.workbench.submit(lab.admin, Submission(**BODY)).id for _ in range(2))
    lab.start(done)
    lab.complete(done, {})
    lab.fail(failed, "No.")
    said = words(visit(lab.admin, "status.py"))
    assert "✓ Completed 1" in said and "✕ Failed 1" in said


def test_a_site_without_workers_says_so_instead_of_all_is_well(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "status.py")
    assert not app.success
    assert "No worker is connected" in app.error[0].value
