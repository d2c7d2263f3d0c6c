"""The picture of what was made from what: ancestors at the left, this in the middle, descendants at the right.

Files and jobs take turns, so that a family, told nearest first, falls into levels by itself. It is plain HTML: a list
of levels, each a list of links, which reads in the same order as it looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, zip_longest

import streamlit as st

from compute.workbench import Workbench
from data.errors import WellplateError
from data.records import FileRelative, Job, JobDetail, Person, StoredFile
from pages.parts import human, items, statuses
from pages.parts.drawing import STATIC
from tools.library import KINDS

#: Of a level shown before the rest is folded away.
SHOWN = 6


@dataclass(frozen=True)
class Chip:
    """A file or a job of the picture."""

    id: str
    name: str
    #: What it is: "Sample", "Job · Completed".
    what: str
    href: str
    job: bool = False


Level = Sequence[Chip]


def of_file(workbench: Workbench, person: Person | None, file: StoredFile) -> None:
    """Raises WellplateError."""
    family = workbench.library.family(person, file.id)
    draw(levels(family.made_from), file_chip(file), levels(family.led_to), family.private)


def of_job(workbench: Workbench, person: Person | None, detail: JobDetail) -> None:
    """The job between the files that it was given, with theirs, and what came of its results. Raises WellplateError."""
    given = _known(workbench, person, given_files(detail))
    made = _known(workbench, person, [file["file"] for file in detail.files if file.get("file")])
    relatives = workbench.lineage(person, detail.job.id)
    parents = [job_chip(one.job, _how(one.kind, "from")) for one in relatives.made_from if one.job]
    children = [job_chip(one.job, _how(one.kind, "as")) for one in relatives.led_to if one.job]
    before = [workbench.library.family(person, file.id) for file in given]
    after = [workbench.library.family(person, file.id) for file in made]
    private = sum(one.job is None for one in [*relatives.made_from, *relatives.led_to])
    draw(
        merged([[file_chip(file) for file in given] + parents], *(levels(each.made_from) for each in before)),
        job_chip(detail.job),
        merged([[file_chip(file) for file in made] + children], *(levels(each.led_to) for each in after)),
        private + sum(each.private for each in [*before, *after]),
    )


def given_files(detail: JobDetail) -> list[str]:
    """Ids of the library's files among the inputs of a job."""
    values = [value if isinstance(value, list) else [value] for value in detail.inputs.values()]
    every = [one for value in values for one in value]
    return [one["file"] for one in every if isinstance(one, dict) and one.get("file")]


def _known(workbench: Workbench, person: Person | None, ids: Iterable[str]) -> list[StoredFile]:
    """Those that are still there and that this person may see."""
    known = []
    for file_id in dict.fromkeys(ids):
        try:
            known.append(workbench.library.file(person, file_id))
        except WellplateError:
            continue
    return known


def _how(kind: str, word: str) -> str:
    return f"Retried {word}" if kind == "retry" else "Job"


def file_chip(file: StoredFile) -> Chip:
    kind = KINDS.get(file.format)
    what = kind.name if kind else f"File · {human.size(file.size)}"
    return Chip(file.id, file.name, what, items.address(file.id))


def job_chip(job: Job, how: str = "Job") -> Chip:
    look = statuses.look(job)
    return Chip(job.id, job.name, f"{how} · {look.label}", f"/app/jobs?jobId={job.id}", job=True)


def levels(relatives: Iterable[FileRelative]) -> list[Level]:
    """Nearest first; neighbours of the same sort are one level."""
    chips = [_chip(each) for each in relatives]
    return [list(level) for _, level in groupby((chip for chip in chips if chip), key=lambda chip: chip.job)]


def _chip(relative: FileRelative) -> Chip | None:
    if relative.file is not None:
        return file_chip(relative.file)
    return job_chip(relative.job) if relative.job is not None else None


def merged(first: list[Level], *others: list[Level]) -> list[Level]:
    """The first level, and after it those of its members' families side by side, each thing once."""
    seen: set[str] = set()
    found = []
    for together in [
        *first,
        *([chip for level in row for chip in level or ()] for row in zip_longest(*others)),
    ]:
        new = list({chip.id: chip for chip in together if chip.id not in seen}.values())
        seen.update(chip.id for chip in new)
        found.append(new)
    return [level for level in found if level]


def draw(before: list[Level], this: Chip, after: list[Level], private: int = 0) -> None:
    """Levels nearest first. Nothing where there is no neighbour."""
    if not before and not after and not private:
        return
    st.subheader("Origin and use", anchor=False)
    st.html(STATIC / "lineage.css")
    st.html(html(before, this, after))
    if private:
        words = "One more is" if private == 1 else f"{private:,} more are"
        st.caption(f":material/lock: {words} private to somebody else.")


def html(before: list[Level], this: Chip, after: list[Level]) -> str:
    columns = [_level(level, "Made from") for level in reversed(before)]
    columns.append(f'<li class="this" aria-current="true"><ul><li>{_inside(this)}</li></ul></li>')
    columns += [_level(level, "Used by or led to") for level in after]
    label = "Origin and use"
    return f'<div class="lineage"><ol class="lineage" aria-label="{label}">{"".join(columns)}</ol></div>'


def _level(level: Level, words: str) -> str:
    chips = [f"<li>{_link(chip)}</li>" for chip in level]
    more = ""
    if len(chips) > SHOWN + 1:
        hidden = len(chips) - SHOWN
        more = (
            f"<li><details><summary>{hidden:,} more</summary><ul>{''.join(chips[SHOWN:])}</ul></details></li>"
        )
        chips = chips[:SHOWN]
    return f'<li><span class="words">{words}</span><ul>{"".join(chips)}{more}</ul></li>'


def _link(chip: Chip) -> str:
    kind = "job" if chip.job else "file"
    return f'<a class="{kind}" href="{escape(chip.href)}" target="_self" title="{escape(chip.name)}">{_text(chip)}</a>'


def _inside(chip: Chip) -> str:
    return f'<span class="chip {"job" if chip.job else "file"}">{_text(chip)}</span>'


def _text(chip: Chip) -> str:
    return f"<small>{escape(chip.what)}</small><b>{escape(chip.name)}</b>"
