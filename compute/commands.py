"""The command line. The app owns the database while it runs, so commands ask its API (`HOME/run/server.json`)."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from compute import settings as site_settings
from compute.settings import BadSettings, Settings
from data import backup
from data.errors import WellplateError


class CommandFailed(Exception):
    """A sentence for the terminal."""


def main(arguments: list[str]) -> int:
    os.umask(0o077)  # what is restored or saved is for this user only, as it is in the app
    parser = argparse.ArgumentParser(prog="wellplate")
    verbs = parser.add_subparsers(dest="verb", required=True)
    token = verbs.add_parser("token", help="a new API token of the site's admin")
    token.add_argument("--name", default="command line")
    verbs.add_parser("link", help="a new one-time sign-in link for the admin")
    verbs.add_parser("backup", help="database and files together").add_argument("target", type=Path)
    verbs.add_parser("restore", help="a backup, into an empty home").add_argument("source", type=Path)
    verbs.add_parser("move-wal-aside", help="when the database did not open cleanly")
    given = parser.parse_args(arguments)
    try:
        print(_carry_out(given, site_settings.load()))
    except (CommandFailed, BadSettings, WellplateError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _carry_out(given: argparse.Namespace, settings: Settings) -> str:
    if given.verb == "token":
        scopes = ["jobs:read", "jobs:write", "files:read", "files:write", "admin"]
        return str(_ask(settings, "/api/v1/tokens", {"name": given.name, "scopes": scopes})["token"])
    if given.verb == "link":
        return str(_ask(settings, "/api/v1/sign-in-links", {})["link"])
    if given.verb == "backup":
        return f"Saved to {_backup(settings, given.target)}"
    if given.verb == "restore":
        restored = backup.restore(given.source, settings.home, settings.files)
        lost = len(restored.without_files)
        return f"Restored into {restored.home}. Jobs whose files were not in the backup: {lost}."
    moved = backup.move_wal_aside(settings.database, settings.files)
    return f"Moved to {moved}; start Wellplate again."


def _backup(settings: Settings, target: Path) -> Path:
    if target.exists():
        raise CommandFailed(f"{target} exists already. Name a new folder for the backup.")
    made = _ask(settings, "/api/v1/backups", {})["path"]
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(made, target)
    return target


def _ask(settings: Settings, path: str, body: dict[str, Any]) -> dict[str, Any]:
    server = _server(settings)
    request = urllib.request.Request(
        server["address"] + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {server['token']}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=3600) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise CommandFailed(json.loads(error.read())["error"]["message"]) from error
    except urllib.error.URLError as error:
        raise CommandFailed(f"Wellplate does not answer at {server['address']}: {error.reason}") from error


def _server(settings: Settings) -> dict[str, str]:
    try:
        return json.loads((settings.run_folder / "server.json").read_text())
    except FileNotFoundError as error:
        raise CommandFailed(f"Wellplate is not running with the home {settings.home}.") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
