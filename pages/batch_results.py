"""What came out of the wells of a batch: one table over all of them, figures of a metric, and why wells failed.

Drawn apart from the plate and less often: thousands of rows twice a second would help nobody.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd
import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Batch, Person, Status
from pages import batch_figures, batch_plate
from pages.components.live import listen
from pages.parts import human, session, statuses
from pages.parts.drawing import refusal
from tools.contract import Column, Metric, Tool

#: Seconds between two redraws while the batch runs; of a large one as many wells a second.
PAUSE, PER_SECOND = 5.0, 1000
#: Rows until the table scrolls by itself.
TALL = 14
#: Sentences of errors, and wells of each, that are listed.
REASONS, PLACES = 6, 12
_GO = "batch.go"
#: From so many wells on the plate is drawn first, and the table when it stands: half a megabyte would hold it up.
LARGE = 1_000
#: The large batches whose table this session has drawn.
_DRAWN = "batch.drawn"
#: What every table has besides the summaries; this page shows it in its own way.
FIXED = {"place", "well", "name", "status", "credits", "refunded", "duration", "error", "warnings", "job"}


#: A row of the batch's table: its well (from 1), name, status, job, and what the summary says.
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Drawn:
    """The rows that are on the screen, in the table's order before anybody sorts it."""

    batch: str
    rows: Sequence[Row]

    @cached_property
    def key(self) -> str:
        """Clicks are told as positions: other wells are another table."""
        numbers = array("q", [row["well"] for row in self.rows])
        return f"batch.{self.batch}.{hashlib.sha256(numbers).hexdigest()[:12]}"


def asked() -> list[Status]:
    """The statuses to which the URL narrows the table; none means all."""
    words = st.query_params.get("status", "").split(",")
    return [status for status in Status if str(status) in words]


def ask(words: Sequence[str]) -> None:
    """In a callback."""
    if words:
        st.query_params["status"] = ",".join(words)
    else:
        st.query_params.pop("status", None)


@st.fragment
def draw(workbench: Workbench, person: Person | None, batch: Batch, tool: Tool | None) -> None:
    person = session.still(person) or person
    pause = max(PAUSE, batch.wells / PER_SECOND)
    drawn = st.session_state.setdefault(_DRAWN, set())
    plate_first = batch.wells >= LARGE and batch.id not in drawn
    listen(key=f"batch.{batch.id}.results.live", batches=[batch.id], pause=pause, at_once=plate_first)
    drawn.add(batch.id)
    if plate_first:
        return
    if (job := st.session_state.pop(_GO, None)) is not None:
        st.switch_page("jobs.py", query_params={"jobId": job})
    try:
        columns, every = workbench.batches.table(person, batch.id)
    except WellplateError as error:
        return refusal(error)
    narrowed = asked()
    shown = [row for row in every if not narrowed or row["status"] in narrowed]
    reasons([row for row in every if row["status"] in (Status.FAILED, Status.TIMEOUT)])
    if not shown:
        st.caption("No well has this status now.")
        return
    metrics = tool.batch.metrics if tool and tool.batch else ()
    table(Drawn(batch.id, shown), columns, metrics)
    if metric := batch_plate.chosen_metric(metrics) or next(iter(metrics), None):
        batch_figures.draw(shown, metric, key=f"batch.{batch.id}")


def reasons(failed: Sequence[Row]) -> None:
    """Why wells failed: each sentence once, the most frequent first, with links to its wells."""
    if not failed:
        return
    by_sentence: dict[str, list[Row]] = {}
    for row in failed:
        by_sentence.setdefault(row["error"] or "Stopped at the time limit.", []).append(row)
    ranked = sorted(by_sentence.items(), key=lambda item: -len(item[1]))
    items = "".join(
        f"<li><b>{len(each):,} ×</b><span>{escape(sentence)}"
        f'<span class="wells">{places(each)}</span></span></li>'
        for sentence, each in ranked[:REASONS]
    )
    if (more := len(ranked) - REASONS) > 0:
        items += f"<li><b></b><span class='quiet'>and {human.count(more, 'other reason')}: see the table</span></li>"
    title = f"Why {human.count(len(failed), 'well')} failed or ran out of time"
    st.html(f'<section class="reasons" aria-label="{title}"><h3>{title}</h3><ul>{items}</ul></section>')


