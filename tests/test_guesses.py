"""What somebody learns who knows, or guesses, the id of a thing of another team: nothing, in the same words.

Paths inside a job, and results that could carry a script, are in tests/api/test_files.py; jobs are in
tests/test_access_everywhere.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.testclient import TestClient

from compute.access import Scope
from data import notices
from data.notices import NewNotice
from data.records import Person, Role, new_id
from tests.compute.batching import developer_lab
from tests.laboratory import BODY, Laboratory


@dataclass(frozen=True)
class Theirs:
    """Ids of things of one team, by what they are."""

    team: str
    person: str
    upload: str
    token: str
    invitation: str
    notice: str
    job: str
    batch: str


@dataclass(frozen=True)
class Guess:
    """A call in which {what} stands for an id of that kind."""

    method: str
    path: str
    body: Any = None

    @property
    def what(self) -> str:
        """The kind of id that is guessed: the last one that is named."""
        return (f"{self.path} {self.body}").rpartition("<")[2].partition(">")[0]

    def send(self, client: TestClient, guessed: str, ids: Theirs) -> tuple[int, str]:
        def fill(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: fill(each) for key, each in value.items()}
            if isinstance(value, list):
                return [fill(each) for each in value]
            if not isinstance(value, str):
                return value
            filled = value.replace(f"<{self.what}>", guessed)
            for kind in Theirs.__dataclass_fields__:
                filled = filled.replace(f"<{kind}>", getattr(ids, kind))
            return filled

        answer = client.request(self.method, f"/api/v1{fill(self.path)}", json=fill(self.body))
        return answer.status_code, answer.text.replace(guessed, "ID")


QUOTE = {"tool": BODY["tool"], "settings": BODY["settings"]}
BATCH = {
    "tool": "test-noop",
    "settings": {"credits": 0},
    "inputs": {"lines": {"text": "a\n", "name": "lines.txt"}},
}
GUESSES = [
    Guess("GET", "/teams/<team>"),
    Guess("PATCH", "/teams/<team>", {"name": "Mine now"}),
    Guess("GET", "/teams/<team>/members"),
    Guess("PATCH", "/teams/<team>/members/<person>", {"role": "viewer"}),
    Guess("DELETE", "/teams/<team>/members/<person>"),
    Guess("POST", "/me/team", {"team": "<team>"}),
    Guess("DELETE", "/invitations/<invitation>"),
    Guess("GET", "/invitations?team=<team>"),
    Guess("POST", "/invitations", {"email": "me@other.example", "role": "owner", "team": "<team>"}),
    Guess("DELETE", "/tokens/<token>"),
    Guess("PATCH", "/people/<person>", {"active": False}),
    Guess("POST", "/people/<person>/sign-in-link"),
    Guess("POST", "/notices/read", {"ids": ["<notice>"]}),
    Guess("POST", "/quote", QUOTE | {"inputs": {"sequences": {"file": "<upload>"}}}),
    Guess("POST", "/jobs", BODY | {"inputs": {"sequences": {"file": "<upload>"}}}),
    Guess("POST", "/jobs", BODY | {"team": "<team>"}),
    Guess("POST", "/jobs", BODY | {"inputs": {"sequences": {"job": "<job>", "path": "a.tab"}}}),
    Guess("GET", "/files/<upload>"),
    Guess("PATCH", "/files/<upload>", {"name": "Mine now"}),
    Guess("PATCH", "/files/<upload>", {"visibility": "public"}),
    Guess("DELETE", "/files/<upload>"),
    Guess("GET", "/files/<upload>/family"),
    Guess("GET", "/files/<upload>/members"),
    Guess("GET", "/files/<upload>/content"),
    Guess("GET", "/files/<upload>/content/about.json"),
    Guess("GET", "/files?owner=<person>"),
    Guess("GET", "/results?owner=<person>"),
    Guess("GET", "/jobs?submitter=<person>"),
    Guess("GET", "/batches/<batch>"),
    Guess("PATCH", "/batches/<batch>", {"name": "Mine now"}),
    Guess("PATCH", "/batches/<batch>", {"starred": True}),
    Guess("DELETE", "/batches/<batch>"),
    Guess("POST", "/batches/<batch>/cancel"),
    Guess("POST", "/batches/<batch>/retry-failed"),
    Guess("GET", "/batches/<batch>/wells"),
    Guess("GET", "/batches/<batch>/jobs"),
    Guess("GET", "/batches/<batch>/export"),
    Guess("GET", "/batches/<batch>/archive"),
    Guess("GET", "/batches/<batch>/sharing"),
    Guess("PUT", "/batches/<batch>/sharing", {"visibility": "public"}),
    Guess("POST", "/batches", BATCH | {"inputs": {"lines": {"file": "<upload>"}}}),
    Guess("POST", "/batches", BATCH | {"team": "<team>"}),
    Guess("POST", "/batches/plan", BATCH | {"inputs": {"lines": {"file": "<upload>"}}}),
    Guess("POST", "/credits/grants", {"team": "<team>", "credits": 5, "note": "for me"}),
    Guess("PUT", "/credits/allowance", {"team": "<team>", "monthly_credits": 5}),
    Guess("GET", "/credits/entries?person=<person>"),
]


@pytest.fixture
def lab(tmp_path: Any) -> Iterator[Laboratory]:
    lab = developer_lab(tmp_path)
    yield lab
    lab.close()


def things_of(lab: Laboratory, owner: Person, member: Person) -> Theirs:
    """Of each kind one; the invitation is to the owner's team, the rest is the member's."""
    client = lab.browser(member)
    upload = client.put("/api/v1/files", params={"name": "a.fasta"}, content=b">secret\nACGT\n").json()["id"]
    token, _ = lab.accounts.create_token(member, "t", [Scope.JOBS_READ])
    invitation = lab.workbench.invitations.to_team(owner, "iris@other.example", Role.MEMBER)
    notices.add(lab.store, NewNotice(person=member.id, kind="joined", text="A secret notice.")).result()
    job = client.post("/api/v1/jobs", json=BODY).json()["id"]
    lab.start(job)
    lab.complete(job, {"a.tab": b"a\tACGT\n"})
    (notice,) = (
        row["id"] for row in client.get("/api/v1/notices").json()["notices"] if "secret" in row["text"]
    )
    batch = client.post("/api/v1/batches", json=BATCH).json()["id"]
    return Theirs(owner.team, member.id, upload, token.id, invitation.id, notice, job, batch)


@pytest.mark.parametrize("guess", GUESSES, ids=lambda guess: f"{guess.method} {guess.path} {guess.what}")
def test_the_id_of_another_teams_thing_tells_nothing(lab: Laboratory, guess: Guess) -> None:
    olga = lab.found("olga")
    ada = lab.accounts.add_member(olga.team, "ada@lab.example", "Ada", Role.MEMBER, "correct horse battery")
    ids = things_of(lab, olga, ada)
    eve = lab.browser(lab.found("eve"))
    real = guess.send(eve, getattr(ids, guess.what), ids)
    assert real == guess.send(eve, new_id(), ids)
    assert real[0] in (404, 403, 422) or guess.path in READS, real
    if real[0] == 404 and guess.path not in READS:
        assert guess.send(eve, "nonsense", ids)[0] == 404
    unharmed(lab, olga, ada, ids)


#: Lists and marks, which are empty for what one may not know.
READS = (
    "/notices/read",
    "/quote",
    "/batches/plan",
    "/files?owner=<person>",
    "/results?owner=<person>",
    "/jobs?submitter=<person>",
    "/credits/entries?person=<person>",
)


def unharmed(lab: Laboratory, olga: Person, ada: Person, ids: Theirs) -> None:
    """All is as it was."""
    team = lab.browser(olga)
    assert team.get(f"/api/v1/teams/{ids.team}").json()["name"] == "olga's lab"
    members = team.get(f"/api/v1/teams/{ids.team}/members").json()["members"]
    assert {row["email"]: row["role"] for row in members} == {olga.email: "owner", ada.email: "member"}
    assert [row["id"] for row in team.get("/api/v1/invitations").json()["invitations"]] == [ids.invitation]
    client = lab.browser(ada)
    assert [row["id"] for row in client.get("/api/v1/tokens").json()["tokens"]] == [ids.token]
    assert [row["id"] for row in client.get("/api/v1/files").json()["files"]] == [ids.upload]
    assert ids.notice in [
        row["id"] for row in client.get("/api/v1/notices").json()["notices"] if not row["read"]
    ]
    assert [row["id"] for row in client.get("/api/v1/jobs").json()["jobs"]] == [ids.job]
    (batch,) = client.get("/api/v1/batches").json()["batches"]
    assert (batch["id"], batch["name"], batch["visibility"]) == (ids.batch, "No-op: a", "private")
    assert (batch["counts"], batch["starred"]) == ({"pending": 1}, False)


#: In tests/test_access_everywhere.py, tests/api/test_tus.py and tests/compute/test_imports.py; and what has no secrets.
TRIED_ELSEWHERE = ("/jobs/{job_id}", "/uploads/{upload_id}", "/import-folders/{name}", "/tools/{tool_id}")


def test_every_route_with_an_id_is_guessed_at(lab: Laboratory) -> None:
    paths = lab.browser(lab.found("eve")).get("/api/openapi.json").json()["paths"]
    routes = {
        (method.upper(), path.removeprefix("/v1"))
        for path, methods in paths.items()
        for method in methods
        if "{" in path and not any(known in path for known in TRIED_ELSEWHERE)
    }
    names = {"<team>": "{team_id}", "<person>": "{person_id}", "<invitation>": "{invitation_id}"}
    names |= {
        "<token>": "{token_id}",
        "<upload>": "{file_id}",
        "about.json": "{path}",
        "<batch>": "{batch_id}",
    }
    tried = set()
    for guess in GUESSES:
        path = guess.path.replace("/members/<person>", "/members/{member_id}")
        for ours, theirs in names.items():
            path = path.replace(ours, theirs)
        tried.add((guess.method, path))
    assert routes <= tried


def test_a_colleagues_things_are_their_own(lab: Laboratory) -> None:
    """In the same team too: tokens and notices are one person's alone."""
    olga = lab.found("olga")
    add = lab.accounts.add_member
    ada, bob = (
        add(olga.team, f"{name}@lab.example", name.title(), Role.MEMBER, "correct horse battery")
        for name in ("ada", "bob")
    )
    ids = things_of(lab, olga, ada)
    client = lab.browser(bob)
    for guess in GUESSES:
        if guess.what in ("token", "notice"):
            assert guess.send(client, getattr(ids, guess.what), ids) == guess.send(client, new_id(), ids)
    unharmed_things = lab.browser(ada)
    assert [row["id"] for row in unharmed_things.get("/api/v1/tokens").json()["tokens"]] == [ids.token]
    assert [row["id"] for row in unharmed_things.get("/api/v1/files").json()["files"]] == [ids.upload]
