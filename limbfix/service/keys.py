"""Who may ask? API keys from a file or from LIMBFIX_API_KEYS; kept as hashes, compared in constant time, never shown."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from limbfix.errors import UsageError

KEYS_VARIABLE = "LIMBFIX_API_KEYS"

LEAST_KEY_LENGTH = 20
"""Characters; 20 of URL-safe base64 hold 120 bits."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_FORM = f"`name:key` with a key of at least {LEAST_KEY_LENGTH} printable ASCII characters"
_REMEDY = "make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """Known clients.

    Attributes:
        digests: (name, SHA-256 of the key), one for each client.
    """

    digests: tuple[tuple[str, bytes], ...] = field(repr=False)

    def owner(self, key: str | None) -> str | None:
        """Returns whose key this is, or None. It takes as long for a wrong key as for a right one."""
        digest = hashlib.sha256((key or "").encode("utf-8", "surrogateescape")).digest()
        owner = None
        for name, known in self.digests:
            if hmac.compare_digest(digest, known):
                owner = name
        return owner if key else None


def load_keys(file: Path | None, environment: Mapping[str, str]) -> ApiKeys | None:
    """Returns the keys of a server, or None where none were given.

    Args:
        file: one `name:key` a line; empty lines and lines from `#` are nothing.
        environment: its LIMBFIX_API_KEYS holds more, parted by commas.

    Raises:
        UsageError: an unreadable file, one without keys, a malformed or weak key, a name twice. No message holds a key.
    """
    entries = []
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise UsageError(
                f"API keys: expected a readable file {file}, got: {reason}; check serve.keys_file"
            ) from error
        entries += [(f"{file.name}, line {number}", line) for number, line in enumerate(lines, start=1)]
    listed = environment.get(KEYS_VARIABLE, "").split(",")
    entries += [(f"{KEYS_VARIABLE}, entry {number}", text) for number, text in enumerate(listed, start=1)]
    digests: dict[str, bytes] = {}
    for place, text in entries:
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        name, digest = _parsed(place, text.strip())
        if name in digests or digest in digests.values():
            raise UsageError(f"API keys: expected each name and key once, {place} repeats one; remove it")
        digests[name] = digest
    if file is not None and not digests:
        raise UsageError(f"API keys: expected {_FORM} in {file}, it holds none; {_REMEDY}")
    return ApiKeys(digests=tuple(digests.items())) if digests else None


def _parsed(place: str, text: str) -> tuple[str, bytes]:
    name, _, key = text.partition(":")
    is_plain = key.isascii() and key.isprintable() and " " not in key
    if not _NAME.fullmatch(name) or len(key) < LEAST_KEY_LENGTH or not is_plain:
        raise UsageError(f"API keys: expected {_FORM}, {place} is none; {_REMEDY}")
    return name, hashlib.sha256(key.encode()).digest()
