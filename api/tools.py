"""/api/v1/tools."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, Response

from api import models
from api.callers import SignedIn
from compute import workbench
from compute.workbench import ToolStatus
from tools.contract import Batch

router = APIRouter(tags=["tools"])


@router.get("/tools", response_model=models.Tools, summary="What can be run here")
def tools(person: SignedIn) -> Response:
    listed = workbench.current().tools(person)
    return JSONResponse({"tools": [_facts(status) for status in listed]})


@router.get(
    "/tools/{tool_id}",
    response_model=models.ToolDetail,
    summary="One tool, with the JSON schemas of its inputs and settings",
)
def tool(person: SignedIn, tool_id: str) -> Response:
    status = workbench.current().tool(person, tool_id)
    schemas = {
        "inputs": status.tool.Inputs.model_json_schema(),
        "settings": status.tool.Settings.model_json_schema(),
        "batch": _batch(status.tool.batch),
    }
    return JSONResponse(_facts(status) | schemas)


def _batch(batch: Batch | None) -> dict[str, Any] | None:
    if batch is None:
        return None
    return {
        "inputs": batch.Inputs.model_json_schema(),
        "metrics": [asdict(metric) for metric in batch.metrics],
    }


def _facts(status: ToolStatus) -> dict[str, Any]:
    tool = status.tool
    return {
        "id": tool.id,
        "name": tool.name,
        "summary": tool.summary,
        "category": tool.category,
        "keywords": list(tool.keywords),
        "homepage": tool.homepage,
        "licence": tool.licence,
        "doi": tool.doi,
        "steps": list(tool.steps),
        "limits": asdict(tool.limits),
        "available": status.unavailable is None,
        "unavailable": status.unavailable,
    }
