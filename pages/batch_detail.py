"""One batch: its plate, how it goes, and what came out of its wells. Its address can be sent to a colleague."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from compute import access
from compute.access import Action
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Batch, Person, Status, Well, utcnow
from pages import (
    batch_list,
    batch_menu,
    batch_numbers,
    batch_plate,
    batch_results,
    job_about,
    sharing_dialog,
    sign_in,
)
from pages.components.live import listen
from pages.parts import flash, forms, human, panels, session, statuses
from pages.parts.drawing import facts, header, refusal
from tools.contract import Metric, Tool

#: Widths of the plate and of the figures beside it.
COLUMNS = [5, 3]
#: Seconds between two redraws while it runs; of a large one as many wells a second.
PAUSE, PER_SECOND = 0.5, 5000
_FILTERED = "batch.filtered"
#: Warnings of results that the page lists; their jobs have all.
WARNINGS = 4
#: Lines that could not be run, of which the page tells.
LEFT_OUT = 500


def main(workbench: Workbench, person: Person | None, batch_id: str) -> None:
    try:
        batch = workbench.batches.batch(person, batch_id)
    except WellplateError as error:
        return sign_in.ask() if person is None else not_here(error)
    st.set_page_config(page_title=f"{batch.name} · {batch_list.word(batch)} · Wellplate")
    way_back(person)
    flash.show()  # what a dialog did stays while the plate below is drawn anew
    tool = job_about.offered(workbench, person, batch.tool)
    if not access.may(person, Action.SEE, batch):
        return private(workbench, person, batch, tool)
    present(workbench, person, batch, tool)
    batch_results.draw(workbench, person, batch, tool)


def way_back(person: Person | None) -> None:
    if person is not None:
        st.button(
            "All batches",
            icon=":material/arrow_back:",
            type="tertiary",
            on_click=batch_list.back,
            key="batch.back",
        )
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(":material/public: You see this batch because its link is public.", width="content")
        st.html(
            f'<a class="plain-link" target="_self" href="{session.sign_in_link()}">Sign in</a>',
            width="content",
        )


def private(workbench: Workbench, person: Person | None, batch: Batch, tool: Tool | None) -> None:
    """A colleague's batch that is not shared: what the list tells of it, and no more."""
    batch_menu.carry_out(workbench, person)
    heading(workbench, person, batch)
    st.info(f"This batch is private to {human.markdown_text(batch.submitter_name)}.", icon=":material/lock:")
    st.subheader("About", anchor=False)
    facts(
        [
            ("Tool", escape(tool.name if tool else batch.tool)),
            ("Jobs", f"{batch.wells:,}"),
            ("Submitter", escape(batch.submitter_name)),
            ("Submitted", human.time_html(batch.created_at)),
            ("Ended", human.time_html(batch.ended_at)),
        ]
    )


def not_here(error: WellplateError) -> None:
    """The same page for a batch that does not exist and for one that this person may not see."""
    if error.status != 404:
        header("This batch cannot be shown now")
        refusal(error)
    else:
        header("This batch is not here")
        flash.show()
        st.markdown(
            "It was deleted, the link is incomplete, or its owner has not shared it with you. "
            "If somebody sent you the link, ask them to share the batch."
        )
    st.button(
        "Back to the batches", icon=":material/arrow_back:", on_click=batch_list.back, key="batch.back.lost"
    )


@st.fragment
def present(workbench: Workbench, person: Person | None, before: Batch, tool: Tool | None) -> None:
    """What it is and how it goes; drawn again when something happens to it or to one of its jobs."""
    person = session.still(person) or person
    pause = max(PAUSE, before.wells / PER_SECOND)
    listen(key=f"batch.{before.id}.live", batches=[before.id], pause=pause)
    if st.session_state.pop(_FILTERED, False):
        st.rerun(scope="app")
    try:
        batch = workbench.batches.batch(person, before.id)
        wells = workbench.batches.wells(person, before.id)
    except WellplateError:
        st.rerun(scope="app")  # it has gone meanwhile, or is private by now: the whole page says so
    batch_menu.carry_out(workbench, person)
    heading(workbench, person, batch)
    warned(wells)
    metrics = batch_numbers.measured(tool.batch.metrics if tool and tool.batch else (), wells)
    counts = batch_numbers.counts(wells)
    left, right = st.columns(COLUMNS, gap="large")
    with left:
        plate(batch, wells, metrics)
    with right:
        progress(batch, wells, counts)
        about(workbench, person, batch, wells, tool)
    chips(counts)


def heading(workbench: Workbench, person: Person | None, batch: Batch) -> None:
    header(batch.name)
    with st.container(horizontal=True, vertical_alignment="center"):
        batch_list.badge(batch)
        st.caption(timing(batch), width="content")
        for tag in batch.tags:
            st.badge(human.markdown_text(tag), icon=":material/sell:", color="gray")
    words = human.markdown_text(workbench.batches.sharing.words(person, batch))
    st.caption(f"{sharing_dialog.ICONS[batch.visibility]} Who can see this: **{words}**")
    batch_menu.buttons(workbench, person, batch)


def warned(wells: Sequence[Well]) -> None:
    """What a reader of the results must see, the most frequent first."""
    found = Counter(sentence for well in wells for sentence in well.warnings)
    told = [
        sentence if number == len(wells) else f"{sentence} ({number:,} of the wells)"
        for sentence, number in found.most_common(WARNINGS)
    ]
    if (more := len(found) - WARNINGS) > 0:
        told.append(f"And {human.count(more, 'other warning')}: see the jobs.")
    panels.warnings(told)


