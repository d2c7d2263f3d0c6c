"""The rows of a batch's new jobs. They agree in most columns, which are said once: a list costs DuckDB a microsecond
for each value of it, and a batch has ten thousand of each."""

from __future__ import annotations

from data import rows, submits
from data.ledger import move_accounts
from data.records import NewJob, Visibility
from data.store import Transaction


def insert(transaction: Transaction, children: list[NewJob], visibility: Visibility) -> None:
    """Queued, and their price held. All of one batch, submitter and tool, with the same settings and limits."""
    first = transaction.next_seq(len(children))
    accepted = list(enumerate(children, start=first))
    common = children[0]
    transaction.run(
        "insert_children",
        seqs=[seq for seq, _ in accepted],
        ids=[child.id for child in children],
        wells=[child.well for child in children],
        names=[child.name for child in children],
        credits=[child.credits for child in children],
        batch=common.batch,
        team=common.team,
        submitter=common.submitter,
        tool=common.tool,
        visibility=visibility.value,
        cpus_min=common.cpus_min,
        cpus_max=common.cpus_max,
        memory=common.memory_mb,
        gpus=common.gpus,
        timeout=common.timeout_s,
        now=transaction.now,
    )
    transaction.run(
        "insert_submissions_of_children",
        seqs=[seq for seq, _ in accepted],
        inputs=[rows.dump(child.inputs) for child in children],
        prices=[rows.dump(child.price) for child in children],
        settings=rows.dump(common.settings),
    )
    transaction.run(
        "insert_history_of_children", first=first, last=first + len(children) - 1, now=transaction.now
    )
    _hold(transaction, [(seq, child) for seq, child in accepted if child.credits], common)
    submits.note_origins(transaction, accepted)


def _hold(transaction: Transaction, priced: list[tuple[int, NewJob]], common: NewJob) -> None:
    if not priced:
        return
    first = transaction.next_seq(len(priced))
    transaction.run(
        "hold_for_children",
        numbers=list(range(first, first + len(priced))),
        seqs=[seq for seq, _ in priced],
        credits=[child.credits for _, child in priced],
        team=common.team,
        person=common.submitter,
        note=common.tool,
        now=transaction.now,
    )
    move_accounts(transaction, {common.team: (0, sum(child.credits for _, child in priced))})
