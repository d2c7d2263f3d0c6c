"""The heat map of the virus report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.contract import FigurePanel

#: Rows of the map; the table holds all.
MOST_VIRUSES = 60
#: Measures whose values go over several orders of magnitude are coloured by their logarithm.
_LOGARITHMIC = ("weight", "depth")
_TITLES = {"coverage": "Coverage", "weight": "Weight", "depth": "Median depth (×)"}
_FORMS = {"coverage": "{:.2f}", "weight": "{:.3g}", "depth": "{:.0f}"}
#: From the page's background to a blue that prints well; one hue, so that order is lightness.
_SCALE = [[0.0, "rgba(0,114,178,0.06)"], [0.5, "rgba(0,114,178,0.45)"], [1.0, "rgba(0,114,178,1)"]]


def heat_map(
    cells: Sequence[Mapping[str, Any]], samples: Sequence[Mapping[str, Any]], measure: str, least: float
) -> FigurePanel:
    """Viruses by the number of samples they were found in; samples in the order given, controls marked."""
    import plotly.graph_objects as go

    names = [sample["sample"] for sample in samples]
    controls = {sample["sample"] for sample in samples if sample["control"]}
    viruses = _ordered(cells)
    shown = viruses[:MOST_VIRUSES]
    by_place = {(cell["virus"], cell["sample"]): cell for cell in cells}
    found = [[by_place.get((virus, name)) for name in names] for virus in shown]
    form = _FORMS[measure]
    labels = [f"{name} (control)" if name in controls else name for name in names]
    colours = [[None if cell is None else _colour(measure, cell[measure]) for cell in row] for row in found]
    figure = go.Figure(
        go.Heatmap(
            x=labels,
            y=shown,
            z=colours,
            text=[
                [
                    "" if cell is None else form.format(cell[measure]) + (" ⚠" if cell["doubt"] else "")
                    for cell in row
                ]
                for row in found
            ],
            customdata=[["" if cell is None else _hover(cell) for cell in row] for row in found],
            texttemplate="%{text}" if len(names) <= 24 else "",
            hovertemplate="%{y}<br>%{x}<br>%{customdata}<extra></extra>",
            colorscale=_SCALE,
            zmin=0,
            zmax=1 if measure == "coverage" else max((c for row in colours for c in row if c), default=1),
            showscale=False,
            xgap=2,
            ygap=2,
        )
    )
    figure.update_layout(
        height=140 + 30 * max(1, len(shown)),
        xaxis={"side": "top", "tickangle": -40 if len(names) > 6 else 0, "showline": False},
        yaxis={"autorange": "reversed", "showgrid": False, "showline": False},
    )
    hidden = (
        f" {len(viruses) - len(shown)} more viruses are in the table." if len(viruses) > len(shown) else ""
    )
    return FigurePanel(
        _TITLES[measure],
        figure,
        f"A virus counts as found from a coverage of {least:g} on. ⚠ marks what may come from elsewhere.{hidden}",
        alt=f"{_TITLES[measure]} of {len(shown)} viruses in {len(names)} samples",
    )


def _ordered(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    rank: dict[str, tuple[int, float]] = {}
    for cell in cells:
        count, best = rank.get(cell["virus"], (0, 0.0))
        rank[cell["virus"]] = (count + bool(cell["found"]), max(best, cell["coverage"]))
    return sorted(rank, key=lambda virus: (-rank[virus][0], -rank[virus][1], virus))


def _colour(measure: str, value: float) -> float:
    from math import log10

    if measure not in _LOGARITHMIC:
        return value
    return log10(1 + value * (1000 if measure == "weight" else 1))


def _hover(cell: Mapping[str, Any]) -> str:
    told = (
        f"coverage {cell['coverage']:.3f}, weight {cell['weight']:.4g}, "
        f"depth {cell['depth']:.0f} ×, {cell['reads']:,} reads"
    )
    return f"{told}<br>{cell['doubt']}" if cell["doubt"] else told
