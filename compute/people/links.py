"""One-time links that sign somebody in: at the first start, from the site's admin, and for a forgotten password."""

from __future__ import annotations

import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

from compute.access import may_administer
from compute.people.addresses import Addresses
from compute.people.directory import digest
from compute.people.names import clean_email, clean_name
from compute.people.sessions import SignedIn
from data import addresses, deliveries, people
from data.deliveries import NewDelivery
from data.errors import Forbidden
from data.people import Account
from data.records import Person, Role, new_id, utcnow

LINK_HOURS = 24


class Links(Addresses):
    def first_start(self) -> str | None:
        """Make the first team and its admin, and a link with which the admin signs in once.

        Later starts make a link only while the admin has neither a password nor a live session.
        """
        self._make_first_team()
        admin = self.admin()
        if admin is None:
            return None
        if self._accounts[admin.id].password_hash is not None or self.sessions(admin):
            self._link_file.unlink(missing_ok=True)
            return None
        return self._write_link(self.new_link(admin.id))

    def new_link(self, person: str, *, by: Person | None = None) -> str:
        """A link that signs this person in once within 24 hours; earlier ones end."""
        secret = secrets.token_urlsafe(32)
        link = people.NewLink(
            hash=digest(secret), person=person, expires_at=_expiry(), by=by.id if by else None
        )
        self._store.write(people.add_link, link).result()
        return self._link(secret)

    def admin_link(self, person: Person) -> str:
        """A new link for the site's admin who asks, on the command line say."""
        if not may_administer(person):
            raise Forbidden("Only the site's admin makes sign-in links.")
        return self._write_link(self.new_link(person.id, by=person))

    def forgot(self, email: str, *, client: str) -> None:
        """Mail a one-time link to this address. What it does and how long it takes tells nobody whether it is known."""
        if not self.outbox.sends_mail:
            raise Forbidden(
                "This site sends no mail. Ask the person who runs this server for a sign-in link."
            )
        address = clean_email(email)
        self.throttle.count(f"forgotten {address}", f"client {client}")
        account = next((a for a in list(self._accounts.values()) if a.email == address and a.active), None)
        if account is None:
            self._audit(None, "password reset refused", client)
            return
        secret = secrets.token_urlsafe(32)
        text = (
            f"{account.name}, somebody asked for a new password for this address. If it was you, open this link, "
            f"which signs you in once within {LINK_HOURS} hours, and choose one:\n\n{self._link(secret)}\n\n"
            "If it was not you, do nothing: your password stays as it is.\n"
        )
        mail = NewDelivery(
            channel=deliveries.MAIL, target=address, subject="A new password for Wellplate", body=text
        )
        reset = addresses.Reset(hash=digest(secret), person=account.id, expires_at=_expiry(), mail=mail)
        self._store.write(addresses.ask_reset, reset).result()

    def link_person(self, secret: str) -> Person | None:
        """Whom this one-time link would sign in; None once it was used or is too old."""
        found = people.link_owner(self._store, digest(secret), utcnow())
        return self._person(found, None, None) if found else None

    def use_link(
        self,
        secret: str,
        *,
        client: str,
        agent: str = "",
        email: str | None = None,
        name: str | None = None,
        password: str | None = None,
    ) -> SignedIn:
        """Sign in with a one-time link and use it up; on the way, set address, name and password if given."""
        self.throttle.count(f"client {client}")
        use = people.LinkUse(
            hash=digest(secret),
            email=clean_email(email) if email else None,
            name=clean_name(name) if name else None,
            password_hash=self.passwords.hash(password, field="password") if password else None,
        )
        with self.changing():
            before = dict(self._accounts)
            account: Account = self._store.write(people.use_link, use).result()
            if account.verified and not before[account.id].verified:
                self._end_squatting(account, new_password=use.password_hash is not None)
        self.throttle.excuse(f"client {client}")
        self._link_file.unlink(missing_ok=True)
        signed_in = self.open_session(account.id, agent)
        if password:
            self.sign_out_everywhere(signed_in.person, but=signed_in.person.credential)
        if account.email != before[account.id].email:
            self._address_moved(before[account.id], account)
        return signed_in

    def _end_squatting(self, account: Account, *, new_password: bool) -> None:
        """Whoever made the account before its address was proven may have been another: their sessions and tokens
        end, and so do the identities that they linked and, unless it was set just now, the password."""
        squatted = addresses.Squatted(person=account.id, new_password=new_password)
        self.forget(self._store.write(addresses.end_ways_in, squatted).result())

    def _make_first_team(self) -> None:
        if self._accounts:
            return
        admin = people.NewMember(
            person=new_id(),
            email="admin@localhost",
            name="Admin",
            password_hash=None,
            team=new_id(),
            role=Role.OWNER,
            site_admin=True,
        )
        new = people.NewTeam(name="Lab", member=admin, only_first=True, grant=self.settings.jobs.first_grant)
        self._store.write(people.add_team, new).result()
        self._load_people()

    def _link(self, secret: str) -> str:
        return f"{self.settings.public_url}/auth/link?token={quote(secret)}"

    def _write_link(self, link: str) -> str:
        """Put the link where only the person who runs the server reads it."""
        self._link_file.parent.mkdir(parents=True, exist_ok=True)
        self._link_file.unlink(missing_ok=True)
        with os.fdopen(os.open(self._link_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(link + "\n")
        return link

    @property
    def _link_file(self) -> Path:
        return self.settings.run_folder / "sign-in-link"


def _expiry() -> datetime:
    return utcnow() + timedelta(hours=LINK_HOURS)