def places(failed: Sequence[Row]) -> str:
    links = ", ".join(
        f'<a href="/app/jobs?jobId={row["job"]}" target="_self" title="{escape(row["name"])}">'
        f"{row['place']}</a>"
        for row in failed[:PLACES]
    )
    return links + (f" and {len(failed) - PLACES:,} more" if len(failed) > PLACES else "")


def table(drawn: Drawn, columns: Sequence[Column], metrics: Sequence[Metric]) -> None:
    told = [column for column in columns if column.name not in FIXED and any_in(drawn.rows, column.name)]
    results = results_first(told, metrics)
    shown = frame(drawn.rows, results)
    st.dataframe(
        shown,
        hide_index=True,
        key=f"{drawn.key}.table",
        column_config=looks(drawn, results, shown),
        height=36 * TALL if len(shown) >= TALL else "content",
        row_height=34,
        placeholder="",
        alt=f"Results of {human.count(len(shown), 'well')}, one row each",
    )


def any_in(rows: Sequence[Row], name: str) -> bool:
    return any(row.get(name) is not None for row in rows)


def results_first(columns: Sequence[Column], metrics: Sequence[Metric]) -> list[Column]:
    """What the tool is compared by stands before the rest of its summary."""
    order = [metric.key for metric in metrics]
    return sorted(
        columns, key=lambda column: order.index(column.name) if column.name in order else len(order)
    )


def frame(rows: Sequence[Row], results: Sequence[Column]) -> pd.DataFrame:
    labels = {status.value: [look.label] for status, look in statuses.LOOKS.items()}
    made: dict[str, list[Any]] = {
        "well": sortable([row["place"] for row in rows]),
        "name": [row["name"] for row in rows],
        "status": [labels[row["status"]] for row in rows],
        **{f"result.{column.name}": [row.get(column.name) for row in rows] for column in results},
        "error": [row["error"] or "" for row in rows],
        "warnings": [row["warnings"] or "" for row in rows],
        "took": [row["duration"] for row in rows],
        "credits": [row["credits"] - row["refunded"] for row in rows],
    }
    # A column in which nothing stands tells nothing and costs width.
    for name in ("error", "warnings", "credits"):
        if not any(made[name]):
            del made[name]
    return pd.DataFrame(made)


def sortable(places: Sequence[str]) -> list[str]:
    """Names of wells that a table sorts as text: "B01" before "AA01", and "9" before "10"."""
    widest = max(map(len, places), default=0)
    return [place.rjust(widest) for place in places]


def looks(drawn: Drawn, results: Sequence[Column], shown: pd.DataFrame) -> dict[str, Any]:
    config, every, key = st.column_config, statuses.every(), f"{drawn.key}.open"
    return {
        "well": config.TextColumn("Well", width=64),
        "name": config.ButtonColumn(
            "Name",
            type="tertiary",
            key=key,
            on_click=_opened,
            args=(key, drawn),
            width=240,
            alignment="left",
            help="Opens the job.",
        ),
        "status": config.MultiselectColumn(
            "Status",
            width=115,
            options=[look.label for look in every],
            color=[look.colour for look in every],
        ),
        **{
            f"result.{column.name}": result_column(column, shown[f"result.{column.name}"])
            for column in results
        },
        "error": config.TextColumn("Why it failed", width=300),
        "warnings": config.TextColumn("Warnings", width=200),
        "took": config.NumberColumn("Took (s)", format="%.1f", width=80, help="From its start to its end."),
        "credits": config.NumberColumn("Credits", width=70, help="Its price, less what was refunded."),
    }


def result_column(column: Column, values: pd.Series) -> Any:
    """By what stands in it: of what is no metric, the summaries tell the value only."""
    config, label = st.column_config, f"{column.label} ({column.unit})" if column.unit else column.label
    about = column.help or None
    known = values.dropna()
    if len(known) and all(isinstance(value, bool) for value in known):
        return config.CheckboxColumn(label, help=about)
    if len(known) and all(isinstance(value, (int, float)) for value in known):
        return config.NumberColumn(label, format=f"%.{decimals(known)}f", help=about)
    return config.TextColumn(label, help=about)


def decimals(numbers: pd.Series) -> int:
    """The fewest, up to four, with which all of them are told: the same in the whole column."""
    exact = numbers.astype(float)
    return next((digits for digits in range(4) if ((exact.round(digits) - exact).abs() < 1e-9).all()), 4)


def _opened(key: str, drawn: Drawn) -> None:
    """In a callback: the job is the one drawn there, whatever the well holds by now."""
    if click := st.session_state[key]:
        st.session_state[_GO] = drawn.rows[click["row"]]["job"]
