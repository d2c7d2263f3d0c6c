"""The catalogue is found through by what one wants to do."""

from __future__ import annotations

import pytest

from pages.catalogue import matches
from tests.pages.conftest import Open
from tests.pages.fake_workbench import ABSENT, DOCK, FakeWorkbench


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("", True),  # everything
        ("docking", True),
        ("dock a ligand", True),  # a sentence
        ("Ligands", True),  # capitals and plural
        ("affin", True),  # the beginning of a keyword
        ("igand", False),  # the middle of a word is noise
        ("dock bam", False),  # every word must fit
    ],
)
def test_search_by_what_one_wants(wanted: str, found: bool) -> None:
    assert matches(DOCK, wanted) is found


def test_search_comes_from_the_url(open_page: Open) -> None:
    app = open_page(None, None, q="fold")
    assert not app.exception
    assert [link.value for link in app.page_link] == []
    assert any(ABSENT.name in text.value for text in app.markdown)


def test_typing_goes_into_the_url_and_nothing_found_offers_a_way_back(open_page: Open) -> None:
    app = open_page()
    app.text_input(key="catalogue.q").set_value("zebrafish").run()
    assert app.query_params["q"] == "zebrafish"
    assert any("No tool matches" in text.value for text in app.markdown)
    app.button[0].click().run()
    assert "q" not in app.query_params
    assert app.page_link


def test_missing_program_is_listed_with_what_installs_it(open_page: Open) -> None:
    assert any("make boltz" in caption.value for caption in open_page().caption)


def test_newcomer_is_told_what_to_do_first(open_page: Open) -> None:
    app = open_page(None, FakeWorkbench(jobs=False))
    assert any("New here?" in text.value for text in app.markdown)
    assert any("Load the example" in link.value for link in app.page_link)
