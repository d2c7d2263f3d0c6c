from __future__ import annotations

import pytest

from tools.docking import preparation
from tools.words import plain, told

EVIL = ["![](//evil/x.png)", "C[C@H](N)C(=O)[O-]", "<b>x</b>", "a\n# b", "$x$", ":red[x]", "`x`", "a_b_c *d*"]


@pytest.mark.parametrize("text", EVIL)
def test_what_people_wrote_is_no_formatting(text: str) -> None:
    found = plain(text)
    assert found.replace("\\", "") == " ".join(text.split())
    bare = found
    for sign in "[]()<>#$:`*_!":
        bare = bare.replace(f"\\{sign}", "")
    assert not set(bare) & set("[]()<>#$:`*_!\n")


@pytest.mark.parametrize("text", EVIL)
def test_the_preparation_report_is_no_formatting(text: str) -> None:
    label = f"LYS {text}:1"
    report = {
        "residues_docked_against": 1,
        "altered": [label],
        **{
            key: [label]
            for key in ("dropped", "incomplete", "hetero_removed", "metals_removed", "metals_kept")
        },
        "waters_removed": 0,
        "hydrogens_in_file": False,
        "protonation": {text: 1},
        "ligands": {text: [text]},
    }
    told = preparation.in_words(report)
    assert told.count(plain(text)) == 9
    assert text not in told.replace(plain(text), "")


@pytest.mark.parametrize(
    ("value", "form", "expected"),
    [(1.234, "{:.1f} Å", "1.2 Å"), (None, "{}", "–"), ("x", "{:.1f}", "–"), ([], "{:,}", "–")],
)
def test_a_value_of_another_kind_is_a_dash(value: object, form: str, expected: str) -> None:
    assert told(value, form) == expected
