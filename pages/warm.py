"""What the first page would wait for, done before anybody asks for it."""

from __future__ import annotations

import atexit
import gc
import importlib
import pkgutil

import pages


def warm() -> None:
    """Import what the pages are made of, and leave all that is there by now out of the collection of garbage.

    A collection that looks at these hundreds of thousands of objects holds every request up for a fifth of a second.
    """
    for module in pkgutil.iter_modules(pages.__path__):
        if "_" in module.name:  # the others are scripts, which run when they are imported
            importlib.import_module(f"pages.{module.name}")
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # extension modules check at the end that nothing of theirs is left
