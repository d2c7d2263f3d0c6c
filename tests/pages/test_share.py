"""Sharing from the pages, on the real site: the dialog, who sees what after it, and a page without sign-in."""

from __future__ import annotations

from typing import Any

import pytest

from compute.workbench import Submission
from data.records import Job, JobFilter, Person, Role, Status, Visibility
from pages import job_actions, job_menu, sharing_dialog
from tests.laboratory import BODY, Laboratory
from tests.pages.site import Visit, press, words

NOWHERE = "11111111-1111-4111-8111-111111111111"


def submit(lab: Laboratory, person: Person, name: str, visibility: Visibility = Visibility.PRIVATE) -> Job:
    return lab.workbench.submit(person, Submission(**BODY, name=name, visibility=visibility))


def done(lab: Laboratory, person: Person, name: str, visibility: Visibility = Visibility.PRIVATE) -> Job:
    job = submit(lab, person, name, visibility)
    lab.start(job.id)
    lab.complete(job.id, {"out.tab": b"a\tACGT\n"})
    return lab.job(job.id)


def dialog(visit: Visit, person: Person, job: Job) -> Any:
    app = visit(person, "jobs.py", jobId=job.id)
    return press(app, "Share")


def token(app: Any) -> str:
    """Of the invitation's link that stands in the dialog."""
    return next(code.value for code in app.code if "/auth/invitation" in code.value).rpartition("token=")[2]


def names(app: Any) -> list[str]:
    return [name for table in app.dataframe for name in table.value["name"]]


@pytest.mark.parametrize("visibility", list(Visibility))
def test_what_is_chosen_holds_at_once_and_is_told(
    lab: Laboratory, visit: Visit, visibility: Visibility
) -> None:
    ben = lab.join("ben")
    job = submit(
        lab, ben, "phage", Visibility.TEAM if visibility is Visibility.PRIVATE else Visibility.PRIVATE
    )
    app = dialog(visit, ben, job)
    app.radio(key=f"share.{job.id}").set_value(visibility).run()
    assert not app.exception and not app.error
    assert lab.job(job.id).visibility is visibility
    told = lab.workbench.sharing.words(ben, lab.job(job.id))
    assert f"**Who can see it now:** {told}." in words(app)
    press(app, "Done")
    assert f"Who can see this: **{told}**" in words(app)
    assert "Who can see it now" not in words(app)


def test_invited_people_stand_as_pending_with_a_link_until_they_come(lab: Laboratory, visit: Visit) -> None:
    ben, carla = lab.join("ben"), lab.found("carla")
    job = done(lab, ben, "phage", Visibility.INVITED)
    app = dialog(visit, ben, job)
    app.text_input(key="share.emails").set_value(f"{carla.email}, dan@else.example").run()
    press(app, "Invite")
    assert [each.value for each in app.text] == [carla.email, "dan@else.example"]
    assert app.text_input(key="share.emails").value == ""
    assert words(app).count("Pending") == 2
    lab.workbench.invitations.accept(carla, token(app))
    app = dialog(visit, ben, job)
    assert "Accepted" in words(app) and words(app).count("Pending") == 1
    assert len([code for code in app.code if "/auth/invitation" in code.value]) == 1


