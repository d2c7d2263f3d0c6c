"""Sharing a job or a batch: who may see it, the people invited by address, and both in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compute import access
from compute.access import Action
from compute.gate import NO_SUCH_BATCH, NO_SUCH_JOB
from compute.notices.outbox import Outbox
from compute.people.accounts import Accounts, clean_email
from compute.submitting import WRITE_TIMEOUT_S
from data import sharing
from data.errors import BadInput, NotFound, WrongState
from data.records import Batch, Invitation, Job, Person, Visibility
from data.sharing import Share
from data.store import Store

MAX_INVITED = 100


@dataclass(frozen=True, kw_only=True)
class Shared:
    visibility: Visibility
    invited: list[Invitation]
    #: Of each pending invitation by its id: whoever opens it takes it up.
    links: dict[str, str]
    #: Who can see the job, in words.
    words: str


class Sharing:
    """Of jobs, or of batches: `find` tells which. What is decided of a batch holds for its children."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        find: Callable[[Person | None, Action, str], Job | Batch],
        outbox: Outbox,
        *,
        link: Callable[[Invitation], str],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._find = find
        self._outbox = outbox
        self._link = link

    @property
    def sends_mail(self) -> bool:
        """Whether who is invited gets a mail; without a mail server the links are copied."""
        return self._outbox.sends_mail

    def show(self, person: Person, subject_id: str) -> Shared:
        """Who may see it, for somebody who decides that."""
        subject = self._shareable(person, subject_id)
        return self._shared(person, subject, sharing.invitations(self._store, subject.id))

    def change(
        self, person: Person, subject_id: str, visibility: Visibility | None, emails: list[str] | None
    ) -> Shared:
        """Who may see it from now on. None leaves that part as it is; who is no more among `emails` is invited no
        more, and an invitation that stands stays as it is. Raises BadInput."""
        subject = self._shareable(person, subject_id)
        wanted = None if emails is None else _addresses(emails, own=person.email)
        before = sharing.invitations(self._store, subject.id)
        leaving = [
            one.person for one in before if one.person and wanted is not None and one.email not in wanted
        ]
        asked = Share(
            subject=subject.id, by=person.id, by_name=person.name, visibility=visibility, emails=wanted
        )
        # What the commit tells the open pages is judged by what is in memory then.
        with self._accounts.uninviting(subject.id, leaving):
            done = sharing.share(self._store, asked).result(WRITE_TIMEOUT_S)
        if done is None:
            raise NotFound(NO_SUCH_BATCH if isinstance(subject, Batch) else NO_SUCH_JOB)
        if not done.left <= set(leaving):
            # Somebody took it up after the look above: the directory says only now that they may not see the job.
            sharing.announce(self._store, subject.id).result(WRITE_TIMEOUT_S)
        if self._outbox.sends_mail:
            for invitation in done.new:
                self._mail(person, done.subject, invitation)
        return self._shared(person, done.subject, done.invitations)

    def _shareable(self, person: Person, subject_id: str) -> Job | Batch:
        subject = self._find(person, Action.SHARE, subject_id)
        if isinstance(subject, Job) and subject.batch is not None:
            raise WrongState("It is seen by whoever sees its batch; share that.")
        return subject

    def words(self, person: Person | None, subject: Job | Batch) -> str:
        """Who can see it, for anybody who does."""
        if not access.may(person, Action.SEE, subject):
            return "You see its row in the list; what is in it is not shared with you."
        if subject.visibility is not Visibility.INVITED:
            return self._words(person, subject, [])
        shared = subject.batch if isinstance(subject, Job) and subject.batch else subject.id
        return self._words(person, subject, sharing.invitations(self._store, shared))

    def _shared(self, person: Person, subject: Job | Batch, invited: list[Invitation]) -> Shared:
        return Shared(
            visibility=subject.visibility,
            invited=invited,
            links={one.id: self._link(one) for one in invited if one.person is None},
            words=self._words(person, subject, invited),
        )

    def _words(self, person: Person | None, subject: Job | Batch, invited: list[Invitation]) -> str:
        mine = person is not None and person.id == subject.submitter
        if subject.visibility is Visibility.PUBLIC:
            return "Anyone with the link"
        if subject.visibility is Visibility.USERS:
            return "Everybody who is signed in"
        if subject.visibility is Visibility.TEAM:
            return f"Everybody in {self._accounts.team_name(subject.team)}"
        if subject.visibility is Visibility.INVITED and invited:
            return f"{'You' if mine else subject.submitter_name} and {_count(invited)}"
        return "Only you" if mine else f"Only {subject.submitter_name}"

    def _mail(self, person: Person, subject: Job | Batch, invitation: Invitation) -> None:
        taken_up = invitation.person is not None
        kind, at = ("batch", "batch?batchId=") if isinstance(subject, Batch) else ("job", "jobs?jobId=")
        page = f"{self._accounts.settings.public_url}/app/{at}{subject.id}"
        self._outbox.mail(
            invitation.email,
            f"{person.name} shared a {kind} with you: {subject.name}",
            f"{person.name} shared the {kind} “{subject.name}” with you.\n\n"
            f"Open it here:\n{page if taken_up else self._link(invitation)}\n",
            person=person.id,
        )


def _addresses(emails: list[str], *, own: str) -> tuple[str, ...]:
    """The addresses in the form in which they are kept, each once, without one's own."""
    if len(emails) > MAX_INVITED:
        raise BadInput(
            f"You named {len(emails)} addresses; at most {MAX_INVITED} can be invited to a job. "
            "Show it to your team, or to everybody who is signed in.",
            field="invited",
        )
    addresses: dict[str, None] = {}
    for email in emails:
        try:
            addresses[clean_email(email)] = None
        except BadInput as problem:
            raise BadInput(
                f"{email[:100]!r} is no e-mail address. {problem.message}", field="invited"
            ) from None
    addresses.pop(own, None)
    return tuple(addresses)


def _count(invited: list[Invitation]) -> str:
    pending = sum(one.person is None for one in invited)
    people = "1 invited person" if len(invited) == 1 else f"{len(invited)} invited people"
    return f"{people} ({pending} pending)" if pending else people
