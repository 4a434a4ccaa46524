"""Lines on a stream: readable, exact, and harmless whatever a file is called."""

from __future__ import annotations

import csv
import io
import json

import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from made_records import XSS_PAYLOADS, finding, read_record, record

from limbfix.errors import UsageError
from limbfix.reports.csv_rows import COLUMNS
from limbfix.reports.json_lines import json_line
from limbfix.reports.summary import VERDICTS, RunTally
from limbfix.reports.text_lines import TextLines
from limbfix.reports.writers import FORMATS, open_writer

HOSTILE = "a\x1b[2J\x1b]0;owned\x07\x9b31m[red]b[/red]\r\nc\u202egnp\ud800.png"


def written(name: str, records: list[dict]) -> str:
    out = io.StringIO()
    writer, tally = open_writer(name, out), RunTally()
    writer.begin()
    for made in records:
        tally.add(made)
        writer.row(made)
    writer.end(tally.summary(1.5))
    return out.getvalue()


def one_of_each() -> list[dict]:
    return [record(f"renders/{verdict}.png", verdict) for verdict in VERDICTS]


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_lets_a_name_command_the_terminal(name: str) -> None:
    hostile = record(HOSTILE, "reject", reason=HOSTILE, findings=[finding(message=HOSTILE)], notes=[HOSTILE])
    unjudged = record(HOSTILE, "unjudged", error={"code": HOSTILE, "message": HOSTILE})
    text = written(name, [hostile, unjudged])
    raw = text.encode("utf-8")  # no lone surrogate left, or this raises
    assert not set(raw) & (set(range(0x20)) - {0x0A}), "control bytes"
    assert "\u202e" not in text
    assert "\x9b" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_survives_a_run_without_pictures(name: str) -> None:
    text = written(name, [])
    assert text == "" or name in ("csv", "junit")


def test_text_is_one_line_per_picture_with_verdict_score_path_and_findings() -> None:
    lines = written("text", one_of_each()).splitlines()
    assert len(lines) == 5
    assert lines[0].split("  ", 1)[0].strip() == "reject"
    assert "0.93  renders/reject.png  hand.extra_digit: 6 digits on the left hand; a hand has 5" in lines[0]
    assert "unreadable: expected a whole PNG" in lines[-1]


def test_a_pass_just_below_the_flag_is_not_told_with_the_score_that_flags() -> None:
    text = written("text", [record("a.png", "pass", defect_score=0.4994)])
    assert text.startswith("pass        0.49  a.png")
    for score in (0.29, 0.5, 0.57, 0.8, 1.0):  # what two decimals hold is told as it is, whatever binary makes of it
        assert f"{score:.2f}" in written("text", [record("a.png", "flag", defect_score=score)])


def test_text_says_why_a_picture_is_flagged_where_no_finding_does() -> None:
    reason = "Digits were not counted on 1 of 1 hand (1 uncertain). The policy flags such pictures."
    hint = finding("person.missing_leg", 0.37, message="perhaps")
    line = written("text", [record(verdict="flag", reason=reason, findings=[hint])])
    assert line.endswith(f"renders/a.png  {reason}  person.missing_leg: perhaps\n")
    told = written("text", [record(verdict="flag", reason="6 digits", findings=[finding(message="6 digits")])])
    assert told.count("6 digits") == 1


def test_text_says_of_a_pass_on_how_many_hands_the_digits_were_not_counted() -> None:
    assert written("text", [record()]).endswith("renders/a.png  digits not counted: 1 of 1\n")
    assert "not counted" not in written("text", [read_record(verdict="pass"), record(verdict="reject")])


@pytest.mark.parametrize("name", ["text", "junit"])
@pytest.mark.parametrize("verdict", ["pass", "flag"])
def test_a_pass_of_less_than_the_whole_says_so_where_people_and_dashboards_read_it(name: str, verdict: str) -> None:
    notes = ["animated: first of 12 frames judged", "no bodies: <x>", "digits not counted: hands[0] uncertain"]
    text = written(name, [record(verdict=verdict, notes=notes)])
    assert "animated: first of 12 frames judged" in text
    assert ("no bodies: <x>" if name == "text" else "no bodies: &lt;x&gt;") in text
    assert "hands[0]" not in text


def test_text_marks_what_an_exception_excuses() -> None:
    excused = finding("person.missing_hand", 0.25, message="no hand", exception="allow missing_hand (policy)")
    line = written("text", [record(findings=[excused, finding(score=0.3, message="6 digits")])])
    assert "person.missing_hand: no hand (accepted); hand.extra_digit: 6 digits  digits" in line


def test_text_line_is_not_broken_by_a_name_or_by_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = io.StringIO()
    TextLines(out, is_colored=True).row(record("x" * 300 + "\n\x1b[31m", "reject"))
    assert out.getvalue().count("\n") == 1
    assert "x" * 300 in out.getvalue()
    assert "\\x1b[31m" in out.getvalue()
    assert "[31m" not in out.getvalue().replace("\\x1b[31m", "").replace("\x1b[1;31m", "")


