"""Made-up viruses for examples: the same for the same seed, everywhere."""

from __future__ import annotations

import json
import random
from typing import Any


def sequence(seed: int, length: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def changed(letters: str, seed: int, share: float) -> str:
    """With this share of its letters drawn anew: another isolate."""
    dice = random.Random(seed)
    return "".join(dice.choice("ACGT") if dice.random() < share else letter for letter in letters)


def fasta(named: dict[str, str], width: int = 60) -> str:
    return "".join(
        f">{name}\n" + "".join(f"{letters[at : at + width]}\n" for at in range(0, len(letters), width))
        for name, letters in named.items()
    )


def reference() -> str:
    """Three viruses in Virtool's JSON: with one isolate, with two of which the second is far, with two segments."""
    first, second = sequence(1, 1200), sequence(2, 1500)
    return json.dumps(
        {
            "data_type": "genome",
            "organism": "virus",
            "otus": [
                _otu("otu1", "Made-up mosaic virus", "MuMV", [""], [[first]]),
                _otu("otu2", "Made-up ringspot virus", "MuRSV", [""], [[second], [changed(second, 3, 0.2)]]),
                _otu(
                    "otu3",
                    "Made-up wilt virus",
                    "MuWV",
                    ["RNA 1", "RNA 2"],
                    [[sequence(4, 1400), sequence(5, 900)]],
                ),
            ],
        },
        indent=1,
    )


def _otu(
    id: str, name: str, abbreviation: str, segments: list[str], isolates: list[list[str]]
) -> dict[str, Any]:
    return {
        "_id": id,
        "name": name,
        "abbreviation": abbreviation,
        "version": 1,
        "schema": [{"name": each, "molecule": "ssRNA+", "required": True} for each in segments if each],
        "isolates": [
            {
                "id": f"{id}_{number}",
                "source_type": "isolate",
                "source_name": "AB"[number],
                "default": number == 0,
                "sequences": [
                    {
                        "_id": f"{id}_{number}_{place}",
                        "accession": f"{abbreviation}_{number}{place}",
                        "definition": f"{name} {segments[place]}".strip(),
                        "host": "",
                        "segment": segments[place],
                        "sequence": letters,
                    }
                    for place, letters in enumerate(sequences)
                ],
            }
            for number, sequences in enumerate(isolates)
        ],
    }
