"""Where a team's credits went."""

from __future__ import annotations

from datetime import datetime

from data.records import Spent, valid_id
from data.store import Store


def spent(store: Store, team: str, since: datetime, until: datetime) -> list[Spent]:
    """Charges of [since, until) less what was refunded of them, by the day of the charge, tool and person."""
    if valid_id(team) is None:
        return []
    return [Spent(**row) for row in store.read("spent", team=team, since=since, until=until)]
