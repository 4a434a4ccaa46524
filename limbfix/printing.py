"""How is a hostile text shown without doing anything to the terminal or the report that shows it?

Names and prompts come from strangers. An escape sequence in a file name can repaint a terminal, a bidirectional
override can make `gnp.exe` read as `exe.png`, and a lone surrogate cannot be written as UTF-8 at all. This file makes
them visible. It does not escape HTML, CSV cells or rich markup: each of those has its own writer.
"""

from __future__ import annotations

import re

# Bidirectional marks, overrides and isolates; line separators; marks without a width, except the joiners that emoji and
# some scripts need; the tag characters.
_INVISIBLE = (
    "\u00ad\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f"
)
_UNSAFE = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_INVISIBLE}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    r"""Returns text with control characters, bidi overrides and lone surrogates written as visible escapes.

    ESC becomes `\x1b`, a newline `\n`, a bidi override `\u202e`; a byte of a file name that is no UTF-8, which Python
    keeps as a surrogate, becomes that byte, `\xe9`. Everything else stays, backslashes too, so the result is for
    reading and cannot be turned back. It always encodes as UTF-8.
    """
    return _UNSAFE.sub(lambda match: _escape(match[0]), text)


def _escape(char: str) -> str:
    code = ord(char)
    if char in _SHORT:
        return _SHORT[char]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
