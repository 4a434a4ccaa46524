"""How is a hostile string shown without doing anything? Paths, prompts and messages come from strangers."""

from __future__ import annotations

import re
from typing import Any

from limbfix.printing import printable

_FORMULA_STARTS = "=+-@\t\r\n＝＋－＠"
"""Spreadsheets run a cell that begins with one of these (OWASP's list, with the full-width twins)."""

_PLAIN_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_NO_XML = re.compile("[\ufffe\uffff]")


def printable_lines(text: str) -> str:
    """Returns the text with its line breaks kept and everything else as `printable` shows it."""
    return "\n".join(printable(line) for line in re.split("\r\n|[\r\n]", text))


def xml_text(text: str) -> str:
    """Returns one line that an XML document may hold once `<`, `&` and quotes are escaped."""
    return _NO_XML.sub("", printable(text))


def csv_cell(value: object) -> str | int | float:
    """Returns a cell that no spreadsheet runs as a formula.

    Numbers stay numbers, also negative ones and those written as text (a seed of "-1"). Any other text that begins,
    after spaces, with a formula sign gets an apostrophe in front. None is the empty cell.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return value
    text = str(value)
    first = text.lstrip(" \xa0\u3000")[:1]
    is_formula = bool(first) and first in _FORMULA_STARTS and not _PLAIN_NUMBER.fullmatch(text)
    return ("'" if is_formula else "") + printable(text)


def shown(value: Any, *, most_items: int = 200, most_characters: int = 20_000) -> Any:
    """Returns a JSON value for reading: strings printable and shortened, lists cut; a dict keeps its shape."""
    if isinstance(value, str):
        text = printable_lines(value)
        return text if len(text) <= most_characters else text[: most_characters - 1] + "…"
    if isinstance(value, dict):
        return {printable(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value[:most_items]]
    return value
