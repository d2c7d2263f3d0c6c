"""Who may do what: the one place where a right is decided.

docs/access.md has the whole table. A right rests on the person's role in the job's own team, whichever team they act
in now; somebody who left it has none. A token does what its scopes name: `jobs:read`, `jobs:write`, `files:read`,
`files:write`, and `admin` for the powers of the admin. A state that forbids something (deleting a running job) is no
matter of rights and is decided where the state is known.

The same holds for files that live on their own: who owns one is its submitter.
"""

from __future__ import annotations

from enum import StrEnum

from data.records import Batch, Change, Job, Person, Role, StoredFile, Visibility


class Action(StrEnum):
    SEE_ROW = "see_row"  # name, status, duration, tool, submitter
    SEE = "see"  # inputs, settings, summary, tables
    FILE = "file"  # list and read one result file
    DOWNLOAD = "download"  # everything as an archive
    LOG = "log"
    EVENTS = "events"
    RENAME = "rename"
    CANCEL = "cancel"
    DELETE = "delete"
    RETRY = "retry"
    SHARE = "share"
    EXPORT = "export"


class Scope(StrEnum):
    JOBS_READ = "jobs:read"
    JOBS_WRITE = "jobs:write"
    FILES_READ = "files:read"
    FILES_WRITE = "files:write"
    ADMIN = "admin"


#: A right hangs on the team, submitter and visibility of a job, a batch or a file; a change of a job carries them too.
#: A batch's children have the same as it has.
Subject = Job | Batch | StoredFile | Change

#: The scope that an action on a job asks of a token.
SCOPE = {
    Action.SEE_ROW: Scope.JOBS_READ,
    Action.SEE: Scope.JOBS_READ,
    Action.FILE: Scope.FILES_READ,
    Action.DOWNLOAD: Scope.FILES_READ,
    Action.LOG: Scope.JOBS_READ,
    Action.EVENTS: Scope.JOBS_READ,
    Action.RENAME: Scope.JOBS_WRITE,
    Action.CANCEL: Scope.JOBS_WRITE,
    Action.DELETE: Scope.JOBS_WRITE,
    Action.RETRY: Scope.JOBS_WRITE,
    Action.SHARE: Scope.JOBS_WRITE,
    Action.EXPORT: Scope.JOBS_READ,
}

#: The action as the middle of a sentence about "this job".
WORDS = {
    Action.SEE_ROW: "see",
    Action.SEE: "see what is in",
    Action.FILE: "read the files of",
    Action.DOWNLOAD: "download the files of",
    Action.LOG: "read the log of",
    Action.EVENTS: "follow",
    Action.RENAME: "rename",
    Action.CANCEL: "cancel",
    Action.DELETE: "delete",
    Action.RETRY: "retry",
    Action.SHARE: "share",
    Action.EXPORT: "export the results of",
}

READING = frozenset({Action.SEE, Action.FILE, Action.DOWNLOAD, Action.LOG, Action.EVENTS, Action.EXPORT})
#: The same for "this file", which has no other actions.
FILE_WORDS = {
    Action.SEE_ROW: "see",
    Action.SEE: "look into",
    Action.FILE: "read",
    Action.DOWNLOAD: "download",
    Action.RENAME: "rename",
    Action.SHARE: "share",
    Action.DELETE: "delete",
}

#: What somebody who keeps order, rather than the submitter, may do.
ORDERLY = frozenset({Action.CANCEL, Action.DELETE})


def may(person: Person | None, action: Action, subject: Subject) -> bool:
    """Whether this person (None: nobody signed in) may do this to this job or file."""
    return _may_ordinarily(person, action, subject) or looks_in_as_admin(person, action, subject)


def why_not(person: Person | None, action: Action, subject: Job | Batch | StoredFile) -> str:
    """The sentence for somebody who may not do this to a job, batch or file of which they see the row."""
    if person is not None and person.id == subject.submitter:
        return "Your role in this team, or this token, does not allow it."
    if isinstance(subject, StoredFile):
        return f"You may not {FILE_WORDS[action]} this file; it is {subject.owner_name}'s."
    kind = "batch" if isinstance(subject, Batch) else "job"
    return f"You may not {WORDS[action]} this {kind}; it is {subject.submitter_name}'s."


