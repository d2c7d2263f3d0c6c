"""The thirteen people of docs/access.md in a real site, each with jobs of every visibility to try."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from starlette.testclient import TestClient

from api.guard import COOKIE
from compute.people.sessions import SignedIn
from compute.sharing import Sharing
from compute.submitting import Submission
from data import batches
from data.records import Job, Person, Role, Visibility
from tests.compute import batching
from tests.compute.batching import developer_lab
from tests.laboratory import BODY, PASSWORD
from tests.rights import rights

PEOPLE = tuple(dict.fromkeys(who for who, _, _ in rights()))
#: A file with a secret in every job: nobody reads it who may not.
SECRET = "the-secret-of-the-job"
RESULT = "a.tab"
T = TypeVar("T")


@dataclass(frozen=True)
class Jobs:
    """One in each state that an action needs."""

    done: str
    waiting: str
    failed: str
    #: Started while somebody listens.
    followed: str


@dataclass(frozen=True)
class Batches:
    """Likewise; each has one child."""

    done: str
    waiting: str
    failed: str


class Everyone:
    """The lab of Olga, whose jobs are Ada's but for those of the three submitters to whom something happened."""

    def __init__(self, home: Path) -> None:
        self.lab = developer_lab(home)
        self.owner = self.lab.found("olga")
        self.team = self.owner.team
        self.cookies: dict[str, str | None] = {"anonymous": None}
        self.persons: dict[str, Person | None] = {"anonymous": None}
        self._arrive()
        self.jobs = for_all(self._jobs_for)
        self.batches = for_all(self._batches_for)
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
        self._invite(self.lab.workbench.sharing, person, job.id)
        return job

    def _invite(self, sharing: Sharing, person: Person, subject: str) -> None:
        invited, pending = self.persons["invited"], self.persons["pending invite"]
        assert invited is not None and pending is not None
        shared = sharing.change(person, subject, None, [invited.email, pending.email])
        link = next(shared.links[one.id] for one in shared.invited if one.email == invited.email)
        guest = self.person("invited")
        assert guest is not None
        self.lab.workbench.invitations.accept(guest, token_of(link))

    # Batches -----------------------------------------------------------------------------------------------------

    def _batches_for(self, who: str, visibility: Visibility) -> Batches:
        own = who if who.startswith("submitter") else "submitter"
        done, waiting, failed = (
            self._batch(own, visibility, f"batch {state} for {who}")
            for state in ("done", "waiting", "failed")
        )
        self.lab.start(self.child(done))
        self.lab.complete(self.child(done), {RESULT: SECRET.encode()})
        self.lab.fail(self.child(failed), f"It failed with {SECRET}.")
        return Batches(done, waiting, failed)

    def _batch(self, who: str, visibility: Visibility, name: str) -> str:
        person = self.person(who)
        assert person is not None and person.team == self.team
        wanted = batching.asked("none", settings={"fault": "as-told"}, name=name, visibility=visibility)
        batch = self.lab.workbench.batches.submit(person, wanted)
        self._invite(self.lab.workbench.batches.sharing, person, batch.id)
        return batch.id

    def child(self, batch: str) -> str:
        """The job in its only well."""
        found = batches.get(self.lab.store, batch)
        assert found is not None
        (well,) = batches.wells(self.lab.store, found)
        return well.job

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


def for_all(make: Callable[[str, Visibility], T]) -> dict[tuple[str, Visibility], T]:
    """For each person and visibility; several at once, so that they share commits."""
    cells = [(who, visibility) for who in PEOPLE for visibility in Visibility]
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(cells, pool.map(lambda cell: make(*cell), cells), strict=True))


def token_of(link: str) -> str:
    return parse_qs(urlsplit(link).query)["token"][0]
