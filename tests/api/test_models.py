"""The documentation promises shapes; the real answers must have them, field for field."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from starlette.testclient import TestClient

from api import models
from data.records import Person
from tests.laboratory import BODY, Laboratory
from tests.shelf import given, made, uploaded


def holds(model: type[BaseModel], answer: Any) -> Any:
    assert answer.status_code in (200, 201), answer.text
    model.model_validate(answer.json())
    return answer.json()


def test_answers_are_as_documented(lab: Laboratory, browser: TestClient) -> None:
    holds(models.Me, browser.get("/api/v1/me"))
    tools = holds(models.Tools, browser.get("/api/v1/tools"))["tools"]
    assert tools
    holds(models.ToolDetail, browser.get(f"/api/v1/tools/{tools[0]['id']}"))
    file = holds(models.File, browser.put("/api/v1/files?name=a.fasta", content=b">a\nA"))
    holds(models.FilePage, browser.get("/api/v1/files"))
    holds(models.File, browser.get(f"/api/v1/files/{file['id']}"))
    holds(models.Spaces, browser.get("/api/v1/space"))
    holds(models.Quote, browser.post("/api/v1/quote", json=BODY))
    job = holds(models.JobRow, browser.post("/api/v1/jobs", json=BODY))
    path = job["links"]["self"]
    lab.start(job["id"])
    lab.report(job["id"], 40)
    holds(models.JobDetail, browser.get(path))
    lab.complete(job["id"], {"a.tab": b"a"})
    holds(models.JobDetail, browser.get(path))
    holds(models.ResultFiles, browser.get(job["links"]["files"]))
    assert holds(models.ResultPage, browser.get("/api/v1/results"))["files"]
    holds(models.Submission, browser.get(f"{path}/submission"))
    second = holds(models.JobRow, browser.post("/api/v1/jobs", json=BODY))["links"]["self"]
    holds(models.JobDetail, browser.post(f"{second}/cancel"))
    holds(models.JobDetail, browser.patch(second, json={"name": "b"}))
    holds(models.JobRow, browser.post(f"{second}/retry"))
    holds(models.JobPage, browser.get("/api/v1/jobs"))
    holds(models.Credits, browser.get("/api/v1/credits"))
    assert holds(models.Ledger, browser.get("/api/v1/credits/entries"))["entries"]
    holds(models.NewToken, browser.post("/api/v1/tokens", json={"name": "t"}))
    assert holds(models.Tokens, browser.get("/api/v1/tokens"))["tokens"]
    holds(models.SignInLink, lab.bearer(lab.accounts.server_token()).post("/api/v1/sign-in-links"))


def test_a_colleagues_row_is_as_documented(lab: Laboratory, browser: TestClient) -> None:
    path = browser.post("/api/v1/jobs", json=BODY).json()["links"]["self"]
    file = browser.put("/api/v1/files?name=a.fasta", content=b">a\nA").json()["id"]
    bob = lab.browser(lab.join("bob"))
    holds(models.JobDetail, bob.get(path))
    row = holds(models.File, bob.get(f"/api/v1/files/{file}"))
    assert not {"sha256", "visibility", "facts", "job"} & row.keys()
    assert holds(models.FilePage, bob.get("/api/v1/files"))["files"] == [row]


def test_a_folder_of_the_library_is_as_documented(lab: Laboratory, ada: Person, browser: TestClient) -> None:
    origin = uploaded(lab, ada)
    job = given(lab, ada, origin)
    item = made(lab, job, otus=5)
    path = f"/api/v1/files/{item.id}"
    assert holds(models.File, browser.get(path))["facts"] == {"otus": 5}
    assert holds(models.FolderMembers, browser.get(f"{path}/members"))["members"]
    family = holds(models.Family, browser.get(f"{path}/family"))
    assert [(one["file"] or one["job"])["id"] for one in family["made_from"]] == [job.id, origin.id]
    files = holds(models.ResultFiles, browser.get(f"/api/v1/jobs/{job.id}/files"))["files"]
    assert files[0]["file"] == item.id


def test_every_answer_in_json_is_documented(lab: Laboratory) -> None:
    document = lab.browser().get("/api/openapi.json").json()
    for path, calls in document["paths"].items():
        for method, call in calls.items():
            good = next(response for code, response in call["responses"].items() if code.startswith("2"))
            schema = good.get("content", {}).get("application/json", {}).get("schema")
            assert schema != {}, (method, path)
