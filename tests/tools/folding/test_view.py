"""The figures of a prediction."""

from __future__ import annotations

import numpy as np
import pytest

from tools.folding import view


@pytest.mark.parametrize("size", [5, 300, 301, 1000, 1501])
def test_a_large_map_is_thinned_by_means_and_by_nothing_else(size: int) -> None:
    pae = np.random.default_rng(0).uniform(0, 30, (size, size)).astype(np.float32)
    step, drawn = view.thinned(pae)
    assert len(drawn) == -(-size // step) <= view.MOST_CELLS
    assert drawn[0][0] == pytest.approx(pae[:step, :step].mean(), abs=0.051)
    assert drawn[-1][0] == pytest.approx(pae[(len(drawn) - 1) * step :, :step].mean(), abs=0.051)


def rows(*chains: tuple[str, int, int]) -> list[dict[str, object]]:
    return [
        {"model": 1, "chain": chain, "position": place, "residue": "ALA", "plddt": 80.0, "tokens": tokens}
        for chain, length, tokens in chains
        for place in range(1, length + 1)
    ]


def test_a_thinned_map_says_so_and_keeps_the_places_of_the_residues() -> None:
    panel = view.aligned_error(np.full((700, 700), 3.0, np.float32), rows(("A", 400, 1), ("B", 300, 1)), 1)
    assert "mean of 3 × 3 pairs" in panel.note
    assert panel.figure.data[0].x[0] == 2 and panel.figure.data[0].x[1] == 5
    assert [shape.x0 for shape in panel.figure.layout.shapes if shape.x0 == shape.x1] == [400.5]


def test_ligands_have_a_row_an_atom_and_borders_are_left_out_where_the_sizes_disagree() -> None:
    pae = np.full((10, 10), 3.0, np.float32)
    fits = view.aligned_error(pae, rows(("A", 4, 1), ("B", 1, 6)), 1).figure
    assert len(fits.layout.shapes) == 2
    assert not view.aligned_error(pae, rows(("A", 4, 1), ("B", 1, 5)), 1).figure.layout.shapes


def test_marks_are_on_every_figure() -> None:
    marks = "made-up weights, NOT a prediction; no MSA for A"
    for panel in (
        view.along(rows(("A", 4, 1)), 1, marks),
        view.aligned_error(np.ones((4, 4), np.float32), rows(("A", 4, 1)), 1, marks),
    ):
        assert "Made-up weights, NOT a prediction; no MSA for A" in panel.figure.to_json()


def test_chains_are_told_apart_along_the_sequence() -> None:
    figure = view.along(rows(("A", 4, 1), ("B", 3, 1)), 1).figure
    assert [trace.name for trace in figure.data] == ["Chain A", "Chain B"]
    assert list(figure.data[1].x) == [5, 6, 7]
