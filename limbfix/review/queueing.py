"""In which order do people look? The most uncertain flagged pictures first, the audit spread evenly among them.

Pictures of the audit stand in the order of their own numbers (`Row.place`), not of their scores: whenever people
stop, those answered so far are a fair sample. Nothing on the page tells which pictures are of the audit.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

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


def next_row(queue: Sequence[Row], taken: Collection[str], *, after: str) -> Row | None:
    """Returns the next case that nobody has answered and that is not taken, or None.

    Args:
        queue: as `make_queue` gives it.
        taken: ids of cases that others look at, or that this person skipped.
        after: id of the case to go on from; at the end it begins again.
    """
    start = next((place + 1 for place, row in enumerate(queue) if row.case_id == after), 0)
    in_turn = (*queue[start:], *queue[:start])
    return next((row for row in in_turn if not row.is_done and row.case_id not in taken), None)
