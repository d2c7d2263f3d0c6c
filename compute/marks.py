"""Stars and tags: marks by which people find jobs again."""

from __future__ import annotations

from compute import access
from compute.access import Action, Scope
from compute.gate import NO_SUCH_JOB, Gate, refuse_unless
from compute.submitting import WRITE_TIMEOUT_S
from data import marks
from data.errors import BadInput, NotFound
from data.marks import Star, Tagging
from data.records import Job, Person
from data.store import Store

MAX_TAGS, MAX_LENGTH = 20, 40


class Marks:
    def __init__(self, store: Store, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def star(self, person: Person, job_id: str, on: bool) -> None:
        """Only this person sees it."""
        refuse_unless(access.holds(person, Scope.JOBS_WRITE), "This token may not change jobs.")
        job = self._gate.job(person, Action.SEE_ROW, job_id)
        if not marks.star(self._store, Star(person.id, job.id, on)).result(WRITE_TIMEOUT_S):
            raise NotFound(NO_SUCH_JOB)

    def tag(self, person: Person, job_id: str, tags: list[str]) -> Job:
        """These are all its tags from now on; who sees the job sees them. Raises BadInput."""
        job = self._gate.job(person, Action.RENAME, job_id)
        tagged = marks.tag(self._store, Tagging(job.id, clean_tags(tags))).result(WRITE_TIMEOUT_S)
        if tagged is None:
            raise NotFound(NO_SUCH_JOB)
        return tagged

    def tags(self, person: Person) -> list[str]:
        """The tags in the team in use, the most used first; none of jobs that this person may not see."""
        refuse_unless(access.holds(person, Scope.JOBS_READ), "This token may not read jobs.")
        return marks.tags_of_team(self._store, person.team, person)


def clean_tags(tags: list[str]) -> tuple[str, ...]:
    """Without spaces around them, each once (in any case), in the order of the alphabet."""
    words = [" ".join(tag.split()) for tag in tags]
    for word in words:
        if len(word) > MAX_LENGTH:
            raise BadInput(
                f"The tag {word[:60]!r} has {len(word)} characters; at most {MAX_LENGTH}.", field="tags"
            )
        if "," in word or not word.isprintable():
            raise BadInput(
                f"The tag {word!r} has a comma or a control character; leave it out.", field="tags"
            )
    kept = sorted({word.casefold(): word for word in reversed(words) if word}.values(), key=str.casefold)
    if len(kept) > MAX_TAGS:
        raise BadInput(f"{len(kept)} tags are too many; a job has at most {MAX_TAGS}.", field="tags")
    return tuple(kept)
