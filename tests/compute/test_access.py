"""Every cell of the table in docs/access.md."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from compute.access import (
    FILE_WORDS,
    READING,
    SCOPE,
    Action,
    Scope,
    looks_in_as_admin,
    may,
    may_administer,
    may_run,
    may_upload,
    why_not,
)
from data.records import Job, Person, Role, Status, StoredFile, Visibility, utcnow
from tests.rights import GROUPS, rights

TEAM, OTHER = "team", "other team"
JOB = "1"


def someone(name: str, team: str = TEAM, role: Role = Role.MEMBER, **more: Any) -> Person:
    return Person(
        id=name,
        email=f"{name}@lab.example",
        name=name,
        site_admin=more.pop("site_admin", False),
        team=team,
        team_name=team,
        role=role,
        **more,
    )


ADA_ELSEWHERE: dict[str, Any] = {"team": OTHER, "role": Role.OWNER}
PEOPLE: dict[str, Person | None] = {
    "anonymous": None,
    "stranger": someone("eve", OTHER, Role.OWNER),
    "pending invite": someone("pia", OTHER, Role.OWNER),
    "invited": someone("ivo", OTHER, Role.OWNER, invited=frozenset({JOB})),
    "viewer": someone("vera", TEAM, Role.VIEWER),
    "member": someone("bob"),
    "submitter": someone("ada"),
    "submitter, acting in another team": someone("ada", roles={TEAM: Role.MEMBER}, **ADA_ELSEWHERE),
    "submitter, now a viewer": someone("ada", TEAM, Role.VIEWER),
    "submitter who left the team": someone("ada", **ADA_ELSEWHERE),
    "admin": someone("tom", TEAM, Role.ADMIN),
    "owner": someone("olga", TEAM, Role.OWNER),
    "site admin": someone("root", OTHER, Role.OWNER, site_admin=True),
}


def job(visibility: Visibility) -> Job:
    return Job(
        seq=1, id=JOB, team=TEAM, submitter="ada", submitter_name="Ada", tool="t", name="n", status=Status.COMPLETED,
        visibility=visibility, credits=0, attempt=1, retries=0, run_id=None, worker=None, progress=None, step=None,
        note=None, cancel_requested=False, error=None, cpus_min=1, cpus_max=1, memory_mb=1, gpus=0, timeout_s=1,
        created_at=utcnow(), started_at=None, ended_at=None,
    )  # fmt: skip


def test_the_table_has_every_person_and_every_action() -> None:
    assert {who for who, _, _ in rights()} == set(PEOPLE)
    assert len(rights()) == len(PEOPLE) * len(Visibility)
    assert set().union(*GROUPS.values()) == set(Action) == set(SCOPE)


@pytest.mark.parametrize(("who", "visibility", "allowed"), rights())
def test_rights(who: str, visibility: Visibility, allowed: set[Action]) -> None:
    assert {action for action in Action if may(PEOPLE[who], action, job(visibility))} == allowed


@pytest.mark.parametrize("who", [who for who, person in PEOPLE.items() if person])
def test_a_token_never_allows_more_than_its_person_and_only_its_scopes(who: str) -> None:
    person = PEOPLE[who]
    assert person is not None
    for visibility, action in product(Visibility, Action):
        subject = job(visibility)
        whole = may(person, action, subject)
        for scope in Scope:
            token = replace(person, scopes=frozenset({scope}))
            allowed = may(token, action, subject)
            public = visibility is Visibility.PUBLIC and action in READING | {Action.SEE_ROW}
            assert not (allowed and not whole), (visibility, action, scope)
            assert not allowed or public or scope is SCOPE[action], (visibility, action, scope)


def test_the_admins_power_needs_its_scope() -> None:
    admin = PEOPLE["site admin"]
    assert admin is not None
    private = job(Visibility.PRIVATE)
    reader = replace(admin, scopes=frozenset({Scope.JOBS_READ}))
    assert not may(reader, Action.SEE, private)
    assert not may_administer(reader)
    assert may(replace(admin, scopes=frozenset({Scope.JOBS_READ, Scope.ADMIN})), Action.SEE, private)


def file(visibility: Visibility) -> StoredFile:
    return StoredFile(
        id=JOB, team=TEAM, owner="ada", owner_name="Ada", name="n", size=1, sha256="", format="fasta",
        created_at=utcnow(), visibility=visibility,
    )  # fmt: skip


@pytest.mark.parametrize(("who", "visibility", "allowed"), rights())
def test_a_file_has_the_rights_of_a_job(who: str, visibility: Visibility, allowed: set[Action]) -> None:
    assert {action for action in Action if may(PEOPLE[who], action, file(visibility))} == allowed


def test_a_token_needs_the_scope_of_files_for_files() -> None:
    ada = PEOPLE["submitter"]
    assert ada is not None
    own = file(Visibility.PRIVATE)
    reader, writer = (
        replace(ada, scopes=frozenset({scope})) for scope in (Scope.FILES_READ, Scope.FILES_WRITE)
    )
    assert {action for action in FILE_WORDS if may(reader, action, own)} == {
        Action.SEE_ROW, Action.SEE, Action.FILE, Action.DOWNLOAD,
    }  # fmt: skip
    assert {action for action in FILE_WORDS if may(writer, action, own)} == {
        Action.RENAME, Action.SHARE, Action.DELETE,
    }  # fmt: skip
    jobs = replace(ada, scopes=frozenset({Scope.JOBS_READ, Scope.JOBS_WRITE}))
    assert not any(may(jobs, action, own) for action in Action)


def test_a_refusal_of_a_file_names_its_owner() -> None:
    for action in FILE_WORDS:
        sentence = why_not(PEOPLE["member"], action, file(Visibility.PRIVATE))
        assert sentence.endswith("this file; it is Ada's.")
    own = why_not(PEOPLE["submitter, now a viewer"], Action.RENAME, file(Visibility.PRIVATE))
    assert own == "Your role in this team, or this token, does not allow it."


def test_only_what_the_admins_power_alone_allows_is_audited() -> None:
    admin = PEOPLE["site admin"]
    assert looks_in_as_admin(admin, Action.SEE, job(Visibility.PRIVATE))
    assert not looks_in_as_admin(admin, Action.SEE, job(Visibility.USERS))
    assert not looks_in_as_admin(admin, Action.RENAME, job(Visibility.PRIVATE))
    own = replace(job(Visibility.PRIVATE), submitter="root", team=OTHER)
    assert not looks_in_as_admin(admin, Action.SEE, own)
    assert not looks_in_as_admin(PEOPLE["owner"], Action.CANCEL, job(Visibility.PRIVATE))


def test_viewers_and_read_only_tokens_run_nothing() -> None:
    member = PEOPLE["member"]
    assert member is not None
    assert may_run(member)
    assert may_upload(member)
    for who in (
        PEOPLE["viewer"],
        None,
        replace(member, scopes=frozenset({Scope.JOBS_READ, Scope.FILES_READ})),
    ):
        assert not may_run(who)
        assert not may_upload(who)


def test_a_refusal_says_what_may_not_be_done_and_why() -> None:
    shared = job(Visibility.PRIVATE)
    for action in Action:
        sentence = why_not(PEOPLE["member"], action, shared)
        assert sentence.endswith(f"this job; it is {shared.submitter_name}'s.")
        assert "_" not in sentence
    own = why_not(PEOPLE["submitter, now a viewer"], Action.RENAME, shared)
    assert own == "Your role in this team, or this token, does not allow it."
    assert why_not(PEOPLE["member"], Action.LOG, shared).startswith("You may not read the log of this job")
