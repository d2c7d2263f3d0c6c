"""The team's credits: what is there, what is held, where they went, and what tools cost."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from html import escape

import streamlit as st

from compute import workbench
from compute.credits import ToolPrice
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Person, utcnow
from pages import credits_figures, credits_grant, credits_ledger
from pages.components.live import listen
from pages.parts import human, session
from pages.parts.drawing import STATIC, empty, header, refusal

MODES = {
    "show": "Credits are only counted on this site: no job is refused for lack of them.",
    "off": "Credits are switched off on this site: every job is free. Below is what was spent before.",
}
#: Days that the figures show, by the word in the URL.
PERIODS = {"30": "30 days", "90": "90 days", "365": "12 months"}


def main(workbench: Workbench, person: Person) -> None:
    st.html(STATIC / "credits.css")
    what = f"What {person.team_name} can spend. A job holds its price, and is charged when it starts."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container():
            header("Credits", what)
        # Not with the metrics: what they are drawn anew by would close the dialog.
        if person.site_admin:
            credits_grant.button(workbench, person)
    credits_grant.result()
    try:
        now_and_here(workbench, person)
        spending(workbench, person)
        credits_ledger.draw(workbench, person)
        prices(workbench, person)
    except WellplateError as error:
        refusal(error)


@st.fragment
def now_and_here(workbench: Workbench, person: Person) -> None:
    """Drawn anew when a job of the team begins or ends: then credits move."""
    if session.still(person) is None:
        return
    listen(key="credits.live", whole_list=True)
    try:
        metrics(workbench, person)
    except WellplateError as error:
        refusal(error)


def metrics(workbench: Workbench, person: Person) -> None:
    credits = workbench.credits
    balance, mine = credits.balance(person), credits.mine(person)
    allowance = credits.team(person).monthly_credits
    with st.container(horizontal=True, gap="large", vertical_alignment="bottom", key="credits-metrics"):
        metric("Available", f"{balance.available:,}", "Balance less what is held.")
        metric("Held", f"{balance.held:,}", "Prices of jobs that have not started yet.")
        metric("Balance", f"{balance.balance:,}", "The sum of the ledger.")
        metric(
            "Used by you this month",
            f"{mine.used:,}" if mine.cap is None else f"{mine.used:,} of {mine.cap:,}",
            "By your jobs submitted since the first of the month (UTC), less what came back. "
            + (
                "This team sets no cap per person."
                if mine.cap is None
                else "An owner or admin of the team sets the cap per person."
            ),
        )
        if allowance is not None:
            metric("Every month", f"+{allowance:,}", "Given by the site on the first of every month (UTC).")
    if sentence := MODES.get(credits.mode):
        st.info(sentence, icon=":material/info:")
    if sentence := credits.low(person):
        st.warning(human.markdown_text(sentence), icon=":material/battery_2_bar:")


def metric(label: str, value: str, help: str) -> None:
    st.metric(label, value, help=help, width="content")


def spending(workbench: Workbench, person: Person) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader("Spent", anchor=False)
        days = int(period())
    until = datetime.combine(utcnow().date() + timedelta(days=1), time())
    rows = workbench.credits.spent(person, since=until - timedelta(days=days), until=until)
    if not rows:
        return empty(f"No job was charged in the last {PERIODS[str(days)]}.")
    names = {status.tool.id: status.tool.name for status in workbench.tools(person)}
    total = sum(row.credits for row in rows)
    st.caption(
        f"{human.credits(total) if total else 'Nothing'} for {human.count(sum(row.jobs for row in rows), 'job')} in "
        f"the last {PERIODS[str(days)]}, less refunds. Days are UTC's, and a job counts on the day it started."
    )
    credits_figures.draw(rows, names, until.date(), days)


def period() -> str:
    """The chosen period; in the URL where it is not the usual one."""
    usual = next(iter(PERIODS))
    asked = st.query_params.get("period", usual)
    st.session_state["credits.period"] = asked if asked in PERIODS else usual

    def put() -> None:
        chosen = st.session_state["credits.period"]
        if chosen == usual:
            st.query_params.pop("period", None)
        else:
            st.query_params["period"] = chosen

    st.segmented_control(
        "Period",
        list(PERIODS),
        format_func=PERIODS.__getitem__,
        required=True,
        key="credits.period",
        label_visibility="collapsed",
        on_change=session.on_change(put),
        width="content",
    )
    return st.session_state["credits.period"]


def prices(workbench: Workbench, person: Person) -> None:
    st.subheader("Prices", anchor=False)
    if workbench.credits.mode == "off":
        return empty("Credits are switched off on this site: every tool is free.")
    every = workbench.credits.prices(person)
    paid = [price for price in every if price.rule]
    free = [price for price in every if not price.rule]
    if paid:
        rows = "".join(map(price_row, paid))
        head = "<tr><th>Tool</th><th>Price</th><th>Example</th><th class='n'>Credits</th></tr>"
        st.html(f"<table class='prices'><thead>{head}</thead><tbody>{rows}</tbody></table>")
    if free:
        st.html(f"<p class='free'><b>Free:</b> {', '.join(map(tool_link, free))}</p>")
    st.caption(
        "The Run button shows the price of what you are about to submit, line by line. Nothing is refunded when a job "
        "is cancelled while it runs, times out, or finds out then that an input is wrong; what fails through the tool "
        "or the site is refunded."
    )


def price_row(price: ToolPrice) -> str:
    lines = escape("\n".join(f"{line.label}: {line.credits}" for line in price.lines), quote=True)
    cost = "–" if price.credits is None else f"<span title='{lines}'>{price.credits:,}</span>"
    return (
        f"<tr><td>{tool_link(price)}</td><td>{escape(price.rule)}</td>"
        f"<td>{escape(price.example)}</td><td class='n'>{cost}</td></tr>"
    )


def tool_link(price: ToolPrice) -> str:
    """Tool ids are words of ours; names too, but they are text."""
    return (
        f"<a href='/app/tool?tool={escape(price.tool, quote=True)}' target='_self'>{escape(price.name)}</a>"
    )


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
