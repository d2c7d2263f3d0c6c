"""The site's page: for its admin only, and what its buttons do."""

from __future__ import annotations

from typing import Any

import pytest

from compute.workbench import Submission
from data.records import Person, Role
from tests.laboratory import BODY, Laboratory
from tests.pages.site import Visit, press, words


def choose(app: Any, key: str, action: str) -> Any:
    menu = next(menu for menu in app.menu_button if menu.key == key)
    menu.click(action).run()
    assert not app.exception
    return app


def admin_view(lab: Laboratory, person: Person) -> Any:
    return next(each for each in lab.workbench.teams.people(lab.admin) if each.id == person.id)


def test_nobody_else_gets_to_it(lab: Laboratory, visit: Visit) -> None:
    owner = lab.found("mia")
    for person in (owner, lab.join("ben", Role.ADMIN), None):
        with pytest.raises(ValueError, match="Could not find a navigation page"):
            visit(person, "admin.py")


def test_people_are_listed_with_their_teams_and_found(lab: Laboratory, visit: Visit) -> None:
    lab.join("ben")
    lab.found("mia")
    app = visit(lab.admin, "admin.py")
    assert "3 people" in words(app)
    app.text_input("admin.search.Name, address or team").set_value("mia's lab").run()
    said = words(app)
    assert "1 of 3 people" in said and "**Mia**" in said and "**Ben**" not in said


def test_switching_off_hands_the_jobs_over_and_can_be_undone(lab: Laboratory, visit: Visit) -> None:
    ben, eve = lab.join("ben"), lab.join("eve")
    job = lab.workbench.submit(ben, Submission(**BODY)).id
    session = lab.sign_in(ben)
    app = choose(visit(lab.admin, "admin.py"), f"admin.person.{ben.id}", "deactivate")
    app.selectbox("admin.heir").set_value(eve.id).run()
    press(app, "Switch Ben off")
    assert "Ben is switched off." in words(app)
    assert not admin_view(lab, ben).active
    assert lab.accounts.person(session.cookie) is None
    assert lab.job(job).submitter == eve.id
    choose(app, f"admin.person.{ben.id}", "activate")
    assert admin_view(lab, ben).active
    assert "Ben can sign in again." in words(app)


def test_the_admin_cannot_switch_themselves_off(lab: Laboratory, visit: Visit) -> None:
    app = visit(lab.admin, "admin.py")
    menu = next(menu for menu in app.menu_button if menu.key == f"admin.person.{lab.admin.id}")
    assert "Switch off …" not in menu.options


def test_an_address_is_confirmed(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    assert not admin_view(lab, ben).verified
    choose(visit(lab.admin, "admin.py"), f"admin.person.{ben.id}", "verify")
    assert admin_view(lab, ben).verified


def test_a_sign_in_link_signs_that_person_in_once(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    app = choose(visit(lab.admin, "admin.py"), f"admin.person.{ben.id}", "link")
    assert not app.code
    press(app, "Make the link")
    token = app.code[0].value.rpartition("=")[2]
    assert lab.accounts.use_link(token, client="test").person.id == ben.id


def test_credits_are_granted_to_any_team(lab: Laboratory, visit: Visit) -> None:
    mia = lab.found("mia")
    app = choose(visit(lab.admin, "admin.py", view="teams"), f"admin.team.{mia.team}", "grant")
    app.number_input("admin.grant.credits").set_value(120).run()
    app.text_input("admin.grant.note").set_value("summer school").run()
    press(app, "Grant 120 credits")
    assert lab.workbench.credits.balance(mia).available == 120
    assert lab.workbench.credits.entries(mia)[0].note == "summer school"


def test_an_allowance_is_set_and_ended(lab: Laboratory, visit: Visit) -> None:
    mia = lab.found("mia")
    for given, kept in ((30, 30), (None, None)):
        app = choose(visit(lab.admin, "admin.py", view="teams"), f"admin.team.{mia.team}", "allow")
        app.number_input(f"admin.allow.credits.{mia.team}").set_value(given).run()
        press(app, "Save")
        assert lab.workbench.teams.team(lab.admin, mia.team).monthly_credits == kept


def test_the_audit_log_tells_who_did_what(lab: Laboratory, visit: Visit) -> None:
    ben = lab.join("ben")
    lab.workbench.teams.set_role(lab.admin, ben.id, Role.ADMIN)
    frame = visit(lab.admin, "admin.py", view="audit").dataframe[0].value
    row = frame[frame["What"] == "role changed"].iloc[0]
    assert row["Who"] == "Admin" and "ben@lab.example" in row["Subject"]


def test_disk_and_version_are_shown(lab: Laboratory, visit: Visit) -> None:
    upload = lab.folders.upload(lab.admin.id)
    upload.write_bytes(b"x" * 5000)
    app = visit(lab.admin, "admin.py", view="server")
    facts = "".join(html.value for html in app.html if 'class="facts"' in html.value)
    assert "<dt>Uploads</dt><dd>5.0 kB</dd>" in facts
    assert f"<dt>Version</dt><dd>{lab.workbench.health().version}</dd>" in facts
    assert "dashboard is off" in words(app)
