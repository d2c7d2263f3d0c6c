from __future__ import annotations

import pytest

from data import marks
from data.errors import BadInput, Forbidden, NotFound
from data.records import JobFilter, Person, Role, Visibility
from tests.compute.submitting import submit
from tests.laboratory import Laboratory


def test_a_star_is_its_persons_own(lab: Laboratory, ada: Person) -> None:
    job, bob = submit(lab, ada, visibility=Visibility.TEAM), lab.join("bob", Role.VIEWER)
    for _ in range(2):
        lab.workbench.marks.star(bob, job.id, True)
    assert lab.workbench.job(bob, job.id).job.starred
    assert not lab.workbench.job(ada, job.id).job.starred
    assert [found.id for found in lab.workbench.jobs(bob, JobFilter(starred=True)).jobs] == [job.id]
    assert lab.workbench.jobs(ada, JobFilter(starred=True)).jobs == []
    lab.workbench.marks.star(bob, job.id, False)
    assert not lab.workbench.job(bob, job.id).job.starred


def test_a_job_that_one_may_not_know_of_is_not_starred(lab: Laboratory, ada: Person) -> None:
    with pytest.raises(NotFound):
        lab.workbench.marks.star(lab.found("eve"), submit(lab, ada).id, True)


def test_tags_are_cleaned_and_replace_those_before(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    tagged = lab.workbench.marks.tag(ada, job.id, ["  paper   1 ", "Urgent", "PAPER 1", ""])
    assert tagged.tags == ("paper 1", "Urgent") == lab.workbench.job(ada, job.id).job.tags
    assert lab.workbench.marks.tag(ada, job.id, ["b", "a"]).tags == ("a", "b")
    assert lab.workbench.jobs(ada).jobs[0].tags == ("a", "b")
    assert lab.workbench.marks.tag(ada, job.id, []).tags == () == lab.workbench.job(ada, job.id).job.tags


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        (["a,b"], "comma"),
        (["x" * 41], "41 characters; at most 40"),
        ([f"tag {number}" for number in range(21)], "21 tags are too many"),
        (["a\x00b"], "control character"),
    ],
)
def test_what_is_no_tag_changes_nothing(lab: Laboratory, ada: Person, tags: list[str], says: str) -> None:
    job = submit(lab, ada)
    lab.workbench.marks.tag(ada, job.id, ["kept"])
    with pytest.raises(BadInput, match=says) as bad:
        lab.workbench.change(ada, job.id, name="another name", tags=tags)
    assert bad.value.field == "tags"
    after = lab.workbench.job(ada, job.id).job
    assert (after.tags, after.name) == (("kept",), job.name)


def test_only_the_submitter_tags(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada, visibility=Visibility.TEAM)
    with pytest.raises(Forbidden):
        lab.workbench.marks.tag(lab.join("bob"), job.id, ["mine"])


def test_tags_of_private_jobs_are_not_told(lab: Laboratory, ada: Person) -> None:
    secret, shown = submit(lab, ada), submit(lab, ada, visibility=Visibility.TEAM)
    lab.workbench.marks.tag(ada, secret.id, ["project x"])
    lab.workbench.marks.tag(ada, shown.id, ["open"])
    bob = lab.join("bob")
    assert lab.workbench.marks.tags(bob) == ["open"]
    assert sorted(lab.workbench.marks.tags(ada)) == ["open", "project x"]
    row = next(job for job in lab.workbench.jobs(bob).jobs if job.id == secret.id)
    assert row.tags == ()
    for filter in (JobFilter(tag="project x"), JobFilter(q="project")):
        assert lab.workbench.jobs(bob, filter).jobs == []
        assert lab.workbench.counts(bob, filter) == {}
    assert lab.workbench.marks.tags(lab.found("eve")) == []


def test_the_most_used_tags_are_told_where_there_are_very_many(lab: Laboratory, ada: Person) -> None:
    often, seldom = submit(lab, ada), submit(lab, ada)
    lab.workbench.marks.tag(ada, often.id, ["used twice"])
    lab.workbench.marks.tag(ada, seldom.id, ["used twice"])
    many = f"insert into tags select {often.seq}, 'tag ' || i from range({2 * marks.MAX_TAGS}) t(i)"
    lab.store.between(lambda database: database.writer().execute(many)).result()
    told = lab.workbench.marks.tags(ada)
    assert (told[0], len(told)) == ("used twice", marks.MAX_TAGS)


def test_a_deleted_job_takes_its_marks_with_it(lab: Laboratory, ada: Person) -> None:
    job = submit(lab, ada)
    lab.workbench.marks.tag(ada, job.id, ["a"])
    lab.workbench.marks.star(ada, job.id, True)
    lab.workbench.cancel(ada, job.id)
    lab.workbench.delete(ada, job.id)
    with lab.store.database.cursor() as cursor:
        assert cursor.execute("select count(*) from tags").fetchall() == [(0,)]
        assert cursor.execute("select count(*) from stars").fetchall() == [(0,)]
