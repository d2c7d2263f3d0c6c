"""Every filter of the list against a plain reading of what it promises."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute import access
from compute.access import Action
from data import jobs, marks
from data.marks import Star, Tagging
from data.records import Job, JobFilter, Person, Role, Status, Visibility, new_id, utcnow
from data.store import Store
from tests.data.conftest import execute, make_job, make_person, make_team

TOOLS = ("autodock-vina", "nuvs", "boltz-2")
NAMES = ("Dock IMATINIB", "dock 50%_a", "fold", "Ärger im Labor", "dock again")
TAGS = ("Paper", "paper two", "50%", "urgent")
BEGIN = datetime(2026, 1, 1)


@dataclass(frozen=True)
class World:
    store: Store
    viewer: Person
    #: All jobs of all teams, the newest first, with their tags and the viewer's stars.
    jobs: list[Job]
    people: tuple[str, ...]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    store = Store(tmp_path_factory.mktemp("filters") / "wellplate.duckdb")
    yield _world(store)
    store.close()


def _world(store: Store) -> World:
    """200 jobs of three people in three teams; chance decides all that a filter looks at."""
    chance = random.Random(7)
    people = tuple(make_person(store, name) for name in ("Ada", "Bob", "Eve"))
    teams = [make_team(store) for _ in range(3)]
    made = [
        make_job(
            team=chance.choice(teams),
            submitter=chance.choice(people),
            tool=chance.choice(TOOLS),
            name=chance.choice(NAMES),
            visibility=chance.choice(list(Visibility)),
            credits=0,
        )
        for _ in range(200)
    ]
    seqs = [future.result().job.seq for future in [jobs.submit(store, new) for new in made]]
    for seq in seqs:
        started = chance.choice([None, chance.uniform(1, 500)])
        ended = started and chance.choice([None, started + chance.choice([5, 60, 600, 6000])])
        born = BEGIN + timedelta(hours=seq)
        execute(
            store,
            "update jobs set status = $status, created_at = $born, started_at = $started, ended_at = $ended "
            "where seq = $seq",
            status=chance.choice(list(Status)).value,
            born=born,
            started=started and born + timedelta(seconds=started),
            ended=ended and born + timedelta(seconds=ended),
            seq=seq,
        )
    for new in made:
        words = tuple(sorted(chance.sample(TAGS, chance.choice([0, 0, 1, 2]))))
        marks.tag(store, Tagging(new.id, words)).result()
        for person in people[:2]:
            marks.star(store, Star(person, new.id, chance.random() < 0.3)).result()
    viewer = Person(
        id=people[0],
        email="ada@example.org",
        name="Ada",
        site_admin=False,
        team=teams[0],
        team_name="Lab",
        role=Role.MEMBER,
        roles={teams[0]: Role.MEMBER, teams[1]: Role.VIEWER},
        invited=frozenset(chance.sample([new.id for new in made], 80)),
    )
    known = jobs.several(store, [new.id for new in made]).values()
    every = marks.marked(store, sorted(known, key=lambda job: -job.seq), viewer.id)
    return World(store, viewer, every, people)


def _some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=2).map(tuple))


def _filters() -> st.SearchStrategy[JobFilter]:
    words = st.sampled_from(
        ["dock", "IMATINIB", "-dock", "paper", "-PAPER", "%", "_", "50%", "ärger", "-", "zzz"]
    )
    times = st.integers(0, 210).map(lambda hours: BEGIN + timedelta(hours=hours))
    seconds = st.sampled_from([0.0, 4.0, 5.0, 60.0, 300.0, 6000.0])
    return st.builds(
        JobFilter,
        tool=_some(TOOLS),
        not_tool=_some(TOOLS),
        status=_some(tuple(Status)),
        not_status=_some(tuple(Status)),
        q=st.one_of(st.none(), st.lists(words, max_size=3).map(" ".join)),
        tag=st.one_of(st.none(), st.sampled_from([*TAGS, "PAPER", "pap"])),
        starred=st.booleans(),
        since=st.one_of(st.none(), times),
        until=st.one_of(st.none(), times),
        longer_s=st.one_of(st.none(), seconds),
        shorter_s=st.one_of(st.none(), seconds),
        shared=st.booleans(),
    )


def fits(job: Job, filter: JobFilter, viewer: Person) -> bool:
    """What the fields of JobFilter promise, one after the other."""
    tags = [tag.lower() for tag in job.tags] if access.may(viewer, Action.SEE, job) else []
    ran = job.started_at and ((job.ended_at or utcnow()) - job.started_at).total_seconds()
    if filter.shared:
        in_list = (
            job.id in viewer.invited and job.submitter != viewer.id and access.may(viewer, Action.SEE, job)
        )
        in_list = in_list and job.visibility is not Visibility.PRIVATE
    else:
        in_list = job.team == viewer.team

    def says(word: str) -> bool:
        return word in job.name.lower() or any(word in tag for tag in tags)

    words = (filter.q or "").lower().split()
    return all(
        [
            in_list,
            not filter.tool or job.tool in filter.tool,
            job.tool not in filter.not_tool,
            not filter.status or job.status in filter.status,
            job.status not in filter.not_status,
            not filter.submitter or job.submitter in filter.submitter,
            job.submitter not in filter.not_submitter,
            all(
                not says(word[1:]) if word.startswith("-") and len(word) > 1 else says(word) for word in words
            ),
            filter.tag is None or filter.tag.lower() in tags,
            not filter.starred or job.starred,
            filter.since is None or job.created_at >= filter.since,
            filter.until is None or job.created_at < filter.until,
            filter.longer_s is None or (ran is not None and ran >= filter.longer_s),
            filter.shorter_s is None or (ran is not None and ran < filter.shorter_s),
        ]
    )


@settings(max_examples=300, deadline=None)
@given(filter=_filters(), who=st.integers(0, 3), who_not=st.integers(0, 5))
def test_lists_hold_what_their_filter_says(world: World, filter: JobFilter, who: int, who_not: int) -> None:
    asked = replace(
        filter,
        submitter=world.people[:who] if who < 3 else (),
        not_submitter=world.people[who_not : who_not + 1],
    )
    expected = [job for job in world.jobs if fits(job, asked, world.viewer)]
    team, viewer = world.viewer.team, world.viewer
    found = jobs.page(world.store, team, asked, 500, viewer=viewer)
    assert found == expected
    counted = jobs.counts(world.store, team, asked, viewer=viewer)
    assert counted == {
        status: number for status in Status if (number := sum(job.status is status for job in expected))
    }
    people = jobs.submitters(world.store, team, asked, viewer=viewer)
    assert {person for person, _ in people} == {job.submitter for job in expected}


def test_the_world_has_something_to_find(world: World) -> None:
    for filter in (
        JobFilter(q="paper -dock"),
        JobFilter(tag="PAPER"),
        JobFilter(starred=True, shared=True),
        JobFilter(longer_s=60, shorter_s=6000),
    ):
        assert 0 < len(jobs.page(world.store, world.viewer.team, filter, 500, viewer=world.viewer)) < 60


def test_pages_under_a_filter_join_without_gap(world: World) -> None:
    filter = JobFilter(not_tool=("nuvs",))
    whole = jobs.page(world.store, world.viewer.team, filter, 500, viewer=world.viewer)
    first = jobs.page(world.store, world.viewer.team, filter, 10, viewer=world.viewer)
    rest = jobs.page(world.store, world.viewer.team, filter, 500, first[-1].seq, viewer=world.viewer)
    assert first + rest == whole


def test_what_cannot_match_finds_nothing(world: World) -> None:
    team = world.viewer.team
    assert jobs.page(world.store, team, JobFilter(submitter=("me",)), 10, viewer=world.viewer) == []
    assert jobs.page(world.store, team, JobFilter(starred=True), 10) == []
    alone = replace(world.viewer, invited=frozenset())
    assert jobs.counts(world.store, team, JobFilter(shared=True), viewer=alone) == {}
    assert jobs.page(world.store, new_id(), JobFilter(), 10, viewer=world.viewer) == []


@pytest.mark.parametrize("name", ["ΟΔΟΣ", "İstanbul", "ẞA", "ÀB", "μM", "Ångström"])
def test_a_name_is_found_by_the_words_that_it_has(store: Store, name: str) -> None:
    """Also where Python and the database have other lower cases of a letter."""
    team, person = make_team(store), make_person(store)
    new = make_job(team=team, submitter=person, name=f"dock {name} again", credits=0)
    made = jobs.submit(store, new).result().job
    assert [job.id for job in jobs.page(store, team, JobFilter(q=name), 10)] == [made.id]
    assert jobs.page(store, team, JobFilter(q=f"-{name}"), 10) == []
