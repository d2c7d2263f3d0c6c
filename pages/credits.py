"""The team's credits: what is there, what is held, and where they went."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from compute import workbench
from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import LedgerEntry, LedgerKind, Person
from pages import human, session
from pages.drawing import empty, header, refusal

WORDS = {
    LedgerKind.GRANT: "Granted",
    LedgerKind.HOLD: "Held for a job",
    LedgerKind.CHARGE: "Charged",
    LedgerKind.RELEASE: "Released",
    LedgerKind.REFUND: "Refunded",
}


def main(workbench: Workbench, person: Person) -> None:
    header(
        "Credits", f"What {person.team_name} can spend. A job holds its price, and is charged when it starts."
    )
    try:
        balance, entries = workbench.credits.balance(person), workbench.credits.entries(person)
    except WellplateError as error:
        return refusal(error)
    with st.container(horizontal=True, gap="large"):
        st.metric("Available", f"{balance.available:,}", help="Balance less what is held.", width="content")
        st.metric(
            "Held", f"{balance.held:,}", help="Prices of jobs that have not started yet.", width="content"
        )
        st.metric("Balance", f"{balance.balance:,}", help="The sum of the ledger.", width="content")
    st.subheader("Ledger", anchor=False)
    if not entries:
        return empty("Nothing was granted or spent yet. The site's admin grants credits.")
    st.dataframe(
        frame(entries),
        hide_index=True,
        height="content" if len(entries) < 20 else 640,
        column_config={
            "Balance": st.column_config.NumberColumn(format="%+d", help="Change of the balance."),
            "Held": st.column_config.NumberColumn(format="%+d", help="Change of what is held."),
            "Job": st.column_config.LinkColumn(display_text="open", help="Empty once the job was deleted."),
        },
        alt="The ledger, newest first",
    )


def frame(entries: list[LedgerEntry]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "When": [human.exact(entry.at) for entry in entries],
            "What": [WORDS[entry.kind] for entry in entries],
            "Balance": [entry.balance for entry in entries],
            "Held": [entry.held for entry in entries],
            "Note": [entry.note for entry in entries],
            "Job": [f"/app/jobs?jobId={entry.job}" if entry.job else "" for entry in entries],
        }
    )


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
