"""Puts a site together and takes it apart: settings -> store -> people -> cluster -> dispatcher -> workbench."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from compute.cluster.client import Cluster
from compute.imports import check_folders
from compute.notices.outbox import Outbox
from compute.offers import check_limits, limits_by_id
from compute.people.accounts import Accounts
from compute.queue.dispatcher import Dispatcher
from compute.settings import Settings
from compute.workbench import Workbench, set_current
from data.folders import Folders
from data.store import Store
from tools import engines


@contextmanager
def open_site(settings: Settings, *, end_cluster: bool = True) -> Iterator[Workbench]:
    """The running site. A clean stop ends the local cluster too, unless `end_cluster` is False.

    Raises BadSettings.
    """
    engines.configure(settings.engine_places)
    check_limits(settings)
    check_folders(settings)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as opened:
        store = Store(settings.database)
        opened.callback(store.close)
        folders = Folders(settings.files)
        outbox = Outbox(store, settings)
        accounts = Accounts(store, settings, outbox)
        cluster = Cluster(settings)
        dispatcher = Dispatcher(settings, store, folders, cluster, partial(limits_by_id, settings=settings))
        workbench = Workbench(settings, store, folders, accounts, dispatcher, cluster)
        if store.read_only is None:
            announce(accounts.first_start())
            # Also when the start fails half-way: no process is left behind.
            opened.callback(dispatcher.stop, end_cluster=end_cluster)
            dispatcher.start()
            opened.callback(outbox.stop)
            outbox.start()
            opened.callback(workbench.uploading.stop)
            workbench.uploading.start()
        set_current(workbench)
        opened.callback(set_current, None)
        server = settings.run_folder / "server.json"
        opened.callback(server.unlink, missing_ok=True)
        write_private(
            server, {"address": settings.local_url, "token": accounts.server_token(), "pid": os.getpid()}
        )
        yield workbench


def write_private(path: Path, content: dict[str, Any]) -> None:
    """A JSON file that only its owner reads."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)


def announce(link: str | None) -> None:
    """Show the admin's sign-in link where the person who started the server sees it."""
    if link is not None:
        print(f"\n  Sign in as the site's admin, once, within 24 hours:\n\n    {link}\n", flush=True)
