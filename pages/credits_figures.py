"""Where credits went, as figures: over time by tool, by tool, by person."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import plotly.graph_objects as go
import streamlit as st

from data.records import Spent
from pages.parts.figures import COLOURS, dark
from pages.parts.figures import draw as draw_figure

#: Tools with a colour of their own, and bars that are named; what is beyond is "others".
MOST_TOOLS = 6
MOST_BARS = 8
MOST_TICKS = 7
OTHERS = "others"
HEIGHT = 260


def draw(rows: Sequence[Spent], names: Mapping[str, str], until: date, days: int) -> None:
    """`until` is the day after the last; `names` of tools by id."""
    tools = by_tool(rows, names)
    people = Counter[str]()
    for row in rows:
        people[row.person_name or "somebody who is gone"] += row.credits
    with st.container(key="credits-figures"):
        over, each, who = st.columns([2, 1, 1], gap="medium")
        with over:
            st.markdown(f"**Per {unit_of(days)}**")
            draw_figure(
                over_time(rows, names, until, days),
                key="credits.over",
                alt=f"Bars: credits per {unit_of(days)}, stacked by tool",
                height=HEIGHT,
            )
        with each:
            st.markdown("**By tool**")
            draw_figure(
                bars(tools, colour_of(tools)),
                key="credits.tools",
                alt="Bars: credits by tool: " + told(tools),
                height=HEIGHT,
            )
        with who:
            st.markdown("**By person**")
            draw_figure(
                bars(people, {}),
                key="credits.people",
                alt="Bars: credits by person: " + told(people),
                height=HEIGHT,
            )


def by_tool(rows: Sequence[Spent], names: Mapping[str, str]) -> Counter[str]:
    sums = Counter[str]()
    for row in rows:
        sums[names.get(row.tool, row.tool)] += row.credits
    return sums


def unit_of(days: int) -> str:
    return "day" if days <= 31 else "week" if days <= 100 else "month"


def start_of(day: date, unit: str) -> date:
    """The first day of the day, week (from Monday) or month that a day is in."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if unit == "month" else day


def over_time(rows: Sequence[Spent], names: Mapping[str, str], until: date, days: int) -> go.Figure:
    """One bar per day, week or month, also where nothing was spent; the dearest tool at the bottom."""
    unit = unit_of(days)
    tools = by_tool(rows, names)
    colours = colour_of(tools)
    starts = sorted({start_of(until - timedelta(days=ago), unit) for ago in range(1, days + 1)})
    sums: dict[str, Counter[date]] = {}
    for row in rows:
        name = names.get(row.tool, row.tool)
        sums.setdefault(name if name in colours else OTHERS, Counter())[start_of(row.day, unit)] += (
            row.credits
        )
    figure = go.Figure()
    for name in [*colours, OTHERS]:
        if name in sums:
            figure.add_bar(
                x=[start.isoformat() for start in starts],
                y=[sums[name][start] for start in starts],
                customdata=[words(start, unit) for start in starts],
                name=name,
                marker_color=colours.get(name, grey()),
                hovertemplate="%{customdata}: %{y:,} credits<extra>" + name + "</extra>",
            )
    figure.update_layout(barmode="stack", showlegend=len(sums) > 1, bargap=0.3, legend_traceorder="normal")
    ticks = starts[:: 1 if unit == "month" else math.ceil(len(starts) / MOST_TICKS)]
    figure.update_xaxes(
        type="category",
        tickangle=0,
        tickvals=[start.isoformat() for start in ticks],
        ticktext=[tick(start, unit, first=start == starts[0]) for start in ticks],
    )
    figure.update_yaxes(title="credits", rangemode="tozero", tickformat=",d")
    return figure


def words(start: date, unit: str) -> str:
    if unit == "month":
        return f"{start:%b %Y}"
    return f"{'week from ' if unit == 'week' else ''}{start.day} {start:%b}"


def tick(start: date, unit: str, *, first: bool) -> str:
    """Short enough for its place: a year stands under its first month only."""
    if unit != "month":
        return f"{start.day} {start:%b}"
    return f"{start:%b}<br>{start:%Y}" if first or start.month == 1 else f"{start:%b}"


def bars(sums: Counter[str], colours: Mapping[str, str]) -> go.Figure:
    """Lying bars, the longest on top, with their numbers."""
    ranked = sums.most_common()
    shown, rest = ranked[:MOST_BARS], ranked[MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} {OTHERS}", sum(count for _, count in rest)))
    figure = go.Figure(
        go.Bar(
            x=[count for _, count in shown],
            y=[shortened(name) for name, _ in shown],
            orientation="h",
            text=[f"{count:,}" for _, count in shown],
            textposition="outside",
            cliponaxis=False,
            customdata=[name for name, _ in shown],
            marker_color=[colours.get(name, grey()) for name, _ in shown],
            hovertemplate="%{customdata}: %{x:,} credits<extra></extra>",
            width=0.6,
        )
    )
    most = max((count for _, count in shown), default=0)
    figure.update_xaxes(visible=False, range=[0, max(most, 1) * 1.25])
    # Few bars keep their thickness: there is room for five.
    figure.update_yaxes(
        range=[max(len(shown), 5) - 0.5, -0.5],
        showgrid=False,
        ticks="",
        showline=False,
        type="category",
        ticklabelstandoff=6,
    )
    return figure


def shortened(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:21]}…"


def told(sums: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sums.most_common(MOST_BARS))


def colour_of(tools: Counter[str]) -> dict[str, str]:
    """The dearest tools with a colour each, the same in every figure."""
    palette = COLOURS["dark" if dark() else "light"]
    return dict(zip((name for name, _ in tools.most_common(MOST_TOOLS)), palette, strict=False))


def grey() -> str:
    return COLOURS["dark" if dark() else "light"][-1]
