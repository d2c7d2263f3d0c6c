"""/api/v1/files, /results and /space: the team's library, result files across jobs, and what they all take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, JSONResponse, Response

from api import models
from api.callers import Anyone, FileReader, Uploader
from api.downloads import sent, streamed
from api.filters import person_of
from api.shapes import file_row, file_shape, job_row, moment
from compute import workbench
from compute.access import Action, may
from compute.cursors import MOST
from compute.library import Library
from data.errors import NotFound
from data.records import FileFilter, FileRelative, Person, ResultFile, Space, StoredFile, Visibility, valid_id

router = APIRouter(tags=["files"])


async def _file_id(file_id: Annotated[str, Path(description="The file's id.")]) -> str:
    known = valid_id(file_id)
    if known is None:
        raise NotFound("There is no such file, or it is not shared with you.")
    return known


FileId = Annotated[str, Depends(_file_id)]


class FileQuery(BaseModel):
    """All that is given must hold; of a list one."""

    format: list[str] = Field(default_factory=list, max_length=100, examples=[["sample"]])
    owner: list[str] = Field(default_factory=list, max_length=100, description="A person's id, or `me`.")
    q: str | None = Field(
        None, max_length=200, description="Words of the name; one with a leading `-` must not be there."
    )
    limit: int = Field(50, ge=1, le=MOST)
    cursor: str | None = Field(None, max_length=2000, description="`next_cursor` of the page before.")

    def of(self, person: Person) -> FileFilter:
        return FileFilter(
            format=tuple(one for one in self.format if one),
            owner=tuple(person_of(person, one, "owner") for one in self.owner if one),
            q=self.q or None,
        )


class LibraryQuery(FileQuery):
    origin: Literal["uploaded", "made"] | None = Field(
        None, description="Uploads only, or only what jobs made for the library."
    )

    def of(self, person: Person) -> FileFilter:
        filter = super().of(person)
        return FileFilter(format=filter.format, owner=filter.owner, q=filter.q, origin=self.origin)


class FileChanges(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    visibility: Visibility | None = Field(None, description="private, team, users or public.")


def _library() -> Library:
    return workbench.current().library


# Lists --------------------------------------------------------------------------------------------------------------


@router.get("/files", response_model=models.FilePage, summary="The team's library, newest first")
def files(person: FileReader, query: Annotated[LibraryQuery, Query()]) -> Response:
    """Uploads, and what jobs made for the library; also what other teams show to everybody who is signed in."""
    page = _library().list(person, query.of(person), limit=query.limit, cursor=query.cursor)
    listed = [file_row(person, file) for file in page.files]
    return JSONResponse({"files": listed, "next_cursor": page.next_cursor})


@router.get(
    "/results",
    response_model=models.ResultPage,
    summary="Result files of all jobs that you see, newest first",
)
def results(person: FileReader, query: Annotated[FileQuery, Query()]) -> Response:
    page = _library().results(person, query.of(person), limit=query.limit, cursor=query.cursor)
    return JSONResponse({"files": [_result(file) for file in page.files], "next_cursor": page.next_cursor})


@router.get("/space", response_model=models.Spaces, summary="What files take, by team and person")
def space(person: FileReader) -> Response:
    """Of your team; of every team for the site's admin."""
    return JSONResponse({"space": [_space(one) for one in _library().space(person)]})


# One file -----------------------------------------------------------------------------------------------------------


@router.get("/files/{file_id}", response_model=models.File, summary="One file of the library")
def file(person: Anyone, file_id: FileId) -> Response:
    return _told(person, _library().file(person, file_id))


@router.patch("/files/{file_id}", response_model=models.File, summary="Rename or share a file")
def change(person: Uploader, file_id: FileId, body: FileChanges) -> Response:
    changed = _library().change(person, file_id, name=body.name, visibility=body.visibility)
    return _told(person, changed)


@router.delete("/files/{file_id}", status_code=204, summary="Delete a file; jobs keep their copies of it")
def delete(
    person: Uploader,
    file_id: FileId,
    even_if_used: Annotated[
        bool, Query(description="Otherwise 409 when something was made from it.")
    ] = False,
) -> Response:
    _library().delete(person, file_id, even_if_used=even_if_used)
    return Response(status_code=204)


@router.get(
    "/files/{file_id}/family",
    response_model=models.Family,
    summary="What it was made from, and what was made from it",
)
def family(person: Anyone, file_id: FileId) -> Response:
    """Nearest first. `private` is the number of those that you may not see."""
    found = _library().family(person, file_id)
    return JSONResponse(
        {
            "made_from": [_relative(person, one) for one in found.made_from],
            "led_to": [_relative(person, one) for one in found.led_to],
            "private": found.private,
        }
    )


@router.get("/files/{file_id}/members", response_model=models.FolderMembers, summary="The files of a folder")
def members(person: Anyone, file_id: FileId) -> Response:
    return JSONResponse({"members": _library().members(person, file_id)})


@router.get(
    "/files/{file_id}/content",
    response_class=FileResponse,
    summary="The content, also in byte ranges; of a folder a zip",
)
def content(person: Anyone, file_id: FileId, inline: bool = False) -> Response:
    library = _library()
    found = library.content(person, file_id)
    if found.is_dir():
        return streamed(*library.archive(person, file_id))
    return sent(found, library.file(person, file_id).name, inline=inline)


@router.get(
    "/files/{file_id}/content/{path:path}",
    response_class=FileResponse,
    summary="One file of a folder, also in byte ranges",
)
def member(person: Anyone, file_id: FileId, path: str, inline: bool = False) -> Response:
    found = _library().member(person, file_id, path)
    return sent(found, found.name, inline=inline)


# Shapes -------------------------------------------------------------------------------------------------------------


def _told(person: Person | None, file: StoredFile) -> Response:
    """A file after a verb that said what may be told; its row only for a token that may change but not read."""
    whole = may(person, Action.SEE, file)
    return JSONResponse(file_shape(file) if whole else file_row(person, file))


def _result(file: ResultFile) -> dict[str, Any]:
    return {
        "job": {"id": file.job, "name": file.job_name},
        "tool": file.tool,
        "submitter": {"id": file.submitter, "name": file.submitter_name},
        "path": file.path,
        "title": file.title,
        "format": file.format,
        "bytes": file.size,
        "created": moment(file.created_at),
    }


def _space(space: Space) -> dict[str, Any]:
    return {
        "team": {"id": space.team, "name": space.team_name},
        "person": {"id": space.person, "name": space.person_name},
        "library": space.library,
        "files": space.files,
        "results": space.results,
    }


def _relative(person: Person | None, relative: FileRelative) -> dict[str, Any]:
    return {
        "kind": relative.kind,
        "file": file_row(person, relative.file) if relative.file else None,
        "job": job_row(person, relative.job) if relative.job else None,
    }
