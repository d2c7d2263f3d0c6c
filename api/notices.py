"""/api/v1/notices and /me/notifications: what somebody is told, and where else they want to hear it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Reader, SignedIn
from api.shapes import moment
from compute import workbench
from compute.notices.notices import MOST
from data.records import Notice, Preferences, When

router = APIRouter(tags=["notices"])


class ReadBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = Field(None, max_length=MOST, description="Without it, all.")


class NotificationsBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    bell: When = Field(When.ALWAYS, description="The bell on the pages.")
    mail: When = Field(When.NEVER, description="To your address, once it was proven to be yours.")
    webhook: When = Field(When.NEVER, description="A POST of JSON to `webhook_url`.")
    webhook_url: str = Field("", description="At one of the site's webhook hosts.")


@router.get("/notices", response_model=models.Notices, summary="Your notices, newest first")
def notices(person: Reader, limit: Annotated[int, Query(ge=1, le=MOST)] = 50) -> Response:
    """With a token, those about the jobs of its team."""
    bell = workbench.current().notices
    listed = [_shape(notice) for notice in bell.list(person, limit)]
    return JSONResponse({"unread": bell.unread(person), "notices": listed})


@router.post("/notices/read", response_model=models.Unread, summary="Mark notices as read")
def read(person: SignedIn, body: ReadBody) -> Response:
    bell = workbench.current().notices
    bell.read(person, body.ids)
    return JSONResponse({"unread": bell.unread(person)})


@router.get("/me/notifications", response_model=models.Notifications, summary="Where you hear of your jobs")
def notifications(person: SignedIn) -> Response:
    return JSONResponse(_choices(workbench.current().notices.preferences(person)))


@router.put(
    "/me/notifications", response_model=models.Notifications, summary="Choose where you hear of your jobs"
)
def choose(person: SignedIn, body: NotificationsBody) -> Response:
    wanted = Preferences(**body.model_dump())
    return JSONResponse(_choices(workbench.current().notices.prefer(person, wanted)))


def _choices(preferences: Preferences) -> dict[str, Any]:
    bell = workbench.current().notices
    site = {"sends_mail": bell.sends_mail, "webhook_hosts": list(bell.webhook_hosts)}
    return asdict(preferences) | site


def _shape(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "kind": notice.kind,
        "text": notice.text,
        "job": notice.job,
        "batch": notice.batch,
        "created": moment(notice.created_at),
        "read": moment(notice.read_at),
    }
