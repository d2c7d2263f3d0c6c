"""The dialogs that ask before anything happens to a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import Batch, Person, Status, Well
from pages import sharing_dialog
from pages.parts import asking, human
from pages.parts.drawing import refusal

#: What Retry puts back into the wells.
AGAIN = (Status.FAILED, Status.TIMEOUT, Status.CANCELLED)


def answered(action: Callable[[], object], label: str, done: str) -> None:
    """A dialog's two buttons; a refusal stays in the dialog as its sentence."""
    with st.container(horizontal=True, horizontal_alignment="right"):
        if st.button("Keep as it is", key="ask.no"):
            asking.close()
            st.rerun()
        sure = st.button(label, type="primary", key="ask.yes")
    if sure:
        with st.spinner("Working …", show_time=True):
            asking.do(action, done)


def _cancel(workbench: Workbench, person: Person, batch: Batch) -> None:
    try:
        wells = [well for well in workbench.batches.wells(person, batch.id) if not well.status.terminal]
    except WellplateError as error:
        return refusal(error)
    runs = [well for well in wells if well.status is Status.PROCESSING]
    lost = sum(well.credits for well in runs)
    st.markdown(f"**{human.markdown_text(batch.name)}**")
    parts, waiting = [], len(wells) - len(runs)
    if waiting:
        parts.append(f"- **{human.count(waiting, 'job')}** not started: taken out at once, at no cost")
    if runs:
        cost = f"; their {human.credits(lost)} are not given back" if lost else ""
        parts.append(f"- **{human.count(len(runs), 'job')}** running: stopped within seconds{cost}")
    st.markdown("\n".join(parts))
    st.caption("What has completed stays. Cancelled wells can be run again with Retry failed.")
    answered(
        lambda: workbench.batches.cancel(person, batch.id),
        f"Cancel {human.count(len(wells), 'job')}",
        f"Cancelled {human.count(waiting, 'job')}{f'; {len(runs):,} more are being stopped' if runs else ''}.",
    )


def _retry(workbench: Workbench, person: Person, batch: Batch) -> None:
    try:
        price = workbench.batches.retry_credits(person, batch.id)
        wells = [well for well in workbench.batches.wells(person, batch.id) if well.status in AGAIN]
    except WellplateError as error:
        return refusal(error)
    says = f"costs **{human.credits(price)}**" if price else "costs **nothing**"
    st.markdown(
        f"Runs {words_of(wells)} again with the same inputs and settings, **into the same wells**. It {says}."
    )
    st.caption(
        "The jobs that were there before leave the plate; their logs stay with the batch until it is deleted."
    )
    answered(
        lambda: workbench.batches.retry_failed(person, batch.id, expected_credits=price),
        f"Retry {human.count(len(wells), 'job')} · {human.credits(price)}",
        f"Running {human.count(len(wells), 'job')} again.",
    )


def words_of(wells: Sequence[Well]) -> str:
    """ "3 failed, 1 timed out and 12 cancelled jobs"."""
    parts = [
        f"{number:,} {word}"
        for status, word in zip(AGAIN, ("failed", "timed out", "cancelled"), strict=True)
        if (number := sum(well.status is status for well in wells))
    ]
    together = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
    return f"{together} {'job' if len(wells) == 1 else 'jobs'}"


def _delete(workbench: Workbench, person: Person, batch: Batch) -> None:
    st.markdown(
        f"**{human.markdown_text(batch.name)}**, with {human.count(batch.wells, 'well')}\n\n"
        "**Goes for good:** all its jobs with their results, logs and history, also those that a retry replaced, "
        "its tags and who it was shared with.  \n"
        "**Stays:** uploaded files, and the rows in the credits' ledger (without the names)."
    )
    answered(
        lambda: workbench.batches.delete(person, batch.id),
        f"Delete the batch and {human.count(batch.wells, 'job')}",
        f"Deleted “{batch.name}”.",
    )


def _rename(workbench: Workbench, person: Person, batch: Batch) -> None:
    name = st.text_input("Name", value=batch.name, max_chars=200, key=f"ask.name.{batch.id}")
    answered(lambda: workbench.batches.change(person, batch.id, name=name.strip()), "Save", "Renamed.")


def _tags(workbench: Workbench, person: Person, batch: Batch) -> None:
    tags = st.multiselect(
        "Tags",
        sorted({*workbench.marks.tags(person), *batch.tags}),
        default=batch.tags,
        key=f"ask.tags.{batch.id}",
        accept_new_options=True,
        placeholder="Choose, or type a new one",
        max_selections=20,
        help="Everybody who sees the batch sees its tags.",
    )
    answered(lambda: workbench.batches.change(person, batch.id, tags=tags), "Save", "Tags saved.")


def _copy_link(workbench: Workbench, person: Person, batch: Batch) -> None:
    st.markdown("Opens this batch for those who may see it. Copy it with the sign at its right:")
    st.code(link(batch), language=None, wrap_lines=True)
    seen = human.markdown_text(workbench.batches.sharing.words(person, batch))
    st.caption(f"Who can see it: {seen}.")


def link(batch: Batch) -> str:
    """The batch's address as a colleague would type it."""
    here = urlsplit(st.context.url or "")
    origin = f"{here.scheme}://{here.netloc}" if here.netloc else ""
    return f"{origin}/app/batch?batchId={batch.id}"


def _share(workbench: Workbench, person: Person, batch: Batch) -> None:
    sharing = workbench.batches.sharing
    subject = sharing_dialog.Subject(batch.id, batch.team, "batch", link(batch), sharing.show, sharing.change)
    sharing_dialog.draw(workbench, person, subject, close=asking.close)


DIALOGS: asking.Dialogs = {
    "batch.cancel": ("Cancel all?", _cancel),
    "batch.retry_failed": ("Run again what did not complete?", _retry),
    "batch.delete": ("Delete for good?", _delete),
    "batch.rename": ("Rename", _rename),
    "batch.tags": ("Tags", _tags),
    "batch.copy_link": ("Link to this batch", _copy_link),
    "batch.share": ("Share", _share),
}
