"""Teams and their members: the verbs that change them, and what they read.

A verb decides inside the writer's transaction what must hold whoever asks: a team keeps an owner who can act, what a
person leaves behind belongs to somebody, and what their membership allowed ends with it. Who may ask is decided in
compute/access.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data import notices, plates, rows
from data.errors import BadInput, NotFound, WrongState
from data.notices import NewNotice
from data.people import Ended, each, insert_team, note
from data.records import Member, Role, Status, Team, Visibility, new_id

if TYPE_CHECKING:
    from data.store import Store, Transaction

NO_SUCH_TEAM = "There is no such team, or you are not in it."
NO_SUCH_MEMBER = "There is no such member in this team."
LAST_OWNER = "The team would have no owner left. Make somebody else its owner first."


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnTeam:
    """A team that a person founds."""

    id: str
    name: str
    person: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamChange:
    team: str
    by: str
    #: None leaves name and visibility as they are.
    name: str | None
    default_visibility: Visibility | None
    #: None: no cap, and the site's setting.
    person_credits: int | None
    concurrency: int | None
    #: For the audit log.
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RoleChange:
    team: str
    by: str
    person: str
    role: Role


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    team: str
    by: str
    person: str
    #: Who gets jobs and uploads; None: who removes, else the oldest owner.
    heir: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Deactivation:
    person: str
    by: str
    #: Who gets jobs and uploads in the teams that both are in; elsewhere it is the oldest other owner.
    heir: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Activation:
    person: str
    by: str


# Reads ------------------------------------------------------------------------------------------------------


def get(store: Store, team: str) -> Team | None:
    found = store.read("team_by_id", id=team)
    return rows.team(found[0]) if found else None


def every(store: Store) -> list[Team]:
    return [rows.team(row) for row in store.read("all_teams")]


def members(store: Store, team: str) -> list[Member]:
    """The longest there first."""
    return [member_of(row) for row in store.read("members", team=team)]


def member_of(row: dict[str, Any]) -> Member:
    return Member(
        person=row["person"],
        name=row["name"],
        email=row["email"],
        role=Role(row["role"]),
        verified=row["verified"],
        active=row["active"],
        since=row["since"],
    )


# Verbs ------------------------------------------------------------------------------------------------------


@each
def found(tx: Transaction, new: OwnTeam) -> Team:
    insert_team(tx, new.id, new.name)
    tx.run("add_membership", team=new.id, person=new.person, role=Role.OWNER.value, now=tx.now)
    note(tx, new.person, "team made", new.id)
    return rows.team(tx.run("team_by_id", id=new.id)[0])


@each
def change(tx: Transaction, wanted: TeamChange) -> Team:
    changed = tx.run(
        "set_team",
        id=wanted.team,
        name=wanted.name,
        visibility=wanted.default_visibility.value if wanted.default_visibility else None,
        person_credits=wanted.person_credits,
        concurrency=wanted.concurrency,
    )
    if not changed:
        raise NotFound(NO_SUCH_TEAM)
    plates.opened(tx, [wanted.team])  # there may be more room than before
    note(tx, wanted.by, "team changed", f"{changed[0]['name']}: {wanted.words}")
    return rows.team(changed[0])


@each
def set_role(tx: Transaction, wanted: RoleChange) -> Member:
    people = _members(tx, wanted.team)
    member = _member(people, wanted.person)
    if member.role is wanted.role:
        return member
    if member.role is Role.OWNER:
        _need_other_owner(people, member)
    tx.run("set_role", team=wanted.team, person=wanted.person, role=wanted.role.value)
    _end_unbacked(tx, wanted.person, wanted.team)
    name = _team_name(tx, wanted.team)
    note(tx, wanted.by, "role changed", f"{member.email} in {name}: {member.role} to {wanted.role}")
    if wanted.by != wanted.person:
        text = f"You are now {role_words(wanted.role)} of {name}."
        notices.insert(tx, [NewNotice(person=wanted.person, kind="role_changed", text=text)])
    return _member(_members(tx, wanted.team), wanted.person)


@each
def remove(tx: Transaction, wanted: Removal) -> Ended:
    """End a membership with the sessions and tokens that rest on it, and hand over what the person leaves."""
    people = _members(tx, wanted.team)
    member = _member(people, wanted.person)
    if member.role is Role.OWNER:
        _need_other_owner(people, member)
    heir = _heir(people, wanted)
    name = _team_name(tx, wanted.team)
    tx.run("remove_membership", team=wanted.team, person=member.person)
    note(tx, wanted.by, "removed" if wanted.by != member.person else "left", f"{member.email} from {name}")
    _hand_over(tx, wanted.team, name, member, heir, by=wanted.by)
    _end_unbacked(tx, member.person, wanted.team)
    _keep_in_a_team(tx, member)
    if wanted.by != member.person:
        text = f"You are no longer in the team {name}. Your jobs there are {heir.name}'s now."
        notices.insert(tx, [NewNotice(person=member.person, kind="removed", text=text)])
    return Ended(
        sessions=_hashes(tx.run("end_sessions_in_team", person=member.person, team=wanted.team, now=tx.now)),
        tokens=_hashes(tx.run("end_tokens_of_team", person=member.person, team=wanted.team, now=tx.now)),
    )


@each
def deactivate(tx: Transaction, wanted: Deactivation) -> Ended:
    """Switch a person off: they stay a member, but nothing authorises them, and their jobs go to colleagues."""
    found = tx.run("person_by_id", id=wanted.person)
    if not found or not found[0]["active"]:
        raise WrongState("This person is switched off already." if found else "There is no such person.")
    if found[0]["site_admin"] and not tx.run("other_site_admins", person=wanted.person):
        raise WrongState("This is the site's last admin, who cannot be switched off.")
    for membership in tx.run("teams_of_person", person=wanted.person):
        people = _members(tx, membership["team"])
        member = _member(people, wanted.person)
        if heir := _successor(people, member, wanted.heir):
            _hand_over(tx, membership["team"], _team_name(tx, membership["team"]), member, heir, by=wanted.by)
    tx.run("set_active", id=wanted.person, active=False)
    _end_unbacked(tx, wanted.person, None)
    tx.run("end_sign_in_links", person=wanted.person, now=tx.now)
    note(tx, wanted.by, "deactivated", wanted.person)
    return Ended(
        sessions=_hashes(tx.run("end_sessions_of_person", person=wanted.person, now=tx.now)),
        tokens=_hashes(tx.run("end_tokens_of_person", person=wanted.person, now=tx.now)),
    )


@each
def activate(tx: Transaction, wanted: Activation) -> None:
    if not tx.run("person_by_id", id=wanted.person):
        raise NotFound("There is no such person.")
    if not tx.run("set_active", id=wanted.person, active=True):
        raise WrongState("This person is not switched off.")
    note(tx, wanted.by, "activated", wanted.person)


@each
def move_session(tx: Transaction, wanted: tuple[str, str]) -> None:
    """(session's hash, team): it acts there from now on."""
    hash, team = wanted
    if not tx.run("move_session", hash=hash, team=team):
        raise NotFound("This session has ended. Sign in again.")


def role_words(role: Role) -> str:
    """With its article, for the middle of a sentence."""
    return f"an {role}" if role in (Role.OWNER, Role.ADMIN) else f"a {role}"


# How it is done ---------------------------------------------------------------------------------------------


def _members(tx: Transaction, team: str) -> list[Member]:
    return [member_of(row) for row in tx.run("members", team=team)]


def _member(people: list[Member], person: str) -> Member:
    found = next((member for member in people if member.person == person), None)
    if found is None:
        raise NotFound(NO_SUCH_MEMBER)
    return found


def _team_name(tx: Transaction, team: str) -> str:
    return str(tx.run("team_name", id=team)[0]["name"])


def _owners(people: list[Member], *, but: Member) -> list[Member]:
    """Other owners who can act; one who is switched off cannot."""
    return [m for m in people if m.role is Role.OWNER and m.active and m.person != but.person]


def _need_other_owner(people: list[Member], member: Member) -> None:
    if not _owners(people, but=member):
        raise WrongState(LAST_OWNER)


def _may_inherit(member: Member, leaving: Member) -> bool:
    return member.active and member.role is not Role.VIEWER and member.person != leaving.person


def _heir(people: list[Member], wanted: Removal) -> Member:
    """Who gets what a removed member leaves. A team has an owner, so there always is one."""
    leaving = _member(people, wanted.person)
    able = {member.person: member for member in people if _may_inherit(member, leaving)}
    if wanted.heir is not None:
        if wanted.heir not in able:
            raise BadInput("Hand the jobs to somebody of this team who may run jobs.", field="heir")
        return able[wanted.heir]
    if wanted.by in able:
        return able[wanted.by]
    owners = _owners(people, but=leaving)
    if not owners:
        raise WrongState("Nobody of this team can take over the jobs. Make somebody its owner first.")
    return owners[0]


def _successor(people: list[Member], leaving: Member, heir: str | None) -> Member | None:
    """Who gets what a person who is switched off leaves in one team; None: it stays theirs."""
    chosen = [member for member in people if member.person == heir and _may_inherit(member, leaving)]
    return next(iter(chosen + _owners(people, but=leaving)), None)


def _hand_over(tx: Transaction, team: str, name: str, leaving: Member, heir: Member, *, by: str) -> None:
    """Jobs, also those that run, and uploads. Everybody who looks at one of the jobs hears of it."""
    jobs = tx.run("hand_over_jobs", team=team, person=leaving.person, heir=heir.person)
    tx.run("hand_over_batches", team=team, person=leaving.person, heir=heir.person)
    tx.run("hand_over_uploads", team=team, person=leaving.person, heir=heir.person)
    for job in jobs:
        tx.changed(
            job=job["id"],
            seq=job["seq"],
            team=team,
            submitter=heir.person,
            visibility=Visibility(job["visibility"]),
            status=Status(job["status"]),
            progress=job["progress"],
            step=job["step"],
            attempt=job["attempt"],
            batch=job["batch"],
        )
    if not jobs:
        return
    note(tx, by, "handed over", f"{len(jobs)} jobs of {leaving.email} in {name} to {heir.email}")
    if heir.person != by:
        text = f"You have {leaving.name}'s jobs in {name} now: {len(jobs)}."
        notices.insert(tx, [NewNotice(person=heir.person, kind="handed_over", text=text)])


def _end_unbacked(tx: Transaction, person: str, team: str | None) -> None:
    """Pending invitations to a team (None: to any) and its jobs end when the role of who sent them allows them no more.

    Otherwise somebody who was removed could come back by a link of their own.
    """
    for row in tx.run("end_unbacked_invitations", person=person, team=team, now=tx.now):
        note(tx, None, "invitation withdrawn", row["email"])


def _keep_in_a_team(tx: Transaction, member: Member) -> None:
    """Somebody who is in no team any more looks on from a team of their own, in which nothing can be run."""
    if not tx.run("teams_of_person", person=member.person):
        add_guest_team(tx, member.person, member.name)


def add_guest_team(tx: Transaction, person: str, name: str) -> None:
    """What somebody acts in who was invited to see jobs only: a team in which they run nothing."""
    team = new_id()
    insert_team(tx, team, name)
    tx.run("add_membership", team=team, person=person, role=Role.VIEWER.value, now=tx.now)


def _hashes(ended: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(row["hash"] for row in ended)
