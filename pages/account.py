"""The person's account: name, sessions, password, API tokens."""

from __future__ import annotations

from compute import workbench
from compute.workbench import Workbench
from data.records import Person
from pages import session
from pages.drawing import header


def main(workbench: Workbench, person: Person) -> None:
    header("Account", f"{person.name} · {person.email} · {person.role} in {person.team_name}")


if __name__ == "__main__":
    if (who := session.person()) is not None:
        main(workbench.current(), who)