def test_text_has_colour_on_a_terminal_only_and_markup_in_names_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    outs = {"terminal": Terminal(), "pipe": io.StringIO()}
    for out in outs.values():
        TextLines(out).row(record("[bold]a[/bold].png", "reject"))
        assert "[bold]a[/bold].png" in out.getvalue()
    assert "\x1b[" in outs["terminal"].getvalue()
    assert "\x1b" not in outs["pipe"].getvalue()


def test_jsonl_gives_back_the_exact_records_surrogates_included() -> None:
    records = [record(HOSTILE, "reject", reason=payload) for payload in XSS_PAYLOADS]
    text = written("jsonl", records)
    assert [json.loads(line) for line in text.splitlines()] == records
    assert text.isascii()


def test_jsonl_refuses_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_line(record(seconds=float("nan")))


def test_csv_has_one_row_per_picture_and_the_fixed_columns() -> None:
    rows = list(csv.DictReader(io.StringIO(written("csv", one_of_each()))))
    assert [row["verdict"] for row in rows] == list(VERDICTS)
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["codes"] == "hand.extra_digit"
    hinted = written("csv", [record(findings=[finding("person.missing_leg", 0.37)])])
    (row,) = csv.DictReader(io.StringIO(hinted))
    assert (row["codes"], row["findings"], row["hints"]) == ("", "1", "person.missing_leg")
    assert rows[0]["prompt"] == "two friends\\njogging"
    assert rows[-1]["error_code"] == "unreadable"
    assert rows[-1]["defect_score"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
@pytest.mark.parametrize("column", ["path", "reason", "prompt", "error_message"])
def test_csv_cell_is_never_a_formula(start: str, column: str) -> None:
    hostile = start + "cmd|' /C calc'!A1"
    made = record(source={"generator": None, "prompt": hostile, "seed": None}, path=hostile, reason=hostile)
    made["error"] = {"code": "unreadable", "message": hostile}
    (row,) = csv.DictReader(io.StringIO(written("csv", [made])))
    assert row[column].startswith("'")
    assert row[column].endswith("cmd|' /C calc'!A1")


@pytest.mark.parametrize(
    ("value", "cell"), [(-0.25, "-0.25"), ("-1", "-1"), ("+5", "+5"), ("-1+1", "'-1+1"), (None, "")]
)
def test_csv_keeps_numbers_as_numbers(value: object, cell: str) -> None:
    made = record(source={"generator": None, "prompt": None, "seed": value})
    (row,) = csv.DictReader(io.StringIO(written("csv", [made])))
    assert row["seed"] == cell


def test_csv_is_wary_of_formulas_behind_spaces_and_in_full_width() -> None:
    for hostile in (" =1+1", "\xa0@SUM(A1)", "＝1+1"):
        (row,) = csv.DictReader(io.StringIO(written("csv", [record(hostile)])))
        assert row["path"] == "'" + hostile


def test_junit_counts_match_the_cases_and_each_verdict_has_its_outcome() -> None:
    xml = JUnitXml.fromstring(written("junit", one_of_each()).encode())
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (5, 1, 1, 1)
    (suite,) = xml
    cases = {case.name: case for case in suite}
    assert len(cases) == 5
    assert isinstance(cases["reject.png"].result[0], Failure)
    assert cases["reject.png"].result[0].type == "hand.extra_digit"
    assert isinstance(cases["unjudged.png"].result[0], Error)
    assert isinstance(cases["no_subject.png"].result[0], Skipped)
    assert cases["pass.png"].result == []
    assert cases["flag.png"].result == []
    assert "hand.extra_digit" in (cases["flag.png"].system_out or "")
    assert cases["flag.png"].classname == "renders"
    assert {p.name: p.value for p in suite.properties()}["policy"] == "default@0123456789ab"


def test_junit_says_of_each_finding_whether_it_is_a_hint_or_accepted() -> None:
    hint = finding("person.missing_leg", 0.37, message="perhaps")
    excused = finding("person.missing_hand", 0.6, severity="info", message="no hand", exception="allow missing_hand")
    xml = written("junit", [record(verdict="flag", findings=[finding(score=0.6), hint, excused])])
    assert "person.missing_leg (info, 0.37): perhaps" in xml
    assert "person.missing_hand (info, 0.60, accepted): no hand" in xml


def test_junit_is_well_formed_whatever_the_strings_hold() -> None:
    strings = [*XSS_PAYLOADS, HOSTILE, "\ufffe\uffff", "]]>", "&amp;&#0;", "".join(map(chr, range(0x20)))]
    records = [
        record(text, verdict, reason=text, findings=[finding(message=text)])
        | ({"error": {"code": text, "message": text}} if verdict == "unjudged" else {})
        for text in strings
        for verdict in VERDICTS
    ]
    xml = JUnitXml.fromstring(written("junit", records).encode())
    assert sum(1 for suite in xml for _ in suite) == len(records)
    assert "]]>" in {case.name for suite in xml for case in suite}


def test_an_unknown_format_is_a_usage_error_that_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="text, jsonl, csv, junit"):
        open_writer("yaml", io.StringIO())
