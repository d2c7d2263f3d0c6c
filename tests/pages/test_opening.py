"""The document with which a page opens."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from pages import opening

OTHER = "from Streamlit"


@pytest.fixture
def client() -> TestClient:
    """Our routes, and behind them everything else under /app."""

    async def rest(request: object) -> PlainTextResponse:
        return PlainTextResponse(OTHER)

    behind = Mount("/app", routes=[Route("/{path:path}", rest)])
    return TestClient(Starlette(routes=[*opening.routes(), behind]))


@pytest.mark.parametrize("address", ["/app/", "/app/batch", "/app/jobs?jobId=1", "/app/nothing"])
def test_the_client_is_told_where_its_server_is_before_it_starts(client: TestClient, address: str) -> None:
    answer = client.get(address)
    page = answer.text
    assert (
        answer.headers["content-type"].startswith("text/html")
        and answer.headers["cache-control"] == "no-cache"
    )
    assert page.index("window.__streamlit = {") < page.index('<script type="module"')
    assert "<title>Wellplate</title>" in page


@pytest.mark.parametrize(
    "address",
    ["/app/favicon.png", "/app/_stcore/health", "/app/static/js/index.js", "/app/batch/_stcore/health"],
)
def test_what_is_no_page_is_left_to_streamlit(client: TestClient, address: str) -> None:
    assert client.get(address).text == OTHER


def test_another_document_of_streamlit_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A version whose document is another must not go unnoticed: pages would open slowly again."""
    opening.document.cache_clear()
    monkeypatch.setattr(opening, "TITLE", "<title>Another</title>")
    with pytest.raises(RuntimeError, match="Another"):
        opening.document()
    monkeypatch.undo()
    opening.document.cache_clear()
