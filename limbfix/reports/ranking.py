"""Which pictures go on the page? The worst ones, chosen while records stream by."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

_BADNESS = {"reject": 4, "flag": 3, "unjudged": 2, "pass": 1, "no_subject": 0}
"""What a reader must see first, where not every picture fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """What stays in memory of one shown picture.

    Attributes:
        index: place in the run, from 0.
        offset: where its line begins in records.jsonl, bytes.
        verdict, score: of the record, or of the repaired picture where there is one.
        thumbnail: file name in evidence/, or None.
        crops: finding indices that share a crop, and its file name.
        keypoints: JSON of the skeletons.
        repaired: file name in evidence/, or None.
    """

    index: int
    offset: int
    verdict: str
    score: float | None
    thumbnail: str | None
    crops: tuple[tuple[tuple[int, ...], str], ...]
    keypoints: bytes
    repaired: str | None = None


class WorstFirst:
    """Keeps the worst `size` pictures of any number."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._heap: list[tuple[int, float, int, Ranked]] = []

    def add(self, ranked: Ranked) -> None:
        """Keeps the picture if it is among the worst so far; of equals the earlier one stays."""
        if self._size <= 0:
            return
        item = (_BADNESS.get(ranked.verdict, 0), ranked.score or 0.0, -ranked.index, ranked)
        if len(self._heap) < self._size:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    def by_score(self) -> list[Ranked]:
        """Returns the kept pictures, highest score first; those without a score last, unjudged before no_subject."""

        def order(ranked: Ranked) -> tuple[bool, float, int, int]:
            return (ranked.score is None, -(ranked.score or 0.0), -_BADNESS.get(ranked.verdict, 0), ranked.index)

        return sorted((item[-1] for item in self._heap), key=order)
