"""What a list of jobs is narrowed to, in the query of a GET or the body of a bulk action."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, Field

from data.errors import BadInput
from data.records import JobFilter, Person, Status, valid_id


class Filter(BaseModel):
    """All that is given must hold; of a list one."""

    tool: list[str] = Field(default_factory=list, max_length=100)
    not_tool: list[str] = Field(default_factory=list, max_length=100)
    status: list[Status] = Field(default_factory=list, max_length=10)
    not_status: list[Status] = Field(default_factory=list, max_length=10)
    submitter: list[str] = Field(default_factory=list, max_length=100, description="A person's id, or `me`.")
    not_submitter: list[str] = Field(default_factory=list, max_length=100)
    q: str | None = Field(
        None,
        max_length=200,
        description="Words that the name or a tag contains; one with a leading `-` must not be there.",
    )
    tag: str | None = Field(None, max_length=100)
    starred: bool = Field(False, description="Only those that you starred.")
    since: datetime | None = Field(None, description="Submitted then or later. UTC where no zone is named.")
    until: datetime | None = Field(None, description="Submitted earlier.")
    longer_s: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="Ran, or runs, for so many seconds at least."
    )
    shorter_s: float | None = Field(None, ge=0, allow_inf_nan=False)
    shared: bool = Field(False, description="Instead of the team's jobs those that others invited you to.")

    def of(self, person: Person) -> JobFilter:
        return JobFilter(
            tool=_some(self.tool),
            not_tool=_some(self.not_tool),
            status=tuple(self.status),
            not_status=tuple(self.not_status),
            submitter=tuple(person_of(person, one, "submitter") for one in _some(self.submitter)),
            not_submitter=tuple(person_of(person, one, "not_submitter") for one in _some(self.not_submitter)),
            q=self.q or None,
            tag=self.tag or None,
            starred=self.starred,
            since=_utc(self.since),
            until=_utc(self.until),
            longer_s=self.longer_s,
            shorter_s=self.shorter_s,
            shared=self.shared,
        )


class ListQuery(Filter):
    limit: int = Field(50, ge=1, le=200)
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")


class BulkFilter(Filter):
    """A filter that is to be acted on: a word that it does not know might have narrowed it."""

    model_config = ConfigDict(extra="forbid")


def _some(texts: list[str]) -> tuple[str, ...]:
    """A form sends an empty text for what was not chosen."""
    return tuple(text for text in texts if text)


def person_of(person: Person, text: str, field: str) -> str:
    """A person's id, also of who asks as `me`. Raises BadInput."""
    known = person.id if text == "me" else valid_id(text)
    if known is None:
        raise BadInput(f"{field} is a person's id or `me`.", field=field)
    return known


def _utc(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC).replace(tzinfo=None) if time and time.tzinfo else time
