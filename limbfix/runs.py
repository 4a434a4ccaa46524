"""From paths to records: hash, remember, judge, write, act - in input order, with flat memory, and with an exit code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from limbfix import __version__
from limbfix.actions import copy_file, move_file, sha256_of, target_of
from limbfix.discovery import SUFFIXES, FoundPicture, place_of
from limbfix.errors import OutputError
from limbfix.interruption import Interruption
from limbfix.printing import printable
from limbfix.records import SCHEMA_VERSION, Record
from limbfix.reports.summary import RunSummary, RunTally
from limbfix.workers import Judged, Task

if TYPE_CHECKING:
    from limbfix.reports.folder import ReportFolder
    from limbfix.reports.writers import RecordWriter
    from limbfix.settings import Settings
    from limbfix.states import State
    from limbfix.watching import Watch
    from limbfix.workers import LocalJudge, WorkerPool

EXIT_OK, EXIT_REJECTED, EXIT_ERROR, EXIT_UNJUDGED, EXIT_NO_PICTURES, EXIT_INTERRUPTED = 0, 1, 2, 3, 5, 130

_WORDS = {
    EXIT_OK: "PASS",
    EXIT_REJECTED: "FAIL",
    EXIT_ERROR: "ERROR",
    EXIT_UNJUDGED: "NOT JUDGED",
    EXIT_NO_PICTURES: "NO PICTURES",
    EXIT_INTERRUPTED: "INTERRUPTED",
}
_COUNT_WORDS = {
    "reject": "rejected",
    "flag": "flagged",
    "pass": "passed",
    "no_subject": "no subject",
    "unjudged": "not judged",
}


@dataclass(slots=True, kw_only=True)
class RunOutcome:
    """How a run went.

    Attributes:
        tally: its counts.
        is_interrupted: SIGINT, SIGTERM, or a reader of stdout that went away.
        warnings: how many things went wrong beside the judging: files not moved, internal errors.
        elsewhere: how many pictures were left to other shards.
        left: how many pictures a watch had seen and not judged when it ended.
    """

    tally: RunTally = field(default_factory=RunTally)
    is_interrupted: bool = False
    warnings: int = 0
    elsewhere: int = 0
    left: int = 0

    def summary(self, seconds: float) -> RunSummary:
        """Returns the counts."""
        return self.tally.summary(seconds)


def settings_label(policy: str, models: dict[str, str], settings: Settings) -> str:
    """Returns the key under which judgements are remembered: whatever changes a judgement or the form of its record changes it."""
    what = [policy, sorted(models.items()), settings.search, list(settings.detector), __version__]
    what += [f"record {SCHEMA_VERSION}", "masks" if settings.masks else "no masks"]
    if settings.state is not None:
        from limbfix.states import code_hash

        what.append(code_hash())
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def make_tasks(pictures: Iterable[FoundPicture | None], state: State | None, label: str) -> Iterator[Task | None]:
    """Turns found pictures into tasks that hold what an earlier run knew; hashes only where there is a state. None stays None."""
    for found in pictures:
        if found is None:
            yield None
            continue
        file, known = found.path, None
        if state is not None:
            content = sha256_of(found.path)
            if content is None and not Path(found.path).is_symlink():
                moved = state.find_move(place_of(found.path))
                if moved is not None:
                    file, content = moved
            known = state.find(content, label) if content else None
        yield Task(path=found.path, file=file, relative=found.relative, known=known)


class Run:
    """Takes judged pictures to wherever they are wanted.

    Args:
        settings: of the run.
        label: see `settings_label`.
        writer: for stdout.
        report: or None.
        state: or None.
        warn: told one line about each thing that went wrong beside the judging.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        label: str,
        writer: RecordWriter,
        report: ReportFolder | None,
        state: State | None,
        warn: Callable[[str], None],
    ) -> None:
        self._settings, self._label = settings, label
        self._writer, self._report, self._state, self._warn = writer, report, state, warn
        self.outcome = RunOutcome()

    def judge_all(
        self,
        judge: LocalJudge | WorkerPool,
        tasks: Iterable[Task | None],
        interruption: Interruption,
        on_record: Callable[[RunOutcome], Any],
        watch: Watch | None = None,
    ) -> None:
        """Judges until there is nothing left or somebody says stop; every record so far is then safe.

        Where the tasks come from a watch, it ends them at the first signal, and what is begun is finished; a second one ends at once.

        Raises:
            BrokenPipeError: nobody reads stdout any more.
            OutputError: the report, the state or stdout cannot be written.
        """
        judged_pictures = judge.judge(tasks, self._remember)
        while True:
            try:
                with interruption.allowed(is_patient=watch is not None):
                    judged = next(judged_pictures, None)
            except KeyboardInterrupt:
                self.outcome.is_interrupted = True
                return
            if judged is None:
                return
            if watch is not None and not watch.is_news(judged):
                continue
            self._emit(judged)
            on_record(self.outcome)

    def _remember(self, judged: Judged) -> None:
        if self._state is not None and judged.task.known is None:
            self._state.add(judged.record, judged.keypoints, self._label)

    def _emit(self, judged: Judged) -> None:
        """Writes one record, then acts on its file: whoever loses the record must still find the file."""
        self.outcome.tally.add(judged.record)
        if judged.trace is not None:
            self.complain(f"internal error on a picture\n{judged.trace}".rstrip())
        if self._report is not None:
            self._report.add(judged.record, judged.evidence)
        self._writer.row(judged.record)
        self._act(judged.task, judged.record)

    def _act(self, task: Task, record: Record) -> None:
        verdict = record["verdict"]
        copies = self._settings.copy_folder(verdict)
        moves = self._settings.move_rejected if verdict == "reject" else None
        if copies is None and moves is None:
            return
        # Where nothing could be judged, the record names no bytes: those that lie there now are meant.
        sha256 = record["sha256"] or sha256_of(task.file)
        if sha256 is None:  # The record says why, and the exit code follows from it: this is no second failure.
            self._warn(
                f"{printable(task.file)}: not copied: expected a readable file; see its record for what is there"
            )
            return
        try:
            if copies is not None:
                copy_file(task.file, target_of(task.file, task.relative, copies, sha256), sha256)
            if moves is not None and task.file == task.path:
                self._move(task, moves, sha256)
        except OutputError as error:
            self.complain(str(error))

    def _move(self, task: Task, folder: Path, sha256: str) -> None:
        target = target_of(task.file, task.relative, folder, sha256)
        place = place_of(task.file)
        if self._state is None:
            move_file(task.file, target, sha256)
            return
        self._state.note_move(place, str(target.absolute()), sha256)
        try:
            move_file(task.file, target, sha256)
        except OutputError:
            self._state.forget_move(place)
            raise

    def complain(self, line: str) -> None:
        """Tells about something that went wrong beside the judging; the run then ends with an error."""
        self.outcome.warnings += 1
        self._warn(line)


