"""Who may do what: the one place where a right is decided.

docs/access.md has the whole table. A right rests on the person's role in the job's own team, whichever team they act
in now; somebody who left it has none. A token does what its scopes name: `jobs:read`, `jobs:write`, `files:read`,
`files:write`, and `admin` for the powers of the admin. A state that forbids something (deleting a running job) is no
matter of rights and is decided where the state is known.
"""

from __future__ import annotations

from enum import StrEnum

from data.records import Change, Job, Person, Role, Visibility


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


#: A right hangs on a job's team, submitter and visibility, which a change of it carries too.
Subject = Job | Change

#: The scope that an action asks of a token.
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
#: What somebody who keeps order, rather than the submitter, may do to a job.
ORDERLY = frozenset({Action.CANCEL, Action.DELETE})


def may(person: Person | None, action: Action, job: Subject) -> bool:
    """Whether this person (None: nobody signed in) may do this to this job."""
    return _may_ordinarily(person, action, job) or looks_in_as_admin(person, action, job)


def why_not(person: Person | None, action: Action, job: Job) -> str:
    """The sentence for somebody who may not do this to a job of which they see the row."""
    if person is not None and person.id == job.submitter:
        return "Your role in this team, or this token, does not allow it."
    return f"You may not {WORDS[action]} this job; it is {job.submitter_name}'s."


def looks_in_as_admin(person: Person | None, action: Action, job: Subject) -> bool:
    """Whether only the power of the site's admin allows this: then it leaves a row in the audit log."""
    if _may_ordinarily(person, action, job) or not may_administer(person):
        return False
    return holds(person, SCOPE[action]) and (action in READING | ORDERLY or action is Action.SEE_ROW)


def sees(person: Person | None, job: Subject) -> bool:
    """Whether this person sees the job without the powers of the site's admin."""
    return _may_ordinarily(person, Action.SEE, job)


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


def _may_ordinarily(person: Person | None, action: Action, job: Subject) -> bool:
    if job.visibility is Visibility.PUBLIC and action in READING | {Action.SEE_ROW}:
        return True
    if person is None or not holds(person, SCOPE[action]):
        return False
    role = person.role_in(job.team)
    if action is Action.SEE_ROW:
        return role is not None or _sees(person, job)
    if action in READING:
        return _sees(person, job)
    if role is None or role is Role.VIEWER:
        return False
    if person.id == job.submitter:
        return True
    return action in ORDERLY and role in (Role.OWNER, Role.ADMIN)


def _sees(person: Person, job: Subject) -> bool:
    member = person.role_in(job.team) is not None
    if member and person.id == job.submitter:
        return True
    if job.visibility is Visibility.TEAM:
        return member
    if job.visibility is Visibility.INVITED:
        return (job.id if isinstance(job, Job) else job.job) in person.invited
    return job.visibility in (Visibility.USERS, Visibility.PUBLIC)
