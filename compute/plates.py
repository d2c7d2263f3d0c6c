"""Where the jobs of a batch lie on its plate, and what the places are called."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Rows and columns of the plates that labs know: 24, 96, 384 and 1,536 wells.
PLATES = ((4, 6), (8, 12), (16, 24), (32, 48))


@dataclass(frozen=True)
class Layout:
    rows: int
    columns: int
    #: With letters for rows, as on a real plate; a larger grid counts its wells.
    lettered: bool

    def name(self, number: int) -> str:
        """What stands beside the well: "B03" (so that names sort), or "4021" where there are too many for letters."""
        if not self.lettered:
            return str(number + 1)
        return f"{letters(number // self.columns)}{number % self.columns + 1:0{len(str(self.columns))}}"


def layout(wells: int) -> Layout:
    """The smallest plate that holds them; beyond the largest a grid of about three to two, in tens of columns."""
    for rows, columns in PLATES:
        if wells <= rows * columns:
            return Layout(rows, columns, lettered=True)
    columns = math.ceil(math.sqrt(1.7 * wells) / 10) * 10
    return Layout(math.ceil(wells / columns), columns, lettered=False)


def name(number: int, wells: int) -> str:
    """Of a well among so many, for sentences: "Well B3"."""
    return f"Well {layout(wells).name(number)}"


def letters(row: int) -> str:
    """A to Z, then AA to AF."""
    return (chr(64 + row // 26) if row >= 26 else "") + chr(65 + row % 26)
