"""Signing in by an OpenID provider: whose identity it is, linking it to an account, and who may come in by it."""

from __future__ import annotations

from compute.access import Scope, holds
from compute.people.names import clean_email, clean_name
from compute.people.sessions import SWITCHED_OFF, Sessions, SignedIn, own_team
from data import identities, invitations
from data.errors import BadInput, Conflict, Forbidden
from data.identities import Identity, Linking, Registration
from data.people import Account
from data.records import Person, new_id


class Identities(Sessions):
    def identity_sign_in(
        self,
        issuer: str,
        subject: str,
        email: str,
        email_verified: bool,
        name: str,
        *,
        agent: str = "",
        signed_in: Person | None = None,
    ) -> SignedIn:
        """Sign in as whom the provider vouches for; `signed_in` has asked to link the identity to their account."""
        if signed_in is not None:
            with self.changing():  # asking the provider took its time
                self.need_still(signed_in)
                self._link_to(issuer, subject, signed_in.id, email if email_verified else None)
            return self.open_session(signed_in.id, agent, team=signed_in.team)
        owner = identities.owner(self._store, issuer, subject)
        if owner is None:
            owner = self._welcome(issuer, subject, email, email_verified, name)
        return self.open_session(owner, agent)

    def identities(self, person: Person) -> list[Identity]:
        """Under which identities this person may sign in."""
        return identities.of_person(self._store, person.id)

    def unlink_identity(self, person: Person, issuer: str) -> None:
        """The provider signs this person in no more. Raises when there would be no way to sign in left."""
        if not holds(person, Scope.ADMIN):
            raise Forbidden("A token does not change how somebody signs in. Sign in to do that.")
        others = [each for each in self.identities(person) if each.issuer != issuer]
        if self._accounts[person.id].password_hash is None and not others:
            raise Forbidden("You could not sign in any more. Set a password first.")
        with self.changing():
            self.need_still(person)
            self._store.write(identities.unlink, (person.id, issuer)).result()

    def _welcome(self, issuer: str, subject: str, email: str, verified: bool, name: str) -> str:
        """The person of an identity that was never seen: of an address that both sides have proven, or a new one."""
        if not email:
            raise BadInput("Your sign-on gives no e-mail address, which an account here needs.")
        address = clean_email(email)
        account = next((a for a in list(self._accounts.values()) if a.email == address), None)
        if account is None:
            return self._register(issuer, subject, address, verified, name)
        if not account.active:
            raise Forbidden(SWITCHED_OFF)
        if not (verified and account.verified):
            raise Conflict(
                "There is an account with this address. Sign in with its password, then link the single sign-on "
                "on your Account page."
            )
        return self._link_to(issuer, subject, account.id, address)

    def _link_to(self, issuer: str, subject: str, person: str, proven: str | None) -> str:
        address = clean_email(proven) if proven else None
        with self.changing():
            linking = Linking(issuer=issuer, subject=subject, person=person, proven=address)
            account: Account = self._store.write(identities.link, linking).result()
        return account.id

    def _register(self, issuer: str, subject: str, email: str, verified: bool, name: str) -> str:
        label = _label(name, email)
        anybody = self.settings.sign_in.registration == "open" or self.settings.oidc.register_new
        if not anybody and not (verified and invitations.any_pending(self._store, email)):
            raise Forbidden("Registration is by invitation here. Ask the person who runs this server.")
        new = Registration(
            issuer=issuer,
            subject=subject,
            person=new_id(),
            email=email,
            verified=verified,
            name=label,
            own_team=own_team(label) if anybody else None,
        )
        with self.changing():
            account: Account = self._store.write(identities.register, new).result()
        return account.id


def _label(name: str, email: str) -> str:
    """A provider's name for somebody, or the address where that is none for us."""
    try:
        return clean_name(name)
    except BadInput:
        return clean_name(email.partition("@")[0][:100])
