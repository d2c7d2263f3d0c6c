"""What files and results take on the server's disk, by team and person."""

from __future__ import annotations

from html import escape

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, Space
from pages.parts import human
from pages.parts.drawing import STATIC, empty, refusal


def draw(workbench: Workbench, person: Person) -> None:
    try:
        every = workbench.library.space(person)
    except WellplateError as error:
        return refusal(error)
    every = sorted(every, key=lambda each: -total(each))
    if not any(total(each) for each in every):
        return empty("Nothing takes space yet.")
    st.html(STATIC / "space.css")
    teams = list(dict.fromkeys((each.team, each.team_name) for each in every))
    most = max(total(each) for each in every)
    for team, name in teams:
        rows = [each for each in every if each.team == team]
        st.subheader(f"{human.markdown_text(name)} · {human.size(sum(map(total, rows)))}", anchor=False)
        st.html(table(rows, most))
    st.html(
        '<p class="space-key"><i class="library"></i> uploads and the library '
        '<i class="results"></i> results of jobs</p>'
    )
    st.caption(
        "Counted are the files of the library and the result files of jobs; tables and logs are not. "
        "Delete a file on its own page, and jobs on the page Jobs."
    )


def total(space: Space) -> int:
    return space.library + space.results


def table(rows: list[Space], most: int) -> str:
    body = "".join(row(each, most) for each in rows)
    return (
        '<table class="space"><thead><tr><th>Person</th><th></th><th class="n">Library</th>'
        f'<th class="n">Files</th><th class="n">Results</th></tr></thead><tbody>{body}</tbody></table>'
    )


def row(each: Space, most: int) -> str:
    parts = "".join(
        f'<i class="{name}" style="width:{100 * size / most:.2f}%"></i>'
        for name, size in (("library", each.library), ("results", each.results))
    )
    return (
        f"<tr><td>{escape(each.person_name)}</td><td class='bar' aria-hidden='true'>{parts}</td>"
        f'<td class="n">{human.size(each.library)}</td><td class="n">{each.files:,}</td>'
        f'<td class="n">{human.size(each.results)}</td></tr>'
    )
