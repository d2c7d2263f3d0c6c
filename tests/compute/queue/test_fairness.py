"""Whose turn it is."""

from __future__ import annotations

from collections import Counter
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from compute.queue.fairness import Turns
from data.records import Job, Status, Visibility, new_id, utcnow


def job(seq: int, team: str = "A", person: str = "ann", batch: str | None = None) -> Job:
    return Job(
        seq=seq,
        id=new_id(),
        team=team,
        submitter=person,
        submitter_name=person,
        tool="test-noop",
        name="No-op",
        status=Status.PENDING,
        visibility=Visibility.PRIVATE,
        credits=0,
        attempt=1,
        retries=0,
        run_id=None,
        worker=None,
        progress=None,
        step=None,
        note=None,
        cancel_requested=False,
        error=None,
        cpus_min=1,
        cpus_max=1,
        memory_mb=256,
        gpus=0,
        timeout_s=60,
        created_at=utcnow(),
        started_at=None,
        ended_at=None,
        batch=batch,
    )


def order(turns: Turns, *waiting: Job) -> list[int]:
    return [each.seq for each in turns.order(waiting)]


def test_one_person_is_served_in_the_order_of_submission() -> None:
    assert order(Turns(), job(3), job(1), job(2)) == [1, 2, 3]


def test_a_team_with_many_jobs_does_not_hold_up_another() -> None:
    many = [job(seq, "A") for seq in range(1, 6)]
    assert order(Turns(), *many, job(8, "B"), job(9, "B")) == [1, 8, 2, 9, 3, 4, 5]


def test_persons_of_a_team_take_turns_within_the_teams_turn() -> None:
    waiting = [
        job(1, "A", "ann"),
        job(2, "A", "ann"),
        job(3, "A", "bob"),
        job(4, "B", "cleo"),
        job(5, "B", "cleo"),
    ]
    assert order(Turns(), *waiting) == [1, 4, 3, 5, 2]


def test_a_batch_does_not_hold_up_its_own_submitters_other_jobs() -> None:
    plate = [job(seq, batch="plate") for seq in range(1, 5)]
    assert order(Turns(), *plate, job(5), job(6, batch="other")) == [1, 5, 6, 2, 3, 4]


def test_a_person_with_two_batches_has_no_more_turns_than_a_colleague() -> None:
    waiting = [
        job(1, batch="x"),
        job(2, batch="y"),
        job(3, batch="x"),
        job(4, person="bob"),
        job(5, person="bob"),
    ]
    assert order(Turns(), *waiting) == [1, 4, 2, 5, 3]


def test_turns_are_remembered_from_one_feeding_to_the_next() -> None:
    turns = Turns()
    first = [job(1, "A"), job(2, "A"), job(3, "B")]
    taken = [each.seq for each, _ in zip(turns.order(first), range(1), strict=False)]
    assert taken == [1]
    assert order(turns, *first[1:]) == [3, 2]


def test_one_that_is_looked_at_but_not_taken_had_no_turn() -> None:
    turns = Turns()
    waiting = [job(1, "A"), job(2, "B")]
    assert [each.seq for each in islice(turns.order(waiting), 1)] == [1]
    assert order(turns, *waiting) == [1, 2]


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz")), max_size=30))
def test_everybody_is_served_once_and_no_team_twice_while_another_waits(
    owners: list[tuple[str, str]],
) -> None:
    waiting = [job(seq, team, person) for seq, (team, person) in enumerate(owners)]
    served = list(Turns().order(waiting))
    assert sorted(each.seq for each in served) == list(range(len(owners)))
    left = Counter(each.team for each in waiting)
    had: Counter[str] = Counter()
    for each in served:
        assert all(had[each.team] <= had[team] for team, count in left.items() if count)
        had[each.team] += 1
        left[each.team] -= 1
