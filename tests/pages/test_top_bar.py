"""The bell and the team switcher in the head of every page."""

from __future__ import annotations

from typing import Any

import pytest

from compute.workbench import Submission
from data.notices import NewNotice
from data.records import Person
from tests.laboratory import BODY, Laboratory
from tests.pages.site import Visit, press, words


def tell(lab: Laboratory, person: Person, text: str, job: str | None = None) -> None:
    lab.workbench.notices.tell(NewNotice(person=person.id, kind="shared", text=text, job=job))


def bell(app: Any) -> Any:
    return app.get("popover")[0].proto.popover


def ring(app: Any) -> Any:
    """The bell open; in a browser it stays so, here every run must be told."""
    app.session_state["top-bar-bell"] = True
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize(("unread", "label"), [(0, ""), (2, "2"), (101, "99+")])
def test_the_bell_counts_what_is_unread(lab: Laboratory, visit: Visit, unread: int, label: str) -> None:
    ben = lab.join("ben")
    tell(lab, lab.admin, "not for Ben")
    for number in range(unread):
        tell(lab, ben, f"notice {number}")
    assert bell(visit(ben, "status.py")).label == label


def test_an_open_bell_lists_the_notices_and_they_are_read(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    tell(lab, ben, "Ada shared a job")
    tell(lab, lab.admin, "not for Ben")
    app = visit(ben, "status.py")
    assert "Ada shared a job" not in words(app)
    said = words(ring(app))
    assert "**Ada shared a job**" in said and "not for Ben" not in said
    press(app, "Mark all as read")
    assert lab.workbench.notices.unread(ben) == 0
    assert lab.workbench.notices.unread(lab.admin) == 1
    said = words(ring(app))
    assert "Ada shared a job" in said and "**Ada shared a job**" not in said


def test_a_notice_leads_to_its_job_whose_page_counts_as_reading_it(lab: Laboratory, visit: Visit) -> None:
    job = lab.workbench.submit(lab.admin, Submission(**BODY, name="docked")).id
    tell(lab, lab.admin, "It has ended", job)
    tell(lab, lab.admin, "Something else")
    app = ring(visit(lab.admin, "status.py"))
    (link,) = [each.proto for each in app.get("page_link") if "ended" in each.proto.label]
    assert (link.page, link.query_string) == ("jobs", f"jobId={job}")
    assert lab.workbench.notices.unread(lab.admin) == 2
    visit(lab.admin, "jobs.py", jobId=job)
    assert lab.workbench.notices.unread(lab.admin) == 1


def test_an_empty_bell_says_what_it_is_for(lab: Laboratory, visit: Visit) -> None:
    assert "Nothing yet." in words(ring(visit(lab.join("ben"), "status.py")))


def test_who_has_one_team_sees_no_switcher(lab: Laboratory, visit: Visit) -> None:
    assert not visit(lab.join("ben"), "status.py").menu_button


def test_the_switcher_changes_the_team_of_this_session_only(lab: Laboratory, visit: Visit) -> None:
    there = lab.workbench.teams.create(lab.admin, "Second lab")
    other = lab.accounts.use_link(lab.accounts.admin_link(lab.admin).rpartition("=")[2], client="test")
    app = visit(lab.admin, "team.py")
    assert app.title[0].value == "Lab"
    switcher = next(menu for menu in app.menu_button if menu.key == "top-bar-team")
    assert switcher.options == ["Second lab"]
    switcher.click(there.id).run()
    assert app.title[0].value == "Second lab"
    still = lab.accounts.person(other.cookie)
    assert still is not None and still.team == lab.admin.team


def test_switching_drops_the_filters_and_keeps_the_job(lab: Laboratory, visit: Visit) -> None:
    there = lab.workbench.teams.create(lab.admin, "Second lab")
    job = lab.workbench.submit(lab.admin, Submission(**BODY)).id
    app = visit(lab.admin, "jobs.py", jobId=job, q="x")
    next(menu for menu in app.menu_button if menu.key == "top-bar-team").click(there.id).run()
    assert dict(app.query_params) == {"jobId": job}
