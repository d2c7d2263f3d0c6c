"""One call at a time works on a thing; who comes later may end the waiting of who came before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data.errors import WellplateError

#: How long a call waits for an earlier one.
TURN_S = 20.0


class Busy(WellplateError):
    """Another call works on this. A client may ask again."""

    kind, status = "busy", 423


class Turns:
    def __init__(self) -> None:
        #: What ends the waiting of the call that works on each; None where it waits for nobody.
        self._working: dict[str, Callable[[], None] | None] = {}
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, name: str, stop: Callable[[], None] | None = None) -> Iterator[None]:
        """Work on `name`. `stop` is called from other threads, perhaps more than once, when one of them wants to."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free(name), TURN_S):
                raise Busy("Another call works on this upload. Ask again in a moment.")
            self._working[name] = stop
        try:
            yield
        finally:
            with self._changed:
                del self._working[name]
                self._changed.notify_all()

    def waits_no_more(self, name: str) -> None:
        """From now on there is nothing to stop."""
        with self._changed:
            self._working[name] = None

    def _free(self, name: str) -> bool:
        if name not in self._working:
            return True
        if stop := self._working[name]:
            stop()
        return False
