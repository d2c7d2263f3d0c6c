"""Panels that belong to no job, as a page draws them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def drawn() -> None:
    from pages.parts import panels
    from tools.contract import (
        ChoicePanel,
        Column,
        FilteredPanel,
        ImagePanel,
        MetricsPanel,
        RowsPanel,
        TextPanel,
        WarningsPanel,
    )

    def metric(name: str) -> list[MetricsPanel]:
        return [MetricsPanel(name, [(name, "1", "")])]

    panels.draw_plain(
        [
            FilteredPanel("Show 2 more", 2, lambda: metric("Some"), lambda: metric("All")),
            FilteredPanel("Show 0 more", 0, lambda: metric("Everything"), lambda: metric("Never")),
            ChoicePanel("Viruses", "Virus", [("TMV", lambda: metric("tmv")), ("PVX", lambda: metric("pvx"))]),
            RowsPanel("Rows", [Column("id", "Name"), Column("n", "Length", "nt", "BIGINT")], [("a", 5)]),
            RowsPanel("No rows", [Column("id", "Name")], []),
            ImagePanel("Picture", b"\x89PNG", alt='A "dot"'),
            TextPanel("Words", "<script>", "text"),
            WarningsPanel("Warnings", ["No MSA for chain A.", "a *star*"]),
        ],
        "test",
    )


def headings(page: AppTest) -> list[str]:
    return [each.value for each in page.subheader]


def test_a_filter_and_a_choice_draw_what_is_asked_for() -> None:
    page = AppTest.from_function(drawn).run()
    assert not page.exception
    assert headings(page)[:4] == ["Some", "Everything", "Viruses", "tmv"]
    assert [toggle.label for toggle in page.toggle] == ["Show 2 more"], "nothing hidden, no switch"

    page.toggle[0].set_value(True).run()
    page.selectbox[0].set_value("PVX").run()

    assert headings(page)[:4] == ["All", "Everything", "Viruses", "pvx"]


def test_rows_have_units_in_their_heads_and_none_says_so() -> None:
    page = AppTest.from_function(drawn).run()
    (frame,) = page.dataframe
    assert list(frame.value["n"]) == [5]
    assert "Length (nt)" in frame.proto.columns
    assert [caption.value for caption in page.caption] == ["Nothing."]


def test_what_to_know_before_run_looks_like_the_warnings_of_a_result() -> None:
    page = AppTest.from_function(drawn).run()
    (box,) = page.warning
    assert "No MSA for chain A." in box.value and r"a \*star\*" in box.value
    assert "Warnings" not in headings(page)


def test_words_of_people_are_never_markup() -> None:
    page = AppTest.from_function(drawn).run()
    assert page.code[0].value == "<script>"
    picture = next(each.proto.body for each in page.get("html") if "<img" in each.proto.body)
    assert "A &quot;dot&quot;" in picture and "data:image/png;base64," in picture
