"""What came out of a whole run? Counts that grow with no picture kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limbfix.records import standing
from limbfix.reports.code_lists import code_lists

VERDICTS: tuple[str, ...] = ("reject", "flag", "pass", "no_subject", "unjudged")
"""Every verdict, in the order in which reports name them."""

SCORE_BINS = 20
"""Bars of the score histogram, each 0.05 wide; the last one holds 1.0."""

_MOST_POLICIES = 16
"""Policies kept by name: a resumed run may mix a few, and no file may make the list grow for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The numbers of one run.

    Attributes:
        pictures: records counted.
        verdicts: count of each verdict, all five always present.
        codes: pictures in which each code counts at least once, most frequent first; see `limbfix.reports.code_lists`.
        hints: the same of codes that are only hinted at, or accepted by an exception.
        rejected_share: rejected / (rejected + flagged + passed), 0-1; None where nothing was judged.
        score_histogram: SCORE_BINS counts of the pictures' defect scores over 0-1; no score, no count.
        seconds: wall time of the run.
        pictures_per_second: pictures / seconds; None where no time was measured.
        policies: every policy that judged, `name@hash`, in order of appearance.
        models: SHA-256 by model name.
        repaired: pictures of which a repaired file was written; they count with the verdict on that.
    """

    pictures: int
    verdicts: dict[str, int]
    codes: dict[str, int]
    hints: dict[str, int]
    rejected_share: float | None
    score_histogram: tuple[int, ...]
    seconds: float
    pictures_per_second: float | None
    policies: tuple[str, ...]
    models: dict[str, str]
    repaired: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns the summary as `summary.json` holds it."""
        return {
            "schema_version": 1,
            "pictures": self.pictures,
            "verdicts": self.verdicts,
            "codes": self.codes,
            "hints": self.hints,
            "rejected_share": self.rejected_share,
            "score_histogram": list(self.score_histogram),
            "seconds": round(self.seconds, 3),
            "pictures_per_second": self.pictures_per_second,
            "policies": list(self.policies),
            "models": self.models,
            **({"repaired": self.repaired} if self.repaired else {}),
        }

    def sentence(self) -> str:
        """Returns the counts as one line, such as `12 pictures: 3 rejected, 1 flagged, 8 passed`."""
        words = {"reject": "rejected", "flag": "flagged", "pass": "passed", "no_subject": "without a person"}
        parts = [f"{self.verdicts[name]} {words.get(name, name)}" for name in VERDICTS if self.verdicts[name]]
        noun = "picture" if self.pictures == 1 else "pictures"
        return f"{self.pictures} {noun}" + (": " + ", ".join(parts) if parts else "")


class RunTally:
    """Counts records as they come; its memory does not grow with their number."""

    def __init__(self) -> None:
        self._pictures = self._repaired = 0
        self._verdicts: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self._hints: Counter[str] = Counter()
        self._bins = [0] * SCORE_BINS
        self._policies: dict[str, None] = {}
        self._models: dict[str, str] = {}

    def add(self, record: Mapping[str, Any]) -> None:
        """Counts one record."""
        self._pictures += 1
        verdict, score = standing(record)
        self._verdicts[verdict] += 1
        self._repaired += bool(score is not None and record.get("repair") and record["repair"]["output"] is not None)
        codes, hints = code_lists(record)
        self._codes.update(codes)
        self._hints.update(hints)
        if score is not None:
            self._bins[min(SCORE_BINS - 1, max(0, int(score * SCORE_BINS)))] += 1
        policy = record.get("policy")
        if policy and len(self._policies) < _MOST_POLICIES:
            self._policies.setdefault(policy)
        self._models.update(record.get("models") or {})

    def summary(self, seconds: float) -> RunSummary:
        """Returns the counts so far.

        Args:
            seconds: wall time of the run; 0 where it is not known.
        """
        judged = sum(self._verdicts[name] for name in ("reject", "flag", "pass"))
        return RunSummary(
            pictures=self._pictures,
            verdicts={name: self._verdicts[name] for name in VERDICTS},
            codes=_most_frequent_first(self._codes),
            hints=_most_frequent_first(self._hints),
            rejected_share=round(self._verdicts["reject"] / judged, 6) if judged else None,
            score_histogram=tuple(self._bins),
            seconds=seconds,
            pictures_per_second=round(self._pictures / seconds, 3) if seconds > 0 else None,
            policies=tuple(self._policies),
            models=dict(sorted(self._models.items())),
            repaired=self._repaired,
        )


def _most_frequent_first(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
