"""The programs that tools start: whether they are here, which version, and what installs them."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache

_VERSION = re.compile(r"(?<![\w.])[vV]?(\d+(?:\.\d+)+)")


@dataclass(frozen=True, slots=True)
class Program:
    #: What makes it tell its version.
    ask: str
    #: Of Debian.
    package: str


PROGRAMS = {
    "bowtie2": Program("--version", "bowtie2"),
    "bowtie2-build": Program("--version", "bowtie2"),
    "cd-hit-est": Program("-h", "cd-hit"),
    "hmmpress": Program("-h", "hmmer"),
    "hmmscan": Program("-h", "hmmer"),
    "skewer": Program("--version", "skewer"),
    "spades.py": Program("--version", "spades"),
}


def missing(*names: str) -> str | None:
    """None when all are here, otherwise which are not and the command that installs them."""
    absent = [name for name in names if shutil.which(name) is None]
    if not absent:
        return None
    packages = " ".join(sorted({PROGRAMS[name].package for name in absent}))
    are = "is" if len(absent) == 1 else "are"
    return f"{' and '.join(absent)} {are} not installed. On Debian: apt-get install {packages}"


@cache
def version(name: str) -> str:
    """`bowtie2 2.5.0`; the name alone where it does not tell."""
    if name not in PROGRAMS or shutil.which(name) is None:
        return name
    told = subprocess.run(
        [name, PROGRAMS[name].ask],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ).stdout
    found = _VERSION.search(told)
    return f"{name} {found[1]}" if found else name
