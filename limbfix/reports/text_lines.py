"""One readable line per picture, in colour only where a person looks at a terminal."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from limbfix.printing import printable
from limbfix.records import shown_score, standing, told_notes
from limbfix.reports.code_lists import says_reason
from limbfix.reports.summary import VERDICTS, RunSummary

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {"reject": "bold red", "flag": "yellow", "pass": "green", "no_subject": "dim", "unjudged": "bold magenta"}
_VERDICT_WIDTH = max(map(len, VERDICTS))


class TextLines:
    """Writes `verdict score path findings`, one line per picture.

    Args:
        out: text stream.
        is_colored: None = only where `out` is a terminal and neither NO_COLOR nor TERM=dumb is set.
    """

    def __init__(self, out: TextIO, is_colored: bool | None = None) -> None:
        from rich.console import Console

        wants_color = out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._is_colored = wants_color if is_colored is None else is_colored
        self._out = out
        self._console = Console(file=out, force_terminal=self._is_colored, no_color=not self._is_colored, emoji=False)

    def begin(self) -> None:
        """Writes nothing."""

    def row(self, record: Mapping[str, Any]) -> None:
        """Writes one line and flushes. Names cannot break the line or command the terminal."""
        line = _line(record)
        if self._is_colored:
            self._console.print(line, soft_wrap=True, markup=False, highlight=False)
        else:
            self._out.write(line.plain + "\n")
        self._out.flush()

    def end(self, summary: RunSummary) -> None:
        """Writes nothing: the counts are the last line on stderr, which belongs to the command line."""


def _line(record: Mapping[str, Any]) -> Text:
    from rich.text import Text

    verdict, score = standing(record)
    verdict = printable(verdict)
    line = Text()
    line.append(verdict.ljust(_VERDICT_WIDTH), _STYLES.get(verdict, ""))
    line.append("  " + ("   -" if score is None else shown_score(score)))
    line.append("  " + printable(record["path"]), "bold")
    error = record.get("error")
    if error:
        line.append(f"  {printable(error['code'])}", "magenta").append(f": {printable(error['message'])}")
    elif verdict == "unjudged":
        line.append(f"  {printable(record['reason'])}", "magenta")
    elif verdict == record["verdict"] == "flag" and not any(
        says_reason(one, record) for one in record.get("findings") or ()
    ):
        line.append(f"  {printable(record['reason'])}", "yellow")
    for index, finding in enumerate(record.get("findings") or ()):
        line.append("  " if index == 0 else "; ", "dim")
        line.append(printable(finding["code"]), "cyan").append(f": {printable(finding['message'])}")
        if finding.get("exception") is not None:
            line.append(" (accepted)", "dim")
    if verdict == record["verdict"] == "pass" and (uncounted := _uncounted(record)):
        line.append(f"  digits not counted: {uncounted} of {len(record['hands'])}", "dim")
    if notes := told_notes(record):
        line.append(f"  {'; '.join(map(printable, notes))}", "dim")
    if repair := record.get("repair"):
        line.append("  -> ", "dim").append(_repair_words(record, repair), "green" if repair["output"] else "yellow")
    return line


def _uncounted(record: Mapping[str, Any]) -> int:
    return sum(hand["digits"]["cannot_tell"] is not None for hand in record.get("hands") or ())


def _repair_words(record: Mapping[str, Any], repair: Mapping[str, Any]) -> str:
    if repair["output"]:
        old = record.get("defect_score")
        return f"repaired: {printable(repair['output'])} (was {record['verdict']}{'' if old is None else f' {shown_score(old)}'})"
    if not repair["plan"]:
        return "nothing to repair"
    return f"not repaired: {printable(repair['attempts'][-1]['reason'] if repair['attempts'] else 'nothing was tried')}"
