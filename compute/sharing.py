"""Sharing a job: who may see it, the people invited by address, and both in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compute import access
from compute.access import Action
from compute.gate import NO_SUCH_JOB, Gate
from compute.notices.outbox import Outbox
from compute.people.accounts import Accounts, clean_email
from compute.submitting import WRITE_TIMEOUT_S
from data import sharing
from data.errors import BadInput, NotFound
from data.records import Invitation, Job, Person, Visibility
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
    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        gate: Gate,
        outbox: Outbox,
        *,
        link: Callable[[Invitation], str],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._gate = gate
        self._outbox = outbox
        self._link = link

    @property
    def sends_mail(self) -> bool:
        """Whether who is invited gets a mail; without a mail server the links are copied."""
        return self._outbox.sends_mail

    def show(self, person: Person, job_id: str) -> Shared:
        """Who may see a job, for somebody who decides it."""
        job = self._gate.job(person, Action.SHARE, job_id)
        return self._shared(person, job, sharing.invitations(self._store, job.id))

    def change(
        self, person: Person, job_id: str, visibility: Visibility | None, emails: list[str] | None
    ) -> Shared:
        """Who may see it from now on. None leaves that part as it is; who is no more among `emails` is invited no
        more, and an invitation that stands stays as it is. Raises BadInput."""
        job = self._gate.job(person, Action.SHARE, job_id)
        wanted = None if emails is None else _addresses(emails, own=person.email)
        before = sharing.invitations(self._store, job.id)
        leaving = [
            one.person for one in before if one.person and wanted is not None and one.email not in wanted
        ]
        asked = Share(job=job.id, by=person.id, by_name=person.name, visibility=visibility, emails=wanted)
        # What the commit tells the open pages is judged by what is in memory then.
        with self._accounts.uninviting(job.id, leaving):
            done = sharing.share(self._store, asked).result(WRITE_TIMEOUT_S)
        if done is None:
            raise NotFound(NO_SUCH_JOB)
        if not done.left <= set(leaving):
            # Somebody took it up after the look above: the directory says only now that they may not see the job.
            sharing.announce(self._store, job.id).result(WRITE_TIMEOUT_S)
        if self._outbox.sends_mail:
            for invitation in done.new:
                self._mail(person, done.job, invitation)
        return self._shared(person, done.job, done.invitations)

    def words(self, person: Person | None, job: Job) -> str:
        """Who can see this job, for anybody who sees it."""
        if not access.may(person, Action.SEE, job):
            return "You see its row in the list; what is in it is not shared with you."
        invited = sharing.invitations(self._store, job.id) if job.visibility is Visibility.INVITED else []
        return self._words(person, job, invited)

    def _shared(self, person: Person, job: Job, invited: list[Invitation]) -> Shared:
        return Shared(
            visibility=job.visibility,
            invited=invited,
            links={one.id: self._link(one) for one in invited if one.person is None},
            words=self._words(person, job, invited),
        )

    def _words(self, person: Person | None, job: Job, invited: list[Invitation]) -> str:
        mine = person is not None and person.id == job.submitter
        if job.visibility is Visibility.PUBLIC:
            return "Anyone with the link"
        if job.visibility is Visibility.USERS:
            return "Everybody who is signed in"
        if job.visibility is Visibility.TEAM:
            return f"Everybody in {self._accounts.team_name(job.team)}"
        if job.visibility is Visibility.INVITED and invited:
            return f"{'You' if mine else job.submitter_name} and {_count(invited)}"
        return "Only you" if mine else f"Only {job.submitter_name}"

    def _mail(self, person: Person, job: Job, invitation: Invitation) -> None:
        taken_up = invitation.person is not None
        page = f"{self._accounts.settings.public_url}/app/jobs?jobId={job.id}"
        self._outbox.mail(
            invitation.email,
            f"{person.name} shared a job with you: {job.name}",
            f"{person.name} shared the job “{job.name}” with you.\n\n"
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
