"""Composition root: settings -> site -> the ASGI app. `python app.py` serves it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import molstar_cli
import streamlit as st
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import api
from compute import settings as site_settings
from compute.site import open_site
from pages import opening
from pages.warm import warm

# Jobs, uploads and secrets are for the site's own user, wherever its folders lie; the cluster inherits it.
os.umask(0o077)
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
log = logging.getLogger("wellplate.app")
try:
    settings = site_settings.load()
except site_settings.BadSettings as error:
    sys.exit(f"Wellplate cannot start: {error}")


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    site = open_site(settings)
    await asyncio.gather(asyncio.to_thread(site.__enter__), asyncio.to_thread(warm))
    print(f"  Wellplate is at {settings.public_url}/app/\n", flush=True)
    api.stop_on_signals()
    try:
        yield
    finally:
        await asyncio.to_thread(site.__exit__, None, None, None)


def on_script_error(error: Exception) -> bool:
    """A bug in a page: the log has the traceback, the person a sentence."""
    log.error("a page failed", exc_info=error)
    st.error("This page ran into an error of its own. The server's log has the details; reload to try again.")
    return True


viewer = Path(molstar_cli.__file__).parent / "static" / "molstar"
app = st.App(
    Path(__file__).parent / "pages" / "main.py",
    routes=[*api.routes(), *opening.routes(), Mount("/vendor/molstar", app=StaticFiles(directory=viewer))],
    lifespan=lifespan,
    on_script_error=on_script_error,
)

if __name__ == "__main__":
    app.run(config={"server.address": settings.host, "server.port": settings.port})
