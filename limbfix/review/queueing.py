"""In which order do people look? The most uncertain flagged pictures first, the audit spread evenly among them.

Pictures of the audit stand in the order of their own numbers (`Row.place`), not of their scores: whenever people
stop, those answered so far are a fair sample. Nothing on the page tells which pictures are of the audit.
"""

from __future__ import annotations

from collections.abc import Sequence

from limbfix.review.auditing import Rates, is_audited, one_per_picture
from limbfix.review.index import Row


def make_queue(rows: Sequence[Row], rates: Rates) -> list[Row]:
    """Returns the cases that people should look at, the answered ones included."""
    firsts = {row.case_id for row in one_per_picture(rows).values()}
    audit, asked = [], []
    for row in rows:
        is_asked = row.waits or row.verdict == "flag"
        if is_audited(row, rates) and row.case_id in firsts:
            audit.append(row)
        elif is_asked:
            asked.append(row)
    asked.sort(key=lambda row: (-row.uncertainty, row.case_id))
    audit.sort(key=lambda row: (row.place, row.case_id))
    places = [
        ((number + 0.5) / len(shelf), kind, row)
        for kind, shelf in enumerate((asked, audit))
        for number, row in enumerate(shelf)
    ]
    places.sort(key=lambda place: place[:2])
    return [row for _, _, row in places]
