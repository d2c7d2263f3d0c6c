"""API tokens: a person in one team, with scopes; shown once, kept as SHA-256."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from compute.access import Scope, holds, may_administer
from compute.people.directory import digest
from compute.people.sessions import Sessions
from data import people
from data.errors import BadInput, Forbidden, NotFound
from data.people import ApiToken, Ended
from data.records import Person, new_id, utcnow

MAX_TOKENS = 100


class Tokens(Sessions):
    def create_token(self, person: Person, name: str, scopes: Iterable[str]) -> tuple[ApiToken, str]:
        """A token of this person in the team in which they act, and its secret, which is shown this once."""
        self._need_session(person)
        wanted = frozenset(scopes)
        label = name.strip()
        if not label or len(label) > 100 or not label.isprintable():
            raise BadInput("Give the token a name of 1 to 100 characters.", field="name")
        if unknown := wanted - set(Scope):
            allowed = ", ".join(Scope)
            raise BadInput(
                f"There is no scope {sorted(unknown)[0]!r}. Choose from {allowed}.", field="scopes"
            )
        if not wanted:
            raise BadInput("Name at least one scope.", field="scopes")
        if Scope.ADMIN in wanted and not may_administer(person):
            raise Forbidden("Only the site's admin makes tokens with the scope admin.", field="scopes")
        if person.scopes is not None and not wanted <= person.scopes:
            raise Forbidden("A token makes no token that may do more than itself.", field="scopes")
        if len(self.tokens(person)) >= MAX_TOKENS:
            raise BadInput(f"You have {MAX_TOKENS} tokens. Revoke one first.")
        secret = "wp_" + secrets.token_urlsafe(32)
        token = ApiToken(
            id=new_id(),
            hash=digest(secret),
            person=person.id,
            team=person.team,
            name=label,
            scopes=wanted,
            created_at=utcnow(),
        )
        with self._changing:
            self.need_still(person)
            if person.team not in self._memberships.get(person.id, {}):
                raise Forbidden(f"You are not in the team {person.team_name} any more.")
            self._store.write(people.add_token, token).result()
            self._tokens[token.hash] = token
        return token, secret

    def tokens(self, person: Person) -> list[ApiToken]:
        self._need_session(person)
        own = [token for token in list(self._tokens.values()) if token.person == person.id]
        return sorted(own, key=lambda token: token.created_at)

    def revoke_token(self, person: Person, token_id: str) -> None:
        token = next((token for token in self.tokens(person) if token.id == token_id), None)
        if token is None:
            raise NotFound("There is no such token.")
        self._store.write(people.revoke_token, token).result()
        self.forget(Ended(sessions=frozenset(), tokens=frozenset({token.hash})))

    def _need_session(self, person: Person) -> None:
        """A token that leaked must not make itself successors, nor end those of its owner."""
        if not holds(person, Scope.ADMIN):
            raise Forbidden(
                "Tokens are listed, made and revoked by a signed-in person, or by a token with admin."
            )

    def server_token(self) -> str:
        """A token of the site's admin for the command line, in memory only: it ends with this process."""
        secret = "wp_" + secrets.token_urlsafe(32)
        self._admin_tokens.add(digest(secret))
        return secret
