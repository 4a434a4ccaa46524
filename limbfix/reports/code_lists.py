"""Which codes of a record count, and which are only hinted at? One answer for the summary, the tables and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def is_counted(finding: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Says whether a finding is more than a hint: a warning or an error, or the one for which the picture was flagged or rejected.

    The policy's `flag_at` is not in the record; where it is lower than a warning's 0.5, the reason is the message of what reached it.
    """
    if finding.get("exception") is not None:
        return False
    is_cause = record["verdict"] in ("flag", "reject") and says_reason(finding, record)
    return finding["severity"] != "info" or is_cause


def says_reason(finding: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    """Says whether a finding is what the record gives as the reason of its verdict; doubts that flag together, and digits that nobody counted, are no finding's."""
    return finding["message"] == record["reason"]


def code_lists(record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Returns (codes of the findings that count, codes only of hints and of accepted findings), each once, worst first."""
    findings = record.get("findings") or ()
    counted = dict.fromkeys(finding["code"] for finding in findings if is_counted(finding, record))
    return list(counted), [code for code in dict.fromkeys(one["code"] for one in findings) if code not in counted]
