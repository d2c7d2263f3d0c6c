"""Passwords: argon2, a few at a time, and as slow for an unknown person as for a wrong password."""

from __future__ import annotations

import base64
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from data.errors import BadInput

SHORTEST, LONGEST = 10, 1000
#: One hash takes 64 MB and up to four threads: more at once would let strangers fill the memory.
AT_ONCE = 2


class Passwords:
    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._nobody = _unmatched(self._hasher)

    def hash(self, password: str, *, field: str) -> str:
        """Hash a new password. Raises BadInput when it is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise BadInput(f"Choose a password of {SHORTEST} to {LONGEST} characters.", field=field)
        with self._slots:
            return self._hasher.hash(password)

    def fits(self, hashed: str | None, password: str) -> bool:
        """Whether the password belongs to the hash; None (nobody, or none set) takes as long and is False."""
        if len(password) > LONGEST:
            return False
        with self._slots:
            try:
                return self._hasher.verify(hashed or self._nobody, password) and hashed is not None
            except (VerifyMismatchError, InvalidHashError):
                return False

    def renewed(self, hashed: str | None, password: str) -> str | None:
        """A new hash of a password that fitted, where the old one was made with weaker parameters."""
        if hashed is None or not self._hasher.check_needs_rehash(hashed):
            return None
        with self._slots:
            return self._hasher.hash(password)


def _unmatched(hasher: PasswordHasher) -> str:
    """A hash with this hasher's cost that no password is known for."""
    zeros = [base64.b64encode(bytes(length)).decode().rstrip("=") for length in (16, hasher.hash_len)]
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v=19${cost}${zeros[0]}${zeros[1]}"