def exit_code(summary: RunSummary, outcome: RunOutcome, settings: Settings, *, require_subject: bool) -> int:
    """Returns the exit code of a run.

    Args:
        summary: its counts.
        outcome: how it went.
        settings: `fail_on` and `max_reject_rate`.
        require_subject: whether pictures without a person count as not judged.
    """
    if outcome.is_interrupted:
        return EXIT_INTERRUPTED
    if outcome.warnings:
        return EXIT_ERROR
    if not summary.pictures and not outcome.elsewhere and not outcome.left:
        return EXIT_NO_PICTURES
    counts = summary.verdicts
    failing = {
        "reject": counts["reject"],
        "flag": counts["reject"] + counts["flag"],
        "never": 0,
    }[settings.fail_on]
    judged = counts["reject"] + counts["flag"] + counts["pass"]
    if failing and failing > settings.max_reject_rate * judged + 1e-9:  # 0.29 * 100 is 28.999...
        return EXIT_REJECTED
    if counts["unjudged"] or outcome.left or (require_subject and counts["no_subject"]):
        return EXIT_UNJUDGED
    return EXIT_OK


def verdict_line(summary: RunSummary, code: int, paths: Sequence[str] = ()) -> str:
    """Returns the last line of stderr: what it came to, and the counts. Only a run of which nobody need look at anything says PASS.

    Args:
        summary: the counts.
        code: the exit code.
        paths: what was looked through, named where no picture was there.
    """
    parts = [f"{summary.verdicts[name]} {word}" for name, word in _COUNT_WORDS.items() if summary.verdicts[name]]
    noun = "picture" if summary.pictures == 1 else "pictures"
    if summary.repaired:
        parts.append(f"{summary.repaired} of them repaired")
    counts = f"{summary.pictures} {noun}" + (f": {', '.join(parts)}" if parts else "")
    if code == EXIT_NO_PICTURES and paths:
        places = "stdin" if list(paths) == ["-"] else ", ".join(map(printable, paths))
        counts += f" in {places} (of a folder, {', '.join(SUFFIXES[:-1])} and {SUFFIXES[-1]} count)"
    is_done = code == EXIT_OK and (summary.verdicts["reject"] or summary.verdicts["flag"] or not summary.pictures)
    return f"limbfix: {'DONE' if is_done else _WORDS[code]} - {counts} ({summary.seconds:.1f} s)"
