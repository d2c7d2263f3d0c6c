"""The bell: what somebody is told, what they have read, and where else they want to hear it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from compute import access
from compute.access import Scope
from compute.notices import addresses
from compute.notices.outbox import Outbox
from compute.people.directory import Directory
from data import notices
from data.errors import BadInput, Forbidden
from data.notices import Choice, NewNotice, Reading
from data.records import Notice, Person, Preferences, When, valid_id
from data.store import Store

MOST = 200


class Notices:
    def __init__(self, store: Store, accounts: Directory, outbox: Outbox) -> None:
        self._store = store
        self._accounts = accounts
        self._outbox = outbox

    @property
    def sends_mail(self) -> bool:
        return self._outbox.sends_mail

    @property
    def webhook_hosts(self) -> tuple[str, ...]:
        """Where a webhook may lead, as the site's settings name it; empty: there are no webhooks here."""
        return self._accounts.settings.notices.webhook_hosts

    def unread(self, person: Person) -> int:
        """How many notices this person has not read."""
        _need_reading(person)
        return notices.unread(self._store, person.id, _only_team(person))

    def list(self, person: Person, limit: int = 50) -> list[Notice]:
        """The newest first; a token hears only of the jobs of its own team."""
        _need_reading(person)
        if not 1 <= limit <= MOST:
            raise BadInput(f"limit is from 1 to {MOST}.", field="limit")
        return notices.page(self._store, person.id, limit, _only_team(person))

    def read(self, person: Person, ids: Iterable[str] | None = None) -> None:
        """Mark these as read, or all; what is no notice of this person is left alone."""
        _need_session(person)
        known = None if ids is None else [id for given in ids if (id := valid_id(given))]
        notices.read(self._store, Reading(person=person.id, ids=known)).result()

    def tell(self, notice: NewNotice) -> None:
        """Put a notice under somebody's bell, for what has no transaction of its own."""
        notices.add(self._store, notice).result()

    def preferences(self, person: Person) -> Preferences:
        _need_session(person)
        return notices.preferences(self._store, person.id)

    def prefer(self, person: Person, wanted: Preferences) -> Preferences:
        """Remember where this person wants to hear of the ends of own jobs; what is kept."""
        _need_session(person)
        before = notices.preferences(self._store, person.id)
        url = wanted.webhook_url.strip()
        if wanted.mail is not When.NEVER and wanted.mail is not before.mail:
            self._need_mail(person)
        if wanted.webhook is not When.NEVER and not url:
            raise BadInput("Give the address that shall be called.", field="webhook_url")
        if url and (url, wanted.webhook) != (before.webhook_url, before.webhook):
            addresses.check(url, self.webhook_hosts)
        kept = replace(wanted, webhook_url=url)
        notices.prefer(self._store, Choice(person=person.id, preferences=kept)).result()
        return kept

    def listen(self, callback: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Hear whose notices changed, after each commit, in the writer's thread. Returns what ends it."""
        return self._store.hear(notices.TOPIC, callback)

    def _need_mail(self, person: Person) -> None:
        if not self.sends_mail:
            raise Forbidden("This site sends no mail. Ask the person who runs it.", field="mail")
        if not person.verified:
            raise Forbidden(
                "Prove first that your e-mail address is yours: see your Account page.", field="mail"
            )


def _only_team(person: Person) -> str | None:
    """A token acts in one team, and so it hears of that team only."""
    return None if person.scopes is None or access.may_administer(person) else person.team


def _need_reading(person: Person) -> None:
    if not access.holds(person, Scope.JOBS_READ):
        raise Forbidden(f"This token lacks the scope {Scope.JOBS_READ}.")


def _need_session(person: Person) -> None:
    """A token that leaked must not send its owner's notices elsewhere, nor hide them."""
    if not access.holds(person, Scope.ADMIN):
        raise Forbidden("Notices are managed by a signed-in person, not by a token.")
