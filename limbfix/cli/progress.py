"""How far is the run? A bar on stderr that makes way for whatever else is printed on the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from limbfix.reports.summary import RunSummary
    from limbfix.reports.writers import RecordWriter
    from limbfix.runs import RunOutcome


class ProgressBar:
    """Counts pictures and rejected ones; their number is not known beforehand, because folders are read as they come.

    Args:
        stderr: where it is drawn.
        is_shown: False draws nothing.
    """

    def __init__(self, stderr: TextIO, *, is_shown: bool) -> None:
        self._progress = None
        if not is_shown:
            return
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        console = Console(file=stderr, force_terminal=stderr.isatty() or None)
        self._progress = Progress(
            *columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._progress.add_task("loading models", total=None)
        self._progress.start()

    def advance(self, outcome: RunOutcome) -> None:
        """Shows the counts so far."""
        if self._progress is not None:
            summary = outcome.summary(0.0)
            text = f"{summary.pictures} judged, {summary.verdicts['reject']} rejected"
            self._progress.update(self._task, description=text)

    def say(self, text: str) -> None:
        """Shows what is being done; it must be printable."""
        if self._progress is not None:
            from rich.markup import escape

            self._progress.update(self._task, description=escape(text))

    def aside(self, write: Callable[[], Any]) -> None:
        """Takes the bar away while something else writes to the terminal."""
        if self._progress is None:
            write()
            return
        self._progress.stop()
        try:
            write()
        finally:
            self._progress.start()

    def beside(self, writer: RecordWriter, out: TextIO) -> RecordWriter:
        """Returns the writer, or one that takes the bar away for each record where both share a terminal."""
        return writer if self._progress is None or not out.isatty() else _Aside(writer, self)

    def close(self) -> None:
        """Takes the bar away for good."""
        if self._progress is not None:
            self._progress.stop()


class _Aside:
    def __init__(self, writer: RecordWriter, bar: ProgressBar) -> None:
        self._writer, self._bar = writer, bar

    def begin(self) -> None:
        self._bar.aside(self._writer.begin)

    def row(self, record: Mapping[str, Any]) -> None:
        self._bar.aside(lambda: self._writer.row(record))

    def end(self, summary: RunSummary) -> None:
        self._bar.aside(lambda: self._writer.end(summary))
