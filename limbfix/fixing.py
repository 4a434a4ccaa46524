"""From paths to repaired files: judge, repair, write beside a record that says what was done. Originals are only read."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal, Protocol

from limbfix.actions import target_of, write_new
from limbfix.errors import DetectorError, OutputError, PictureError
from limbfix.images import Picture
from limbfix.inpainting import Inpainter
from limbfix.inspections import Inspection
from limbfix.printing import printable
from limbfix.repair import ExemplarFill, Repaired, RepairOptions, repair_picture
from limbfix.repair.candidates import HintMaker
from limbfix.repair.files import RepairedFile, repaired_file
from limbfix.repair.focus import Enlarge
from limbfix.repair.focus_pass import Area, focus_plan
from limbfix.repair.plans import Step, make_plan
from limbfix.repair.repair_records import repair_record
from limbfix.workers import Judged, JudgingOptions, Task
from limbfix.workers.judging import unjudged

if TYPE_CHECKING:
    from limbfix.reports.evidence import Evidence


class JudgingAgain(Protocol):
    """A gate that judges files and pixels."""

    models: dict[str, str]
    notes: tuple[str, ...]

    def judge_path(self, path: str) -> Inspection:
        """Judges one file."""
        ...

    def inspect_picture(self, picture: Picture) -> Inspection:
        """Judges pixels that are open already."""
        ...

    def close(self) -> None:
        """Frees the models."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FixOptions:
    """How pictures are fixed.

    Attributes:
        out: folder for repaired files; made when the first is written.
        repair: how hard to try.
        flag_at: defect score from which a counted finding asks for a repair: the policy's.
        kind: of repaired files. `jpeg` only where the original is one, and at a price: every pixel changes a little.
    """

    out: Path
    repair: RepairOptions
    flag_at: float
    kind: Literal["png", "jpeg"] = "png"


