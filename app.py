"""Composition root: settings -> site -> the ASGI app. `python app.py` serves it."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st

import api
from compute import settings as site_settings
from compute.site import open_site

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
settings = site_settings.load()


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    site = open_site(settings)
    await asyncio.to_thread(site.__enter__)
    print(f"  Wellplate is at {settings.public_url}/app/\n", flush=True)
    try:
        yield
    finally:
        await asyncio.to_thread(site.__exit__, *sys.exc_info())


app = st.App(
    Path(__file__).parent / "pages" / "main.py",
    routes=api.routes(),
    lifespan=lifespan,
    middleware=api.middleware(),
)

if __name__ == "__main__":
    app.run(config={"server.address": settings.host, "server.port": settings.port})
