"""The reassignment of reads: the same as the published algorithm, whatever the alignments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from tests.tools.viruses import published_em
from tools.viruses import em

Rows = list[tuple[int, int, float]]


def fast(rows: Rows, references: int, **options: Any) -> em.Reassigned:
    read, reference, score = (np.array(column) for column in zip(*rows, strict=True))
    return em.reassign(read, reference, score, references, **options)


def assert_the_same(rows: Rows, **options: Any) -> em.Reassigned:
    rows, references = renumbered(rows)
    found = fast(rows, references, **options)
    wanted = published_em.reassign(rows, references, **options)
    if any(map(almost_tied, wanted.posteriors)):
        reject()
    decided = not any(map(on_a_limit, wanted.posteriors))
    for name in ("pi", "initial_pi", "theta"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=0, atol=1e-9)
    for table in ("initial", "final"):
        for column in ("reads", "best", "high", "low") if decided else ("reads", "best"):
            ours, theirs = getattr(getattr(found, table), column), getattr(getattr(wanted, table), column)
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9, err_msg=f"{table}.{column}")
    assert not decided or found.kept.tolist() == wanted.kept
    assert found.iterations == wanted.iterations
    assert found.reads == len({read for read, _, _ in rows})
    return found


def renumbered(rows: Rows) -> tuple[Rows, int]:
    """References numbered as first seen, as the SAM's reader does."""
    seen: dict[int, int] = {}
    rows = [(read, seen.setdefault(reference, len(seen)), score) for read, reference, score in rows]
    return rows, len(seen)


def almost_tied(posterior: list[float]) -> bool:
    """Two references differ by rounding: the plain one takes them for different, ours for a tie."""
    return any(0 < abs(a - b) < 2e-12 for a in posterior for b in posterior)


def on_a_limit(posterior: list[float]) -> bool:
    """On which side of a limit one falls is decided by rounding."""
    return any(abs(share - limit) < 1e-15 for share in posterior for limit in (0.5, 0.01, 0.3))


row = st.tuples(st.integers(0, 30), st.integers(0, 7), st.integers(1, 400).map(float))
options = st.fixed_dictionaries(
    {},
    optional={
        "max_iterations": st.integers(1, 60),
        "pi_prior": st.sampled_from([0.0, 1e-5, 0.1]),
        "theta_prior": st.sampled_from([0.0, 1e-5, 0.1]),
        "epsilon": st.sampled_from([1e-8, 1e-7, 1e-5]),
        "cutoff": st.sampled_from([0.01, 0.3]),
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(row, min_size=1, max_size=120), options)
def test_random_alignments(rows: Rows, chosen: dict[str, Any]) -> None:
    assert_the_same(rows, **chosen)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 4), st.sampled_from([200.0, 300.0])), min_size=1)
)
def test_many_ties(rows: Rows) -> None:
    assert_the_same(rows)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.sampled_from([-20.0, 0.0, 7.5])), min_size=1)
)
def test_zero_and_negative_scores(rows: Rows) -> None:
    assert_the_same(rows)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([(0, 0, 300.0)], id="one alignment"),
        pytest.param([(0, 0, 300.0), (0, 0, 200.0)], id="a repeat of a reference"),
        pytest.param([(0, 0, 300.0), (1, 1, 290.0), (2, 0, 300.0)], id="no multi read"),
        pytest.param([(0, 0, 300.0), (0, 1, 290.0), (2, 0, 300.0)], id="one multi read"),
        pytest.param([(0, 0, 300.0), (0, 1, 300.0), (1, 0, 300.0), (1, 1, 300.0)], id="all the same"),
        pytest.param([(0, 0, 0.0), (0, 1, 0.0), (1, 0, 0.0)], id="all zero"),
        pytest.param([(0, 0, 300.0), (1, 1, 300.0), (0, 1, 290.0), (1, 0, 310.0)], id="reads not in blocks"),
    ],
)
def test_corners(rows: Rows) -> None:
    assert_the_same(rows)


def test_one_multi_read_ends_after_one_iteration() -> None:
    found = assert_the_same([(0, 0, 300.0), (0, 1, 299.0), (1, 0, 300.0)])
    assert (found.iterations, found.multi_reads) == (1, 1)
    assert found.pi.tolist() == found.initial_pi.tolist()


def test_a_tie_shares_the_read_and_is_of_high_confidence_on_both_sides() -> None:
    found = assert_the_same([(0, 0, 300.0), (0, 1, 300.0)])
    assert found.final.reads.tolist() == [0.5, 0.5]
    assert found.final.best.tolist() == [0.5, 0.5]
    assert found.final.high.tolist() == [1.0, 1.0]
    three = assert_the_same([(0, 0, 300.0), (0, 1, 300.0), (0, 2, 300.0)])
    assert three.final.high.tolist() == [0.0, 0.0, 0.0] and three.final.low.tolist() == [1.0, 1.0, 1.0]


def test_a_repeat_of_a_reference_keeps_its_first_score_and_follows_the_pair() -> None:
    found = assert_the_same([(0, 0, 300.0), (0, 1, 200.0), (0, 1, 300.0)])
    assert found.kept.tolist() == [True, False, False]


def test_unique_reads_pull_the_multi_reads() -> None:
    rows = [(read, 0, 300.0) for read in range(20)]
    rows += [(read, reference, 300.0) for read in range(20, 60) for reference in (0, 1)]
    found = assert_the_same(rows)
    assert found.pi[0] > 0.999
    assert found.kept.tolist() == [True] * 20 + [True, False] * 40


def test_pi_is_a_share_weighted_by_score() -> None:
    found = assert_the_same([(0, 0, 300.0), (1, 1, 297.0)])
    assert found.pi[0] / found.pi[1] == pytest.approx(np.exp(1))
    assert found.final.best.tolist() == [0.5, 0.5]
