"""Invitations: into a team, and taking up those to a team or a job.

A link is signed with the site's key and can be shown again while the invitation is pending; whoever opens it takes it
up, whatever their address. A proven address needs no link.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from compute import access
from compute.gate import refuse_unless
from compute.notices.outbox import Outbox
from compute.people.accounts import Accounts
from compute.people.names import clean_email, clean_name
from compute.people.sessions import SignedIn
from compute.people.signing import Signer
from data import invitations
from data.errors import BadInput, Forbidden, NotFound
from data.invitations import NOT_VALID
from data.people import Account
from data.records import Invitation, Person, Role, new_id, valid_id
from data.store import Store
from data.teams import role_words

PURPOSE = "invitation"
MANAGERS_ONLY = "Only the team's owners and admins see and send its invitations."


@dataclass(frozen=True, kw_only=True, slots=True)
class Invited:
    """What the form shows before somebody accepts."""

    email: str
    #: The name of the team or job.
    what: str
    #: In the team; None for a job.
    role: Role | None
    #: The name of who invites.
    by: str


class Invitations:
    def __init__(self, store: Store, accounts: Accounts, outbox: Outbox, signer: Signer) -> None:
        self._store = store
        self._accounts = accounts
        self._outbox = outbox
        self._signer = signer

    # Sending ------------------------------------------------------------------------------------------------

    def to_team(self, person: Person, email: str, role: Role) -> Invitation:
        """Into the team in which this person acts. Whose proven address it is joins at once."""
        refuse_unless(access.may_manage(person, person.team), MANAGERS_ONLY)
        refuse_unless(
            access.may_give(person, person.team, role),
            "Admins invite members and viewers; owners invite anybody.",
        )
        new = invitations.NewInvitation(email=clean_email(email), team=person.team, role=role, by=person.id)
        with self._accounts.changing():
            self._still_may(person, role)
            made: Invitation = self._store.write(invitations.invite, new).result()
        if self._outbox.sends_mail:
            self._mail(person, made, role)
        return made

    def of_team(self, person: Person) -> list[Invitation]:
        """Those into the team in which this person acts, pending ones first."""
        refuse_unless(access.may_manage(person, person.team), MANAGERS_ONLY)
        return invitations.of_team(self._store, person.team)

    def withdraw(self, person: Person, invitation_id: str) -> None:
        known = valid_id(invitation_id)
        found = invitations.get(self._store, known) if known else None
        team = found.invitation.team if found else None
        if found is None or team is None or not access.may_manage(person, team):
            raise NotFound("There is no such invitation.")
        role = found.invitation.role
        refuse_unless(
            role is not None and access.may_give(person, team, role),
            "Admins withdraw invitations of members and viewers; owners any.",
        )
        wanted = invitations.Withdrawal(invitation=found.invitation.id, by=person.id)
        self._store.write(invitations.withdraw, wanted).result()

    def link(self, invitation: Invitation) -> str:
        token = self._signer.sign(PURPOSE, invitation.id)
        return f"{self._accounts.settings.public_url}/auth/invitation?token={quote(token)}"

    # Taking up ----------------------------------------------------------------------------------------------

    def look(self, token: str, person: Person | None = None) -> Invited | None:
        """What a link is to; None when it is not ours, or its invitation was withdrawn or taken up.

        Who took it up themselves, by signing in with a proven address say, may look on.
        """
        found = self._found(token)
        if found is None or found.invitation.person not in (None, person.id if person else None):
            return None
        return Invited(email=found.invitation.email, what=found.what, role=found.invitation.role, by=found.by)

    def accept(self, person: Person, token: str) -> str:
        """Take an invitation up, and answer the page to go to. Who has no need of it leaves it for others."""
        if not access.holds(person, access.Scope.ADMIN):
            raise Forbidden("A token accepts no invitations. Sign in to do that.")
        found = self._found(token)
        if found is None:
            raise BadInput(NOT_VALID, field="token")
        invitation = found.invitation
        mine = invitation.person == person.id
        if invitation.person is not None and not mine:
            raise BadInput(NOT_VALID, field="token")
        needless = found.submitter == person.id or person.role_in(invitation.team or "") is not None
        if not mine and not needless:
            taking = invitations.Taking(invitation=invitation.id, person=person.id)
            with self._accounts.changing():
                self._accounts.need_still(person)
                self._store.write(invitations.take_up, taking).result()
        if invitation.team is not None and self._accounts.is_session(person):
            self._accounts.move_session(person, invitation.team)
        return _page(invitation)

    def register(self, token: str, name: str, password: str, *, client: str, agent: str = "") -> SignedIn:
        """A new person with the invited address, also where registration is closed.

        Into a team: with the role of the invitation. To a job: a guest, who runs nothing.
        """
        self._accounts.throttle.count(f"client {client}")
        found = self._found(token)
        if found is None or found.invitation.person is not None:
            raise BadInput(NOT_VALID, field="invitation")
        if not password:
            raise BadInput("Choose a password.", field="password")
        joining = invitations.Joining(
            invitation=found.invitation.id,
            person=new_id(),
            name=clean_name(name),
            password_hash=self._accounts.passwords.hash(password, field="password"),
        )
        with self._accounts.changing():
            account: Account = self._store.write(invitations.join, joining).result()
        self._accounts.mail_proof(account.id)
        return self._accounts.open_session(account.id, agent)

    def take_up_by_address(self, person_id: str) -> None:
        """Pending invitations to this person's proven address become theirs."""
        self._accounts.take_up_by_address(person_id)

    # How it is done -----------------------------------------------------------------------------------------

    def _found(self, token: str) -> invitations.Invited | None:
        known = valid_id(self._signer.read(PURPOSE, token))
        return invitations.get(self._store, known) if known else None

    def _still_may(self, person: Person, role: Role) -> None:
        """Judged again at the turn of the write: somebody may have been removed meanwhile."""
        now = self._accounts.still(person)
        refuse_unless(access.may_give(now, person.team, role), MANAGERS_ONLY)

    def _mail(self, person: Person, invitation: Invitation, role: Role) -> None:
        joined = invitation.person is not None
        team = f"{self._accounts.settings.public_url}/app/team"
        lead = f"{person.name} {'made' if joined else 'invites'} you"
        what = role_words(role) if joined else f"to be {role_words(role)}"
        self._outbox.mail(
            invitation.email,
            f"{person.name} invites you into the team {person.team_name} on Wellplate",
            f"{lead} {what} of the team {person.team_name}.\n\n"
            f"{'Open it here' if joined else 'Accept here'}:\n{team if joined else self.link(invitation)}\n",
            person=person.id,
        )


def _page(invitation: Invitation) -> str:
    if invitation.job is not None:
        return f"/app/jobs?jobId={invitation.job}"
    if invitation.batch is not None:
        return f"/app/batch?batchId={invitation.batch}"
    return "/app/team"
