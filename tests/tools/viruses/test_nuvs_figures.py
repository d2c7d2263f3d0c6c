"""Arrows point along the strand, contigs share a scale, and names from files stay text."""

from __future__ import annotations

from typing import Any

from tools.viruses import nuvs_figures


def orf(number: int, strand: str, first: int, last: int, **told: Any) -> dict[str, Any]:
    plain = {"contig": 0, "frame": 2, "residues": (last - first) // 3, "hits": 0, "e": None}
    return (
        plain
        | {
            "orf": number,
            "strand": strand,
            "first": first,
            "last": last,
            "profile": None,
            "families": "",
            "names": "",
        }
        | told
    )


HIT = {"hits": 1, "e": 1e-30, "profile": "vFam_2", "families": "A & <b>bold</b>", "names": "coat"}
CONTIG = {"contig": 0, "length": 5000}


def test_arrows_point_along_the_strand() -> None:
    panel = nuvs_figures.contig_map(CONTIG, [orf(0, "+", 1, 900, **HIT), orf(1, "−", 2001, 3000)], 1e-5)
    plus, minus = panel.figure.data
    assert max(plus.x) == 900 and plus.x.count(900) == 1, "the tip is one corner"
    assert min(minus.x) == 2000 and minus.x.count(2000) == 1
    assert {round(y) for y in plus.y} == {-1} and {round(y) for y in minus.y} == {-4}
    assert plus.fillcolor != minus.fillcolor == nuvs_figures.PLAIN
    assert panel.alt == "Contig 0 of 5,000 nt with 2 open reading frames, 1 with a hit"


def test_names_from_files_are_not_read_as_html() -> None:
    (drawn,) = nuvs_figures.contig_map(CONTIG, [orf(0, "+", 1, 900, **HIT)], 1e-5).figure.data
    assert drawn.name == "A &amp; &lt;b&gt;bold&lt;/b&gt;"
    assert "<b>" not in drawn.text and "E 1e-30" in drawn.text and "coat" in drawn.text


def test_a_hit_above_the_limit_is_paler_and_keeps_its_colour() -> None:
    figure = nuvs_figures.contig_map(CONTIG, [orf(0, "+", 1, 900, **HIT)], 1e-50).figure
    assert figure.data[0].opacity < 1
    assert figure.data[0].fillcolor == nuvs_figures.COLOURS[0]


def test_the_overview_shows_the_first_contigs_to_the_scale_of_the_longest() -> None:
    contigs = [{"contig": number, "length": 1000 + number} for number in range(60)]
    panel = nuvs_figures.overview(contigs, [orf(0, "+", 1, 900, **HIT), orf(1, "−", 1, 600)], 1e-5)
    assert list(panel.figure.layout.xaxis.range) == [0, 1039]
    assert len(panel.figure.layout.yaxis.tickvals) == nuvs_figures.MOST_CONTIGS
    assert "The first 40 of 60 contigs" in panel.note
    lines, hits, others = panel.figure.data
    assert len(lines.x) == 40
    assert hits.y[0] > 0 > others.y[0], "plus above the line, minus below"
