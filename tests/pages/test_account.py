"""Sessions and tokens on the account page; who the pages take somebody for."""

from __future__ import annotations

from tests.pages.conftest import Open
from tests.pages.fake_workbench import ANNA, FakeWorkbench


def test_another_session_can_be_ended_but_not_this_one(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("account.py", bench)
    assert any("Chrome on Linux** · this one" in text.value for text in app.markdown)
    buttons = [button for button in app.button if button.label == "Sign out there"]
    assert len(buttons) == 1
    buttons[0].click().run()
    assert [session.hash for session in bench.accounts.open] == ["a" * 64]


def test_a_token_is_shown_once_and_can_be_revoked(open_page: Open) -> None:
    bench = FakeWorkbench()
    app = open_page("account.py", bench)
    app.text_input[0].set_value("nightly")
    app.button[1].click().run()
    assert not app.exception
    assert app.code[0].value == "wp_secret"
    assert bench.accounts.made[0].scopes == {"jobs:read", "jobs:write", "files:read", "files:write"}
    app.run()
    assert not app.code
    next(button for button in app.button if button.label == "Revoke").click().run()
    assert bench.accounts.made == []


def test_a_token_without_a_name_is_refused_in_a_sentence(open_page: Open) -> None:
    app = open_page("account.py")
    app.button[1].click().run()
    assert "Give the token a name" in app.error[0].value


def test_a_session_that_ended_ends_no_other_and_revokes_nothing(open_page: Open) -> None:
    bench = FakeWorkbench()
    bench.accounts.create_token(ANNA, "nightly", ["jobs:read"])
    for label in ("Sign out there", "Revoke"):
        bench.accounts.who = ANNA
        app = open_page("account.py", bench)
        bench.accounts.who = None
        next(button for button in app.button if button.label == label).click().run()
        assert not app.exception
    assert len(bench.accounts.open) == 2
    assert len(bench.accounts.made) == 1
