"""From which jobs a job was made, and which were made from it, as far as somebody may know."""

from __future__ import annotations

from compute.access import Action
from compute.gate import Gate
from data import marks
from data.records import Lineage, Person, Relative
from data.store import Store


def lineage(store: Store, gate: Gate, person: Person | None, job_id: str) -> Lineage:
    """Relatives that this person may not see are told without a name."""
    job = gate.job(person, Action.SEE, job_id)
    ancestors, descendants = marks.ancestors(store, job), marks.descendants(store, job)
    known = gate.visible(person, [relative for _, relative in ancestors + descendants])

    def told(relatives: list[tuple[str, str]]) -> list[Relative]:
        return [Relative(kind=kind, job=known.get(relative)) for kind, relative in relatives]

    return Lineage(made_from=told(ancestors), led_to=told(descendants))
