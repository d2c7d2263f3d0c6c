"""Links that prove themselves: signed with a key of the site, so that nothing secret is kept for them.

A link can be shown again for as long as what it stands for is open, and a copy of the database alone makes none.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from itsdangerous import BadSignature, URLSafeTimedSerializer


class Signer:
    def __init__(self, key_file: Path) -> None:
        self._key = _key(key_file)

    def sign(self, purpose: str, text: str) -> str:
        """A URL-safe token; one of another purpose never passes for it."""
        return URLSafeTimedSerializer(self._key, salt=purpose).dumps(text)

    def read(self, purpose: str, token: str, *, max_age_s: float | None = None) -> str | None:
        """What was signed; None for what this site did not sign, or longer ago than `max_age_s`."""
        try:
            found = URLSafeTimedSerializer(self._key, salt=purpose).loads(
                token, max_age=None if max_age_s is None else int(max_age_s)
            )
        except BadSignature:
            return None
        return found if isinstance(found, str) else None


def _key(file: Path) -> str:
    """The site's key, made at the first start; only its owner reads it.

    It is there whole or not at all: with an empty one, which a crash or a full disk left, everybody could sign.
    """
    if not file.exists() or not file.read_text().strip():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = file.with_name(f"{file.name}.part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(32))
            new.flush()
            os.fsync(new.fileno())
        part.replace(file)
    return file.read_text()
