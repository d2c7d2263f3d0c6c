"""Many samples at once over the API."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.compute.test_many import READS
from tests.laboratory import Laboratory

SHEET = "name,reads,host\na,a.fq,tomato\nb,b.fq,\n"


@pytest.fixture
def client(lab: Laboratory) -> TestClient:
    client = lab.script(lab.admin)
    for name in ("a.fq", "b.fq"):
        assert client.put(f"/api/v1/files?name={name}", content=READS).status_code == 201
    return client


def post(client: TestClient, body: dict[str, object], **headers: str) -> tuple[int, dict]:  # type: ignore[type-arg]
    answer = client.post("/api/v1/run-sheets", json=body, headers=headers)
    return answer.status_code, answer.json()


def test_a_sheet_is_looked_at_and_then_started_once(client: TestClient) -> None:
    status, looked = post(client, {"sheet": SHEET})
    assert status == 200 and looked["jobs"] == []
    assert [row["name"] for row in looked["rows"]] == ["a", "b"]
    assert looked["rows"][0]["settings"] == {"library_type": "normal", "host": "tomato"}

    body = {"sheet": SHEET, "start": True, "tag": "run 7"}
    status, started = post(client, body, **{"Idempotency-Key": "k"})
    assert status == 201 and started["refused"] == []
    assert [job["tags"] for job in started["jobs"]] == [["run 7"], ["run 7"]]
    _, again = post(client, body, **{"Idempotency-Key": "k"})
    assert [job["id"] for job in again["jobs"]] == [job["id"] for job in started["jobs"]]


def test_nothing_starts_while_a_row_has_a_problem(client: TestClient) -> None:
    status, told = post(client, {"sheet": SHEET + "c,c.fq,\n", "start": True})
    assert status == 200 and told["jobs"] == []
    assert [bool(row["problems"]) for row in told["rows"]] == [False, False, True]
    assert client.get("/api/v1/jobs").json()["jobs"] == []


def test_a_heap_of_files_is_paired_by_name(lab: Laboratory, client: TestClient) -> None:
    mates = {"x_R1.fastq": READS, "x_R2.fastq": READS.replace("ACGTACGTAC", "GTACGTACGT")}
    ids = [
        client.put(f"/api/v1/files?name={name}", content=content).json()["id"]
        for name, content in mates.items()
    ]
    status, told = post(client, {"files": ids, "library_type": "srna"})
    assert status == 200
    (row,) = told["rows"]
    assert (row["name"], row["files"], row["problems"]) == ("x", ids, [])
    assert row["settings"] == {"library_type": "srna"}


@pytest.mark.parametrize("body", [{}, {"sheet": SHEET, "files": ["x"]}, {"sheet": "nonsense"}])
def test_what_is_no_sheet_is_refused(client: TestClient, body: dict[str, object]) -> None:
    status, told = post(client, body)
    assert status == 422 and told["error"]["field"] in ("sheet", "files")
