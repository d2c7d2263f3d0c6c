"""/app/ and each page's address: Streamlit's own document, told where its server is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from streamlit import file_util

#: Without this, Streamlit's client asks `/app/batch/_stcore/health` before `/app/_stcore/health`, and connects when
#: both have answered. With it, it connects at once, and asks for the rest meanwhile.
HERE = """<script>
      window.__streamlit = {
        BACKEND_BASE_URL: new URL(".", location.href).href.replace(/\\/$/, ""),
        HOST_CONFIG: { allowedOrigins: [location.origin], useExternalAuthToken: false },
      }
    </script>
    """
SCRIPT, TITLE = '<script type="module"', "<title>Streamlit</title>"


class PageName(Convertor[str]):
    """The last part of a page's address; what else lies under `/app/` has a dot, a line or a folder of its own."""

    regex = "[a-z]*"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


def routes() -> list[BaseRoute]:
    register_url_convertor("page", PageName())
    return [Route("/app/{page:page}", _open)]


async def _open(request: Request) -> Response:
    return HTMLResponse(document(), headers={"Cache-Control": "no-cache"})


@cache
def document() -> str:
    """The same for all pages: its links are relative, and which page it is the client reads from the address."""
    page = (Path(file_util.get_static_dir()) / "index.html").read_text("utf-8")
    for part in (SCRIPT, TITLE):
        if part not in page:
            raise RuntimeError(f"Streamlit's document has no {part} any more")
    return page.replace(SCRIPT, HERE + SCRIPT, 1).replace(TITLE, "<title>Wellplate</title>")
