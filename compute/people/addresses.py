"""A person's name and address, and the proof that the address is theirs: a signed link that was mailed to it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import quote

from compute.access import Scope, holds
from compute.people.names import clean_email, clean_name
from compute.people.sessions import Sessions
from data import addresses
from data.errors import Forbidden
from data.people import Account
from data.records import Person, valid_id

PROOF = timedelta(days=3)
PURPOSE = "verify"


class Addresses(Sessions):
    def change_profile(self, person: Person, *, name: str | None = None, email: str | None = None) -> None:
        """Another name or address; None leaves it as it is. A new address is to be proven again."""
        if not holds(person, Scope.ADMIN):
            raise Forbidden("A token does not change who somebody is. Sign in to do that.")
        account = self._accounts[person.id]
        address = clean_email(email) if email is not None else account.email
        label = clean_name(name) if name is not None else account.name
        moved = address != account.email
        if not moved and label == account.name:
            return
        change = addresses.Profile(
            person=person.id,
            name=label if label != account.name else None,
            email=address if moved else None,
        )
        if moved:
            # Never excused: each try mails to an address of their choice, or tells that somebody uses it.
            self.throttle.count(f"address of {person.id}")
        with self.changing():
            self.need_still(person)
            changed: Account = self._store.write(addresses.change_profile, change).result()
        if moved:
            self._address_moved(account, changed)

    def _address_moved(self, before: Account, after: Account) -> None:
        self.mail_proof(after.id)
        self._tell_old_address(before, after)

    def mail_proof(self, person: str) -> None:
        """Mail the link that proves the address, where the site sends mail and there is something to prove."""
        account = self._accounts[person]
        if account.verified or not self.outbox.sends_mail:
            return
        token = self.signer.sign(PURPOSE, f"{account.id} {account.email}")
        link = f"{self.settings.public_url}/auth/verify?token={quote(token)}"
        text = (
            f"{account.name}, confirm within {PROOF.days} days that this is your address:\n\n{link}\n\n"
            "If you have no account there, do nothing.\n"
        )
        self.outbox.mail(account.email, "Confirm your address for Wellplate", text, person=account.id)

    def verify_address(self, person: Person, token: str) -> bool:
        """Whether this mailed link proves the address of the person who opens it: their own, and still the same.

        Not of whoever it is for: somebody may register with a foreign address, whose owner presses the button.
        """
        said = self.signer.read(PURPOSE, token, max_age_s=PROOF.total_seconds())
        owner, _, email = (said or "").partition(" ")
        if valid_id(owner) is None or owner != person.id:
            return False
        with self.changing():
            proven: bool = self._store.write(
                addresses.prove_address, addresses.Proof(person=owner, email=email)
            ).result()
        if proven:
            self.take_up_by_address(owner)
        return proven

    def _tell_old_address(self, before: Account, after: Account) -> None:
        if self.outbox.sends_mail and before.verified:
            text = (
                f"{after.name}, your account's address was changed to {after.email}. If it was not you, tell the "
                "person who runs the server at once.\n"
            )
            self.outbox.mail(before.email, "Your address for Wellplate was changed", text)
