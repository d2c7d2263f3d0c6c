"""Profiles of protein families (HMMs): what a set holds, their annotation, and the search with HMMER's hmmscan."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools import formats
from tools.contract import Column, InputFailure, LocalFile, Panel, RowsPanel, RunningJob

#: Largest unpacked set; vFam has 0.8 GB.
UNPACKED = 20_000 * formats.MB
ANNOTATION = 200 * formats.MB
#: Bytes of a line, characters of a name, and profiles: what is packed can unpack to more than memory has.
LINE = formats.MB
TEXT = 300
#: How many times its stored bytes a set has at most; real ones are packed to a quarter.
PACKED = 50
MOST = 1_000_000

#: Residues of a profile at most; the longest protein known has 45,000.
LONGEST = 100_000

VFAM = "vFam"
_CLUSTER = re.compile(r"vFam_(\d+)")
_QUERY = re.compile(r"sequence_(\d+)\.(\d+)")


@dataclass(slots=True)
class Profile:
    name: str = ""
    description: str = ""
    #: Match states, of one residue each.
    length: int = 0
    #: Sequences of the alignment that it was built from.
    sequences: int | None = None
    alphabet: str = ""


@dataclass(frozen=True)
class Hit:
    """A row of hmmscan's table. E-values and scores (bits) of the whole ORF, and of its best domain.

    Virtool stores the score and the bias of the best domain the wrong way round; here each is under its own name.
    """

    contig: int
    orf: int
    #: Name of the profile.
    profile: str
    full_e: float
    full_score: float
    full_bias: float
    best_e: float
    best_score: float
    best_bias: float
    annotation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cluster(self) -> int | None:
        """vFam's number of the family."""
        found = _CLUSTER.fullmatch(self.profile)
        return int(found[1]) if found else None

    @property
    def id(self) -> str:
        """The annotation's id, or the profile's name where it has none."""
        return _whole(self.annotation.get("id") or self.profile)

    @property
    def names(self) -> list[str]:
        return [_whole(each) for each in self.annotation.get("names") or ()]

    @property
    def families(self) -> list[str]:
        """Of viruses, those with most sequences of the cluster first."""
        counted = self.annotation.get("families") or {}
        if isinstance(counted, Mapping):
            counted = sorted(counted, key=lambda name: -counted[name])
        return [_whole(each) for each in counted if str(each) != "None"]


def _whole(told: Any) -> str:
    """Text that UTF-8 can hold: JSON may have half a surrogate pair."""
    return str(told).encode(errors="replace").decode()


def read(file: LocalFile) -> list[Profile]:
    """Every profile of a set, in its order. Raises InputFailure when HMMER could not search with it."""
    found: list[Profile] = []
    whole = True
    limit = min(UNPACKED, PACKED * file.path.stat().st_size + formats.MB)
    with formats.open_binary(file.path, limit) as lines:
        for line in iter(lambda: lines.readline(LINE), b""):
            _must(len(line) < LINE, file, "has a line that is longer than any of a profile")
            if line.startswith(b"HMMER3/"):
                _must(whole, file, "is cut short: a profile has no end")
                _must(len(found) < MOST, file, f"holds more than {MOST:,} profiles")
                found.append(Profile())
                whole = False
            elif line.startswith(b"//"):
                whole = True
            elif not whole and line[:4] in _FACTS:
                _note(found[-1], line)
            elif whole and line.strip():
                raise InputFailure(f"{file.name} is not an HMM set as HMMER 3 writes it. {_GIVE}")
    _must(bool(found), file, "holds no profile")
    _must(whole, file, "is cut short: its last profile has no end")
    _judge(found, file)
    return found


_FACTS = (b"NAME", b"DESC", b"LENG", b"NSEQ", b"ALPH")
_GIVE = "Give profiles of proteins as hmmbuild or vFam write them (.hmm)."


def _note(profile: Profile, line: bytes) -> None:
    key, value = (*line.decode("utf-8", "replace").split(None, 1), "")[:2]
    value = value.strip()[:TEXT]
    if key == "NAME":
        profile.name = value.split()[0] if value else ""  # as HMMER reads it
    elif key == "DESC":
        profile.description = value
    elif key == "LENG":
        profile.length = _number(value) or 0
    elif key == "NSEQ":
        profile.sequences = _number(value)
    elif key == "ALPH":
        profile.alphabet = value


