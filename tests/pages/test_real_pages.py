"""The pages about people and the site, on the real site: each draws for every role, and for nobody."""

from __future__ import annotations

import pytest

from data.records import Role
from tests.laboratory import Laboratory
from tests.pages.site import Visit

TITLES = {"team.py": "Lab", "account.py": "Account", "status.py": "Status", "quickstart.py": "Quickstart"}


@pytest.mark.parametrize(("page", "title"), TITLES.items())
@pytest.mark.parametrize("role", list(Role))
def test_a_page_draws_for_every_role(
    lab: Laboratory, visit: Visit, page: str, title: str, role: Role
) -> None:
    app = visit(lab.join("ben", role), page)
    assert app.title[0].value == title
    assert not app.error or page == "status.py"


@pytest.mark.parametrize("page", TITLES)
def test_nobody_sees_only_the_way_to_sign_in(lab: Laboratory, visit: Visit, page: str) -> None:
    app = visit(None, page)
    assert app.title[0].value == "Sign in to Wellplate"
    assert not app.button and not app.get("popover")