def looks_in_as_admin(person: Person | None, action: Action, subject: Subject) -> bool:
    """Whether only the power of the site's admin allows this: then it leaves a row in the audit log."""
    if _may_ordinarily(person, action, subject) or not may_administer(person):
        return False
    allowed = action in READING | ORDERLY or action is Action.SEE_ROW
    return allowed and holds(person, scope_of(action, subject))


def sees(person: Person | None, subject: Subject) -> bool:
    """Whether this person sees the job or file without the powers of the site's admin."""
    return _may_ordinarily(person, Action.SEE, subject)


def scope_of(action: Action, subject: Subject) -> Scope:
    """The scope that this action on this asks of a token."""
    if isinstance(subject, StoredFile):
        return Scope.FILES_READ if action in READING | {Action.SEE_ROW} else Scope.FILES_WRITE
    return SCOPE[action]


def may_run(person: Person | None) -> bool:
    """Whether this person may submit jobs in the team in which they act."""
    return person is not None and person.role is not Role.VIEWER and holds(person, Scope.JOBS_WRITE)


def may_upload(person: Person | None) -> bool:
    return person is not None and person.role is not Role.VIEWER and holds(person, Scope.FILES_WRITE)


def may_administer(person: Person | None) -> bool:
    """Whether this person may use the powers of the site's admin: grants, limits, everybody's queue."""
    return person is not None and person.site_admin and holds(person, Scope.ADMIN)


def may_manage(person: Person | None, team: str) -> bool:
    """Whether this person changes a team's settings and invitations; whom they may appoint, `may_give` says."""
    return may_administer(person) or _leads(person, team, Role.OWNER, Role.ADMIN)


def may_give(person: Person | None, team: str, *roles: Role) -> bool:
    """Whether this person may make somebody of a team one of these roles, or take it from them."""
    if may_administer(person) or _leads(person, team, Role.OWNER):
        return True
    return _leads(person, team, Role.ADMIN) and set(roles) <= {Role.MEMBER, Role.VIEWER}


def _leads(person: Person | None, team: str, *roles: Role) -> bool:
    """A token leads no team, unless it has admin: one that leaked must not let others in."""
    return person is not None and holds(person, Scope.ADMIN) and person.role_in(team) in roles


def holds(person: Person | None, scope: Scope) -> bool:
    """Whether a token's scopes allow this; a session's are not limited."""
    return person is not None and (person.scopes is None or scope in person.scopes)


def _may_ordinarily(person: Person | None, action: Action, subject: Subject) -> bool:
    if subject.visibility is Visibility.PUBLIC and action in READING | {Action.SEE_ROW}:
        return True
    if person is None or not holds(person, scope_of(action, subject)):
        return False
    role = person.role_in(subject.team)
    if action is Action.SEE_ROW:
        return role is not None or _sees(person, subject)
    if action in READING:
        return _sees(person, subject)
    if role is None or role is Role.VIEWER:
        return False
    if person.id == subject.submitter:
        return True
    return action in ORDERLY and role in (Role.OWNER, Role.ADMIN)


def _sees(person: Person, subject: Subject) -> bool:
    member = person.role_in(subject.team) is not None
    if member and person.id == subject.submitter:
        return True
    if subject.visibility is Visibility.TEAM:
        return member
    if subject.visibility is Visibility.INVITED:
        return not person.invited.isdisjoint(_invitable(subject))
    return subject.visibility in (Visibility.USERS, Visibility.PUBLIC)


def _invitable(subject: Subject) -> set[str | None]:
    """Ids to which an invitation lets somebody see this: its own, and that of the batch of which it is a child."""
    if isinstance(subject, Change):
        return {subject.job, subject.batch}
    return {subject.id, subject.batch} if isinstance(subject, Job) else {subject.id}
