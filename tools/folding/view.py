"""Panels of a prediction, the same for every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tools.contract import (
    ChoicePanel,
    FigurePanel,
    Finished,
    Layer,
    MetricsPanel,
    Panel,
    StructurePanel,
    TablePanel,
)
from tools.folding.predictions import (
    AFFINITY_HELP,
    IPTM_HELP,
    PLDDT_HELP,
    PROBABILITY_HELP,
    PTM_HELP,
    pae_name,
    structure_name,
)
from tools.words import told

if TYPE_CHECKING:
    import numpy as np

#: Rows and columns of the drawn aligned error; the file has all.
MOST_CELLS = 300
#: Å, where the colours of the aligned error end.
HIGHEST_ERROR = 30

#: From, to, colour, word: as the AlphaFold database draws them.
BANDS = (
    (90, 100, "#0053d6", "very high"),
    (70, 90, "#65cbf3", "confident"),
    (50, 70, "#ffdb13", "low"),
    (0, 50, "#ff7d45", "very low"),
)

Row = Mapping[str, Any]


def view(finished: Finished) -> Sequence[Panel]:
    models = finished.rows("confidence")
    residues = finished.rows("plddt")
    panels: list[Panel] = [_metrics(finished.summary), *_affinity(finished.summary)]
    panels += [_structure(finished, models), TablePanel("Confidence", "confidence")]
    if any(row.get("iptm") is not None for row in models) and "interfaces" in finished.tables:
        panels.append(
            TablePanel("Pairs of chains", "interfaces", "Model 1; the download has all.", where=_of_the_best)
        )
    choices = [(f"Model {row['model']}", _figures(finished, residues, row["model"])) for row in models]
    return [*panels, *(choices[0][1]() if len(choices) == 1 else [_choice(choices)])]


def _of_the_best(row: Row) -> bool:
    return row["model"] == 1


def _choice(choices: list[tuple[str, Callable[[], Sequence[Panel]]]]) -> Panel:
    return ChoicePanel("Along the chains", "Model", choices)


def _metrics(summary: Row) -> MetricsPanel:
    shown = [
        ("ipTM", "iptm", "{:.2f}", IPTM_HELP),
        ("pTM", "ptm", "{:.2f}", PTM_HELP),
        ("pLDDT", "plddt", "{:.1f}", PLDDT_HELP),
        ("MSA", "msa", "{}", "Sequences in the alignment of each protein chain"),
        ("Models", "models", "{}", ""),
        ("Seed", "seed", "{}", "The same seed on the same machine gives the same result"),
        ("Ran on", "device", "{}", str(summary.get("engine", ""))),
    ]
    return MetricsPanel(
        "Best model",
        [(label, told(summary[key], form), help) for label, key, form, help in shown if key in summary],
    )


def _affinity(summary: Row) -> Iterator[Panel]:
    if summary.get("affinity") is None:
        return
    value = float(summary["affinity"])
    yield MetricsPanel(
        "Affinity of the ligand",
        [
            ("log10 IC50 in µM", f"{value:.2f}", AFFINITY_HELP),
            (
                "That is an IC50 of",
                _molar(value),
                "Between ligands of one protein, compare rather than believe",
            ),
            ("Probability of binding", told(summary.get("binding_probability"), "{:.2f}"), PROBABILITY_HELP),
        ],
    )


def _molar(log_micromolar: float) -> str:
    nanomolar = 10 ** (log_micromolar + 3)
    return f"{nanomolar:.3g} nM" if nanomolar < 1000 else f"{nanomolar / 1000:.3g} µM"


def _structure(finished: Finished, models: Sequence[Row]) -> StructurePanel:
    layers = [layer for row in models for layer in _layer(finished, row)]
    note = "Coloured by pLDDT. Below 50 a shape is most likely no shape at all."
    if finished.summary.get("marks"):
        note = f"{_capital(finished.summary['marks'])}. {note}"
    if len(layers) == 1:
        return StructurePanel("Structure", layers, note=note)
    return StructurePanel("Structure", (), layers, note=note)


def _layer(finished: Finished, row: Row) -> Iterator[Layer]:
    for format in ("mmcif", "pdb"):
        name = structure_name(row["model"], format)
        if finished.path(name).is_file():
            label = f"Model {row['model']} (pLDDT {row['plddt']:.0f})"
            yield Layer(name, "mmcif" if format == "mmcif" else "pdb", label, "prediction")


def _figures(finished: Finished, residues: Sequence[Row], model: int) -> Callable[[], Sequence[Panel]]:
    def make() -> Sequence[Panel]:
        own = [row for row in residues if row["model"] == model]
        marks = str(finished.summary.get("marks", ""))
        panels: list[Panel] = [along(own, model, marks)]
        pae = finished.path(pae_name(model))
        if pae.is_file():
            import numpy as np

            with np.load(pae) as stored:
                panels.append(aligned_error(stored["pae"], own, model, marks))
        return panels

    return make


def along(rows: Sequence[Row], model: int, marks: str = "") -> FigurePanel:
    """pLDDT residue by residue, chain after chain."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for low, high, colour, word in BANDS:
        figure.add_hrect(
            y0=low,
            y1=high,
            fillcolor=colour,
            opacity=0.16,
            line_width=0,
            layer="below",
            annotation={"text": word, "font": {"size": 10}, "opacity": 0.75},
            annotation_position="right",
        )
    place = 0
    for chain, listed in _by_chain(rows):
        figure.add_scatter(
            x=list(range(place + 1, place + len(listed) + 1)),
            y=[row["plddt"] for row in listed],
            customdata=[[row["residue"], row["position"]] for row in listed],
            name=f"Chain {chain}",
            mode="lines+markers" if len(listed) < 3 else "lines",
            hovertemplate=f"Chain {chain}, %{{customdata[0]}} %{{customdata[1]}}: %{{y:.1f}}<extra></extra>",
        )
        if place:
            figure.add_vline(x=place + 0.5, line_width=1, line_dash="dot", line_color="#8a979c")
        place += len(listed)
    figure.update_layout(
        height=320,
        xaxis_title="Residue, chain after chain",
        yaxis_title="pLDDT",
        yaxis_range=[0, 100],
        margin_r=70,
        showlegend=True,
    )
    _mark(figure, marks)
    values = [row["plddt"] for row in rows]
    alt = f"pLDDT of {len(values)} residues of model {model}, from {min(values):.0f} to {max(values):.0f}"
    return FigurePanel("pLDDT along the chains", figure, alt=alt)