def timing(batch: Batch) -> str:
    who = human.markdown_text(batch.submitter_name)
    lasted = human.duration(((batch.ended_at or utcnow()) - batch.created_at).total_seconds())
    return f"submitted {human.ago(batch.created_at)} by {who} · {'for' if batch.live else 'took'} {lasted}"


def plate(batch: Batch, wells: Sequence[Well], metrics: Sequence[Metric]) -> None:
    batch_plate.choice(metrics)
    batch_plate.draw(batch, wells, batch_plate.chosen_metric(metrics))


def progress(batch: Batch, wells: Sequence[Well], counts: Mapping[Status, int]) -> None:
    """How far the whole has come: what has ended, and nothing guessed of what runs."""
    ended = batch_numbers.ended(counts)
    st.subheader("Progress", anchor=False)
    st.progress(
        ended / len(wells) if wells else 0.0,
        text=f"**{ended:,}** of {human.count(len(wells), 'job')} ended · {counts.get(Status.COMPLETED, 0):,} completed",
    )
    facts(pace(batch, wells))


def pace(batch: Batch, wells: Sequence[Well]) -> list[tuple[str, str]]:
    """How fast it goes and how long still; of one that has ended, how fast it was."""
    now = utcnow() if batch.live else batch.ended_at or utcnow()
    if not batch.live:
        ran = [well for well in wells if well.started_at and well.ended_at]
        seconds = (
            now - min((well.started_at for well in ran if well.started_at), default=now)
        ).total_seconds()
        return [("Throughput", f"{per_minute(60 * len(ran) / seconds)} on average")] if seconds > 0 else []
    found, left = batch_numbers.pace(wells, now), batch_numbers.left_s(wells, now)
    if found is None or left is None:
        return [("Throughput", "not known yet"), ("Time left", "not known yet")]
    over = roughly(found.over_s)
    return [
        ("Throughput", f'{per_minute(found.per_minute)} <span class="quiet">in the last {over}</span>'),
        ("Time left", f'about {roughly(left)} <span class="quiet">at this pace</span>'),
    ]


def roughly(seconds: float) -> str:
    """In one unit: what is estimated is not told to the second."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 1.5 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def per_minute(rate: float) -> str:
    if rate < 1:
        return f"{60 * rate:.1f} jobs/h"
    return f"{rate:.1f} jobs/min" if rate < 10 else f"{rate:,.0f} jobs/min"


def about(
    workbench: Workbench, person: Person | None, batch: Batch, wells: Sequence[Well], tool: Tool | None
) -> None:
    started = min((well.started_at for well in wells if well.started_at), default=None)
    name = escape(tool.name if tool else batch.tool)
    money = costs(batch, wells) if workbench.credits.mode != "off" else []
    if money:
        st.subheader("Credits", anchor=False)
        facts(money)
    st.subheader("About", anchor=False)
    facts(
        [
            ("Tool", job_about.to_tool(batch.tool, name) if tool and person else name),
            ("Submitter", escape(batch.submitter_name)),
            ("Submitted", human.time_html(batch.created_at)),
            ("Started", human.time_html(started)),
            ("Ended", human.time_html(batch.ended_at)),
            ("Id", f"<code>{batch.id}</code>"),
        ]
    )
    settings(batch, tool)
    left_out(batch)


def costs(batch: Batch, wells: Sequence[Well]) -> list[tuple[str, str]]:
    cost = batch_numbers.cost(batch, wells)
    if not (cost.charged or cost.held):
        return [("Cost", "free")]
    rows = [("Cost so far" if batch.live else "Cost", f"<b>{human.credits(cost.spent)}</b>")]
    if cost.refunded:
        rows += [("Charged", human.credits(cost.charged)), ("Refunded", human.credits(cost.refunded))]
    if cost.held:
        rows.append(("Held", f'{human.credits(cost.held)} <span class="quiet">for jobs that wait</span>'))
    return rows


def settings(batch: Batch, tool: Tool | None) -> None:
    if not batch.settings:
        return
    labels = {field.name: field.label for field in forms.fields(tool.Settings)} if tool else {}
    with st.expander("Settings, the same for all", icon=":material/tune:"):
        facts(
            (labels.get(name, human.words(name)), escape(job_about.setting(value)))
            for name, value in batch.settings.items()
        )


def left_out(batch: Batch) -> None:
    """What could not be run when it was submitted, and so is in no well."""
    if not batch.left_out:
        return
    with st.expander(
        f"{human.count(len(batch.left_out), 'line')} left out", icon=":material/playlist_remove:"
    ):
        shown = [(escape(each["where"]), escape(each["message"])) for each in batch.left_out[:LEFT_OUT]]
        items = "".join(f"<li><b>{where}</b><br>{message}</li>" for where, message in shown)
        more = len(batch.left_out) - LEFT_OUT
        rest = f"<li class='quiet'>and {more:,} more</li>" if more > 0 else ""
        st.html(f'<ul class="lines" tabindex="0">{items}{rest}</ul>')


def chips(counts: Mapping[Status, int]) -> None:
    """The heading of the results, with the statuses that narrow them."""
    st.subheader("Results", anchor=False)
    st.session_state["batch.status"] = [str(status) for status in batch_results.asked()]
    st.pills(
        "Status",
        [str(status) for status in Status if counts.get(status) or status in batch_results.asked()],
        selection_mode="multi",
        key="batch.status",
        format_func=lambda word: f"{statuses.LOOKS[Status(word)].label} {counts.get(Status(word), 0):,}",
        label_visibility="collapsed",
        on_change=session.on_change(_filter),
    )


def _filter() -> None:
    batch_results.ask(st.session_state["batch.status"])
    st.session_state[_FILTERED] = True  # the results are drawn apart from this
