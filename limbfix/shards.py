"""Whose share is a picture? Machines that divide a folder agree on it without talking.

The share is read off the picture's name alone: its path below the folder that was given, wherever that is mounted. So it does
not change when other pictures come or go. All shards together are all pictures, each exactly once.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from limbfix.discovery import FoundPicture

_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several shares.

    Attributes:
        number: from 1 to `count`.
        count: how many shares there are.
    """

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def holds(self, found: FoundPicture) -> bool:
        """Says whether a picture is of this share: by its path below the folder that was given, or as given where it was named itself.

        A folder that cannot be listed is of every share: nobody knows whose pictures lie there.
        """
        if found.is_folder:
            return True
        path = found.path if found.is_named else found.relative
        # Written the same on every system: macOS may part an accent from its letter in names that others keep whole.
        path = unicodedata.normalize("NFC", path.replace(os.sep, "/"))
        digest = hashlib.sha256(os.fsencode(path)).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1


class Sharing:
    """Lets the pictures of one share through and counts the others.

    Attributes:
        elsewhere: how many pictures are of other shares, as far as they were counted.
    """

    def __init__(self, shard: Shard | None) -> None:
        self._shard = shard
        self.elsewhere = 0

    def of(self, pictures: Iterable[FoundPicture]) -> Iterator[FoundPicture]:
        """Yields the pictures of the share, in order; all where there is no share. Counts from 0 each time."""
        self.elsewhere = 0
        for found in pictures:
            if self._shard is None or self._shard.holds(found):
                yield found
            else:
                self.elsewhere += 1

    def told(self, judged: int) -> str:
        """Returns one line for a share in which no picture is, although there are pictures; else nothing.

        Args:
            judged: how many pictures of the share there were.
        """
        if judged or not self.elsewhere:
            return ""
        whose = "the only picture is not" if self.elsewhere == 1 else f"none of the {self.elsewhere:,} pictures is"
        return f"shard {self._shard}: nothing to do, {whose} of this share"


def parse_shard(value: Any) -> Any:
    """Returns the share that a text such as `3/16` names; what is none already stays.

    Raises:
        ValueError: it is no text of this form, or there is no such share.
    """
    if value is None or isinstance(value, Shard):
        return value
    match = _SHARD.fullmatch(value.strip()) if isinstance(value, str) else None
    shard = Shard(int(match[1]), int(match[2])) if match else None
    if shard is None or not 1 <= shard.number <= shard.count:
        raise ValueError(f"expected NUMBER/COUNT with a number from 1 to the count, such as 3/16, got {value!r}")
    return shard