class FixingJudge:
    """Judges and repairs in this process, one picture after the other, each only when it is asked for.

    Args:
        gate: who judges, before and after.
        judging: as for `limbfix check`.
        options: how pictures are fixed.
        painter: who paints; None = the embedded filling.
        hints: draws hints for a painter that takes them, or None.
        find_areas: names areas to render again, finer, although nothing is wrong with them; None = no focus pass.
        enlarge: enlarges the crops of the focus pass, or None.
        say: told what is being done, for a progress bar.
        tell: told one line that a user must read, such as a lost C2PA manifest.
        hold: called before a file is written; from then to the picture's record nothing may interrupt.
    """

    def __init__(
        self,
        gate: JudgingAgain,
        judging: JudgingOptions,
        options: FixOptions,
        *,
        painter: Inpainter | None = None,
        hints: HintMaker | None = None,
        find_areas: Callable[[Inspection], Sequence[Area]] | None = None,
        enlarge: Enlarge | None = None,
        say: Callable[[str], None] = lambda _: None,
        tell: Callable[[str], None] = lambda _: None,
        hold: Callable[[], None] = lambda: None,
    ) -> None:
        self._gate, self._judging, self._options = gate, judging, options
        self._painter, self._hints, self._enlarge, self._find_areas = painter, hints, enlarge, find_areas
        self._say, self._tell, self._hold = say, tell, hold
        self._warn = tell
        self.models, self.notes = gate.models, gate.notes
        self.painter_name = (painter or ExemplarFill()).name

    def judge(self, tasks: Iterable[Task], on_done: Callable[[Judged], None]) -> Iterator[Judged]:
        """Yields what became of the tasks, in order; `on_done` is told first."""
        for task in tasks:
            judged = self._fixed(task)
            on_done(judged)
            yield judged

    def on_warning(self, warn: Callable[[str], None]) -> None:
        """Says who is told about files that could not be written."""
        self._warn = warn

    def close(self) -> None:
        """Frees the models."""
        self._gate.close()

    def _fixed(self, task: Task) -> Judged:
        """Returns one picture's record; whatever nobody foresaw becomes a record with a trace, and the run goes on."""
        name = printable(PurePath(task.path).name)
        self._say(f"{name}: judging")
        try:
            inspection = self._gate.judge_path(task.file)
        except Exception as error:
            message = f"internal error, {type(error).__name__}: {error}. Please report it with the picture."
            judged = unjudged(task, self.models, self._judging, code="internal_error", message=message, seconds=0.0)
            return replace(judged, trace=traceback.format_exc())
        if task.file != task.path:
            inspection = replace(inspection, record={**inspection.record, "path": task.path})
        judged = Judged(task=task, record=inspection.record, keypoints=inspection.keypoints)
        if inspection.picture is None or inspection.scene is None:
            return judged
        try:
            repaired, record = self._repaired(task, name, inspection)
        except DetectorError as error:  # of the second look; the first one stands
            return replace(judged, trace=f"{name}: not repaired, {error}")
        except Exception:
            return replace(judged, trace=traceback.format_exc())
        judged = replace(judged, record=record)
        return replace(judged, evidence=self._evidence(inspection, repaired, record))

    def _repaired(self, task: Task, name: str, inspection: Inspection) -> tuple[Repaired, dict]:
        plan = self._plan(inspection)
        repaired = repair_picture(
            inspection,
            self._gate,
            inpainter=self._painter,
            options=self._options.repair,
            plan=plan,
            hints=self._hints,
            enlarge=self._enlarge,
            on_step=lambda line: self._say(f"{name}: {line}"),
        )
        file, output = None, None
        if repaired.is_changed:
            self._hold()
            file, output = self._written(task, name, repaired)
        return repaired, {**inspection.record, "repair": repair_record(repaired, file=file, output=output)}

    def _plan(self, inspection: Inspection) -> tuple[Step, ...]:
        picture, scene = inspection.picture, inspection.scene
        if picture is None or scene is None or any(note.startswith("animated") for note in picture.notes):
            return ()  # a fix never flattens an animation
        areas = () if self._find_areas is None else self._find_areas(inspection)
        plan = make_plan(inspection, flag_at=self._options.flag_at)
        wrong = {index for step in plan for index in step.hand_indices}  # a wrong hand drawn finer is still wrong
        return (*plan, *focus_plan([area for area in areas if area.hand_index not in wrong], scene))

    def _written(self, task: Task, name: str, repaired: Repaired) -> tuple[RepairedFile | None, str | None]:
        try:
            original = Path(task.file).read_bytes()
            file = repaired_file(original, repaired, kind=_kind_for(original, self._options.kind))
            relative = str(self._renamed(task, file.suffix))
            target = target_of(None, relative, self._options.out, file.sha256, size=len(file.data))
            if not target.exists():
                write_new(target, file.data)
        except (OSError, OutputError, PictureError) as error:
            self._warn(f"{name}: repaired, but not written: {error}")
            return None, None
        if file.has_lost_c2pa:
            self._tell(
                f"{name}: the original carries a C2PA manifest, which does not hold for changed pixels; "
                f"{printable(str(target))} has none and names its parent by SHA-256. Sign it anew where you must show its history"
            )
        return file, str(target)

    def _renamed(self, task: Task, suffix: str) -> PurePath:
        """Returns the name of a repaired picture: the original's with the new suffix, unless another original has that name."""
        name, source = PurePath(task.relative), Path(task.file)
        renamed = source.with_suffix(suffix)
        is_taken = renamed.name != source.name and renamed.exists() and not renamed.samefile(source)
        return name.with_name(name.name + suffix) if is_taken else name.with_suffix(suffix)

    def _evidence(self, inspection: Inspection, repaired: Repaired, record: dict) -> Evidence | None:
        if not self._judging.with_evidence or inspection.picture is None:
            return None
        from limbfix.reports.evidence import make_evidence

        after = repaired.picture.pixels if record["repair"]["output"] is not None else None
        return make_evidence(inspection.picture.pixels, record, inspection.keypoints, repaired=after)


def _kind_for(original: bytes, wanted: Literal["png", "jpeg"]) -> Literal["png", "jpeg"]:
    return "jpeg" if wanted == "jpeg" and original.startswith(b"\xff\xd8\xff") else "png"
