"""/api/docs: Swagger UI from its Python package, so that it works without a network."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

# Swagger UI styles its elements itself, and draws its icons from data: addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Wellplate API</title>
<link rel="stylesheet" href="assets/swagger-ui.css">
</head>
<body>
<main id="api"></main>
<script src="assets/swagger-ui-bundle.js"></script>
<script src="start.js"></script>
</body>
</html>
"""

START = """SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


def routes() -> list[BaseRoute]:
    return [
        Route("/docs", _redirect),
        Route("/docs/", _page),
        Route("/docs/start.js", _start),
        Mount("/docs/assets", app=StaticFiles(directory=swagger_ui_path)),
    ]


async def _redirect(request: Request) -> Response:
    return Response(status_code=307, headers={"Location": "/api/docs/"})


async def _page(request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": POLICY})


async def _start(request: Request) -> Response:
    return Response(START, media_type="text/javascript")
