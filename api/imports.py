"""/api/v1/import-folders and /imports: files that lie on the server already."""

from __future__ import annotations

import anyio
import anyio.to_thread
from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import Uploader
from api.shapes import file_shape
from compute import workbench

router = APIRouter(tags=["uploads"])

#: Hundreds of gigabytes take a while, so they get threads of their own and cannot keep other calls from running.
IMPORTS_AT_ONCE = 4

_threads = anyio.CapacityLimiter(IMPORTS_AT_ONCE)


class Import(BaseModel):
    model_config = ConfigDict(extra="forbid")

    folder: str = Field(description="As GET /import-folders names it.")
    paths: list[str] = Field(min_length=1, description="Of files in it: names joined with slashes.")


@router.get("/import-folders", response_model=models.ImportFolders, summary="Folders to import from")
def folders(person: Uploader) -> Response:
    names = workbench.current().imports.folders(person)
    return JSONResponse({"folders": [{"name": name} for name in names]})


@router.get(
    "/import-folders/{name}",
    response_model=models.ImportFolder,
    summary="What lies in a folder to import from",
)
def look(person: Uploader, name: str, path: str = "") -> Response:
    found = workbench.current().imports.look(person, name, path)
    entries = [{"name": each.name, "bytes": each.bytes, "is_folder": each.is_folder} for each in found]
    return JSONResponse({"name": name, "path": path, "entries": entries})


@router.post(
    "/imports", response_model=models.Imported, status_code=201, summary="Copy files into your library"
)
async def take(person: Uploader, wanted: Import) -> Response:
    imports = workbench.current().imports
    taken = await anyio.to_thread.run_sync(
        imports.take, person, wanted.folder, wanted.paths, limiter=_threads
    )
    return JSONResponse({"files": [file_shape(stored) for stored in taken]}, 201)
