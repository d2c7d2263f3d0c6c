"""The bell and the team switcher in the head of every page."""

from __future__ import annotations

from typing import Any

import pytest

from data.notices import NewNotice
from data.records import Person
from tests.laboratory import Laboratory
from tests.pages.site import Visit


def tell(lab: Laboratory, person: Person, text: str) -> None:
    lab.workbench.notices.tell(NewNotice(person=person.id, kind="shared", text=text))



def bell(app: Any) -> Any:
    return app.get("popover")[0].proto.popover


@pytest.mark.parametrize(("unread", "label"), [(0, ""), (2, "2"), (101, "99+")])
def test_the_bell_counts_what_is_unread(lab: Laboratory, visit: Visit, unread: int, label: str) -> None:
    ben = lab.join("ben")
    tell(lab, lab.admin, "not for Ben")
    for number in range(unread):
        tell(lab, ben, f"notice {number}")
    assert bell(visit(ben, "status.py")).label == label
