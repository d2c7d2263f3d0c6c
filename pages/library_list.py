"""The library by kind: what there is, how one comes to have more, and what several are used for together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from compute import access
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import FileFilter, FilePage, Person, StoredFile
from pages import library_item
from pages.components.live import listen
from pages.components.upload import upload, uploaded
from pages.parts import flash, human, items, paging, session
from pages.parts.drawing import header, refusal
from tools.library import KINDS, Kind

PAGE = 50
#: What the page opens with: looked for most.
FIRST = "sample"
#: Kinds of which several together start something.
TOGETHER = "sample"
#: What is brought, beside the field that takes it.
ACCEPTED = {"reference": "JSON exports of Virtool, plain or gzipped", "hmm": "profiles of HMMER (.hmm)"}
_DRAWN, _GENERATION, _GO = "library.drawn", "library.generation", "library.go"


@dataclass(frozen=True)
class Drawn:
    """The rows that are on the screen, and for which question."""

    question: tuple[Any, ...]
    page: FilePage
    generation: int

    @property
    def key(self) -> str:
        ids = "".join(file.id for file in self.page.files)
        return f"library.{self.generation}.{hashlib.sha256(ids.encode()).hexdigest()[:12]}"


def main(workbench: Workbench, person: Person) -> None:
    header("Library", "Made once, used by everybody in the team: what the analyses of viruses work with.")
    flash.show()
    listing(workbench, person)


@st.fragment
def listing(workbench: Workbench, person: Person) -> None:
    person = session.still(person) or person
    if (item := st.session_state.pop(_GO, None)) is not None:
        library_item.come_from("library.py")
        st.switch_page("library.py", query_params={"item": item})
    listen(key="library.live", files=True)
    kind = asked()
    choice(kind)
    st.caption(kind.summary)
    try:
        more(workbench, person, kind)
        filter = FileFilter(
            format=(kind.format,),
            q=st.query_params.get("q") or None,
            owner=(person.id,) if "mine" in st.query_params else (),
        )
        drawn = to_draw(workbench, person, filter)
    except WellplateError as error:
        return refusal(error)
    if not drawn.page.files:
        return nothing(workbench, person, kind, filter)
    if kind.format == TOGETHER:
        together(drawn)
    table(person, kind, drawn)
    paging.draw(drawn.page.next_cursor, "library")


def asked() -> Kind:
    """The kind that the URL names."""
    wanted = st.query_params.get("kind", "")
    return next((kind for kind in KINDS.values() if items.slug(kind) == wanted), KINDS[FIRST])


def choice(kind: Kind) -> None:
    st.session_state["library.kind"] = kind.format
    st.segmented_control(
        "Kind",
        list(KINDS),
        required=True,
        key="library.kind",
        format_func=lambda format: f"{items.icon(format)} {KINDS[format].plural}",
        label_visibility="collapsed",
        on_change=session.on_change(_kind),
    )


def more(workbench: Workbench, person: Person, kind: Kind) -> None:
    """Finding one, and making or uploading another."""
    with st.container(horizontal=True, vertical_alignment="center", key="library-bar"):
        st.session_state["library.q"] = st.query_params.get("q", "")
        st.text_input(
            "Name",
            key="library.q",
            type="search",
            live="300ms",
            placeholder="Find by name",
            label_visibility="collapsed",
            on_change=session.on_change(_search),
            width=220,
        )
        st.session_state["library.mine"] = ["mine"] if "mine" in st.query_params else []
        st.pills(
            "Only",
            ["mine"],
            selection_mode="multi",
            key="library.mine",
            format_func=lambda word: "Mine",
            label_visibility="collapsed",
            on_change=session.on_change(_mine),
        )
        make(workbench, person, kind)
    if items.uploadable(kind.format) and access.may_upload(person):
        bring(kind)


def make(workbench: Workbench, person: Person, kind: Kind) -> None:
    """Buttons to the tool that makes one, where it can run, and to where many are made at once."""
    maker = items.MADE_BY.get(kind.format)
    ready = {each.tool.id: each for each in workbench.tools(person) if each.unavailable is None}
    if maker not in ready or not access.may_run(person):
        return
    if st.button(ready[maker].tool.name, icon=":material/add:", type="primary", key="library.make"):
        st.switch_page("tool.py", query_params={"tool": maker})
    if kind.format == TOGETHER and st.button(
        "Many at once",
        icon=":material/playlist_add:",
        key="library.many",
        help="From a run sheet or a folder.",
    ):
        st.switch_page("samples.py")


def bring(kind: Kind) -> None:
    key = f"library.upload.{kind.format}"
    upload(
        kind.name,
        key=key,
        accept=[ACCEPTED[kind.format]],
        several=True,
        on_done=session.on_change(lambda: arrived(kind, key)),
    )
    if told := st.session_state.pop("library.arrived", None):
        st.info(told, icon=":material/info:")


def arrived(kind: Kind, key: str) -> None:
    """What came in stands in the list, unless it is of another kind."""
    others = [file for file in uploaded(key) if file["format"] != kind.format]
    if others:
        names = ", ".join(f"“{human.markdown_text(file['name'])}”" for file in others)
        st.session_state["library.arrived"] = (
            f"No {items.lower(kind.name)}: {names}. It is kept, and stands under Files."
        )


def to_draw(workbench: Workbench, person: Person, filter: FileFilter) -> Drawn:
    """The rows on the screen while any is selected, otherwise fresh ones: a selection is told as positions."""
    cursor = st.query_params.get("cursor")
    question = (person.id, person.team, filter, cursor)
    generation = st.session_state.setdefault(_GENERATION, 0)
    before: Drawn | None = st.session_state.get(_DRAWN)
    if before and before.question == question and before.generation == generation and selected(before):
        return before
    drawn = Drawn(question, workbench.library.list(person, filter, limit=PAGE, cursor=cursor), generation)
    st.session_state[_DRAWN] = drawn
    return drawn


def selected(drawn: Drawn) -> list[StoredFile]:
    state = st.session_state.get(f"{drawn.key}.table")
    rows = state["selection"]["rows"] if state and "selection" in state else []
    return [drawn.page.files[row] for row in rows if row < len(drawn.page.files)]


def table(person: Person, kind: Kind, drawn: Drawn) -> None:
    several, shown = kind.format == TOGETHER, frame(person, kind, drawn.page.files)
    st.dataframe(
        shown,
        hide_index=True,
        key=f"{drawn.key}.table",
        on_select="rerun" if several else "ignore",
        selection_mode="multi-row",
        column_config=columns(kind, drawn, shown),
        height="content",
        row_height=36,
        alt=f"{kind.plural}, newest first",
    )


def frame(person: Person, kind: Kind, files: list[StoredFile]) -> pd.DataFrame:
    rows: dict[str, list[Any]] = {"name": [shown_name(person, file) for file in files]}
    for key, _, _ in kind.columns:
        values = [file.facts.get(key) for file in files]
        # A column in which nothing stands tells nothing and costs width.
        if any(value not in (None, "") for value in values):
            rows[key] = column(values)
    rows["library.by"] = ["me" if file.owner == person.id else file.owner_name for file in files]
    rows["library.made"] = [human.ago(file.created_at) for file in files]
    rows["library.size"] = [human.size(file.size) for file in files]
    return pd.DataFrame(rows)


def shown_name(person: Person, file: StoredFile) -> str:
    """A colleague's private one is a row and no more."""
    return file.name if access.sees(person, file) else f"🔒 {file.name}"


