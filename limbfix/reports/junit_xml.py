"""The run as JUnit XML, which continuous-integration dashboards show: one test case per picture."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, TextIO
from xml.sax.saxutils import escape

from limbfix.records import shown_score, standing, told_notes
from limbfix.reports.escaping import xml_text
from limbfix.reports.summary import RunSummary

_QUOTES = {'"': "&quot;"}


class JunitXml:
    """Writes one `<testsuites>` document at the end.

    reject is a failure, unjudged an error, no_subject skipped; flag and pass succeed, a flag with its findings in
    `<system-out>`, and both with what the record notes, such as that one frame of an animation was judged. The header needs the counts, so cases wait in a temporary file and memory stays flat.

    Args:
        out: text stream.
        fail_on: of the run; with `flag` a flag is a failure too, as it is for the exit code.
        require_subject: of the policy; a picture without a person is an error then, as it is for the exit code.
    """

    def __init__(self, out: TextIO, *, fail_on: str = "reject", require_subject: bool = False) -> None:
        self._out = out
        self._kinds = {"reject": "failure", "unjudged": "error", "no_subject": "skipped"}
        self._kinds |= {"flag": "failure"} if fail_on == "flag" else {}
        self._kinds |= {"no_subject": "error"} if require_subject else {}
        self._counts: Counter[str] = Counter()
        self._seconds = 0.0
        # The writer outlives this call; `end` closes the file, and the system removes it if that never happens.
        self._cases = tempfile.TemporaryFile("w+", encoding="ascii", errors="xmlcharrefreplace")  # noqa: SIM115

    def begin(self) -> None:
        """Writes nothing yet."""

    def row(self, record: Mapping[str, Any]) -> None:
        """Keeps one case."""
        kind = self._kinds.get(standing(record)[0], "")
        self._counts[kind] += 1
        self._seconds += record.get("seconds") or 0.0
        self._cases.write(_case(record, kind))

    def end(self, summary: RunSummary) -> None:
        """Writes the document and drops the temporary file."""
        totals = (
            f'tests="{self._counts.total()}" failures="{self._counts["failure"]}" errors="{self._counts["error"]}" '
            f'skipped="{self._counts["skipped"]}" time="{self._seconds:.3f}"'
        )
        self._out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="limbfix" {totals}>\n')
        self._out.write(f'<testsuite name="limbfix" {totals}>\n')
        properties = [("policy", ", ".join(summary.policies)), *((f"model {k}", v) for k, v in summary.models.items())]
        lines = "".join(f'<property name="{_attribute(k)}" value="{_attribute(v)}"/>\n' for k, v in properties)
        self._out.write(f"<properties>\n{lines}</properties>\n")
        self._cases.seek(0)
        shutil.copyfileobj(self._cases, self._out)
        self._out.write("</testsuite>\n</testsuites>\n")
        self._out.flush()
        self._cases.close()


def _attribute(text: str) -> str:
    return escape(xml_text(text), _QUOTES).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _case(record: Mapping[str, Any], kind: str) -> str:
    path = PurePath(record["path"])
    head = (
        f'<testcase classname="{_attribute(str(path.parent))}" name="{_attribute(path.name or record["path"])}" '
        f'file="{_attribute(record["path"])}" time="{record.get("seconds") or 0.0:.3f}">'
    )
    return f"{head}{_outcome(record, kind)}</testcase>\n"


def _outcome(record: Mapping[str, Any], kind: str) -> str:
    verdict, reason = standing(record)[0], _attribute(record.get("reason") or "")
    findings = record.get("findings") or []
    body = escape("\n".join(_finding_line(finding) for finding in findings))
    if kind == "failure":
        code = _attribute(findings[0]["code"]) if findings else verdict
        return f'<failure message="{reason}" type="{code}">{body}</failure>'
    if kind == "error":
        error = record.get("error") or {"code": verdict, "message": record.get("reason") or ""}
        message = _attribute(error["message"])
        return f'<error message="{message}" type="{_attribute(error["code"])}">{body}</error>'
    if kind == "skipped":
        return f'<skipped message="{reason}"/>'
    told = [f"{reason}\n{body}"] if verdict == "flag" else []
    told += [escape(xml_text(note)) for note in told_notes(record)]
    return f"<system-out>{chr(10).join(told)}</system-out>" if told else ""


def _finding_line(finding: Mapping[str, Any]) -> str:
    score = finding.get("defect_score")
    prefix = f"{xml_text(finding['code'])} ({xml_text(finding['severity'])}"
    excused = "" if finding.get("exception") is None else ", accepted"
    return f"{prefix}{'' if score is None else f', {shown_score(score)}'}{excused}): {xml_text(finding['message'])}"
