"""Pages on the real site of the tests: real people, sessions, teams, notices and credits behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from api.guard import COOKIE
from data.records import Person
from tests.laboratory import Laboratory

MAIN = Path(__file__).parents[2] / "pages" / "main.py"
#: `visit(person, "team.py", view="people")`: the page as this person's browser shows it.
Visit = Callable[..., AppTest]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Laboratory]:
    lab = Laboratory(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def visit(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> Visit:
    def run(
        person: Person | None, page: str | None = None, *, site: Laboratory = lab, **query: str
    ) -> AppTest:
        cookies = {COOKIE: session_of(site, person)} if person else {}
        monkeypatch.setattr(ContextProxy, "cookies", property(lambda self: cookies))
        app = AppTest.from_file(MAIN, default_timeout=20).run()
        for name, value in query.items():
            app.query_params[name] = value
        if page:
            app.switch_page(page)
        if page or query:
            app.run()
        assert not app.exception
        return app

    return run


def session_of(lab: Laboratory, person: Person) -> str:
    """The cookie of a new session; the site's first admin has no password but a one-time link."""
    if person.id == lab.admin.id:
        token = lab.accounts.admin_link(person).rpartition("=")[2]
        return lab.accounts.use_link(token, client="test").cookie
    return lab.sign_in(person).cookie


def words(app: AppTest) -> str:
    """Everything that the page says."""
    kinds = [
        app.title,
        app.subheader,
        app.markdown,
        app.caption,
        app.error,
        app.success,
        app.info,
        app.warning,
    ]
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def press(app: AppTest, label: str) -> AppTest:
    """Press the first button of this label."""
    app.button(next(each.key for each in app.button if each.label == label)).click().run()
    assert not app.exception
    return app
