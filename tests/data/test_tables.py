"""Tables as CSV, which people open in a spreadsheet."""

from __future__ import annotations

import csv
import io

from data import tables

COLUMNS = [
    {"name": "name", "label": "Name", "unit": ""},
    {"name": "energy", "label": "Energy", "unit": "kcal/mol"},
]


def test_units_stand_in_the_header_and_notes_above_it() -> None:
    text = tables.to_csv([{"name": "a", "energy": -7.5}], COLUMNS, ["Warning: two\nlines"])
    assert text == "# Warning: two lines\nName,Energy (kcal/mol)\na,-7.5\n"


def test_no_text_is_taken_for_a_formula_and_numbers_stay_numbers() -> None:
    dangerous = ["=1+1", "+1+1", "-1+cmd", "@SUM(A1)", "\t=1", "\r=1"]
    rows = [{"name": text, "energy": -1.0} for text in dangerous] + [{"name": "", "energy": None}]
    read = list(csv.reader(io.StringIO(tables.to_csv(rows, COLUMNS, []), newline="")))[1:]
    assert [name for name, _ in read] == ["'" + text.replace("\r", "\n") for text in dangerous] + [""]
    assert [energy for _, energy in read] == ["-1.0"] * len(dangerous) + [""]