def aligned_error(pae: np.ndarray, rows: Sequence[Row], model: int, marks: str = "") -> FigurePanel:
    """The PAE as a map, thinned by means where it is large."""
    import plotly.graph_objects as go

    step, drawn = thinned(pae)
    half = (step - 1) / 2
    centres = [1 + step * place + half for place in range(len(drawn))]
    figure = go.Figure(
        go.Heatmap(
            z=drawn,
            x=centres,
            y=centres,
            zmin=0,
            zmax=HIGHEST_ERROR,
            colorscale=[[0, "#00441b"], [0.35, "#41ab5d"], [1, "#f7fcf5"]],
            colorbar={"title": {"text": "Å", "side": "top"}, "thickness": 12},
            hovertemplate="aligned on %{y:.0f}, scored %{x:.0f}: %{z:.1f} Å<extra></extra>",
        )
    )
    spans = list(_spans(rows))
    if sum(length for _, length in spans) == len(pae):
        _draw_borders(figure, spans)
    figure.update_layout(
        height=480,
        xaxis={"title": "Scored residue", "constrain": "domain", "range": [0.5, len(pae) + 0.5]},
        yaxis={
            "title": "Aligned on residue",
            "scaleanchor": "x",
            "constrain": "domain",
            "range": [len(pae) + 0.5, 0.5],
            "showgrid": False,
        },
    )
    _mark(figure, marks)
    note = "Dark: the distance between the two is well known. Light between chains: how they lie to each other is not."
    if step > 1:
        note += (
            f" Each cell is the mean of {step} × {step} pairs; the file has all {len(pae):,} × {len(pae):,}."
        )
    alt = f"Predicted aligned error of model {model}: {pae.min():.1f} to {pae.max():.1f} Å, mean {pae.mean():.1f} Å"
    return FigurePanel("Predicted aligned error", figure, note, alt)


def thinned(pae: np.ndarray) -> tuple[int, list[list[float]]]:
    """Means of squares of so many pairs that at most MOST_CELLS are left; the last ones may be narrower."""
    import numpy as np

    step = -(-len(pae) // MOST_CELLS)
    if step == 1:
        return 1, np.round(pae, 1).tolist()
    starts = np.arange(0, len(pae), step)
    sums = np.add.reduceat(np.add.reduceat(pae.astype(float), starts, axis=0), starts, axis=1)
    widths = np.diff([*starts, len(pae)])
    return step, np.round(sums / np.outer(widths, widths), 1).tolist()


def _draw_borders(figure: Any, spans: Sequence[tuple[str, int]]) -> None:
    place = 0.5
    for chain, length in spans:
        figure.add_annotation(
            x=place + length / 2, y=1, yref="paper", yanchor="bottom", text=chain, showarrow=False
        )
        place += length
        if chain != spans[-1][0]:
            figure.add_hline(y=place, line_width=1, line_color="#d55e00")
            figure.add_vline(x=place, line_width=1, line_color="#d55e00")


def _spans(rows: Sequence[Row]) -> Iterator[tuple[str, int]]:
    for chain, listed in _by_chain(rows):
        yield chain, sum(row["tokens"] for row in listed)


def _by_chain(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    for chain, listed in groupby(rows, key=lambda row: str(row["chain"])):
        yield chain, list(listed)


def _mark(figure: Any, marks: str) -> None:
    """What a reader must know also where the picture goes alone."""
    if marks:
        figure.update_layout(
            margin_t=64,
            title={
                "text": f"<b>{_capital(marks)}</b>",
                "font": {"color": "#d55e00", "size": 12},
                "x": 1,
                "xanchor": "right",
                "y": 0.99,
                "yanchor": "top",
            },
        )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
