"""The thirteen people of docs/access.md in a real site, each with jobs of every visibility to try."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from starlette.testclient import TestClient

from api.guard import COOKIE
from compute.people.sessions import SignedIn
from compute.submitting import Submission
from data.records import Job, Person, Role, Visibility
from tests.laboratory import BODY, PASSWORD, Laboratory
from tests.rights import rights

PEOPLE = tuple(dict.fromkeys(who for who, _, _ in rights()))
#: A file with a secret in every job: nobody reads it who may not.
SECRET = "the-secret-of-the-job"
RESULT = "a.tab"


@dataclass(frozen=True)
class Jobs:
    """One in each state that an action needs."""

    done: str
    waiting: str
    failed: str
    #: Started while somebody listens.
    followed: str


class Everyone:
    """The lab of Olga, whose jobs are Ada's but for those of the three submitters to whom something happened."""

    def __init__(self, home: Path) -> None:
        self.lab = Laboratory(home)
        self.owner = self.lab.found("olga")
        self.team = self.owner.team
        self.cookies: dict[str, str | None] = {"anonymous": None}
        self.persons: dict[str, Person | None] = {"anonymous": None}
        self._arrive()
        self.jobs = {
            (who, visibility): self._jobs_for(who, visibility) for who in PEOPLE for visibility in Visibility
        }
        self._things_happen()

    def close(self) -> None:
        self.lab.close()

    def person(self, who: str) -> Person | None:
        """As their session is now."""
        cookie = self.cookies[who]
        return self.lab.accounts.person(cookie) if cookie else None

    def browser(self, who: str) -> TestClient:
        client = self.lab.browser()
        if cookie := self.cookies[who]:
            client.cookies.set(COOKIE, cookie, domain="testserver.local")
        return client

    # Before ------------------------------------------------------------------------------------------------------

    def _arrive(self) -> None:
        add = self.lab.accounts.add_member
        for who, name, role in (
            ("viewer", "vera", Role.VIEWER),
            ("member", "bob", Role.MEMBER),
            ("submitter", "ada", Role.MEMBER),
            ("submitter, now a viewer", "vic", Role.MEMBER),
            ("admin", "tom", Role.ADMIN),
        ):
            person = add(self.team, f"{name}@lab.example", name.title(), role, PASSWORD)
            self._sign_in(who, person)
        self._sign_in("owner", self.owner)
        for who, name in (("stranger", "eve"), ("pending invite", "pia"), ("invited", "ivo")):
            self._sign_in(who, self.lab.found(name))
        for who, name in (
            ("submitter, acting in another team", "amy"),
            ("submitter who left the team", "leo"),
        ):
            self._sign_in(who, self.lab.found(name))
            self._into_the_team(who)
        token = self.lab.accounts.admin_link(self.lab.admin).rpartition("=")[2]
        self._remember("site admin", self.lab.accounts.use_link(token, client="test"))

    def _sign_in(self, who: str, person: Person) -> None:
        self._remember(who, self.lab.sign_in(person))

    def _remember(self, who: str, signed_in: SignedIn) -> None:
        self.cookies[who], self.persons[who] = signed_in.cookie, signed_in.person

    def _into_the_team(self, who: str) -> None:
        """By a real invitation; the session then acts there."""
        person = self.person(who)
        assert person is not None
        made = self.lab.workbench.invitations.to_team(self.owner, person.email, Role.MEMBER)
        self.lab.workbench.invitations.accept(person, token_of(self.lab.workbench.invitations.link(made)))

    # Jobs --------------------------------------------------------------------------------------------------------

    def _jobs_for(self, who: str, visibility: Visibility) -> Jobs:
        own = who if who.startswith("submitter") else "submitter"
        done, waiting, failed, followed = (
            self._submitted(own, visibility, f"{state} for {who}")
            for state in ("done", "waiting", "failed", "followed")
        )
        self.lab.start(done.id)
        self.lab.complete(done.id, {RESULT: SECRET.encode(), "page.html": b"<script>alert(1)</script>"})
        self.lab.fail(failed.id, f"It failed with {SECRET}.")
        return Jobs(done.id, waiting.id, failed.id, followed.id)

    def _submitted(self, who: str, visibility: Visibility, name: str) -> Job:
        """With two people invited, of whom one has opened the link."""
        person = self.person(who)
        assert person is not None and person.team == self.team
        job = self.lab.workbench.submit(person, Submission(**BODY, name=name, visibility=visibility))
        invited, pending = self.persons["invited"], self.persons["pending invite"]
        assert invited is not None and pending is not None
        shared = self.lab.workbench.sharing.change(person, job.id, None, [invited.email, pending.email])
        link = next(shared.links[one.id] for one in shared.invited if one.email == invited.email)
        guest = self.person("invited")
        assert guest is not None
        self.lab.workbench.invitations.accept(guest, token_of(link))
        return job

    # After -------------------------------------------------------------------------------------------------------

    def _things_happen(self) -> None:
        teams = self.lab.workbench.teams
        amy, leo = (
            self.person("submitter, acting in another team"),
            self.person("submitter who left the team"),
        )
        vic = self.person("submitter, now a viewer")
        assert amy is not None and leo is not None and vic is not None
        own = next(mine.team for mine in teams.mine(amy) if mine.team != self.team)
        teams.switch(amy, own)
        teams.remove(leo, leo.id, team_id=self.team)
        self._sign_in("submitter who left the team", leo)  # the session in that team has ended
        teams.set_role(self.owner, vic.id, Role.VIEWER, team_id=self.team)


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]