def test_a_wrong_address_is_told_and_stays_to_be_mended(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = dialog(visit, ben, submit(lab, ben, "phage", Visibility.INVITED))
    app.text_input(key="share.emails").set_value("carla@other.example, nobody").run()
    press(app, "Invite")
    assert "nobody" in app.error[0].value
    assert app.text_input(key="share.emails").value == "carla@other.example, nobody"
    assert not app.text


def test_who_was_invited_finds_the_job_until_the_invitation_ends(lab: Laboratory, visit: Visit) -> None:
    ben, carla = lab.join("ben"), lab.found("carla")
    job = done(lab, ben, "phage", Visibility.INVITED)
    app = dialog(visit, ben, job)
    app.text_input(key="share.emails").set_value(carla.email).run()
    press(app, "Invite")
    assert "This job is not here" in words(visit(carla, "jobs.py", jobId=job.id))
    lab.workbench.invitations.accept(carla, token(app))
    assert names(visit(carla, "jobs.py", shared="1")) == ["phage"]
    assert not names(visit(carla, "jobs.py"))
    theirs = visit(carla, "jobs.py", jobId=job.id)
    assert theirs.title[0].value == "phage"
    press(dialog(visit, ben, job), "Remove")
    theirs = visit(carla, "jobs.py", jobId=job.id)
    assert theirs.title[0].value == "This job is not here"
    assert not names(visit(carla, "jobs.py", shared="1"))


def test_an_open_page_ends_when_the_job_is_shared_no_more(lab: Laboratory, visit: Visit) -> None:
    ben, eve = lab.join("ben"), lab.join("eve")
    job = done(lab, ben, "phage", Visibility.USERS)
    theirs = visit(eve, "jobs.py", jobId=job.id)
    assert "Settings" in words(theirs)
    lab.workbench.sharing.change(ben, job.id, Visibility.PRIVATE, None)
    theirs.run()
    assert not theirs.exception
    assert "This job is private to Ben." in words(theirs)
    assert "Settings" not in words(theirs)


def test_nobody_signed_in_opens_a_public_job_and_nothing_else(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    job = done(lab, ben, "phage", Visibility.PUBLIC)
    app = visit(None, "jobs.py", jobId=job.id)
    assert app.title[0].value == "phage"
    assert "Anyone with the link" in words(app)
    offered = {button.key for button in app.button if not button.disabled}
    assert offered == {"menu.copy_link"}
    page = words(app) + "".join(html.proto.body for html in app.get("html"))
    assert "Lab" not in page.replace("Label", "") and "Worker" not in page
    assert app.title[0].value == "phage"


@pytest.mark.parametrize("visibility", [each for each in Visibility if each is not Visibility.PUBLIC])
def test_nobody_signed_in_is_asked_to_sign_in_whether_a_job_exists_or_not(
    lab: Laboratory, visit: Visit, visibility: Visibility
) -> None:
    job = done(lab, lab.join("ben"), "phage", visibility)
    hidden = words(visit(None, "jobs.py", jobId=job.id))
    assert hidden == words(visit(None, "jobs.py", jobId=NOWHERE)) == words(visit(None, "jobs.py"))
    assert "phage" not in hidden


def test_a_public_job_that_is_made_private_ends_the_open_page(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    job = done(lab, ben, "phage", Visibility.PUBLIC)
    app = visit(None, "jobs.py", jobId=job.id)
    lab.workbench.sharing.change(ben, job.id, Visibility.TEAM, None)
    app.run()
    assert app.title[0].value == "Sign in to Wellplate"


@pytest.mark.parametrize(
    ("who", "possible"),
    [
        ("ben", {"rename", "star", "tags", "duplicate", "share", "copy_link", "delete"}),
        ("owner", {"star", "duplicate", "copy_link", "delete"}),
        ("member", {"star", "duplicate", "copy_link"}),
        ("viewer", {"star", "copy_link"}),
        ("stranger", {"star", "duplicate", "copy_link"}),
    ],
)
def test_the_menu_is_whole_and_says_what_is_not_possible(
    lab: Laboratory, visit: Visit, who: str, possible: set[str]
) -> None:
    ben = lab.join("ben")
    people = {
        "ben": ben,
        "owner": lab.join("olga", Role.OWNER),
        "member": lab.join("eve"),
        "viewer": lab.join("vic", Role.VIEWER),
        "stranger": lab.found("carla"),
    }
    job = done(lab, ben, "phage", Visibility.USERS)
    app = visit(people[who], "jobs.py", jobId=job.id)
    entries = {
        button.key.partition(".")[2]: button for button in app.button if button.key.startswith("menu.")
    }
    assert set(entries) | set(job_menu.LINKS) | {"open"} == set(job_menu.LOOKS)
    assert {key for key, entry in entries.items() if not entry.disabled} == possible
    assert all(entry.help for entry in entries.values() if entry.disabled)


def test_related_jobs_are_named_to_who_may_see_them(lab: Laboratory, visit: Visit) -> None:
    ben, eve = lab.join("ben"), lab.join("eve")
    first = submit(lab, ben, "phage")
    lab.fail(first.id, "No sequence in the file.")
    again = lab.workbench.retry(ben, first.id)
    lab.workbench.sharing.change(ben, again.id, Visibility.TEAM, None)

    def picture(person: Person) -> str:
        app = visit(person, "jobs.py", jobId=again.id)
        return words(app) + "".join(html.proto.body for html in app.get("html"))

    told = picture(ben)
    assert first.id in told and "Retried from" in told and "private to somebody else" not in told
    told = picture(eve)
    assert first.id not in told and "One more is private to somebody else." in told


def test_tags_are_written_in_their_dialog_and_found_in_the_list(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    job = done(lab, ben, "phage")
    done(lab, ben, "another")
    app = visit(ben, "jobs.py", jobId=job.id)
    app.button(key="menu.tags").click().run()
    app.multiselect(key=f"ask.tags.{job.id}").set_value(["paper"])
    app.button(key="ask.yes").click().run()
    assert not app.exception
    assert lab.workbench.job(ben, job.id).job.tags == ("paper",)
    assert names(visit(ben, "jobs.py", tag="paper")) == ["phage"]


def test_a_bulk_action_reports_what_was_not_done_and_leaves_the_filter(lab: Laboratory, visit: Visit) -> None:
    ben, eve = lab.join("ben"), lab.join("eve")
    done(lab, eve, "hers", Visibility.TEAM)
    done(lab, ben, "his")
    app = visit(ben, "jobs.py", status="completed", not_tool="convert-structure")
    found = lab.workbench.bulk.chosen(ben, "delete", JobFilter(status=(Status.COMPLETED,)))
    app.session_state["jobs.asked"] = job_actions.Asked("delete", tuple(found), whole=True)
    app.run()
    assert "1 job of these stays as it is" in words(app)
    press(app, "Delete 1 job")
    assert "his" in app.success[0].value
    assert "hers" in app.warning[0].value
    assert app.query_params == {"status": "completed", "not_tool": "convert-structure"}
    assert names(app) == ["hers"]


def test_several_addresses_in_one_field() -> None:
    assert sharing_dialog.addresses(" a@b.example,c@d.example;\n e@f.example  ") == [
        "a@b.example",
        "c@d.example",
        "e@f.example",
    ]
