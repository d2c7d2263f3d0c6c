"""Times, sizes and names as people read them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import pytest

from pages.parts import human, panels

NOW = datetime(2026, 11, 22, 12, 0, 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),  # a clock that runs ahead
        (9, "just now"),
        (10, "10 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_400, "1 day ago"),
        (12 * 86_400, "12 days ago"),
    ],
)
def test_how_long_ago(seconds: int, text: str) -> None:
    assert human.ago(NOW - timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.96, "10.0 s"),
        (59.6, "1 min 00 s"),  # rounds up into the next unit
        (252, "4 min 12 s"),
        (11_100, "3 h 05 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_how_long(seconds: float, text: str) -> None:
    assert human.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456, "123 kB"), (5e9, "5.0 GB"), (2e12, "2.0 TB")],
)
def test_sizes(count: float, text: str) -> None:
    assert human.size(count) == text


@pytest.mark.parametrize(("count", "text"), [(0, "free"), (1, "1 credit"), (1200, "1,200 credits")])
def test_credits(count: int, text: str) -> None:
    assert human.credits(count) == text


def test_a_name_is_shown_as_written_and_never_as_formatting() -> None:
    assert human.markdown_text("a*b*[c](http://x)\n# d") == "a\\*b\\*\\[c\\]\\(http\\://x\\) \\# d"


@pytest.mark.parametrize(
    ("values", "format"),
    [
        ([-9.667, -8.07, 8.0], "%.3f"),  # the same digits in the whole column
        ([2.5, None], "%.1f"),
        ([4e-135, 1.0], "%.3g"),  # an E-value would read 0.000
        ([3e7, 0.5], "%.3g"),
        ([1, 2], None),  # whole numbers stay whole
    ],
)
def test_a_columns_decimals(values: list[float], format: str | None) -> None:
    assert panels.number_format(pd.Series(values)) == format


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("imatinib → ABL1 (1iep)", "imatinib-ABL1-1iep"),
        ("../../etc", "etc"),
        ("→", "job"),
        ("x" * 300, "x" * 80),
    ],
)
def test_a_downloads_name(name: str, stem: str) -> None:
    assert panels.file_stem(name) == stem


def test_a_list_stays_a_list_and_what_people_wrote_in_it_is_shown_as_written() -> None:
    text = "- **233** residues.\n- Ligand [x](http://y) `z`: used as given."
    assert human.markdown_list(text) == (
        "- **233** residues.\n- Ligand \\[x\\]\\(http\\://y\\) \\`z\\`\\: used as given."
    )
