"""Pictures of reads' quality. They read rows, which a job has as tables and a sample in its quality.json."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tools.contract import FigurePanel, LocalFile, MetricsPanel, Panel
from tools.reads.tables import BASES, dictionaries, tables

#: Of Okabe and Ito's palette, which the colour-blind tell apart.
BLUE, ORANGE, GREEN, RED, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7"
_OF_BASE = {"g": ORANGE, "a": GREEN, "t": RED, "c": BLUE}
#: (from, to, colour, what it means), thin enough for a light and a dark page.
_ZONES = (
    (0, 20, "rgba(213, 94, 0, 0.12)", "poor: 1 in 100 wrong or worse"),
    (20, 28, "rgba(230, 159, 0, 0.10)", "fair"),
    (28, 94, "rgba(0, 114, 178, 0.08)", "good: 1 in 600 wrong or better"),
)
#: Top of a figure of qualities, unless there are higher ones.
_TOP = 42

Row = Mapping[str, Any]


def panels(file: LocalFile, facts: Mapping[str, Any]) -> list[Panel]:
    """What a sample holds."""
    quality = json.loads((file.path / "quality.json").read_text())
    told = [
        *metrics(facts["count"], facts["paired"], facts["length"], facts["gc"], facts["encoding"]),
        ("Library", {"srna": "small RNA"}.get(facts["library_type"], facts["library_type"]), ""),
        *(
            (label, facts[key], "")
            for key, label in (("host", "Host"), ("isolate", "Isolate"))
            if facts.get(key)
        ),
    ]
    return [MetricsPanel("Reads", told), *draw(*map(dictionaries, tables(quality)))]


def metrics(
    reads: int, paired: bool, length: Sequence[int], gc: float, encoding: str
) -> list[tuple[str, str, str]]:
    shortest, longest = length
    return [
        ("Reads", f"{reads:,}", "Of both files together" if paired else "In the file"),
        ("Pairs", f"{reads // 2:,}" if paired else "single reads", ""),
        ("Length", f"{longest:,} nt" if shortest == longest else f"{shortest:,}-{longest:,} nt", ""),
        ("GC", f"{gc:g} %", "Of A, C, G and T, cut off to whole percents per file"),
        ("Qualities", encoding, "How quality is written in the sample's files: Phred+33"),
    ]


def draw(cycles: Sequence[Row], lengths: Sequence[Row], read_quality: Sequence[Row]) -> list[FigurePanel]:
    files = sorted({row["file"] for row in lengths})
    found = []
    for number in files:
        own = [row for row in cycles if row["file"] == number]
        which = "" if len(files) == 1 else (", first reads (R1)", ", second reads (R2)")[number - 1]
        if own:
            found += [_qualities(own, which), _composition(own, which)]
    return [*found, _lengths(lengths, files), _read_quality(read_quality, files)]


def _middle(row: Row) -> float:
    return (row["from"] + row["to"]) / 2


def _axis(rows: Sequence[Row]) -> dict[str, Any]:
    return {"title": "Cycle (position in the read)", "range": [0.5, rows[-1]["to"] + 0.5]}


def _qualities(rows: Sequence[Row], which: str) -> FigurePanel:
    import plotly.graph_objects as go

    x = [_middle(row) for row in rows]
    figure = go.Figure()
    _band(figure, x, rows, ("tenth", "ninetieth"), "10th to 90th percentile", "rgba(127, 127, 127, 0.25)")
    _band(figure, x, rows, ("lower_quartile", "upper_quartile"), "Quartiles", "rgba(0, 158, 115, 0.40)")
    figure.add_scatter(
        x=x,
        y=[row["median"] for row in rows],
        name="Median",
        mode="lines",
        line={"color": GREEN, "width": 2, "shape": "hvh"},
    )
    figure.add_scatter(
        x=x,
        y=[row["mean"] for row in rows],
        name="Mean",
        mode="lines",
        line={"color": PURPLE, "width": 2, "dash": "dot"},
    )
    top = max(_TOP, *(row["ninetieth"] + 1 for row in rows))
    for start, end, colour, _ in _ZONES:
        figure.add_hrect(y0=start, y1=min(end, top), fillcolor=colour, line_width=0, layer="below")
    figure.update_layout(
        xaxis=_axis(rows), yaxis={"title": "Quality (Phred score)", "range": [0, top]}, hovermode="x unified"
    )
    return FigurePanel(
        f"Quality per cycle{which}",
        figure,
        "Zones from below: "
        + "; ".join(
            f"{start} to {end} {what}" if end < 94 else f"from {start} {what}"
            for start, end, _, what in _ZONES
        )
        + ". Cycles that 100 reads or fewer reach have only a mean.",
        alt=(
            f"Quality per cycle{which}: the mean is {rows[0]['mean']:.1f} in the first cycle and "
            f"{rows[-1]['mean']:.1f} in cycle {rows[-1]['to']:,}; the lowest median is "
            f"{min(row['median'] for row in rows):.0f}"
        ),
    )


def _band(
    figure: Any, x: Sequence[float], rows: Sequence[Row], names: tuple[str, str], label: str, colour: str
) -> None:
    low, high = names
    line = {"width": 0, "shape": "hvh"}
    figure.add_scatter(
        x=x, y=[row[low] for row in rows], line=line, mode="lines", showlegend=False, name=f"{label}, low"
    )
    figure.add_scatter(
        x=x,
        y=[row[high] for row in rows],
        line=line,
        mode="lines",
        fill="tonexty",
        fillcolor=colour,
        name=label,
    )


def _composition(rows: Sequence[Row], which: str) -> FigurePanel:
    import plotly.graph_objects as go

    figure = go.Figure()
    for base in sorted(BASES):
        figure.add_scatter(
            x=[_middle(row) for row in rows],
            y=[row[base] for row in rows],
            name=base.upper(),
            mode="lines",
            line={"color": _OF_BASE[base], "dash": "dash" if base in "ag" else "solid"},
        )
    highest = max(row[base] for row in rows for base in BASES)
    figure.update_layout(
        xaxis=_axis(rows),
        yaxis={"title": "Share of the four bases (%)", "range": [0, max(50, highest + 2)]},
        hovermode="x unified",
    )
    first = ", ".join(f"{base.upper()} {rows[0][base]:.0f} %" for base in sorted(BASES))
    return FigurePanel(
        f"Composition per cycle{which}",
        figure,
        "N is left out.",
        alt=f"Composition per cycle{which}: in the first cycle {first}; no base is ever above {highest:.0f} %",
    )


def _lengths(rows: Sequence[Row], files: Sequence[int]) -> FigurePanel:
    import plotly.graph_objects as go

    figure = go.Figure()
    for number in files:
        own = [row for row in rows if row["file"] == number]
        figure.add_bar(
            x=[_middle(row) for row in own],
            y=[row["reads"] for row in own],
            width=[row["to"] - row["from"] + 1 for row in own],
            hovertext=[_span(row) for row in own],
            hoverinfo="text",
            **_series(number, files),
        )
    figure.update_layout(
        xaxis_title="Length (nt)", yaxis_title="Reads", barmode="overlay", bargap=0, yaxis_rangemode="tozero"
    )
    most = max(rows, key=lambda row: row["reads"])
    return FigurePanel(
        "Lengths of the reads",
        figure,
        alt=(
            f"Lengths from {min(row['from'] for row in rows):,} to {max(row['to'] for row in rows):,} nt; "
            f"most reads: {_span(most)}"
        ),
    )


def _span(row: Row) -> str:
    length = f"{row['from']:,}" if row["from"] == row["to"] else f"{row['from']:,}-{row['to']:,}"
    return f"{length} nt: {row['reads']:,} reads"


def _series(number: int, files: Sequence[int]) -> dict[str, Any]:
    """Filled bars of the first reads, and the outlines of the second before them."""
    second = {"color": "rgba(0, 0, 0, 0)", "line": {"color": ORANGE, "width": 1.5}}
    return {
        "name": f"R{number}",
        "marker": second if number == 2 else {"color": BLUE, "line": {"width": 0}},
        "showlegend": len(files) > 1,
    }


def _read_quality(rows: Sequence[Row], files: Sequence[int]) -> FigurePanel:
    import plotly.graph_objects as go

    figure = go.Figure()
    for number in files:
        own = [row for row in rows if row["file"] == number]
        figure.add_bar(
            x=[row["quality"] for row in own], y=[row["reads"] for row in own], **_series(number, files)
        )
    figure.update_layout(
        xaxis_title="Mean quality of a read (Phred score)", yaxis_title="Reads", barmode="overlay", bargap=0
    )
    most = max(rows, key=lambda row: row["reads"])
    return FigurePanel(
        "Mean qualities of the reads",
        figure,
        "Means are cut off to whole numbers; the last one holds all above, too.",
        alt=f"Mean qualities of the reads: most, {most['reads']:,} in one file, have {most['quality']}",
    )
