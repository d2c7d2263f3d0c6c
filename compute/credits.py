"""Credits: what a team can spend, who may use how much of it, where it went, and what tools cost."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from compute import access, cursors
from compute.access import Scope
from compute.gate import refuse_unless
from compute.offers import catalogue
from compute.settings import Settings
from compute.submitting import WRITE_TIMEOUT_S
from data import allowances, ledger, purses, spending
from data.allowances import Allowance
from data.errors import BadInput, NotFound, Unavailable
from data.records import Balance, LedgerEntry, LedgerKind, Person, Spent, Team, utcnow, valid_id
from data.store import Store
from tools.contract import PriceLine, Tool

MOST_ENTRIES = 1000
#: Of one grant or allowance.
MOST_CREDITS = 10**9
NOTE_LENGTH = 500
NO_SUCH_TEAM = "There is no such team."

#: What the example of a tool costs, line by line; None where it cannot be told.
ExamplePrice = Callable[[Person, Tool], list[PriceLine] | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Used:
    """What one person's jobs of this month (UTC) hold or cost, less what was given back."""

    #: None: this team caps nobody.
    cap: int | None
    used: int

    @property
    def left(self) -> int | None:
        return None if self.cap is None else max(self.cap - self.used, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolPrice:
    tool: str
    name: str
    #: In words; empty for a tool that is free.
    rule: str
    #: Name of the tool's example, and what that costs; empty where it has none.
    example: str
    lines: list[PriceLine]
    #: None where there is no example, or it cannot be looked at here, such as for a tool that is not installed.
    credits: int | None


class Credits:
    def __init__(self, settings: Settings, store: Store, *, example_price: ExamplePrice) -> None:
        self._settings = settings
        self._store = store
        self._example_price = example_price

    @property
    def mode(self) -> str:
        """enforce: refuse what a team cannot pay; show: count only; off."""
        return self._settings.jobs.credits

    # What is there -------------------------------------------------------------------------------------------

    def balance(self, person: Person) -> Balance:
        """Of the team in which this person acts, after this month's allowance."""
        self._give_due()
        return ledger.balance(self._store, person.team)

    def low(self, person: Person) -> str | None:
        """A warning when little is left, for those who spend; None otherwise."""
        if self.mode != "enforce" or not access.may_run(person):
            return None
        available, least = self.balance(person).available, self._settings.jobs.low_credits
        if available >= least:
            return None
        return (
            f"{person.team_name} has {available:,} credits left. Jobs that cost more are refused: "
            "ask the site's admin for a grant."
        )

    def team(self, person: Person) -> Team:
        """The team in which this person acts, with its allowance and cap."""
        return allowances.team(self._store, person.team)

    def mine(self, person: Person) -> Used:
        """What this person has used of this month's cap."""
        cap = self.team(person).person_credits
        since = allowances.month_of(utcnow())
        return Used(cap=cap, used=purses.used(self._store, person.team, person.id, since))

    def refusal(self, person: Person, credits: int, subject: str = "job") -> str | None:
        """Why a job or batch of this price would be refused now, as the submit will say it; None when it would not."""
        if self.mode != "enforce" or credits == 0:
            return None
        if sentence := purses.lack(credits, self.balance(person), subject):
            return sentence
        mine = self.mine(person)
        return None if mine.cap is None else purses.over_cap(credits, mine.cap, mine.used, subject)

    # Where it went -------------------------------------------------------------------------------------------

    def entries(
        self,
        person: Person,
        *,
        kinds: Collection[LedgerKind] = (),
        tools: Collection[str] = (),
        persons: Collection[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 100,
        before: int | None = None,
    ) -> list[LedgerEntry]:
        """The team's ledger, newest first; `before` is the number of the last row of the page before."""
        _need_reader(person)
        cursors.refuse_size(limit, MOST_ENTRIES)
        who = [known for given in persons if (known := valid_id(given))]
        if persons and not who:
            return []
        return ledger.entries(
            self._store,
            person.team,
            limit,
            kinds=kinds,
            tools=tools,
            persons=who,
            since=since,
            until=until,
            before=before,
        )

    def spent(self, person: Person, *, since: datetime, until: datetime) -> list[Spent]:
        """Per day (UTC) of the charge, tool and person: charges less what was refunded of them."""
        _need_reader(person)
        return spending.spent(self._store, person.team, since, until)

    # What tools cost -----------------------------------------------------------------------------------------

    def prices(self, person: Person) -> list[ToolPrice]:
        """Every tool that this site offers, in the catalogue's order."""
        return [self._price(person, tool) for tool in catalogue(self._settings)]

    def _price(self, person: Person, tool: Tool) -> ToolPrice:
        lines = self._example_price(person, tool)
        return ToolPrice(
            tool=tool.id,
            name=tool.name,
            rule=tool.pricing,
            example=tool.example().name if tool.example else "",
            lines=lines or [],
            credits=None if lines is None else sum(line.credits for line in lines),
        )

    # The site's admin ----------------------------------------------------------------------------------------

    def grant(self, person: Person, team: str, credits: int, note: str, *, key: str | None = None) -> Balance:
        """Give a team credits, or take some back. A `key` is used once, ever: repeated, it changes nothing."""
        _need_admin(person)
        _refuse_too_many(credits)
        given = ledger.grant(
            self._store,
            _team_id(team),
            credits,
            _clean_note(note),
            person=person.id,
            key=None if key is None else f"grant:{key}",
        )
        return given.result(WRITE_TIMEOUT_S)

    def allow(self, person: Person, team: str, monthly_credits: int | None) -> Team:
        """What every month gives this team. One that was given this month already changes with the next."""
        _need_admin(person)
        if monthly_credits is not None and monthly_credits < 1:
            raise BadInput(
                "An allowance is 1 credit or more; leave it empty for none.", field="monthly_credits"
            )
        _refuse_too_many(monthly_credits or 0)
        change = Allowance(team=_team_id(team), credits=monthly_credits, person=person.id)
        return allowances.set_allowance(self._store, change).result(WRITE_TIMEOUT_S)

    def teams(self, person: Person) -> list[Team]:
        """All teams with their money, by name."""
        _need_admin(person)
        self._give_due()
        return allowances.teams(self._store)

    def _give_due(self) -> None:
        if self._store.read_only or not allowances.due(self._store):
            return
        with suppress(Unavailable):  # what cannot be written now is given at the next look
            allowances.give_due(self._store).result(WRITE_TIMEOUT_S)


def _need_reader(person: Person) -> None:
    refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read the team's credits.")


def _need_admin(person: Person) -> None:
    refuse_unless(access.may_administer(person), "Only the site's admin grants credits.")


def _refuse_too_many(credits: int) -> None:
    if abs(credits) > MOST_CREDITS:
        raise BadInput(f"At most {MOST_CREDITS:,} credits at a time.", field="credits")


def _clean_note(note: str) -> str:
    clean = " ".join(note.split())
    if len(clean) > NOTE_LENGTH:
        raise BadInput(f"A note has at most {NOTE_LENGTH} characters.", field="note")
    return clean


def _team_id(team: str) -> str:
    known = valid_id(team)
    if known is None:
        raise NotFound(NO_SUCH_TEAM, field="team")
    return known
