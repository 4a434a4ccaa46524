"""What is asked of a repair, and what came of it? Options, attempts, and the repaired picture."""

from __future__ import annotations

from dataclasses import dataclass

from limbfix.images import Picture
from limbfix.inspections import Inspection
from limbfix.repair.focus import Focus
from limbfix.repair.plans import Step
from limbfix.repair.seams import Seam


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairOptions:
    """How hard to try.

    Attributes:
        candidates: pictures painted for each place and strength, in one batch.
        strengths: 0-1, how far masked pixels may leave what they were; each is tried.
        steps: of a sampler, or None for the painter's own.
        prompt: None = what the picture's metadata say.
        negative_prompt: what the picture should not show.
        seed: the candidates' seeds follow from it.
        flag_at: defect score from which a counted finding asks for a repair; None = that of the judge's policy, else 0.5.
    """

    candidates: int = 4
    strengths: tuple[float, ...] = (0.75,)
    steps: int | None = None
    prompt: str | None = None
    negative_prompt: str = ""
    seed: int = 0
    flag_at: float | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.candidates <= 64:
            raise ValueError(f"RepairOptions.candidates: expected 1 to 64, got {self.candidates}")
        if not self.strengths or not all(0 < strength <= 1 for strength in self.strengths):
            raise ValueError(f"RepairOptions.strengths: expected numbers above 0 and up to 1, got {self.strengths}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One candidate for one place.

    Attributes:
        step_index: place in the plan.
        seed: None where the painter has none.
        strength: 0-1.
        is_accepted: whether it stayed.
        reason: what the judge said, or what went wrong.
        score_before, score_after: the picture's defect score, 0-1; None where it was not judged.
        target_after: what is left of the place's findings, 0-1; None where it was not judged.
        seam: its border, or None likewise.
    """

    step_index: int
    seed: int | None
    strength: float
    is_accepted: bool
    reason: str
    score_before: float | None
    score_after: float | None = None
    target_after: float | None = None
    seam: Seam | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repaired:
    """What became of a picture.

    Attributes:
        before: the inspection that was given.
        after: that of the repaired picture; `before` itself where nothing was kept. `after.picture` has the pixels.
        plan: what should be done, place by place.
        attempts: what was tried, in order.
        kept: windows that changed, in order; outside their alpha no pixel did.
        inpainter: name of who painted.
        notes: what the painter had to do to go on, or could not heed, in words.
    """

    before: Inspection
    after: Inspection
    plan: tuple[Step, ...]
    attempts: tuple[Attempt, ...] = ()
    kept: tuple[Focus, ...] = ()
    inpainter: str
    notes: tuple[str, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether a repair was kept."""
        return bool(self.kept)

    @property
    def picture(self) -> Picture:
        """The repaired picture, or the original."""
        picture = self.after.picture
        if picture is None:
            raise ValueError("Repaired.picture: expected an inspection with its pixels, got a bare record")
        return picture
