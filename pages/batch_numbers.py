"""How a batch goes, in figures: how many ended, how fast, how long still, and what it has cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from data.records import Batch, Status, Well
from tools.contract import Metric

#: The pace is that of the last minutes, or of the last wells where few ended in them.
LATELY = timedelta(minutes=5)
FEW = 20
#: With fewer ended wells nothing is said of what is to come.
ENOUGH = 3


def measured(metrics: Sequence[Metric], wells: Sequence[Well]) -> list[Metric]:
    """Those of which some well has a value, and the first, by which the tool's runs are compared."""
    known = {key for well in wells for key, value in well.summary.items() if value is not None}
    return [metric for number, metric in enumerate(metrics) if number == 0 or metric.key in known]


@dataclass(frozen=True)
class Pace:
    """How many ended in how long."""

    ended: int
    over_s: float

    @property
    def per_minute(self) -> float:
        return 60 * self.ended / self.over_s


@dataclass(frozen=True)
class Cost:
    #: Charged, refunds not taken off.
    charged: int
    #: Of wells that have not started.
    held: int
    refunded: int

    @property
    def spent(self) -> int:
        return self.charged - self.refunded


def counts(wells: Iterable[Well]) -> dict[Status, int]:
    """Of the wells, as they are now; only statuses that occur."""
    return dict(Counter(well.status for well in wells))


def ended(counts: Mapping[Status, int]) -> int:
    return sum(number for status, number in counts.items() if status.terminal)


def pace(wells: Sequence[Well], now: datetime) -> Pace | None:
    """Of the wells that ran; None while too few have ended. One that stands still has a pace that falls."""
    starts = [well.started_at for well in wells if well.started_at]
    ends = sorted(well.ended_at for well in wells if well.started_at and well.ended_at)
    if len(ends) < ENOUGH:
        return None
    number = max(sum(end > now - LATELY for end in ends), min(FEW, len(ends)))
    since = ends[-number - 1] if number < len(ends) else min(starts)
    return Pace(number, max((now - since).total_seconds(), 1.0))


def left_s(wells: Sequence[Well], now: datetime) -> float | None:
    """Seconds until the last well ends, at the present pace; None while that is not known."""
    found = pace(wells, now)
    if found is None:
        return None
    return 60 * sum(not well.status.terminal for well in wells) / found.per_minute


def cost(batch: Batch, wells: Iterable[Well]) -> Cost:
    held = sum(well.credits for well in wells if well.started_at is None and not well.status.terminal)
    return Cost(batch.credits - held, held, batch.refunded)