def column(values: list[Any]) -> list[Any]:
    """Numbers as numbers, so that they are sorted as such; ranges and words as words."""
    if all(value is None or type(value) in (int, float) for value in values):
        return values
    return ["" if value is None else items.fact(value) for value in values]


def columns(kind: Kind, drawn: Drawn, shown: pd.DataFrame) -> dict[str, Any]:
    config, key = st.column_config, f"{drawn.key}.open"
    every: dict[str, Any] = {
        "name": config.ButtonColumn(
            "Name",
            type="tertiary",
            key=key,
            on_click=_opened,
            args=(key, drawn),
            width=300,
            alignment="left",
            help="Opens it: what it holds, where it comes from, and what can be done with it.",
        ),
        "library.by": config.TextColumn("By", width=110),
        "library.made": config.TextColumn("Made", width=110, help="Its page tells the exact time."),
        "library.size": config.TextColumn("Size", width=90, alignment="right"),
    }
    for name, label, unit in kind.columns:
        heading = f"{label} ({unit})" if unit else label
        if name in shown and pd.api.types.is_numeric_dtype(shown[name]):
            every[name] = config.NumberColumn(heading, format="localized", width=110)
        else:
            every[name] = config.TextColumn(heading, width=120)
    return every


def together(drawn: Drawn) -> None:
    chosen = selected(drawn)
    if not chosen:
        st.caption("Tick several to run Pathoscope on all of them.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{human.count(len(chosen), 'sample')} selected**", width="content")
        if st.button(
            f"Run Pathoscope on {human.count(len(chosen), 'sample')}",
            icon=":material/play_arrow:",
            type="primary",
            key="library.together",
        ):
            st.switch_page("samples.py", query_params={"sample": [file.id for file in chosen]})
        st.button("Clear selection", type="tertiary", on_click=_clear, key="library.clear")


def nothing(workbench: Workbench, person: Person, kind: Kind, filter: FileFilter) -> None:
    with st.container(border=True):
        if filter.q or filter.owner:
            st.markdown(f"**No {items.lower(kind.name)} matches.**")
            st.button("Show all", on_click=_all, icon=":material/filter_alt_off:", key="library.all")
            return
        st.markdown(f"**No {items.lower(kind.plural)} yet.** {kind.first}")
        if items.uploadable(kind.format) and not access.may_upload(person):
            st.caption("Your role in this team lets you look, but not upload.")


# Callbacks


def _put(name: str, value: str) -> None:
    st.query_params.pop("cursor", None)
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def _kind() -> None:
    st.query_params.from_dict({"kind": items.slug(KINDS[st.session_state["library.kind"]])})


def _search() -> None:
    _put("q", str(st.session_state["library.q"] or "").strip())


def _mine() -> None:
    _put("mine", "1" if st.session_state["library.mine"] else "")


def _all() -> None:
    st.query_params.from_dict({name: value for name, value in st.query_params.items() if name == "kind"})


def _opened(key: str, drawn: Drawn) -> None:
    if click := st.session_state[key]:
        st.session_state[_GO] = drawn.page.files[click["row"]].id


def _clear() -> None:
    st.session_state[_GENERATION] = st.session_state.get(_GENERATION, 0) + 1
