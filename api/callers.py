"""Who calls: the dependencies that routes take a person from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Path, Request, Security
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.requests import HTTPConnection

from api.guard import COOKIE, bearer_token
from compute import access, workbench
from compute.access import Scope
from data.errors import Forbidden, NotFound, NotSignedIn
from data.records import Person, valid_id

_bearer = HTTPBearer(
    auto_error=False, scheme_name="token", description="An API token: `POST /api/v1/tokens`."
)
_cookie = APIKeyCookie(
    name=COOKIE, auto_error=False, scheme_name="session", description="Set by /auth/login."
)


def identify(connection: HTTPConnection) -> Person | None:
    """Who asks, by token or by session. Raises NotSignedIn for a token that authorises nothing."""
    accounts = workbench.current().accounts
    token = bearer_token(connection.headers)
    if token is None:
        return accounts.person(connection.cookies.get(COOKIE))
    person = accounts.token_person(token)
    if person is None:
        raise NotSignedIn("This token is unknown or was revoked.")
    return person


async def _anyone(
    request: Request, _t: object = Security(_bearer), _s: object = Security(_cookie)
) -> Person | None:
    return identify(request)


async def _signed_in(person: Annotated[Person | None, Depends(_anyone)]) -> Person:
    if person is None:
        raise NotSignedIn("Sign in, or send an API token.")
    return person


def _with(scope: Scope) -> Callable[[Person], Person]:
    """A signed-in person whose token, if it is one, has this scope."""

    async def check(person: Annotated[Person, Depends(_signed_in)]) -> Person:
        if not access.holds(person, scope):
            raise Forbidden(f"This token lacks the scope {scope}.")
        return person

    return check  # type: ignore[return-value]


async def _job_id(job_id: Annotated[str, Path(description="The job's id.")]) -> str:
    known = valid_id(job_id)
    if known is None:
        raise NotFound("There is no such job, or you may not see it.")
    return known


Anyone = Annotated[Person | None, Depends(_anyone)]
SignedIn = Annotated[Person, Depends(_signed_in)]
Reader = Annotated[Person, Depends(_with(Scope.JOBS_READ))]
Runner = Annotated[Person, Depends(_with(Scope.JOBS_WRITE))]
FileReader = Annotated[Person, Depends(_with(Scope.FILES_READ))]
Uploader = Annotated[Person, Depends(_with(Scope.FILES_WRITE))]
Admin = Annotated[Person, Depends(_with(Scope.ADMIN))]
JobId = Annotated[str, Depends(_job_id)]