def _number(text: str) -> int | None:
    """None where it is no number, or one that no database holds."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _judge(found: list[Profile], file: LocalFile) -> None:
    names: set[str] = set()
    for number, profile in enumerate(found, start=1):
        whole = bool(profile.name) and 0 < profile.length <= LONGEST
        _must(whole, file, f"has no name or no possible length for profile {number}")
        if profile.alphabet != "amino":
            raise InputFailure(
                f"{profile.name} in {file.name} is a profile of {profile.alphabet or 'unknown'} sequences. "
                "NuVs searches proteins: give profiles of proteins."
            )
        if profile.name in names:
            raise InputFailure(
                f"{file.name} has the profile {profile.name} twice. Leave one of them out: HMMER needs unique names."
            )
        names.add(profile.name)


def _must(good: bool, file: LocalFile, fault: str) -> None:
    if not good:
        raise InputFailure(f"{file.name} {fault}. {_GIVE}")


def facts(file: LocalFile) -> dict[str, Any]:
    """What lists of HMM sets show. Raises InputFailure."""
    found = read(file)
    lengths = [profile.length for profile in found]
    return {"profiles": len(found), "length": [min(lengths), max(lengths)], "alphabet": found[0].alphabet}


def panels(file: LocalFile, facts: Mapping[str, Any]) -> Sequence[Panel]:
    """The profiles of a set."""
    rows = [[each.name, each.description, each.length, each.sequences] for each in read(file)]
    columns = [
        Column("name", "Profile"),
        Column("description", "Description"),
        Column("length", "Length", "aa", "BIGINT", "Match states of the profile"),
        Column("sequences", "Sequences", "", "BIGINT", "In the alignment that it was built from"),
    ]
    if not any(row[1] for row in rows):
        columns, rows = [columns[0], *columns[2:]], [[row[0], *row[2:]] for row in rows]
    note = "Families and names of vFam's clusters come from an annotation table, which NuVs takes beside the set."
    return [RowsPanel("Profiles", columns, rows, note)]


def read_annotations(file: LocalFile) -> dict[str, dict[str, Any]]:
    """Cluster (or profile name) -> {id, names, families, ...}, of Virtool's annotation table. Raises InputFailure.

    A JSON list of objects with `cluster`, or an object of such objects by cluster; plain or compressed.
    """
    try:
        told = json.loads(formats.read_text(file.path, ANNOTATION))
    except json.JSONDecodeError as error:
        raise InputFailure(f"{file.name} is not JSON (line {error.lineno}: {error.msg}).") from error
    except (RecursionError, ValueError) as error:  # of a number, that it is too long
        raise InputFailure(f"{file.name} holds what no annotation table does ({error}).") from error
    rows = list(told.items()) if isinstance(told, dict) else None
    if isinstance(told, list) and all(isinstance(each, dict) and "cluster" in each for each in told):
        rows = [(each["cluster"], {**each, "id": each.get("id", each.get("_id"))}) for each in told]
    if rows is None or not all(_is_annotation(row) for _, row in rows):
        raise InputFailure(
            f"{file.name} is no annotation table. Give a JSON list of objects with cluster, names and families, "
            "as Virtool publishes for vFam."
        )
    return {str(cluster): row for cluster, row in rows}


def _is_annotation(row: Any) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("names", []), list)
        and isinstance(families := row.get("families", {}), dict | list)
        and not (isinstance(families, dict) and any(not _is_count(each) for each in families.values()))
    )


def _is_count(told: Any) -> bool:
    return isinstance(told, int | float) and not math.isnan(told)


def scan(
    job: RunningJob,
    file: LocalFile,
    proteins: Path,
    queries: int,
    table: Path,
    annotated: Mapping[str, Mapping[str, Any]],
) -> list[Hit]:
    """hmmpress and hmmscan, with HMMER's own threshold (it reports E up to 10); every hit, in its order.

    Of a set with names that start with vFam only those profiles count, as in Virtool; another set is used whole.
    """
    names = {profile.name for profile in read(file)}
    profiles = _unpacked(file, job.work / "profiles.hmm")
    job.command(["hmmpress", profiles])
    done = 0

    def follow(line: str) -> None:
        nonlocal done
        if line.startswith("Query:"):
            done += 1
            job.progress(min(1.0, done / queries), f"ORF {done:,} of {queries:,}")

    threads = str(max(1, job.cpus - 1))
    job.command(
        ["hmmscan", "--tblout", table, "--noali", "--cpu", threads, profiles, proteins],
        on_line=follow,
        quiet=True,
    )
    with table.open() as lines:
        found = list(hits(lines, annotated))
    if any(name.startswith(VFAM) for name in names):
        found = [hit for hit in found if hit.profile.startswith(VFAM)]
    return found


def _unpacked(file: LocalFile, path: Path) -> Path:
    """A copy, or a link to a plain file: hmmpress puts its own files beside it."""
    with file.path.open("rb") as raw:
        plain = raw.read(7) == b"HMMER3/"
    if plain:
        path.symlink_to(file.path.resolve())
        return path
    with formats.open_binary(file.path, UNPACKED) as source, path.open("wb") as unpacked:
        shutil.copyfileobj(source, unpacked, formats.MB)
    return path


def hits(lines: Iterator[str], annotated: Mapping[str, Mapping[str, Any]]) -> Iterator[Hit]:
    """The rows of hmmscan's table (--tblout), whose queries are named `sequence_<contig>.<orf>`."""
    for line in lines:
        if line.startswith("#") or not line.strip():
            continue
        fields = line.split(None, 18)
        query = _QUERY.fullmatch(fields[2])
        if query is None:
            raise ValueError(f"hmmscan's table has a query that is not ours: {fields[2]}")
        cluster = _CLUSTER.fullmatch(fields[0])
        known = annotated.get(cluster[1] if cluster else fields[0]) or annotated.get(fields[0]) or {}
        full_e, full_score, full_bias, best_e, best_score, best_bias = map(float, fields[4:10])
        yield Hit(
            int(query[1]),
            int(query[2]),
            fields[0],
            full_e,
            full_score,
            full_bias,
            best_e,
            best_score,
            best_bias,
            known,
        )
